// Numbers with their derivatives along every number of the input. In long double, so that what is compared with bounds
// to 1e-12 is known to about 1e-18.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace taut::test::generated {

using Real = long double;

struct Dual {
  Real value = 0;
  std::vector<Real> slope;  // one per number of the input; empty: does not depend on it

  Dual() = default;
  Dual(Real constant) : value(constant) {}  // NOLINT(google-explicit-constructor)
  bool varies() const { return !slope.empty(); }
};

// sum += factor · x for the derivatives. A derivative of 0 stays 0 behind an infinite factor: √(relu(x)) is constant
// for x < 0.
inline void add_slope(Dual& sum, Real factor, const Dual& x) {
  if (!x.varies()) return;
  if (sum.slope.empty()) sum.slope.assign(x.slope.size(), 0);
  for (std::size_t i = 0; i < x.slope.size(); ++i)
    if (x.slope[i] != 0) sum.slope[i] += factor * x.slope[i];
}

// f(x) with f's value and derivative there.
inline Dual chain(const Dual& x, Real value, Real derivative) {
  Dual y(value);
  add_slope(y, derivative, x);
  return y;
}

inline Dual& operator+=(Dual& a, const Dual& b) {
  a.value += b.value;
  add_slope(a, 1, b);
  return a;
}
inline Dual operator+(Dual a, const Dual& b) { return a += b; }
inline Dual operator-(const Dual& a) { return chain(a, -a.value, -1); }
inline Dual operator-(Dual a, const Dual& b) {
  a.value -= b.value;
  add_slope(a, -1, b);
  return a;
}
// sum += a·b
inline void add_product(Dual& sum, const Dual& a, const Dual& b) {
  sum.value += a.value * b.value;
  add_slope(sum, b.value, a);
  add_slope(sum, a.value, b);
}
inline Dual operator*(const Dual& a, const Dual& b) {
  Dual y;
  add_product(y, a, b);
  return y;
}
inline Dual operator/(const Dual& a, const Dual& b) {
  Dual y(a.value / b.value);
  add_slope(y, 1 / b.value, a);
  add_slope(y, -a.value / b.value / b.value, b);
  return y;
}

inline Dual exp(const Dual& x) {
  const Real y = std::exp(x.value);
  return chain(x, y, y);
}
inline Dual log(const Dual& x) { return chain(x, std::log(x.value), 1 / x.value); }
inline Dual sqrt(const Dual& x) {
  const Real y = std::sqrt(x.value);
  return chain(x, y, 1 / (2 * y));
}

}  // namespace taut::test::generated
