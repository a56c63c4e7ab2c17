// Interval arithmetic for the sums y_i = Σ_j a_ij x_j of a linear map, before and after their rounding.
// The formulae are derived in docs/mathematics/10-rounding.md#ranges-of-linear-maps.
#pragma once

#include <algorithm>

#include "autodiff/range.h"

namespace taut::detail {

// The lower end of sums of terms over a range. Upper ends are lower ends of the negated sums.
struct End {
  Tensor bound;  // y_i ≥ bound_i exactly, for every x in the range
  // mass_i ≥ Σ_j |a_ij z_j| at the z in the range that makes every term smallest: what rounding errors are relative to.
  // It is infinite where the end is unbounded; bound_i may be NaN there.
  Tensor mass;
  bool nonnegative = false;  // no term a_ij z_j is negative
};

struct Sums {
  End lower, upper;       // upper: the lower end of −A x
  Index terms = 0;        // the largest number of terms in one sum
  bool products = false;  // terms are rounded products; otherwise inputs or exact multiples of them

  // On the way of one term into its sum, in any order of summation.
  Index roundings() const { return std::max<Index>(terms - 1, 0) + (products ? 1 : 0); }
};

// y = d x with d = coefficients[i / inner mod count], per element.
Sums diagonal_sums(const Range& x, const Tensor& coefficients, Index inner, DType computed_in);
Sums selected(const Range& x, const structure::Selection& selection);
// Of a map whose outputs are plain sums (gatherings, products false) or sums of products, by apply().
Sums applied_sums(const LinearMap& map, const Range& x, bool products);

Sums plus(const Sums& a, const Sums& b);       // sums merged into one
Sums stacked(const std::vector<Sums>& parts);  // outputs one behind the other
Sums looser(const Sums& a, const Sums& b);     // what holds for both

// Ends of the exact sums and of every evaluation in `computed_in`.
Range evaluated(const Sums& sums, const Shape& shape, DType computed_in);

}  // namespace taut::detail
