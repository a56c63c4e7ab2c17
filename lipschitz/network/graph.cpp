#include "lipschitz/graph.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/norms/same_entries.h"

namespace taut {
namespace {

const Tape& tape_of(const Var& output, std::string_view analysis) {
  if (!output.on_tape())
    throw UsageError(cat("[", analysis,
                         "] the output must lie on a tape, got a plain tensor; compute it from a "
                         "tape.input(...) while the tape records"));
  return *Tape::of(output);
}

}  // namespace

Range enclosed_constant(const Var& x) {
  if (!x.on_tape()) return Range::point(x.value());
  const Tape& tape = *Tape::of(x);
  std::vector<bool> needed(x.id() + std::size_t{1});
  needed[x.id()] = true;
  for (NodeId id = x.id() + 1; id-- > 0;)
    if (needed[id])
      for (const NodeId operand : tape.node(id).operands()) needed[operand] = true;
  std::map<NodeId, Range> known;
  for (NodeId id = 0; id <= x.id(); ++id) {
    if (!needed[id]) continue;
    const Node& n = tape.node(id);
    if (n.leaf == Leaf::input) throw UsageError("[enclosed constant] a value that depends on no input is needed");
    std::vector<const Tensor*> values;
    std::vector<Range> operands;
    for (const NodeId operand : n.operands()) {
      values.push_back(&tape.node(operand).value);
      operands.push_back(known.at(operand));
    }
    known.emplace(id, n.op == nullptr ? Range::point(n.value)
                                      : n.op->range({Operands(values), n.value.to(DType::f64), operands}));
  }
  return known.at(x.id());
}

Graph::Graph(const Var& output, std::string_view analysis)
    : tape_(tape_of(output, analysis)), analysis_(analysis), output_(output.id()), varies_(output_ + std::size_t{1}) {
  std::vector<bool> needed(output_ + std::size_t{1});
  needed[output_] = true;
  for (NodeId id = output_ + 1; id-- > 0;)
    if (needed[id])
      for (const NodeId operand : node(id).operands()) needed[operand] = true;
  bool any_input = false;
  for (NodeId id = 0; id <= output_; ++id) {
    const Node& n = node(id);
    any_input = any_input || n.leaf == Leaf::input;
    if (!needed[id]) continue;
    nodes_.push_back(id);
    if (n.leaf == Leaf::input) inputs_.push_back(id);
    varies_[id] = n.leaf == Leaf::input ||
                  std::ranges::any_of(n.operands(), [&](NodeId operand) { return bool{varies_[operand]}; });
    if (n.op != nullptr && !varies_[id]) enclose_constant(id);
  }
  if (!any_input)
    throw UsageError(cat("[", analysis_,
                         "] the tape has no input leaf before the output, so that there is nothing to vary; "
                         "record the point with tape.input(...), not as a constant or a parameter"));
}

std::string Graph::describe(NodeId id) const {
  const Node& n = node(id);
  if (n.where.name != nullptr) return cat("node ", id, " (", n.where.op, " '", n.where.name, "')");
  std::string text = cat("node ", id, " (", n.name());
  if (!n.label.empty()) text += cat(" '", n.label, "'");
  return text + cat(", ", n.where, ")");
}

void Graph::enclose_constant(NodeId id) {
  const Node& n = node(id);
  std::vector<Range> operands;
  for (const NodeId operand : n.operands()) {
    const auto known = constants_.find(operand);
    operands.push_back(known != constants_.end() ? known->second.range : Range::point(node(operand).value));
  }
  Range range = range_of(id, operands);
  Midpoints numbers = midpoints(range);
  constants_.emplace(id, Constant{std::move(range), std::move(numbers)});
}

Range Graph::range_of(NodeId id, std::span<const Range> operands) const {
  const Node& n = node(id);
  const auto values = operand_values(n);
  try {
    return n.op->range({Operands(values), n.value.to(DType::f64), operands});
  } catch (const DomainError& error) {
    throw DomainError(cat(error.what(), " In ", describe(id), ", over the given domain."));
  }
}

double Graph::error_of_operands(NodeId id) const {
  const std::span<const NodeId> operands = node(id).operands();
  double error = 0.0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const auto known = constants_.find(operands[i]);
    if (known == constants_.end() || !(known->second.numbers.relative_error > error)) continue;
    if (!only_added(id, i)) error = known->second.numbers.relative_error;
  }
  return error;
}

bool Graph::only_added(NodeId id, std::size_t operand) const {
  const Node& n = node(id);
  const auto maps_of = [&](std::span<const Tensor* const> values) -> std::vector<LinearMap> {
    const Rule rule = n.op->lipschitz({Operands(values), n.value, varying_mask(id), {}});
    const auto* const affine = std::get_if<rule::Affine>(&rule);
    return affine != nullptr ? affine->maps : std::vector<LinearMap>{};
  };
  std::vector<const Tensor*> values = operand_values(n);
  const std::vector<LinearMap> maps = maps_of(values);
  // Entries of maps are entries of operands up to sign, or independent of them: those that survive other magnitudes
  // are.
  Tensor other = values[operand]->copy();
  dispatch(other.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& x : other.mutable_data<T>()) x = std::fabs(x) < T{1} ? T{3} : T{0.5};
  });
  values[operand] = &other;
  return !maps.empty() && std::ranges::equal(maps, maps_of(values), detail::same_entries);
}

