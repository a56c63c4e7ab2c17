// Nonnegative numbers with a wide exponent and directed rounding: what the values of bounds are made of. A product of a
// hundred layer norms leaves the range of double long before its meaning is lost; here it does not.
#pragma once

#include <cmath>
#include <cstdint>

#include "autodiff/outward.h"

#pragma GCC visibility push(default)

namespace taut {

// Which way an inexact operation may err: an upper bound never below, a lower bound never above the exact result.
enum class Side : std::uint8_t { upper, lower };

// m · 2^e with 1 ≤ m < 2, or 0, or +inf. Every double ≥ 0 is represented exactly.
class Magnitude {
 public:
  constexpr Magnitude() = default;  // 0
  Magnitude(double x);              // NOLINT(google-explicit-constructor): exact; NumericError for NaN or x < 0

  bool is_zero() const { return mantissa_ == 0.0; }
  bool is_infinite() const { return mantissa_ == infinity; }
  // The nearest double that is not below (upper) or not above (lower).
  double round(Side side) const;
  double log10() const;  // −inf for 0; not directed, for display

  friend bool operator==(const Magnitude&, const Magnitude&) = default;
  friend bool operator<(const Magnitude& a, const Magnitude& b) {
    if (a.is_zero() || b.is_zero() || a.is_infinite() || b.is_infinite()) return a.mantissa_ < b.mantissa_;
    return a.exponent_ != b.exponent_ ? a.exponent_ < b.exponent_ : a.mantissa_ < b.mantissa_;
  }

  // Rounded towards `side` when inexact, exact otherwise. 0 · inf = 0.
  static Magnitude product(const Magnitude& a, const Magnitude& b, Side side);
  static Magnitude sum(const Magnitude& a, const Magnitude& b, Side side);
  static Magnitude root(const Magnitude& a, Side side);

 private:
  void normalise(double mantissa, std::int64_t exponent);

  double mantissa_ = 0.0;
  std::int64_t exponent_ = 0;
};

}  // namespace taut

#pragma GCC visibility pop
