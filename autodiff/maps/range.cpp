#include "autodiff/range.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/error.h"

namespace taut {

Range Range::point(const Tensor& value) {
  const Tensor wide = value.to(DType::f64);
  return {wide, wide};
}

Range Range::box(const Shape& shape, const Interval& all) {
  if (!(all.lo <= all.hi))
    throw DomainError(cat("[range] a box needs lo <= hi, got [", all.lo, ", ", all.hi, "]; exchange the ends"));
  return {Tensor::full(shape, DType::f64, all.lo), Tensor::full(shape, DType::f64, all.hi)};
}

Range Range::uninitialised(const Shape& shape) {
  return {Tensor::uninitialised(shape, DType::f64), Tensor::uninitialised(shape, DType::f64)};
}

Interval Range::at(Index i) const { return {lo.at(i), hi.at(i)}; }

Interval Range::hull() const {
  if (lo.size() == 0) return Interval::point(0.0);
  return {std::ranges::min(lo.data<double>()), std::ranges::max(hi.data<double>())};
}

bool Range::contains(const Tensor& value) const {
  if (value.shape() != shape())
    throw ShapeError(cat("[range] a range of shape ", shape(), " was asked about a tensor of shape ", value.shape(),
                         "; reshape one of them"));
  const Tensor wide = value.to(DType::f64);
  const auto from = lo.data<double>(), to = hi.data<double>(), v = wide.data<double>();
  for (std::size_t i = 0; i < v.size(); ++i)
    if (!(from[i] <= v[i] && v[i] <= to[i])) return false;
  return true;
}

double unit_roundoff(DType dtype) { return dtype == DType::f32 ? 0x1p-24 : 0x1p-53; }
double smallest_subnormal(DType dtype) { return dtype == DType::f32 ? 0x1p-149 : 0x1p-1074; }
double smallest_normal(DType dtype) { return dtype == DType::f32 ? 0x1p-126 : 0x1p-1022; }
double largest_finite(DType dtype) {
  return dtype == DType::f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

double gamma_factor(Index n, double u) {
  // The conversion of n rounds beyond 2^53, where n u ≥ 1 for both types.
  const double nu = mul_up(static_cast<double>(n), u);
  return nu >= 1.0 ? infinity : div_up(nu, sub_down(1.0, nu));
}

Midpoints midpoints(const Range& range) {
  Midpoints m{Tensor::uninitialised(range.shape(), DType::f64), 0.0};
  const auto lo = range.lo.data<double>(), hi = range.hi.data<double>();
  const auto middle = m.values.mutable_data<double>();
  for (std::size_t i = 0; i < middle.size(); ++i) {
    middle[i] = lo[i] == hi[i] ? lo[i] : 0.5 * lo[i] + 0.5 * hi[i];
    m.relative_error = std::max(m.relative_error, relative_distance(middle[i], {lo[i], hi[i]}));
  }
  return m;
}

void widen_for(Range& range, DType computed_in, double units_in_last_place) {
  const double relative = mul_up(units_in_last_place, 2.0 * unit_roundoff(computed_in));
  const double absolute = mul_up(units_in_last_place, smallest_subnormal(computed_in));
  const double largest = largest_finite(computed_in);
  const bool keeps_zero = units_in_last_place <= 1.0;
  const auto lower = [=](double e) {
    if (e == 0.0 && keeps_zero) return 0.0;
    const double moved = sub_down(e, add_up(mul_up(std::fabs(e), relative), absolute));
    return moved >= -largest ? moved : -infinity;
  };
  for (double& e : range.lo.mutable_data<double>()) e = lower(e);
  for (double& e : range.hi.mutable_data<double>()) e = 0.0 - lower(-e);
}

void widen_for(Range& y, const Range& x, DType computed_in, const ForwardError& error) {
  if (error.of_argument > 0.0) {
    const double relative = mul_up(error.of_argument, unit_roundoff(computed_in));
    const double absolute = mul_up(error.of_argument, smallest_subnormal(computed_in));
    const auto from = x.lo.data<double>(), to = x.hi.data<double>();
    const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const double moved = add_up(mul_up(Interval{from[i], to[i]}.magnitude(), relative), absolute);
      lo[i] = sub_down(lo[i], moved);
      hi[i] = add_up(hi[i], moved);
    }
  }
  widen_for(y, computed_in, error.ulp);
}

}  // namespace taut