double Graph::error_of_maps(NodeId id, const rule::Affine& rule) const {
  const double of_operands = error_of_operands(id);
  return add_up(add_up(of_operands, rule.relative_error), mul_up(of_operands, rule.relative_error));
}

bool Graph::keeps_zero(NodeId id) const {
  std::vector<Range> operands;
  for (const NodeId operand : node(id).operands()) {
    const auto known = constants_.find(operand);
    operands.push_back(varies(operand) ? Range::point(Tensor::zeros(node(operand).value.shape(), DType::f64))
                       : known != constants_.end() ? known->second.range
                                                   : Range::point(node(operand).value));
  }
  const Interval hull = range_of(id, operands).hull();
  return hull.lo == 0.0 && hull.hi == 0.0;
}

std::vector<const Tensor*> Graph::operand_values(const Node& n) const {
  std::vector<const Tensor*> values;
  for (const NodeId operand : n.operands()) {
    const auto known = constants_.find(operand);
    values.push_back(known != constants_.end() ? &known->second.numbers.values : &node(operand).value);
  }
  return values;
}

std::uint32_t Graph::varying_mask(NodeId id) const {
  const Node& n = node(id);
  std::uint32_t mask = 0;
  for (std::size_t i = 0; i < n.operands().size(); ++i) {
    if (!varies(n.operands()[i])) continue;
    if (i >= 32)
      throw UnsupportedError(cat("[", analysis_, "] operations of at most 32 operands are analysed; ", describe(id),
                                 " has ", n.operands().size(), "; split it into several"));
    mask |= std::uint32_t{1} << i;
  }
  return mask;
}

void Graph::require_finite() const {
  for (const NodeId id : nodes_) {
    const Node& n = node(id);
    const Index at = n.op == nullptr ? n.value.first_non_finite() : -1;
    if (at >= 0)
      throw NumericError(cat("[", analysis_, "] weights and inputs must be finite; ", describe(id), " of shape ",
                             n.value.shape(), " holds ", n.value.at(at), " at position ", at,
                             " (row-major); repair the value"));
  }
}

std::vector<int> Graph::sample_axes(int input_axis) const {
  std::vector<int> axes(output_ + std::size_t{1}, no_sample_axis);
  for (const NodeId id : nodes_) {
    const Node& n = node(id);
    if (n.leaf == Leaf::input) {
      const bool has_samples = n.value.shape().rank() >= 2 && input_axis < n.value.shape().rank();
      axes[id] = has_samples ? input_axis : no_sample_axis;
    }
    if (n.op == nullptr || !varies(id)) continue;
    std::vector<int> of_operands;
    for (const NodeId operand : n.operands()) of_operands.push_back(axes[operand]);
    const auto values = operand_values(n);
    axes[id] = n.op->sample_axis({Operands(values), n.value, of_operands});
    if (axes[id] == mixes_samples)
      throw UnsupportedError(
          cat("[", analysis_, "] the constant is per sample, but ", describe(id),
              " lets one sample of a batch depend on another; leave it out of the analysed function, or, "
              "if the first axis does not hold samples, say so (sample_axis = no_sample_axis)"));
  }
  return axes;
}

void Graph::require_one_sample(int input_axis) const {
  const std::vector<int> axes = sample_axes(input_axis);
  for (const NodeId id : inputs_) {
    const Shape& shape = node(id).value.shape();
    if (axes[id] != no_sample_axis && shape[axes[id]] != 1)
      throw UsageError(cat("[", analysis_, "] the constant is per sample, so the analysed batch must hold 1 sample; ",
                           describe(id), " has shape ", shape, " with ", shape[axes[id]], " along axis ", axes[id],
                           "; record the function on one sample, shape ", shape.with(axes[id], 1),
                           ", or, if that axis does not hold samples, say so (sample_axis = no_sample_axis)"));
  }
}

std::vector<Range> Graph::ranges(std::span<const Range> of_inputs, OutOfDomain leaving) const {
  std::vector<Range> ranges(output_ + std::size_t{1});
  for (const NodeId id : nodes_) {
    const Node& n = node(id);
    if (n.leaf == Leaf::input) {
      ranges[id] = of_inputs[static_cast<std::size_t>(std::ranges::find(inputs_, id) - inputs_.begin())];
    } else if (!varies(id)) {
      ranges[id] = n.op == nullptr ? Range::point(n.value) : constants_.at(id).range;
    } else {
      std::vector<Range> operands;
      for (const NodeId operand : n.operands()) operands.push_back(ranges[operand]);
      try {
        ranges[id] = range_of(id, operands);
      } catch (const DomainError&) {
        if (leaving == OutOfDomain::is_error) throw;
        ranges[id] = Range::box(n.value.shape(), Interval::reals());
      }
    }
  }
  return ranges;
}

Rule Graph::rule(NodeId id, std::span<const Range> ranges) const {
  const Node& n = node(id);
  std::vector<Range> operands;
  if (!ranges.empty())
    for (const NodeId operand : n.operands()) operands.push_back(ranges[operand]);
  const auto values = operand_values(n);
  return n.op->lipschitz({Operands(values), n.value, varying_mask(id), operands});
}

rule::OfSquares Graph::of_squares(NodeId id, std::span<const Range> ranges, const rule::Squares* operand) const {
  const Node& n = node(id);
  std::vector<Range> operands;
  for (const NodeId i : n.operands()) operands.push_back(ranges[i]);
  const auto values = operand_values(n);
  const RuleSite site{Operands(values), n.value, varying_mask(id), operands};
  return n.op->of_squares({site, operand});
}

}  // namespace taut
