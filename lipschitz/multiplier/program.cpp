#include "lipschitz/multiplier/program.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/multiplier/matrices.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {
namespace {

// Of one matrix, 256 MiB.
constexpr Index most_entries = Index{1} << 25;

double log2_of(const Magnitude& m) { return m.log10() * std::log2(10.0); }

// log2(2^a + 2^b)
double log2_sum(double a, double b) {
  const double larger = std::max(a, b);
  return std::isfinite(larger) ? larger + std::log2(std::exp2(a - larger) + std::exp2(b - larger)) : larger;
}

}  // namespace

Index ProgramStep::rows() const {
  Index all = 0;
  for (const Part& part : parts) all += part.rows;
  return all;
}

struct Program::Builder {
  Program& program;
  const Network& network;
  AutoLipOptions options;
  std::map<NodeId, std::size_t> tensors;  // by anchor
  std::vector<double> forward;            // log2 of AutoLip's bound, by tensor
  std::vector<int> exponents;             // by tensor
  bool cut = false;

  Builder(Program& to, const Network& from, const Budget& general) : program(to), network(from) {
    options.question = from.question();
    options.budget = general;
    options.budget.progress = nullptr;
  }

  void build() {
    tensors.emplace(joint_input, 0);
    forward.push_back(0.0);
    exponents.push_back(0);
    for (const NodeId id : network.graph().inputs()) program.inputs_ += network.graph().node(id).value.size();
    for (const NodeId id : network.graph().nodes())
      if (network.graph().varies(id) && network.node(id).rule) include(id);
    const double below = log2_below(network.node(network.output()).terms);
    if (!std::isfinite(below)) throw NoProgram{"the output is constant"};
    program.output_exponent_ = exponent_of(below);
    program.output_ = part(network.node(network.output()).terms, 1.0, program.output_exponent_);
    find_finished();
    find_shares(below);
    widen();
    measure();
  }

  static int exponent_of(double log2_bound) {
    return std::isfinite(log2_bound) ? static_cast<int>(std::lround(log2_bound)) : 0;
  }

  double log2_norm(const FoldedMap& map) { return log2_of(map.norm(options, cut).magnitude()); }

  double log2_below(const Terms& terms) {
    double below = -infinity;
    for (const auto& [anchor, map] : terms) below = log2_sum(below, log2_norm(map) + forward[tensors.at(anchor)]);
    return below;
  }

  Part part(const Terms& terms, double weight, int exponent, Index most = most_rows) {
    Part result;
    for (const auto& [anchor, map] : terms) {
      const std::size_t tensor = tensors.at(anchor);
      result.rows = map.map().out_shape().size();
      if (result.rows > most) throw NoProgram{cat("a layer of ", result.rows, " entries")};
      if (!has_entries(map.map()) || result.rows * map.map().in_shape().size() > most_entries)
        throw NoProgram{"a map without a matrix of its size"};
      result.sources.push_back(
          {tensor, scaled_matrix(map, weight, exponents[tensor] - exponent), log2_norm(map) + std::log2(weight)});
      result.sources.back().sparse = sparse_rows(result.sources.back().matrix);
    }
    return result;
  }

  void include(NodeId id) {
    const NetworkNode& node = network.node(id);
    if (!node.terms.contains(id) || node.terms.size() != 1) return;  // affine
    if (node.slopes) return include_slopes(id, node.slopes->operand, node.slopes->lo, node.slopes->hi);
    if (!node.before.empty()) return include_affine(id);
    if (network.graph().error_of_operands(id) != 0.0) fail(id, "has constants that are not enclosed");
    std::visit([&](const auto& rule) { include_gains(id, rule); }, *node.rule);
  }

  [[noreturn]] void fail(NodeId id, std::string_view why) const {
    throw NoProgram{cat(network.graph().describe(id), " ", why)};
  }

  void include_slopes(NodeId id, NodeId operand, const Tensor& lo, const Tensor& hi) {
    ProgramStep step{id, lo.size(), {}, {}, {}, {}};
    step.lo.assign(lo.data<double>().begin(), lo.data<double>().end());
    step.hi.assign(hi.data<double>().begin(), hi.data<double>().end());
    double largest = 0.0;
    for (std::size_t i = 0; i < step.lo.size(); ++i)
      largest = std::max({largest, std::fabs(step.lo[i]), std::fabs(step.hi[i])});
    const Terms& terms = network.node(operand).terms;
    step.log2_below = log2_below(terms);
    const int exponent = exponent_of(step.log2_below);
    const bool first = program.steps_.empty();
    step.parts.push_back(part(terms, 1.0, exponent, first ? most_wide_rows : most_rows));
    step.is_wide = first && step.size >= 2 * program.inputs_;  // unless others take the input or the result too
    add(std::move(step), step.log2_below + std::log2(largest), exponent);
  }

