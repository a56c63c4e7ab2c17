#include "lipschitz/multiplier/elimination.h"

#include <algorithm>
#include <cmath>

#include "autodiff/outward.h"
#include "lipschitz/dense/lapack.h"

namespace taut::detail {
namespace {

using Choose = std::function<std::vector<double>(const ProgramStep&, const JointState&)>;

Trace::Entry entry_of(const JointState& state) {
  Trace::Entry entry;
  entry.joint.assign(state.data(), state.data() + state.rows() * state.rows());
  entry.rows = state.rows();
  entry.stays = state.operands_from();
  entry.exponent = state.exponent();
  entry.places = state.places();
  return entry;
}

std::vector<double> reach_of(const JointState& state) {
  std::vector<double> reach;
  for (Index i = state.operands_from(); i < state.rows(); ++i)
    reach.push_back(std::ldexp(std::sqrt(std::max(0.0, state.at(i, i))), state.exponent()));
  return reach;
}

// The lengths of the rows of the first map.
std::vector<double> reach_of_wide(const ProgramStep& step) {
  const FilledMatrix& w = step.parts[0].sources[0].matrix;
  std::vector<double> reach;
  for (Index i = 0; i < w.rows; ++i)
    reach.push_back(cblas_dnrm2(static_cast<blasint>(w.columns), w.entries.data() + i * w.columns, 1));
  return reach;
}

std::optional<Evaluation> run(const Program& program, const Choose& choose, Rounding rounding, const Budget& budget,
                              Trace* trace) {
  JointState state(program.inputs(), rounding);
  std::size_t result = 0;
  Evaluation evaluation;
  for (const ProgramStep& step : program.steps()) {
    if (budget.expired()) return std::nullopt;
    if (step.is_wide) {
      evaluation.reach.push_back(reach_of_wide(step));
      if (!state.widen(step, ++result, choose(step, state))) return std::nullopt;
      if (trace != nullptr) trace->steps.push_back(entry_of(state));
      continue;
    }
    state.append(step.parts, step.finished);
    evaluation.reach.push_back(reach_of(state));
    const std::vector<double> s = choose(step, state);
    if (trace != nullptr) trace->steps.push_back(entry_of(state));
    if (!state.eliminate(step, ++result, s)) return std::nullopt;
    if (trace == nullptr) continue;
    trace->steps.back().mix = state.take_mix();
    trace->steps.back().after = state.places();
    trace->steps.back().exponent_after = state.exponent();
  }
  if (budget.expired()) return std::nullopt;
  std::vector<std::size_t> finished;
  for (const JointState::Place& place : state.places()) finished.push_back(place.tensor);
  state.append({&program.output(), 1}, finished);
  if (trace != nullptr) {
    trace->output = entry_of(state);
    trace->output.places.clear();
  }
  const double top = state.top_of_operands();
  if (!(top >= 0.0) || !std::isfinite(top)) return std::nullopt;
  const int exponent = state.exponent() + program.output_exponent();
  Magnitude bound = Magnitude::root(top, Side::upper);
  for (int left = exponent; left != 0;) {
    const int shift = std::clamp(left, -1000, 1000);
    bound = Magnitude::product(bound, std::ldexp(1.0, shift), Side::upper);
    left -= shift;
  }
  evaluation.log2_bound = 0.5 * std::log2(top) + exponent;
  evaluation.bound = bound;
  return evaluation;
}

double largest_slope(const ProgramStep& step, std::size_t i) {
  return std::max(std::fabs(step.lo[i]), std::fabs(step.hi[i]));
}

// Σ_j |G_ij|, in the units of the state.
double row_sum(const JointState& state, Index row) {
  double sum = 0.0;
  for (Index j = state.operands_from(); j < state.rows(); ++j) sum += std::fabs(state.at(row, j));
  return sum;
}

}  // namespace

std::optional<Evaluation> evaluate(const Program& program, const Multipliers& multipliers, Rounding rounding,
                                   const Budget& budget, Trace* trace) {
  std::size_t k = 0;
  return run(
      program, [&](const ProgramStep&, const JointState&) { return multipliers[k++]; }, rounding, budget, trace);
}

std::optional<Begun> begin(const Program& program, Start start, double c, const Budget& budget) {
  Begun begun;
  int depth = 0;
  const auto choose = [&](const ProgramStep& step, const JointState& state) {
    const auto count = static_cast<std::size_t>(step.multipliers());
    std::vector<double> s(count);
    // σ_max(G), in the units of the state; the units of the program are those times 4^exponent.
    const double unit = std::ldexp(1.0, -state.exponent());
    const double log2_flow = 2.0 * (step.log2_below - step.exponent - state.exponent());
    const bool by_flow = start == Start::flow || step.is_wide;  // no operands are formed of a wide step
    const double top = by_flow ? std::exp2(log2_flow) : state.top_of_operands() * (1.0 + 1e-9);
    double largest = 0.0;
    for (std::size_t i = 0; step.has_slopes() && i < count; ++i) largest = std::max(largest, largest_slope(step, i));
    ++depth;
    for (std::size_t i = 0; i < count; ++i) {
      double lambda = step.share / std::max(top, 0x1p-400);
      if (!step.has_slopes()) {
        lambda = std::min(step.share, 1.0 - 1e-9) / std::max(top, 0x1p-400);
      } else {
        const double spread = step.hi[i] - step.lo[i];
        const double share = std::min(1.9, step.share * std::max(spread, 1e-6 * largest) / largest);
        const double below = start == Start::gershgorin && !by_flow
                                 ? row_sum(state, state.operands_from() + static_cast<Index>(i)) / c
                                 : top;
        lambda = share / std::max(below, 0x1p-60 * std::max(top, 0x1p-300));
        if (step.lo[i] < 0.0) lambda *= 1.0 - 1e-6 * depth;
      }
      s[i] = std::sqrt(lambda) * unit;
    }
    begun.multipliers.push_back(s);
    return s;
  };
  const std::optional<Evaluation> evaluation = run(program, choose, Rounding::ignored, budget, nullptr);
  if (!evaluation) return std::nullopt;
  begun.evaluation = *evaluation;
  return begun;
}

}  // namespace taut::detail
