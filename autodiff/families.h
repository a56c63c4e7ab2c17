// Families of primitives that derive most of their rules from declared structure. Deriving from one, an op is 15–40
// lines.
#pragma once

#include <optional>
#include <string_view>

#include "autodiff/primitive.h"

#pragma GCC visibility push(default)

namespace taut {

// y = A x with one operand: supply the map and its transpose, get vjp, jvp, Lipschitz and range rules.
class LinearPrimitive : public Primitive {
 public:
  virtual LinearMap map(const Shape& in, const Shape& out) const = 0;
  virtual Var again(const Var& x) const = 0;                     // the op itself, on another operand of the same shape
  virtual Var adjoint(const Var& y, const Shape& in) const = 0;  // Aᵀ y, of shape `in`
  // rule::Affine::relative_error of the map, which forward may round to the dtype.
  virtual double map_error() const { return 0.0; }

  void vjp(VjpSite& site) const final { site.add(0, adjoint(site.cotangent(), site.in(0).shape())); }
  Var jvp(const JvpSite& site) const final { return again(*site.tangent(0)); }
  Rule lipschitz(const RuleSite& site) const final {
    return rule::Affine{{map(site.in[0].shape(), site.out.shape())}, map_error()};
  }
  Range range(const RangeSite& site) const final {
    return linear_range(map(site.in[0].shape(), site.out.shape()), site.ranges[0], site.dtype(), map_error());
  }

 protected:
  ~LinearPrimitive() = default;
};

// y_i = f(x_i) with one operand: supply f, its derivative and its slope and image over intervals.
class ElementwisePrimitive : public Primitive {
 public:
  // c · f'(x), given y = f(x): serves vjp and jvp.
  virtual Var pullback(const Var& c, const Var& x, const Var& y) const = 0;
  // Outer interval of every difference quotient over `over`, and of what pullback multiplies with at kinks inside.
  virtual Slope slope(const Interval& over) const = 0;
  // Outer interval of f over `over`, for exact arithmetic. DomainError where f is undefined.
  virtual Interval image(const Interval& over) const = 0;
  virtual ForwardError forward_error() const = 0;
  // f over all reals where it is piecewise linear.
  virtual std::optional<PiecewiseLinear> pieces() const = 0;
  // Why there is no finite slope over all reals; "" when there is one.
  virtual std::string_view unbounded_because() const = 0;
  // Escape::all_reals where f is defined on all reals; quadratic where f is c x².
  virtual rule::Escape escape() const { return rule::Escape::entries; }

  // What follows refines bounds of functions of squares (docs/mathematics/03-elementwise.md#squares) and may be left
  // out.
  virtual bool squares() const { return false; }  // f(x) = x²
  // f(x) = min(max(x, lo), hi) for every x in `over`.
  virtual std::optional<Interval> clamps(const Interval& /*over*/) const { return std::nullopt; }
  // Where 0 is not in `over`: |f'(x)| √|x| does not grow with |x| there.
  virtual bool fades(const Interval& /*over*/) const { return false; }
  // The largest |f'(x)| √|x|, rounded up.
  virtual double steepness_by_root(const Interval& over) const;

  TensorType infer(const Operands& in) const final { return in[0].type(); }
  void vjp(VjpSite& site) const final { site.add(0, pullback(site.cotangent(), site.in(0), site.out())); }
  Var jvp(const JvpSite& site) const final { return pullback(*site.tangent(0), site.in(0), site.out()); }
  Rule lipschitz(const RuleSite& site) const final;
  Range range(const RangeSite& site) const final;
  int sample_axis(const SampleSite& site) const final { return site.axis[0]; }
  rule::OfSquares of_squares(const SquaresSite& site) const final;

 protected:
  ~ElementwisePrimitive() = default;
};

}  // namespace taut

#pragma GCC visibility pop
