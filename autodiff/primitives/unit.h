// What the primitives of one operand have in common: kernels by formula, and the ends of slope and image intervals.
// Included by their source files only.
#pragma once

#include <cmath>
#include <span>

#include "autodiff/define.h"
#include "autodiff/kernels/elementwise.h"
#include "autodiff/primitives/libm.h"

namespace taut::primitives {

using kernels::Unary;

inline Var sigmoid_slope(const Var& x) { return sigmoid(x) * sigmoid(neg(x)); }

#include "autodiff/kernels/formulas.inl"  // NOLINT: the derivative rules, with T = Var

inline constexpr double u = 0x1p-53;

// Subnormal intermediate results lose relative precision: a few of them are added on top.
inline Interval outer(double lo, double hi, double rel = libm) {
  constexpr double subnormals = 32 * std::numeric_limits<double>::denorm_min();
  const Interval wide = widen({lo, hi}, rel);
  return {sub_down(wide.lo, subnormals), add_up(wide.hi, subnormals)};
}
inline Interval clamp(const Interval& x, double lo, double hi) {
  return {std::min(hi, std::max(x.lo, lo)), std::max(lo, std::min(x.hi, hi))};
}

// The values of an even function that falls with |x|, over an interval.
template <class F>
Interval bell(const Interval& x, F&& f, double extra = 0.0) {
  const double near = x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi));
  const Interval y = outer(f(x.magnitude()), f(near), 4 * libm + extra);
  return {std::max(0.0, y.lo), y.hi};
}
inline void require_domain(bool holds, const char* op, const Interval& over, const char* domain) {
  if (!holds)
    throw DomainError(cat('[', op, "] is defined for ", domain, " only, but its operand ranges over [", over.lo, ", ",
                          over.hi, "]; restrict the input box"));
}

// A point at which a function changes between rising and falling, enclosed, and its value there.
struct Turn {
  Interval at;
  double value;
};
// The values over x of a function that is monotone between its turns; `end` encloses it at one point.
template <class F>
Interval over_turns(const Interval& x, std::span<const Turn> turns, F&& end) {
  Interval y = hull(end(x.lo), end(x.hi));
  for (const Turn& turn : turns)
    if (turn.at.lo <= x.hi && x.lo <= turn.at.hi) y = hull(y, outer(turn.value, turn.value));
  return y;
}
// Slopes over x of a piecewise linear function whose derivative at a break is that of the piece before it.
inline Slope slope_of(const PiecewiseLinear& f, const Interval& x) {
  Slope s{infinity, -infinity};
  for (std::size_t i = 0; i < f.slopes.size(); ++i) {
    // Piece i on (breaks[i−1], breaks[i]]
    const bool begins = i == 0 || f.breaks[i - 1] < x.hi, ends = i < f.breaks.size() && f.breaks[i] < x.lo;
    if (begins && !ends) s = hull(s, Slope::point(f.slopes[i]));
  }
  return s;
}

// What differs from op to op: name, formula and the two interval functions. P is the primitive itself.
template <class P, class Formula, Unary id>
class Unit : public ElementwisePrimitive {
 public:
  const OpInfo& info() const final { return P::static_info; }
  Tensor forward(const Operands& in, const TensorType& out) const final {
    Tensor y = Tensor::uninitialised(out);
    kernels::unary(id, parameters(), in[0], y);
    return y;
  }
  Var pullback(const Var& c, const Var& x, const Var& y) const final {
    if (c.on_tape() || x.on_tape() || y.on_tape()) return c * formula().derivative(x, y);
    Tensor out = Tensor::uninitialised(x.shape(), x.dtype());
    kernels::unary_pullback(id, parameters(), c.value(), x.value(), y.value(), out);
    return Var(std::move(out));
  }
  ForwardError forward_error() const override { return kernels::max_error(id); }
  std::optional<PiecewiseLinear> pieces() const override { return std::nullopt; }
  std::string_view unbounded_because() const override { return ""; }

 protected:
  ~Unit() = default;
  virtual kernels::Parameters parameters() const { return {}; }
  Formula formula() const {
    if constexpr (std::is_empty_v<Formula>)
      return Formula{};
    else if constexpr (sizeof(Formula) == sizeof(double))
      return Formula{parameters().first};
    else
      return Formula{parameters().first, parameters().second};
  }
};

}  // namespace taut::primitives
