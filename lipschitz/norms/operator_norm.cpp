// The norm of any linear map, by its structure.
// Long: a case per structure, which call each other.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/convolution/sum_norms.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/lanczos.h"
#include "lipschitz/norms/balanced.h"
#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/spectral.h"

namespace taut {
namespace {

using detail::MatrixForm;

// A matrix is made of a convolution, for its true norm, when that costs at most about a second.
constexpr double most_operations = 1e10;
// Steps of Lanczos' method from the leading wave of a convolution, which is close already, and how close is enough.
constexpr int wave_steps = 12;
constexpr double wave_tolerance = 0.01;

Enclosure exactly(double value, Norm norm, const char* method) {
  return {LowerBound::certified(value, norm, method), UpperBound::certified(value, norm, method)};
}

Enclosure better(const Enclosure& a, const Enclosure& b) {
  return {taut::better(a.lower, b.lower), taut::better(a.upper, b.upper), a.cut || b.cut};
}

double l2_operations(const LinearMap& map) {
  const auto m = static_cast<double>(map.out_shape().size()), n = static_cast<double>(map.in_shape().size());
  return std::min(m, n) * m * n + 4.0 * std::pow(std::min(m, n), 3);
}

LanczosOptions lanczos_options(const NormOptions& options) {
  LanczosOptions lanczos;
  lanczos.budget = options.budget;
  lanczos.failure = options.failure;
  return lanczos;
}

// Bounds of a map that was not factorised with those of Lanczos: the certified lower one, and the upper one where that
// is smaller.
Enclosure with_lanczos(Enclosure bounds, const LinearMap& map, const NormOptions& options) {
  const Enclosure found = lanczos_norm(map, lanczos_options(options)).norm;
  bounds.lower = taut::better(bounds.lower, found.lower);
  bounds.iterations = found.iterations;
  if (found.upper.magnitude() < bounds.upper.magnitude()) {
    bounds.upper = found.upper;
    bounds.cut = found.cut;
  }
  return bounds;
}

// The same map with what its application alone gives: a lower bound attained at a vector, and when the effort allows it
// a probabilistic upper bound.
Enclosure with_applications(Enclosure bounds, const LinearMap& map, const NormOptions& options) {
  if (options.effort == Effort::probabilistic) return with_lanczos(std::move(bounds), map, options);
  bounds.lower = detail::attained_norm(map, detail::leading_direction(map, options.budget), Norm::l2);
  return bounds;
}

// ---- through the matrix
// ----------------------------------------------------------------------------------------------

// From the bounds of a matrix that differs from the map by `error` in norm.
Enclosure of_matrix(const MatrixForm& form, Norm norm, const Budget& budget) {
  Enclosure bounds = dense_norm(form.matrix, norm, budget);
  const Magnitude error = form.error_in(norm);
  if (error.is_zero()) return bounds;
  const Magnitude upper = Magnitude::sum(bounds.upper.magnitude(), error, Side::upper);
  const double lower = std::max(0.0, sub_down(bounds.lower.value(), error.round(Side::upper)));
  const std::string method = bounds.upper.method() + " of the folded matrix";
  return {LowerBound::derived(lower, norm, {&bounds.lower, 1}, method),
          UpperBound::derived(upper, norm, {&bounds.upper, 1}, method), bounds.cut};
}

std::optional<Enclosure> through_matrix(const LinearMap& map, Norm norm, const Budget& budget) {
  if (norm == Norm::l2 && l2_operations(map) > most_operations) return std::nullopt;
  const std::optional<MatrixForm> form = detail::matrix_form(map, budget);
  if (!form) return std::nullopt;
  return of_matrix(*form, norm, budget);
}

// Would through_matrix() have answered with more time?
bool only_time_is_short(const LinearMap& map, Norm norm, const Budget& budget) {
  return !(norm == Norm::l2 && l2_operations(map) > most_operations) && detail::matrix_wants_time(map, budget);
}

// ---- parts without further parts
// ------------------------------------------------------------------------------------------

Index multiplicity(const std::vector<Index>& indices, Index size) {
  std::vector<Index> count(static_cast<std::size_t>(size), 0);
  Index most = 0;
  for (const Index i : indices)
    if (i >= 0) most = std::max(most, ++count[static_cast<std::size_t>(i)]);
  return most;
}

// y_i = x_{source[i]}: AᵀA is diagonal and counts how often each entry is taken.
Enclosure selection_norm(Index most, Norm norm, bool copies) {
  constexpr const char* method = "multiplicity";
  if (most == 0) return exactly(0.0, norm, method);
  const auto count = static_cast<double>(most);
  if (norm == Norm::l2)
    return {LowerBound::certified(sqrt_down(count), norm, method), UpperBound::certified(sqrt_up(count), norm, method)};
  return exactly((norm == Norm::l1) == copies ? count : 1.0, norm, method);
}

Enclosure dense_structure_norm(const Tensor& weight, Norm norm, const NormOptions& options) {
  const LinearMap alone = dense_map(weight, {weight.shape()[1]}, {weight.shape()[0]});
  if (norm != Norm::l2 || options.effort == Effort::certified || l2_operations(alone) <= most_operations)
    return dense_norm(weight, norm, options.budget);
  return lanczos_norm(alone, lanczos_options(options)).norm;
}

bool has_time_for_applications(const LinearMap& map, const Budget& budget) {
  constexpr double applications = 16.0;
  return budget.affords(applications * 2.0 * detail::apply_cost(map));
}

Enclosure convolution_norm(const LinearMap& map, const structure::Convolution& c, Norm norm,
                           const NormOptions& options) {
  if (detail::convolution_frobenius(c).is_zero()) return exactly(0.0, norm, "zero");
  if (norm != Norm::l2) {
    const Enclosure sums = detail::convolution_sum_norm(c, norm);
    if (!sums.lower.magnitude().is_zero()) return sums;
    const auto matrix = through_matrix(map, norm, options.budget);  // a circular kernel that overlaps itself
    return matrix ? better(sums, *matrix) : sums;
  }
  const auto matrix = through_matrix(map, norm, options.budget);
  if (matrix && !matrix->cut) return *matrix;
  const bool hurried = matrix.has_value() || only_time_is_short(map, norm, options.budget);
  Enclosure bounds{LowerBound::certified(0.0, norm, "none"), UpperBound::certified(infinity, norm, "none")};
  const auto circulant = detail::circulant_norm(c, options.budget);
  if (!circulant) {
    // ‖A‖₂ ≤ √(‖A‖₁ ‖A‖∞), both from the kernel alone.
    const detail::SumBounds sums{detail::convolution_sum_norm(c, Norm::l1).upper.magnitude(),
                                 detail::convolution_sum_norm(c, Norm::linf).upper.magnitude()};
    bounds.upper = UpperBound::certified(sums.l2(), norm, "sums");
    bounds.cut = true;
    return has_time_for_applications(map, options.budget) ? with_applications(bounds, map, options) : bounds;
  }
  bounds.upper = UpperBound::certified(circulant->upper, norm, "circulant symbols");
  if (!circulant->lower.is_zero()) {
    bounds.lower = LowerBound::certified(circulant->lower, norm, "leading wave");
    return bounds;  // both are those of the map itself
  }
  // A lower end takes several applications of the map.
  if (circulant->wave.defined() && !has_time_for_applications(map, options.budget)) {
    bounds.cut = true;
    return bounds;
  }
  if (circulant->wave.defined()) {
    const Tensor wave = circulant->wave.reshaped(c.transposed ? map.out_shape() : map.in_shape());
    const double enough = circulant->upper.round(Side::upper) / (1.0 + wave_tolerance);
    const Tensor start = c.transposed ? map.apply_transpose(wave) : wave;
    bounds.lower = detail::attained_norm(map, detail::ascend(map, start, wave_steps, enough, options.budget), norm);
  }
  constexpr double could_be_better = 1e-9;
  bounds.cut = hurried && bounds.overshoot() > could_be_better;
  const bool wanted = options.effort == Effort::probabilistic && bounds.overshoot() > LanczosOptions().tolerance;
  return wanted ? with_lanczos(bounds, map, options) : bounds;
}

// The computed matrix differs from A by at most e ‖A‖ in each column or row, hence by √n e ‖A‖ in norm, n the smaller
// of their numbers.
Enclosure of_inexact_matrix(const Enclosure& matrix, double error, const LinearMap& map, const char* method) {
  const Index n = std::min(map.in_shape().size(), map.out_shape().size());
  const double relative = mul_up(sqrt_up(static_cast<double>(n)), error);
  const Norm norm = matrix.upper.norm();
  if (!(relative >= 0.0)) throw UsageError(cat("[operator norm] opaque_error >= 0 is needed, got ", error));
  const Magnitude upper =
      relative < 1.0 ? Magnitude::product(matrix.upper.magnitude(), div_up(1.0, sub_down(1.0, relative)), Side::upper)
                     : Magnitude(infinity);
  const Magnitude lower =
      Magnitude::product(matrix.lower.magnitude(), div_down(1.0, add_up(1.0, relative)), Side::lower);
  return {LowerBound::derived(lower, norm, {&matrix.lower, 1}, method),
          UpperBound::derived(upper, norm, {&matrix.upper, 1}, method), matrix.cut};
}

// How an opaque map rounds is not known unless the caller states it, so nothing is proved: the norm of its matrix when
// that is small, else in l2 what Lanczos finds.
Enclosure opaque_norm(const LinearMap& map, Norm norm, const NormOptions& options) {
  constexpr double most_entries = 1e6;
  const auto entries = static_cast<double>(map.in_shape().size()) * static_cast<double>(map.out_shape().size());
  if (entries <= most_entries) {
    const Enclosure matrix = dense_norm(to_dense(map), norm, options.budget);
    constexpr const char* method = "matrix of an opaque map";
    if (options.opaque_error && (norm == Norm::l2 || *options.opaque_error == 0.0))
      return of_inexact_matrix(matrix, *options.opaque_error, map, method);
    const Magnitude gain = matrix.upper.magnitude();
    return {LowerBound::estimate(gain, norm, method), UpperBound::estimate(gain, norm, method)};
  }
  Enclosure nothing{LowerBound::certified(0.0, norm, "none"), UpperBound::certified(infinity, norm, "none")};
  if (norm != Norm::l2) return nothing;
  return lanczos_norm(map, lanczos_options(options)).norm;
}

// ---- parts of parts
// -----------------------------------------------------------------------------------------------------

std::vector<UpperBound> uppers(const std::vector<LinearMap>& maps, Norm norm, const Budget& budget, bool& cut) {
  std::vector<UpperBound> bounds;
  for (const LinearMap& map : maps) {
    const Enclosure part = operator_norm(map, norm, {.budget = budget});
    cut = cut || part.cut;
    bounds.push_back(part.upper);
  }
  return bounds;
}

// [A B …] has the norm of its transpose [Aᵀ; Bᵀ; …]: at most the joint norm of the parts' in l2, the largest in l1, the
// sum in linf.
UpperBound row_joint(const std::vector<UpperBound>& parts) {
  switch (parts.front().norm()) {
    case Norm::l1: {
      UpperBound largest = parts.front();
      for (const UpperBound& part : parts)
        if (largest.magnitude() < part.magnitude()) largest = part;
      return UpperBound::derived(largest.magnitude(), Norm::l1, parts, "largest part");
    }
    case Norm::l2:
      return joint(parts);
    case Norm::linf:
      return sum(parts);
  }
  throw UsageError("[operator norm] the norm must be l1, l2 or linf");
}

UpperBound of_parts(const structure::BlockRow& s, Norm norm, const Budget& budget, bool& cut) {
  return row_joint(uppers(s.blocks, norm, budget, cut));
}
UpperBound of_parts(const structure::BlockColumn& s, Norm norm, const Budget& budget, bool& cut) {
  return joint(uppers(s.blocks, norm, budget, cut));
}
UpperBound of_parts(const structure::Sum& s, Norm norm, const Budget& budget, bool& cut) {
  return sum(uppers(s.terms, norm, budget, cut));
}
UpperBound of_parts(const structure::Composition& s, Norm norm, const Budget& budget, bool& cut) {
  const std::vector<UpperBound> factors = uppers(s.factors, norm, budget, cut);
  UpperBound total = factors.front();
  for (std::size_t k = 1; k < factors.size(); ++k) total = product(total, factors[k]);
  return total;
}

struct OperatorNorm {
  const LinearMap& map;
  Norm norm;
  const NormOptions& options;