  void include_affine(NodeId id) {
    const Index size = network.graph().node(id).value.size();
    ProgramStep step{id, size, {}, {}, {}, {}};
    step.lo.assign(static_cast<std::size_t>(size), 1.0);
    step.hi = step.lo;
    step.log2_below = log2_below(network.node(id).before);
    const int exponent = exponent_of(step.log2_below);
    step.parts.push_back(part(network.node(id).before, 1.0, exponent));
    add(std::move(step), step.log2_below, exponent);
  }

  // ‖Δz‖² ≤ m Σ ‖Δx_i‖².
  void include_gains(NodeId id, const rule::Selects& rule) {
    const double weight = sqrt_up(static_cast<double>(rule.multiplicity));
    include_weighted(id, std::vector<double>(network.node(id).operands.size(), weight));
  }
  void include_gains(NodeId id, const rule::Bounded& rule) {
    const bool folds = rule.after && network.behind() == Behind::folds;
    const std::vector<Gain>& of_operands = folds ? rule.before_after : rule.gains;
    std::vector<double> gains;
    const std::span<const NodeId> operands = network.graph().node(id).operands();
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (network.graph().varies(operands[i])) gains.push_back(of_operands[i].l2);
    include_weighted(id, shared(id, gains));
  }
  void include_gains(NodeId id, const rule::Bilinear&) {
    std::vector<double> gains;
    for (const FoldedMap& map : network.node(id).maps) {
      const UpperBound& norm = map.norm(options, cut);
      if (!norm.is_certified()) fail(id, "has a gain that is not certified");
      gains.push_back(norm.value());
    }
    include_weighted(id, shared(id, gains));
  }
  void include_gains(NodeId id, const rule::Elementwise&) { fail(id, "has no finite slopes"); }
  void include_gains(NodeId id, const rule::Affine&) { fail(id, "is an anchor without a map"); }
  void include_gains(NodeId id, const rule::Unbounded& rule) { fail(id, rule.why); }

