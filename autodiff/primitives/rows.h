// What functions of the rows along the last axes have in common. Included by their source files only.
#pragma once

#include <array>
#include <cmath>

#include "autodiff/primitives/reduced.h"

namespace taut::primitives {

// A tensor as rows of the numbers along its last `axes` axes.
struct Rows {
  Rows(const Shape& shape, int axes)
      : count(shape.product(0, shape.rank() - axes)), length(shape.product(shape.rank() - axes, shape.rank())) {}
  Index count, length;
};
inline AxisMask last_axes(const Shape& shape, int axes) {
  return ((1U << shape.rank()) - 1U) & ~((1U << (shape.rank() - axes)) - 1U);
}
inline Reduced over_last(const Shape& shape, int axes) { return {last_axes(shape, axes), true}; }
inline Var total(const Var& v, int axes) {
  return broadcast_to(sum_to(v, over_last(v.shape(), axes).kept(v.shape())), v.shape());
}

// Every sample stays along its axis unless that is among the last ones.
inline int row_sample_axis(const SampleSite& site, int axes, bool kept) {
  const int axis = site.axis[0];
  if (axis < 0 || axis < site.in[0].shape().rank() - axes) return axis;
  return kept && site.in[0].shape()[axis] == 1 && axes == 0 ? axis : mixes_samples;
}

// Σ x² over rows, as intervals: the nearest to 0 and the farthest from it.
inline double square_up(double x) { return mul_up(x, x); }
inline double square_down(double x) { return mul_down(x, x); }
inline double nearest_to_zero(const Interval& x) {
  return x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi));
}
inline Interval sum_of_squares(const Range& x, Index from, Index count) {
  Interval sum = Interval::point(0.0);
  for (Index i = from; i < from + count; ++i) {
    const Interval t = x.at(i);
    sum = {add_down(sum.lo, square_down(nearest_to_zero(t))), add_up(sum.hi, square_up(t.magnitude()))};
  }
  return sum;
}
inline Interval root(const Interval& square) { return {sqrt_down(square.lo), sqrt_up(square.hi)}; }

// The gains of a Jacobian that is symmetric and the same up to rows: l1 and linf agree.
inline Gain symmetric_gain(double l2, double linf) { return {linf, l2, linf}; }

// y = f(x) row by row, of x's shape, with a constant eps and a Jacobian that is symmetric: supply times_jacobian.
class RowFunction : public Primitive {
 public:
  RowFunction(int axes, double eps) : axes_(axes), eps_(eps) {}
  TensorType infer(const Operands& in) const final { return in[0].type(); }
  Attributes attributes() const final { return {{"axes", axes_}, {"eps", eps_}}; }
  void vjp(VjpSite& site) const final { site.add(0, times_jacobian(site.cotangent(), site.in(0), site.out())); }
  Var jvp(const JvpSite& site) const final { return times_jacobian(*site.tangent(0), site.in(0), site.out()); }
  int sample_axis(const SampleSite& site) const final { return row_sample_axis(site, axes_, true); }

 protected:
  ~RowFunction() = default;
  // J v at x, given y = f(x).
  virtual Var times_jacobian(const Var& v, const Var& x, const Var& y) const = 0;
  Rows rows(const Shape& shape) const { return {shape, axes_}; }
  int axes_;
  double eps_;
};

inline double positive_eps(const char* op, double eps, DType dtype, Where where) {
  const double rounded = finite_constant(op, eps, dtype, where);
  if (!(rounded > 0.0))
    throw DomainError(cat('[', op, "] at ", where, ": eps must be positive, got ", eps,
                          "; without it there is no finite Lipschitz constant"));
  return rounded;
}

// f of x with the axes moved to the end, and the result's axes moved back. f sees how many axes were moved.
template <class F>
inline Var with_last_axes(const Var& x, AxisMask mask, Where where, F&& f) {
  const int rank = x.shape().rank();
  std::array<int, max_rank> order{}, inverse{};
  int at = 0, axes = 0;
  for (const bool moved : {false, true})
    for (int i = 0; i < rank; ++i)
      if (((mask >> i & 1U) != 0) == moved) {
        order[static_cast<std::size_t>(at)] = i;
        inverse[static_cast<std::size_t>(i)] = at++;
        axes += moved;
      }
  if (mask == last_axes(x.shape(), axes)) return f(x, axes);
  const auto axes_of = [&](const auto& list) {
    return std::span<const int>(list.data(), static_cast<std::size_t>(rank));
  };
  const Var y = f(permute(x, axes_of(order), where), axes);
  return y.shape().rank() == rank ? permute(y, axes_of(inverse), where) : y;
}

}  // namespace taut::primitives
