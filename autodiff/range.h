// Ranges: elementwise outer intervals of a tensor's values. Range rules propagate them through primitives.
#pragma once

#include "autodiff/linear_map.h"
#include "autodiff/outward.h"
#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut {

// lo[i] ≤ value[i] ≤ hi[i], both f64 and of the value's shape, whatever the value's own dtype. An infinite end says
// that the values are not bounded on that side, by overflow or otherwise; NaN values are outside of every range.
struct Range {
  Tensor lo, hi;

  static Range point(const Tensor& value);                    // the interval [v, v] of every element
  static Range box(const Shape& shape, const Interval& all);  // the same for every element; DomainError unless lo ≤ hi
  static Range uninitialised(const Shape& shape);
  bool defined() const { return lo.defined(); }
  const Shape& shape() const { return lo.shape(); }
  Interval at(Index i) const;                // by row-major position; ShapeError outside of the shape
  Interval hull() const;                     // of all elements; empty tensors give [0, 0]
  bool contains(const Tensor& value) const;  // every element; ShapeError when the shapes differ
};

// What is known by intervals, as one number each: every number of the range lies within `relative_error` times the
// absolute value of its midpoint; infinite where an interval other than a point has the midpoint 0.
struct Midpoints {
  Tensor values;  // f64
  double relative_error = 0.0;
};
Midpoints midpoints(const Range& range);

// Largest relative error of one rounding to nearest in `dtype` (u), the smallest positive number, the smallest with
// full precision, and the largest finite one.
double unit_roundoff(DType dtype);
double smallest_subnormal(DType dtype);
double smallest_normal(DType dtype);
double largest_finite(DType dtype);

// γ_n = n u / (1 − n u), rounded up; infinity when n u ≥ 1 [Higham2002, 3.1].
double gamma_factor(Index n, double u);

// Range of A x for x in the range. It holds, for every x in the range,
// * the exact A x, and
// * every value that arithmetic in `computed_in` with rounding to nearest and gradual underflow gives, when every sum
//   Σ a_ij x_j, also across the blocks of rows and sums of maps, is added up in any order, with or without fma, the
//   weights being rounded to `computed_in` where it cannot represent them, and the factors of compositions are
//   applied one after the other. (FFT and Winograd transforms of convolutions are not such sums.)
// Selections, signs and powers of two are not widened. Sums of nonnegative terms stay nonnegative. An output into which
// an unbounded input enters, or whose evaluation may overflow, is unbounded on the sides concerned; 0 · inf counts as
// 0. Formulae: docs/mathematics/10-rounding.md#ranges-of-linear-maps, after [Rump1999] and
// [Higham2002, 3.1, 4.2]. ShapeError when the shapes differ; UnsupportedError for Opaque maps.
// `relative_error`: the range also holds A' x for every A' whose entries lie within this share of those of A.
Range linear_range(const LinearMap& map, const Range& x, DType computed_in, double relative_error = 0.0);

// Adds to every interval the rounding of one operation in `computed_in` whose result differs from the exact one by at
// most `units_in_last_place` (1 holds every rounding of a basic operation): an end e moves outward by units · (2 u |e|
// + smallest subnormal). For at most one unit an end 0 stays, as rounding keeps signs. An end beyond the largest finite
// number of `computed_in` becomes infinite.
void widen_for(Range& range, DType computed_in, double units_in_last_place = 1.0);

// Error of an elementwise evaluation y = f(x) in a dtype of unit roundoff u and smallest subnormal η:
// |computed − f(x)| ≤ ulp · (2 u |f(x)| + η) + of_argument · (u |x| + η). The second term is for functions that round
// something of the size of x first: 1 + erf(x/√2) for x far below 0 keeps its absolute, but not its relative accuracy.
struct ForwardError {
  double ulp = 0.0, of_argument = 0.0;
  bool exact() const { return ulp == 0.0 && of_argument == 0.0; }
};
// Adds it to the range y of f over the range x.
void widen_for(Range& y, const Range& x, DType computed_in, const ForwardError& error);

// Applies an interval function to every element.
template <class F>
Range map_range(const Range& x, F&& f) {
  Range y = Range::uninitialised(x.shape());
  const auto lo = x.lo.data<double>(), hi = x.hi.data<double>();
  const auto out_lo = y.lo.mutable_data<double>(), out_hi = y.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const Interval r = f(Interval{lo[i], hi[i]});
    out_lo[i] = r.lo;
    out_hi[i] = r.hi;
  }
  return y;
}

}  // namespace taut

#pragma GCC visibility pop
