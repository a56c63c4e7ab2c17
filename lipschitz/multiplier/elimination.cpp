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

std::optional<Evaluation> run(const Program& program, const Choose& choose, Rounding rounding, const Budget& budget,
                              Trace* trace) {
  JointState state(program.inputs(), rounding);
  std::size_t result = 0;
  Evaluation evaluation;
  for (const ProgramStep& step : program.steps()) {
    if (budget.expired()) return std::nullopt;
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
    const double top = start == Start::flow ? std::exp2(log2_flow) : state.top_of_operands() * (1.0 + 1e-9);
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
        const double below =
            start == Start::gershgorin ? row_sum(state, state.operands_from() + static_cast<Index>(i)) / c : top;
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

namespace {

// The sensitivity S of the state, dJ = tr(Sᵀ dP S), by tensors: rows of `width` numbers.
struct Sensitivity {
  Index width = 0;
  std::map<std::size_t, memory::Buffer<double>> of;
  memory::Buffer<double>& at(std::size_t tensor, Index rows) {
    memory::Buffer<double>& s = of[tensor];
    if (s.empty()) s.assign(static_cast<std::size_t>(rows * width), 0.0);
    return s;
  }
};

// Through operands = Σ W x, back to the tensors.
void append_back(std::span<const Part> parts, const double* of_operands, Sensitivity& sensitivity) {
  Index row = 0;
  for (const Part& part : parts) {
    for (const Source& source : part.sources) {
      if (source.tensor == 0) continue;  // nothing is asked of the input
      memory::Buffer<double>& to = sensitivity.at(source.tensor, source.matrix.columns);
      cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, static_cast<blasint>(source.matrix.columns),
                  static_cast<blasint>(sensitivity.width), static_cast<blasint>(part.rows), 1.0,
                  source.matrix.entries.data(), static_cast<blasint>(source.matrix.columns),
                  of_operands + row * sensitivity.width, static_cast<blasint>(sensitivity.width), 1.0, to.data(),
                  static_cast<blasint>(sensitivity.width));
    }
    row += part.rows;
  }
}

// c (m, w) = op(a) b.
void product(bool transposed, Index m, Index w, Index k, const double* a, Index lda, const double* b, double* c) {
  if (m == 0 || w == 0 || k == 0) return;
  cblas_dgemm(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, static_cast<blasint>(m),
              static_cast<blasint>(w), static_cast<blasint>(k), 1.0, a, static_cast<blasint>(lda), b,
              static_cast<blasint>(w), 0.0, c, static_cast<blasint>(w));
}

}  // namespace

Gradient differentiate(const Program& program, const Multipliers& multipliers, const Trace& trace, double p) {
  // J of the output's eigenvalues.
  const Index n = trace.output.rows;
  memory::Buffer<double> vectors = trace.output.joint;
  std::vector<double> values(static_cast<std::size_t>(n));
  Gradient gradient;
  gradient.by_log_root.resize(multipliers.size());
  for (std::size_t k = 0; k < multipliers.size(); ++k) gradient.by_log_root[k].assign(multipliers[k].size(), 0.0);
  if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', static_cast<lapack_int>(n), vectors.data(), static_cast<lapack_int>(n),
                     values.data()) != 0)
    return gradient;
  const double top = values.back();
  double sum = 0.0;
  for (const double v : values) sum += std::pow(std::max(v, 0.0) / top, p);
  gradient.log_value =
      std::log(top) + std::log(sum) / p + 2.0 * std::log(2.0) * (trace.output.exponent + program.output_exponent());
  // d log J = Σ (v_i/top)^(p−1) / (sum top) dv_i; the few eigenvectors that count.
  constexpr Index most_vectors = 16;
  Sensitivity sensitivity;
  std::vector<Index> chosen;
  for (Index i = n - 1; i >= 0 && static_cast<Index>(chosen.size()) < most_vectors; --i)
    if (std::pow(std::max(values[static_cast<std::size_t>(i)], 0.0) / top, p - 1.0) > 1e-9) chosen.push_back(i);
  const auto width = static_cast<Index>(chosen.size());
  sensitivity.width = width;
  memory::Buffer<double> of_output(static_cast<std::size_t>(n * width));
  for (Index r = 0; r < width; ++r) {
    const Index i = chosen[static_cast<std::size_t>(r)];
    const double weight = std::sqrt(std::pow(values[static_cast<std::size_t>(i)] / top, p - 1.0) / (sum * top));
    for (Index j = 0; j < n; ++j)
      of_output[static_cast<std::size_t>(j * width + r)] = weight * vectors[static_cast<std::size_t>(i * n + j)];
  }
  append_back({&program.output(), 1}, of_output.data(), sensitivity);

  for (std::size_t k = program.steps().size(); k-- > 0;) {
    const ProgramStep& step = program.steps()[k];
    const Trace::Entry& entry = trace.steps[k];
    const Index operands = entry.rows - entry.stays, after = entry.stays + step.size;
    // S' of the result of the step, all tensors below each other, in the units of the joint matrix before it: the state
    // after it is 4^(exponent_after − exponent) times smaller.
    const double unit = std::ldexp(1.0, entry.exponent - entry.exponent_after);
    memory::Buffer<double> s_after;
    s_after.assign(static_cast<std::size_t>(after * width), 0.0);
    for (const JointState::Place& place : entry.after) {
      const auto found = sensitivity.of.find(place.tensor);
      if (found == sensitivity.of.end()) continue;
      for (std::size_t i = 0; i < found->second.size(); ++i)
        s_after[static_cast<std::size_t>(place.from * width) + i] = found->second[i] * unit;
    }
    sensitivity.of.clear();
    memory::Buffer<double> s_before;
    s_before.assign(static_cast<std::size_t>(entry.rows * width), 0.0);
    std::copy_n(s_after.begin(), static_cast<std::size_t>(entry.stays * width), s_before.begin());
    const std::size_t first = static_cast<std::size_t>(entry.stays * width);
    if (!step.has_slopes() || step.lo != step.hi) {
      memory::Buffer<double> zeta;
      zeta.assign(static_cast<std::size_t>(operands * width), 0.0);
      const Index mixed = step.has_slopes() ? after : entry.stays;
      if (!entry.mix.empty())
        product(true, operands, width, mixed, entry.mix.data(), operands, s_after.data(), zeta.data());
      for (Index i = 0; i < operands; ++i) {
        const auto m = static_cast<std::size_t>(step.has_slopes() ? i : 0);
        const double s = std::ldexp(multipliers[k][m], entry.exponent);
        const double a = step.has_slopes() ? step.lo[m] : 0.0;
        for (Index r = 0; r < width; ++r) {
          const auto at = static_cast<std::size_t>(i * width + r);
          zeta[at] /= s;
          s_before[first + at] = s * s * zeta[at] + (step.has_slopes() ? a * s_after[first + at] : 0.0);
        }
      }
      // y = (P S) of the operands.
      memory::Buffer<double> y;
      y.assign(zeta.size(), 0.0);
      product(false, operands, width, entry.rows, entry.joint.data() + entry.stays * entry.rows, entry.rows,
              s_before.data(), y.data());
      for (Index i = 0; i < operands; ++i) {
        const auto m = static_cast<std::size_t>(step.has_slopes() ? i : 0);
        const double s = std::ldexp(multipliers[k][m], entry.exponent);
        for (Index r = 0; r < width; ++r) {
          const auto at = static_cast<std::size_t>(i * width + r);
          // dJ/dλ = 2 ζ (y − ζ), or ζ² of a gain, and dλ = 2 λ d log s.
          const double by_lambda = step.has_slopes() ? 2.0 * zeta[at] * (y[at] - zeta[at]) : zeta[at] * zeta[at];
          gradient.by_log_root[k][m] += 2.0 * s * s * by_lambda;
        }
      }
      if (!step.has_slopes()) {
        const double s = std::ldexp(multipliers[k][0], entry.exponent);
        double square = 0.0;
        for (std::size_t i = first; i < s_after.size(); ++i) square += s_after[i] * s_after[i];
        gradient.by_log_root[k][0] -= 2.0 * square / (s * s);
      }
    } else {
      for (Index i = 0; i < operands; ++i)
        for (Index r = 0; r < width; ++r) {
          const auto at = static_cast<std::size_t>(i * width + r);
          s_before[first + at] = step.lo[static_cast<std::size_t>(i)] * s_after[first + at];
        }
    }
    for (const JointState::Place& place : entry.places)
      if (place.tensor != 0)
        sensitivity.at(place.tensor, place.rows)
            .assign(s_before.begin() + place.from * width, s_before.begin() + (place.from + place.rows) * width);
    append_back(step.parts, s_before.data() + first, sensitivity);
  }
  return gradient;
}

}  // namespace taut::detail
