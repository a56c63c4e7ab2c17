// The matrix of a map with the rounding of computing it, and what can be said of a map without its matrix. Internal.
#pragma once

#include <functional>
#include <optional>

#include "lipschitz/spectral.h"

namespace taut::detail {

// Calls f for every part that is not made of other maps.
void for_each_leaf(const LinearMap& map, const std::function<void(const LinearMap&)>& f);
bool is_composite(const LinearMap& map);
bool has_entries(const LinearMap& map);    // no opaque part
bool fills_exactly(const LinearMap& map);  // does to_dense() come out without rounding?
bool is_layer(const LinearMap& map);       // a leaf with a matrix of weights: dense, convolution
// Throws NumericError naming the first weight that is not finite.
void require_finite_leaf(const LinearMap& leaf);
double apply_cost(const LinearMap& map);  // multiplications of one apply(), roughly

// |fl(A x) − A x| ≤ relative · |A| |x| + absolute, entry by entry, for |x_i| ≤ 1; in both directions. |A| as
// absolute(A).
struct ApplyError {
  double relative = 0.0;
  Magnitude absolute;
  explicit ApplyError(const LinearMap& map);  // also that of absolute(map)
};

// Upper bounds of the norms of |A|: largest column and row sum.
struct SumBounds {
  Magnitude l1, linf;
  Magnitude l2() const;  // ‖A‖₂ ≤ √(‖A‖₁ ‖A‖∞)
  Magnitude in(Norm norm) const { return norm == Norm::l1 ? l1 : norm == Norm::l2 ? l2() : linf; }
};
SumBounds sum_bounds(const LinearMap& map);  // has_entries(map)
SumBounds sum_bounds(const LinearMap& map, const ApplyError& error);

// ‖A v‖ / ‖v‖, rounded down with the error of apply().
LowerBound attained_norm(const LinearMap& map, const Tensor& v, Norm norm);
LowerBound attained_norm(const LinearMap& map, const Tensor& v, Norm norm, const ApplyError& error);

// The matrix and upper bounds of the norms of (matrix − exact). Nothing when it is too large or not finite.
struct MatrixForm {
  Tensor matrix;
  SumBounds error;
  Magnitude error_in(Norm norm) const { return error.in(norm); }
};
std::optional<MatrixForm> matrix_form(const LinearMap& map, const Budget& budget);
// Is it only the time that is too short for matrix_form()?
bool matrix_wants_time(const LinearMap& map, const Budget& budget);

}  // namespace taut::detail