  Enclosure operator()(const structure::Dense& s) const { return dense_structure_norm(s.weight, norm, options); }
  Enclosure operator()(const structure::DenseAlong& s) const { return dense_structure_norm(s.weight, norm, options); }
  Enclosure operator()(const structure::Scale& s) const { return exactly(std::fabs(s.factor), norm, "factor"); }
  Enclosure operator()(const structure::Diagonal& s) const {
    double largest = 0.0;
    for (Index i = 0; i < s.values.size(); ++i) largest = std::max(largest, std::fabs(s.values.at(i)));
    return exactly(largest, norm, "largest entry");
  }
  Enclosure operator()(const structure::Selection& s) const {
    return selection_norm(multiplicity(*s.source, map.in_shape().size()), norm, true);
  }
  Enclosure operator()(const structure::Gathering& s) const {
    return selection_norm(multiplicity(*s.target, map.out_shape().size()), norm, false);
  }
  Enclosure operator()(const structure::Convolution& s) const { return convolution_norm(map, s, norm, options); }
  Enclosure operator()(const structure::Opaque&) const { return opaque_norm(map, norm, options); }
  template <class Composite>
  Enclosure operator()(const Composite& s) const {
    Enclosure bounds = detail::folded_norm(map, norm, options.budget);
    // The parts' own norms may be exact where the matrix is not; they are skipped where they would cost as much.
    const bool matrix = bounds.lower.value() > 0.0;
    if (!matrix || norm != Norm::l2 || !costly_part()) {
      bool cut = false;
      bounds.upper = taut::better(bounds.upper, of_parts(s, norm, options.budget, cut));
      bounds.cut = bounds.cut || cut;
    }
    if (!matrix && norm == Norm::l2 && detail::has_entries(map)) return with_applications(bounds, map, options);
    return bounds;
  }

