#include "lipschitz/regions/piecewise_tape.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/regions/margins.h"

namespace taut::detail {
namespace {

constexpr Index most_entries = Index{1} << 22;  // 32 MiB

struct Refusal {
  const Graph& graph;
  NodeId id;
  [[noreturn]] void operator()(std::string_view why, std::string_view repair) const {
    throw UnsupportedError(cat("[exact] the exact constant is of piecewise linear networks; ", graph.describe(id), ' ',
                               why, "; ", repair));
  }
};

double middle(const Interval& x) { return x.lo == x.hi ? x.lo : 0.5 * x.lo + 0.5 * x.hi; }
double radius(const Interval& x) {
  const double m = middle(x);
  return std::max(sub_up(x.hi, m), sub_up(m, x.lo));
}

// 2^-scale times the interval.
Approximate scaled(const Interval& x, int scale) {
  const double m = middle(x);
  Approximate a{std::ldexp(m, -scale), std::ldexp(radius(x), -scale)};
  if (std::ldexp(a.value, scale) != m || std::ldexp(a.radius, scale) != radius(x)) a.radius += 0x1p-1000;
  if (!std::isfinite(a.value))
    throw NumericError(cat("[exact] weights and offsets within the range of double to each other are needed, got ", m,
                           " where weights are about 2^", scale, "; rescale the network"));
  return a;
}

// What an operation adds when its varying operands are 0.
std::vector<Interval> value_at_zero(const Graph& graph, NodeId id, std::span<const Range> ranges) {
  const Node& n = graph.node(id);
  std::vector<const Tensor*> pointers;
  std::vector<Range> operands;
  for (const NodeId operand : n.operands()) {
    const Tensor& value = graph.node(operand).value;
    pointers.push_back(&value);
    operands.push_back(graph.varies(operand) ? Range::point(Tensor::zeros(value.shape(), DType::f64))
                                             : ranges[operand]);
  }
  const Range range = n.op->range({Operands(pointers), n.value.to(DType::f64), operands});
  std::vector<Interval> values;
  for (Index i = 0; i < n.value.size(); ++i) values.push_back(range.at(i));
  return values;
}

// f over an interval of its argument.
Interval image(const Graph& graph, NodeId id, std::size_t argument, const Interval& x, std::span<const Range> ranges) {
  const Node& n = graph.node(id);
  std::vector<const Tensor*> pointers;
  std::vector<Range> operands;
  for (std::size_t k = 0; k < n.operands().size(); ++k) {
    const Node& operand = graph.node(n.operands()[k]);
    pointers.push_back(&operand.value);
    operands.push_back(k == argument ? Range::box(operand.value.shape(), x) : ranges[n.operands()[k]]);
  }
  return n.op->range({Operands(pointers), n.value.to(DType::f64), operands}).hull();
}

// A rule that is one affine map in disguise: equal slopes at both ends.
LinearMap linear(const rule::Elementwise& rule, const Shape& shape) {
  if (!rule.lo.defined()) return rule.slope.lo == rule.slope.hi ? scale_map(shape, rule.slope.lo) : LinearMap();
  if (!std::ranges::equal(rule.lo.data<double>(), rule.hi.data<double>())) return {};
  return LinearMap(shape, shape, structure::Diagonal{rule.lo.reshaped(Shape{shape.size()}), 1});
}

// The entries before scaling.
Step::Part part_of(const LinearMap& map, NodeId operand, double constant_error) {
  const Index rows = map.out_shape().size();
  Step::Part part{operand, FoldedMap(map, constant_error), map.in_shape().size(), {}, {}, constant_error, nullptr};
  if (rows > 0 && part.columns > most_entries / rows)
    throw UnsupportedError(cat("[exact] affine operations of at most ", most_entries, " entries are followed, got ",
                               part.columns, " numbers to ", rows, "; use a smaller network"));
  if (fills_exactly(map)) {
    const Tensor matrix = to_dense(map);
    part.matrix.assign(matrix.data<double>().begin(), matrix.data<double>().end());
    return part;
  }
  part.exact = std::make_shared<const ExactMatrix>(exact_matrix(map));
  part.matrix.resize(static_cast<std::size_t>(rows * part.columns));
  for (Index i = 0; i < rows; ++i)
    for (const ExactMatrix::Entry& e : part.exact->entries[static_cast<std::size_t>(i)]) {
      const Dyadic::Rounded x = e.value.rounded(0);
      part.matrix[static_cast<std::size_t>(i * part.columns + e.column)] = x.value;
      // Truncation loses less than 2^-52 of an entry, unless it underflows.
      if (x.radius > 0.0) part.relative_error = std::max(part.relative_error, constant_error + 0x1p-50);
      if (x.radius > 0x1p-51 * std::fabs(x.value)) part.relative_error = infinity;
    }
  return part;
}

bool is_piecewise_linear(const Graph& graph, NodeId id, const Rule& rule) {
  if (const auto* const affine = std::get_if<rule::Affine>(&rule)) return graph.error_of_maps(id, *affine) < 0.25;
  if (graph.error_of_operands(id) >= 0.25) return false;
  const auto* const elementwise = std::get_if<rule::Elementwise>(&rule);
  if (elementwise == nullptr) return false;
  if (elementwise->pieces) return true;
  return graph.error_of_operands(id) == 0.0 && linear(*elementwise, graph.node(id).value.shape());
}

}  // namespace

PiecewiseTape::PiecewiseTape(const Graph& graph)
    : graph_(graph), scale_(graph.output() + std::size_t{1}), exact_(scale_.size(), true), last_use_(scale_.size()) {
  require_dimension();
  std::vector<std::pair<NodeId, Rule>> rules;
  for (const NodeId id : graph.nodes()) {
    if (!graph.varies(id) || graph.node(id).op == nullptr) continue;
    rules.emplace_back(id, graph.rule(id, {}));
    if (!is_piecewise_linear(graph, id, rules.back().second))
      Refusal{graph, id}("is not declared as one",
                         "use autolip(), or replace the operation by affine maps, relu, leaky_relu, abs or clip");
  }
  std::vector<Range> origin;
  for (const NodeId id : graph.inputs())
    origin.push_back(Range::point(Tensor::zeros(graph.node(id).value.shape(), DType::f64)));
  const std::vector<Range> ranges = graph.ranges(origin);
  for (const auto& [id, rule] : rules) {
    if (const auto* const affine = std::get_if<rule::Affine>(&rule)) {
      add_affine(id, *affine, ranges);
      continue;
    }
    const auto& elementwise = std::get<rule::Elementwise>(rule);
    if (elementwise.pieces) {
      add_piecewise(id, elementwise, ranges);
    } else {
      rule::Affine affine{std::vector<LinearMap>(graph.node(id).operands().size())};
      affine.maps[static_cast<std::size_t>(elementwise.argument)] = linear(elementwise, graph.node(id).value.shape());
      add_affine(id, affine, ranges);
    }
  }
}

void PiecewiseTape::require_dimension() {
  for (const NodeId id : graph_.inputs()) dimension_ += size(id);
  if (dimension_ < 1 || dimension_ > 2)
    throw UnsupportedError(cat("[exact] linear regions of inputs of 1 or 2 numbers are enumerated, got ", dimension_,
                               "; restrict the network to a line or a plane, f(A t + b), or ask for bounds"));
}

void PiecewiseTape::push(Step step) {
  const std::size_t at = steps_.size();
  for (const Step::Part& part : step.parts) last_use_[part.operand] = at;
  if (step.splits) last_use_[step.operand] = at;
  scale_[step.id] = step.scale;
  exact_[step.id] = step.exact;
  pattern_offset_.push_back(pattern_size_);
  if (step.splits) pattern_size_ += step.size;
  steps_.push_back(std::move(step));
}

void PiecewiseTape::add_affine(NodeId id, const rule::Affine& rule, std::span<const Range> ranges) {
  const std::span<const NodeId> operands = graph_.node(id).operands();
  Step step;
  step.id = id;
  step.size = size(id);
  const double constant_error = graph_.error_of_maps(id, rule);
  step.exact = constant_error == 0.0;
  bool scaled_yet = false;
  for (std::size_t k = 0; k < operands.size(); ++k) {
    if (!graph_.varies(operands[k])) continue;
    step.exact = step.exact && exact_[operands[k]];
    Step::Part part = part_of(rule.maps[k], operands[k], constant_error);
    for (Index i = 0; i < step.size; ++i) {
      double largest = 0.0;
      for (Index j = 0; j < part.columns; ++j) largest = std::max(largest, std::fabs(part.at(i, j)));
      if (largest == 0.0) continue;
      const int size_of_terms =
          scale_[operands[k]] + std::ilogb(largest) + std::ilogb(static_cast<double>(part.columns)) + 1;
      if (!scaled_yet || size_of_terms > step.scale) step.scale = size_of_terms;
      scaled_yet = true;
    }
    step.parts.push_back(std::move(part));
  }
  for (Step::Part& part : step.parts) {
    for (double& x : part.matrix) {
      const double from = x;
      x = std::ldexp(x, scale_[part.operand] - step.scale);
      step.tiny = step.tiny || (from != 0.0 && std::fabs(x) < tiny);
    }
    part.mass = part.matrix;
    for (double& x : part.mass) x = std::fabs(x);
  }
  const NodeId only = step.parts.size() == 1 ? step.parts.front().operand : id;
  step.copies = graph_.node(only).op == nullptr && step.parts.front().relative_error == 0.0;
  for (const Interval& at_zero : value_at_zero(graph_, id, ranges)) {
    step.offset.push_back(scaled(at_zero, step.scale));
    step.exact_offset.push_back(at_zero.lo);
    step.exact = step.exact && at_zero.lo == at_zero.hi;
  }
  push(std::move(step));
}

void PiecewiseTape::add_piecewise(NodeId id, const rule::Elementwise& rule, std::span<const Range> ranges) {
  const PiecewiseLinear& f = *rule.pieces;
  const auto argument = static_cast<std::size_t>(rule.argument);
  Step step;
  step.id = id;
  step.size = size(id);
  step.splits = true;
  step.operand = graph_.node(id).operands()[argument];
  step.scale = scale_[step.operand];
  step.slopes = f.slopes;
  if (f.slopes.size() > 255)
    Refusal{graph_, id}(cat("has ", f.slopes.size(), " pieces and 255 are followed"), "use fewer");
  const double e = f.break_error;
  const Interval around{-e, e};
  const Interval first = f.breaks.empty() ? Interval::point(0.0) : Interval::point(f.breaks.front()) + around;
  Interval value = image(graph_, id, argument, first, ranges);
  step.exact = exact_[step.operand] && e == 0.0 && value.lo == value.hi;
  // Along the breakpoints: f(b_j) = f(b_{j−1}) + s_j (b_j − b_{j−1}); on piece p, f(x) = f(b) + s_p (x − b).
  Dyadic exact_value(step.exact ? value.lo : 0.0);
  Interval previous = first;
  Dyadic exact_previous(f.breaks.empty() ? 0.0 : f.breaks.front());
  for (std::size_t p = 0; p < f.slopes.size(); ++p) {
    const double s = f.slopes[p];
    if (p > 0) {
      const Interval at = Interval::point(f.breaks[p - 1]) + around;
      const Dyadic exact_at(f.breaks[p - 1]);
      if (p > 1) {
        value = value + Interval::point(f.slopes[p - 1]) * (at - previous);
        exact_value += Dyadic(f.slopes[p - 1]) * (exact_at - exact_previous);
      }
      previous = at;
      exact_previous = exact_at;
      step.breaks.push_back(scaled(at, step.scale));
      step.exact_breaks.push_back(exact_at);
    }
    step.intercepts.push_back(scaled(value - Interval::point(s) * previous, step.scale));
    step.exact_intercepts.push_back(exact_value - Dyadic(s) * exact_previous);
    step.tiny = step.tiny || (s != 0.0 && std::fabs(s) < tiny);
  }
  push(std::move(step));
}

double PiecewiseTape::products_per_cell() const {
  double products = 0.0;
  for (const Step& step : steps_) {
    products += static_cast<double>(step.size);
    for (const Step::Part& part : step.parts) products += static_cast<double>(part.matrix.size());
  }
  return products * coefficients;
}

std::vector<NodeId> PiecewiseTape::alive_before(std::size_t step) const {
  std::vector<NodeId> alive;
  for (const NodeId id : graph_.inputs())
    if (last_use_[id] >= step) alive.push_back(id);
  for (std::size_t k = 0; k < step; ++k)
    if (last_use_[steps_[k].id] >= step) alive.push_back(steps_[k].id);
  return alive;
}

std::vector<std::optional<UpperBound>> PiecewiseTape::gains_from(std::size_t step, Norm norm,
                                                                 const Budget& budget) const {
  std::vector<std::optional<UpperBound>> gains(graph_.output() + std::size_t{1});
  gains[graph_.output()] = UpperBound::certified(1.0, norm, "output");
  AutoLipOptions options;
  options.question.norm = norm;
  options.budget = budget;
  bool cut = false;
  const auto add = [&](NodeId operand, const UpperBound& path) {
    const UpperBound both[] = {gains[operand] ? *gains[operand] : path, path};
    gains[operand] = gains[operand] ? sum(both) : path;
  };
  for (std::size_t k = steps_.size(); k-- > step;) {
    const Step& s = steps_[k];
    if (!gains[s.id]) continue;
    for (const Step::Part& part : s.parts) add(part.operand, product(*gains[s.id], part.map.norm(options, cut)));
    if (!s.splits) continue;
    double largest = 0.0;
    for (const double slope : s.slopes) largest = std::max(largest, std::fabs(slope));
    add(s.operand, scaled(*gains[s.id], largest));
  }
  return gains;
}

}  // namespace taut::detail
