// Ranges: elementwise outer intervals of a tensor's values. Range rules propagate them through primitives.
#pragma once

#include "autodiff/linear_map.h"
#include "autodiff/outward.h"
#include "autodiff/tensor.h"

namespace taut {

// lo[i] ≤ value[i] ≤ hi[i], both f64 and of the value's shape, whatever the value's own dtype.
struct Range {
  Tensor lo, hi;

  static Range point(const Tensor& value);                    // the interval [v, v] of every element
  static Range box(const Shape& shape, const Interval& all);  // the same interval for every element
  static Range uninitialised(const Shape& shape);
  bool defined() const { return lo.defined(); }
  const Shape& shape() const { return lo.shape(); }
  Interval at(Index i) const;
  Interval hull() const;        // of all elements; empty tensors give [0, 0]
  bool contains(const Tensor& value) const;
};

// Largest relative error of one rounding in `dtype`, and the smallest positive number of it.
double unit_roundoff(DType dtype);
double smallest_subnormal(DType dtype);

// γ_n = n u / (1 − n u), rounded up; infinity when n u ≥ 1 [Higham2002, 3.1].
double gamma_factor(Index n, double u);

// Range of A x for x in the range, holding the exact value and every value that arithmetic in `computed_in` gives
// (any order of summation, with or without fma). Source: midpoint-radius product, [Rump1999].
Range linear_range(const LinearMap& map, const Range& x, DType computed_in);

// Adds to every interval the rounding of one operation in `computed_in`.
void widen_for(Range& range, DType computed_in, double units_in_last_place = 1.0);

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