  bool costly_part() const {
    bool costly = false;
    detail::for_each_leaf(map, [&](const LinearMap& leaf) { costly = costly || detail::is_layer(leaf); });
    return costly;
  }
};

}  // namespace

namespace detail {

Enclosure folded_norm(const LinearMap& map, Norm norm, const Budget& budget) {
  const Enclosure nothing{LowerBound::certified(0.0, norm, "none"), UpperBound::certified(infinity, norm, "none")};
  if (!has_entries(map)) return nothing;
  if (const auto matrix = through_matrix(map, norm, budget)) return *matrix;
  return {nothing.lower, UpperBound::certified(sum_bounds(map).in(norm), norm, "sums"),
          budget.expired() || only_time_is_short(map, norm, budget)};
}

}  // namespace detail

Enclosure operator_norm(const LinearMap& map, Norm norm, const NormOptions& options) {
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0) return exactly(0.0, norm, "empty");
  if (!detail::is_composite(map)) detail::require_finite_leaf(map);
  if (const auto b = detail::balanced(map))
    return detail::times_power_of_two(operator_norm(b->map, norm, options), b->exponent);
  const auto begin = Budget::Clock::now();
  Enclosure bounds = std::visit(OperatorNorm{map, norm, options}, map.structure());
  bounds.seconds = std::chrono::duration<double>(Budget::Clock::now() - begin).count();
  return bounds;
}

}  // namespace taut
