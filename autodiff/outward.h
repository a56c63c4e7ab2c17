// Scalar arithmetic that never rounds the wrong way: *_up never below, *_down never above the exact result.
// The processor's rounding mode is not touched: the nearest result is moved to its neighbour, and only when the
// operation was inexact (TwoSum for sums, fma residual for products, quotients and roots), so exact inputs
// with exact results stay exact. NaN propagates. Source: [Knuth1997, 4.2.2], [Rump2006];
// proofs in docs/mathematics/10-rounding.md#outward-arithmetic.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "autodiff/config.h"

#pragma GCC visibility push(default)

namespace taut {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

namespace outward_detail {
// The neighbour above; std::nextafter is a slow library call for what is an addition to the bits.
inline double up(double x) {
  if (!(x < infinity)) return x;  // +inf and NaN
  if (x == 0.0) return std::numeric_limits<double>::denorm_min();
  return std::bit_cast<double>(std::bit_cast<std::int64_t>(x) + (x > 0.0 ? 1 : -1));
}
inline double down(double x) { return -up(-x); }
// Below this magnitude the residual of a product may itself be rounded, so inexactness is assumed.
inline constexpr double tiny = 0x1p-960;
// Sign of (exact a + b) − fl(a + b).
inline double sum_error(double a, double b, double s) {
  const double bv = s - a;
  return (a - (s - bv)) + (b - bv);
}
}  // namespace outward_detail

inline double add_up(double a, double b) {
  namespace d = outward_detail;
  const double s = a + b;
  if (!std::isfinite(s)) {
    if (s == -infinity && std::isfinite(a) && std::isfinite(b)) return -std::numeric_limits<double>::max();
    return s;
  }
  const double e = d::sum_error(a, b, s);
  return e <= 0.0 ? s : d::up(s);  // a NaN error (overflow inside TwoSum) moves outward
}
inline double add_down(double a, double b) { return -add_up(-a, -b); }
inline double sub_up(double a, double b) { return add_up(a, -b); }
inline double sub_down(double a, double b) { return -add_up(-a, b); }

inline double mul_up(double a, double b) {
  namespace d = outward_detail;
  if (a == 0.0 || b == 0.0) return std::isnan(a) || std::isnan(b) ? a * b : 0.0;  // 0 · inf = 0: a constant factor
  const double p = a * b;
  if (!std::isfinite(p)) {
    if (p == -infinity && std::isfinite(a) && std::isfinite(b)) return -std::numeric_limits<double>::max();
    return p;
  }
  if (std::fabs(p) < d::tiny) return d::up(p);
  return std::fma(a, b, -p) <= 0.0 ? p : d::up(p);
}
inline double mul_down(double a, double b) { return -mul_up(-a, b); }

// Division by zero is not handled here; callers split their domain first.
inline double div_up(double a, double b) {
  namespace d = outward_detail;
  const double q = a / b;
  if (!std::isfinite(q)) {
    if (q == -infinity && std::isfinite(a) && b != 0.0) return -std::numeric_limits<double>::max();
    return q;
  }
  if (a == 0.0) return 0.0;
  if (std::isinf(b)) return (a > 0.0) == (b > 0.0) ? d::up(0.0) : 0.0;  // the limit, from the outside
  if (std::fabs(q) < d::tiny || std::fabs(a) < d::tiny) return d::up(q);
  const double r = std::fma(-q, b, a);  // exact: a − q·b
  return (b > 0.0 ? r : -r) <= 0.0 ? q : d::up(q);
}
inline double div_down(double a, double b) { return -div_up(-a, b); }

inline double sqrt_up(double a) {
  namespace d = outward_detail;
  const double r = std::sqrt(a);
  if (!(r > 0.0) || std::isinf(r)) return r;
  if (a < d::tiny) return d::up(r);
  return std::fma(-r, r, a) <= 0.0 ? r : d::up(r);
}
inline double sqrt_down(double a) {
  namespace d = outward_detail;
  const double r = std::sqrt(a);
  if (!(r > 0.0) || std::isinf(r)) return r;
  if (a < d::tiny) return std::max(0.0, d::down(r));
  return std::fma(-r, r, a) >= 0.0 ? r : d::down(r);
}

// Moves x outward by a relative error bound plus the smallest denormal: an envelope for a computed value whose
// distance from the exact one is at most rel·|x| (+ one denormal).
inline double widen_up(double x, double rel) {
  if (x == -infinity) return -std::numeric_limits<double>::max();  // overflowed: some finite number below all doubles
  return add_up(x, add_up(mul_up(std::fabs(x), rel), std::numeric_limits<double>::denorm_min()));
}
inline double widen_down(double x, double rel) { return -widen_up(-x, rel); }

// A closed interval of reals; the ends may be infinite.
struct Interval {
  double lo = -infinity;
  double hi = infinity;

  static constexpr Interval point(double x) { return {x, x}; }
  static constexpr Interval reals() { return {-infinity, infinity}; }
  constexpr bool contains(double x) const { return lo <= x && x <= hi; }
  constexpr bool contains(const Interval& other) const { return lo <= other.lo && other.hi <= hi; }
  double magnitude() const { return std::max(std::fabs(lo), std::fabs(hi)); }
  friend bool operator==(const Interval&, const Interval&) = default;
};

inline Interval hull(const Interval& a, const Interval& b) { return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)}; }
inline Interval operator+(const Interval& a, const Interval& b) { return {add_down(a.lo, b.lo), add_up(a.hi, b.hi)}; }
inline Interval operator-(const Interval& a) { return {-a.hi, -a.lo}; }
inline Interval operator-(const Interval& a, const Interval& b) { return a + -b; }
inline Interval operator*(const Interval& a, const Interval& b) {
  return {std::min({mul_down(a.lo, b.lo), mul_down(a.lo, b.hi), mul_down(a.hi, b.lo), mul_down(a.hi, b.hi)}),
          std::max({mul_up(a.lo, b.lo), mul_up(a.lo, b.hi), mul_up(a.hi, b.lo), mul_up(a.hi, b.hi)})};
}
// p / q of two numbers, q ≠ 0.
inline Interval quotient(double p, double q) { return {div_down(p, q), div_up(p, q)}; }
// The largest |e − x| / |x| for e in the interval, rounded up; 0 where it is x alone.
inline double relative_distance(double x, const Interval& interval) {
  const double most = std::max({sub_up(interval.hi, x), sub_up(x, interval.lo), 0.0});
  return most > 0.0 ? div_up(most, std::fabs(x)) : 0.0;
}
// Widens by a relative error and a denormal on both sides.
inline Interval widen(const Interval& a, double rel) { return {widen_down(a.lo, rel), widen_up(a.hi, rel)}; }

}  // namespace taut

#pragma GCC visibility pop
