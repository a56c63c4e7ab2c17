#include "lipschitz/magnitude.h"

#include <utility>

#include "autodiff/error.h"

namespace taut {

Magnitude::Magnitude(double x) {
  if (!(x >= 0.0))
    throw NumericError(cat("[bound] a norm or a Lipschitz constant is a number >= 0; got ", x,
                           "; look for NaN or infinity in the weights and inputs it was computed from"));
  normalise(x, 0);
}

void Magnitude::normalise(double mantissa, std::int64_t exponent) {
  if (mantissa == 0.0 || mantissa == infinity) {
    mantissa_ = mantissa + 0.0;  // no negative zero
    exponent_ = 0;
    return;
  }
  int shift = 0;
  mantissa_ = 2.0 * std::frexp(mantissa, &shift);  // exact
  exponent_ = exponent + shift - 1;
}

double Magnitude::round(Side side) const {
  if (is_zero() || is_infinite()) return mantissa_;
  if (exponent_ > 1023) return side == Side::upper ? infinity : std::numeric_limits<double>::max();
  if (exponent_ < -1074) return side == Side::upper ? std::numeric_limits<double>::denorm_min() : 0.0;
  const double x = std::ldexp(mantissa_, static_cast<int>(exponent_));  // inexact only among the subnormal numbers
  const double back = std::ldexp(x, static_cast<int>(-exponent_));
  if (side == Side::upper) return back < mantissa_ ? outward_detail::up(x) : x;
  return back > mantissa_ ? outward_detail::down(x) : x;
}

double Magnitude::log10() const {
  if (is_zero()) return -infinity;
  return std::log10(mantissa_) + static_cast<double>(exponent_) * std::log10(2.0);
}

Magnitude Magnitude::product(const Magnitude& a, const Magnitude& b, Side side) {
  Magnitude p;
  const double m = side == Side::upper ? mul_up(a.mantissa_, b.mantissa_) : mul_down(a.mantissa_, b.mantissa_);
  p.normalise(m, a.exponent_ + b.exponent_);
  return p;
}

Magnitude Magnitude::sum(const Magnitude& a, const Magnitude& b, Side side) {
  if (a.is_zero() || b.is_infinite()) return b;
  if (b.is_zero() || a.is_infinite()) return a;
  const auto [small, large] = a < b ? std::pair(a, b) : std::pair(b, a);
  // Beyond 900 binary places any positive number rounds like any other.
  const std::int64_t gap = std::min<std::int64_t>(large.exponent_ - small.exponent_, 900);
  const double shifted = std::ldexp(small.mantissa_, -static_cast<int>(gap));
  Magnitude s;
  s.normalise(side == Side::upper ? add_up(large.mantissa_, shifted) : add_down(large.mantissa_, shifted),
              large.exponent_);
  return s;
}

Magnitude Magnitude::root(const Magnitude& a, Side side) {
  const bool odd = a.exponent_ % 2 != 0;
  const double m = odd ? 2.0 * a.mantissa_ : a.mantissa_;
  Magnitude r;
  r.normalise(side == Side::upper ? sqrt_up(m) : sqrt_down(m), (a.exponent_ - (odd ? 1 : 0)) / 2);
  return r;
}

}  // namespace taut
