// The derivative of what multipliers prove, by sensitivities from the output back.
#include <algorithm>
#include <cmath>

#include "lipschitz/dense/lapack.h"
#include "lipschitz/multiplier/elimination.h"

namespace taut::detail {
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

// Of the first step where it is wide: P' depends on λ by Q = (I − Wᵀ Λ W / 2)⁻¹ and (b − a)² / 2λ, so that dJ/dλ is
// ‖(W Q Wᵀ M S')_i‖² / 2 − (b − a)² ‖S'_i‖² / 2λ².
void differentiate_wide(const ProgramStep& step, const std::vector<double>& roots, const Trace::Entry& entry,
                        const memory::Buffer<double>& s_after, Index width, std::vector<double>& by_log_root) {
  const FilledMatrix& w = step.parts[0].sources[0].matrix;
  const auto entries = static_cast<std::size_t>(w.columns * width);
  memory::Buffer<double> scaled = s_after, g(entries), q(entries), moved(s_after.size());
  for (std::size_t i = 0; i < roots.size(); ++i)
    for (Index r = 0; r < width; ++r)
      scaled[i * static_cast<std::size_t>(width) + static_cast<std::size_t>(r)] *= 0.5 * (step.lo[i] + step.hi[i]);
  product(true, w.columns, width, w.rows, w.entries.data(), w.columns, scaled.data(), g.data());
  product(false, w.columns, width, w.columns, entry.joint.data(), w.columns, g.data(), q.data());
  product(false, w.rows, width, w.columns, w.entries.data(), w.columns, q.data(), moved.data());
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const double lambda = roots[i] * roots[i], own = (step.hi[i] - step.lo[i]) / lambda;
    for (Index r = 0; r < width; ++r) {
      const std::size_t at = i * static_cast<std::size_t>(width) + static_cast<std::size_t>(r);
      by_log_root[i] += lambda * (moved[at] * moved[at] - own * own * s_after[at] * s_after[at]);
    }
  }
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
    if (step.is_wide) {
      differentiate_wide(step, multipliers[k], entry, sensitivity.at(k + 1, step.size), width, gradient.by_log_root[k]);
      continue;
    }
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