  // Σ g_i ‖Δx_i‖ ≤ √(Σ (g_i² / w_i) ‖Δx_i‖²) with Σ w_i ≤ 1: weights g_i / √w_i.
  std::vector<double> shared(NodeId id, const std::vector<double>& gains) {
    std::vector<double> logs;
    double all = -infinity;
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (!(gains[i] < infinity)) fail(id, "has no finite gain");
      logs.push_back(std::log2(gains[i]) + log2_below(network.node(network.node(id).operands[i]).terms));
      all = log2_sum(all, logs.back());
    }
    if (gains.size() == 1 || !std::isfinite(all)) return gains;
    const double least = 1e-6 / static_cast<double>(gains.size());
    double sum = 0.0;
    std::vector<double> shares;
    for (const double log : logs) sum = add_up(sum, shares.emplace_back(std::max(least, std::exp2(log - all))));
    std::vector<double> weights;
    for (std::size_t i = 0; i < gains.size(); ++i)
      weights.push_back(div_up(gains[i], sqrt_down(div_down(shares[i], sum))));
    return weights;
  }

  void include_weighted(NodeId id, const std::vector<double>& weights) {
    const NetworkNode& node = network.node(id);
    ProgramStep step{id, network.graph().node(id).value.size(), {}, {}, {}, {}};
    step.log2_below = -infinity;
    for (std::size_t i = 0; i < weights.size(); ++i)
      step.log2_below =
          log2_sum(step.log2_below, std::log2(weights[i]) + log2_below(network.node(node.operands[i]).terms));
    const int exponent = exponent_of(step.log2_below);
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (weights[i] > 0.0) step.parts.push_back(part(network.node(node.operands[i]).terms, weights[i], exponent));
    add(std::move(step), step.log2_below, exponent);
  }

  void add(ProgramStep step, double log2_bound, int exponent) {
    if (step.size > most_rows && !step.is_wide) throw NoProgram{cat("a layer of ", step.size, " entries")};
    if (step.size == 0 || step.rows() == 0) fail(step.node, "has no entries");
    if (!std::isfinite(step.log2_below) || !std::isfinite(log2_bound)) fail(step.node, "is constant");
    step.exponent = exponent;
    program.steps_.push_back(std::move(step));
    tensors.emplace(program.steps_.back().node, program.steps_.size());
    forward.push_back(log2_bound);
    exponents.push_back(exponent);
  }

  void find_finished() {
    std::vector<std::size_t> last(program.steps_.size() + 1, 0);
    std::vector<bool> used(last.size(), false);
    const auto note = [&](const Part& part, std::size_t step) {
      for (const Source& source : part.sources) last[source.tensor] = step, used[source.tensor] = true;
    };
    for (std::size_t k = 0; k < program.steps_.size(); ++k)
      for (const Part& part : program.steps_[k].parts) note(part, k);
    note(program.output_, program.steps_.size());
    for (std::size_t t = 0; t < last.size(); ++t)
      if (used[t] && last[t] < program.steps_.size()) program.steps_[last[t]].finished.push_back(t);
  }

  // Is the first layer, which was made for it, taken by the next step alone, and the input by nothing else?
  void widen() {
    if (program.steps_.empty() || !program.steps_[0].is_wide) return;
    const bool last = program.steps_.size() == 1;
    std::size_t uses = 0, uses_of_input = 0;
    std::vector<Source*> takers;
    const auto look = [&](Part& part, bool next) {
      for (Source& source : part.sources) {
        uses_of_input += source.tensor == 0;
        if (source.tensor != 1) continue;
        ++uses;
        if (next) takers.push_back(&source);
      }
    };
    for (std::size_t k = 0; k < program.steps_.size(); ++k)
      for (Part& part : program.steps_[k].parts) look(part, k == 1);
    look(program.output_, last);
    ProgramStep& step = program.steps_[0];
    step.is_wide = uses == takers.size() && uses_of_input == 1;
    if (!step.is_wide && step.size > most_rows) throw NoProgram{cat("a layer of ", step.size, " entries")};
    for (Source* const source : takers)
      if (step.is_wide) source->through = through_layer(source->matrix, step);
  }

  // Shares of the paths through each step in AutoLip's sum, from the output backwards.
  void find_shares(double all) {
    std::vector<double> backward(program.steps_.size() + 1, -infinity);
    const auto spread = [&](const Part& part, double factor) {
      for (const Source& source : part.sources)
        backward[source.tensor] = log2_sum(backward[source.tensor], source.log2_norm + factor);
    };
    spread(program.output_, 0.0);
    for (std::size_t k = program.steps_.size(); k-- > 0;) {
      ProgramStep& step = program.steps_[k];
      const double gain = forward[k + 1] - step.log2_below;  // log2 of the largest slope
      step.share = std::min(1.0, std::exp2(backward[k + 1] + forward[k + 1] - all));
      if (!(step.share > 0.0)) step.share = 0x1p-60;
      for (const Part& part : step.parts) spread(part, std::isfinite(gain) ? gain + backward[k + 1] : -infinity);
    }
  }

  static double operations(const Source& source, double alive, double operands) {
    const bool wide = !source.through.entries.empty();
    const double entries = static_cast<double>((wide ? source.through : source.matrix).entries.size());
    return entries * (alive + operands) +
           (wide ? 0.5 * operands * operands * static_cast<double>(source.matrix.columns) : 0.0);
  }

  void measure() {
    std::vector<double> sizes{static_cast<double>(program.inputs_)};
    double alive = sizes[0];
    for (const ProgramStep& step : program.steps_) {
      if (step.is_wide) {
        program.operations_ += alive * alive * (0.5 * static_cast<double>(step.size) + 2.0 * alive);
        sizes.push_back(alive);  // the input's rows stand for the result
        continue;
      }
      const auto y = static_cast<double>(step.rows()), z = static_cast<double>(step.size);
      for (const Part& part : step.parts)
        for (const Source& source : part.sources) program.operations_ += operations(source, alive, y);
      double left = alive;
      for (const std::size_t t : step.finished) left -= sizes[t];
      program.operations_ += 1.5 * y * y * y + 2.0 * (left > 0.0 ? (left + z) * y * (left + z + y) : 0.0);
      if (std::max(alive, left + y + z) > static_cast<double>(most_rows) && program.steps_.size() > 1 && left > 0.0)
        throw NoProgram{cat("a state of ", alive + y, " entries")};
      sizes.push_back(z);
      alive = left + z;
    }
  }
};

Program::Program(const Network& network, const Budget& budget) {
  try {
    Builder(*this, network, budget).build();
  } catch (const NoProgram& none) {
    obstacle_ = none.why;
    steps_.clear();
  }
}

}  // namespace taut::detail
