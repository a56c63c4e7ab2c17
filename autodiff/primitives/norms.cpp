// l1_norm, l2_norm, linf_norm, variance and l2_normalise. Gains:
// docs/mathematics/06-reductions.md#normalisation; rounding: docs/mathematics/10-rounding.md#rounding-of-l2-norms.
#include <cmath>

#include "autodiff/kernels/rows.h"
#include "autodiff/primitives/rows.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

class L2Norm final : public Primitive {
 public:
  static constexpr OpInfo static_info{"l2_norm", "√Σx² over the last axes", "derivative 0 at the zero vector", ""};
  L2Norm(int axes, bool keep) : axes_(axes), keep_(keep) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"axes", axes_}, {"keep", keep_}}; }
  TensorType infer(const Operands& in) const override {
    return {over(in[0].shape()).out(in[0].shape()), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Rows rows(in[0].shape(), axes_);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::row_norms(in[0].data<T>().data(), rows.count, rows.length, y.mutable_data<T>().data());
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    site.add(0, site.in(0) / spread(length(site), site) * spread(site.cotangent(), site));
  }
  Var jvp(const JvpSite& site) const override {
    const Shape& in = site.in(0).shape();
    return reshape(sum_to(site.in(0) * *site.tangent(0), over(in).kept(in)), site.out().shape()) / length(site);
  }
  // The gradient is a unit vector of each row: ‖g‖_linf ≤ 1, ‖g‖₂ = 1, ‖g‖₁ ≤ √n.
  Rule lipschitz(const RuleSite& site) const override {
    const Index n = Rows(site.in[0].shape(), axes_).length;
    return rule::Bounded{
        {Gain{1.0, 1.0, sqrt_up(static_cast<double>(n))}}, "the gradient of each row has length 1", ""};
  }
  Range range(const RangeSite& site) const override {
    const Rows rows(site.in[0].shape(), axes_);
    Range y = Range::uninitialised(site.out.shape());
    const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
    for (Index r = 0; r < rows.count; ++r) {
      const Interval norm = root(sum_of_squares(site.ranges[0], r * rows.length, rows.length));
      lo[static_cast<std::size_t>(r)] = norm.lo;
      hi[static_cast<std::size_t>(r)] = norm.hi;
    }
    return widened_norms(y, rows.length, site.dtype());
  }
  int sample_axis(const SampleSite& site) const override { return row_sample_axis(site, axes_, keep_); }

 private:
  Reduced over(const Shape& shape) const { return {last_axes(shape, axes_), keep_}; }
  // The norm, 1 in place of 0: the derivative at the zero vector is then 0.
  template <class Site>
  static Var length(const Site& site) {
    return site.out() + (1.0 - step(site.out()));
  }
  template <class Site>
  Var spread(const Var& v, const Site& site) const {
    const Shape& in = site.in(0).shape();
    return broadcast_to(reshape(v, over(in).kept(in)), in);
  }
  // The squares are added up in f64: γ_{n+1} relative, √(n η) where they underflow, ∞ where they overflow; then one
  // rounding to the dtype.
  static Range widened_norms(const Range& y, Index n, DType dtype) {
    const double relative = gamma_factor(n + 4, unit_roundoff(DType::f64));
    const double tiny = sqrt_up(mul_up(static_cast<double>(n), 2 * smallest_subnormal(DType::f64)));
    Range wide = map_range(y, [&](const Interval& e) {
      const double hi = add_up(widen_up(e.hi, relative), tiny);
      return Interval{std::max(0.0, sub_down(widen_down(e.lo, relative), tiny)), hi > 0x1p510 ? infinity : hi};
    });
    if (dtype == DType::f32) widen_for(wide, dtype, 0.5);
    return wide;
  }
  int axes_;
  bool keep_;
};

// x/eps inside the ball of radius eps, x/‖x‖ outside: J = I/eps, or (I − yyᵀ)/‖x‖.
class L2Normalise final : public RowFunction {
 public:
  static constexpr OpInfo static_info{"l2_normalise", "x / max(‖x‖₂, eps) over the last axes",
                                      "where ‖x‖₂ = eps that of x / eps", ""};
  using RowFunction::RowFunction;
  const OpInfo& info() const override { return static_info; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Rows rows(out.shape, axes_);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::normalise_rows(in[0].data<T>().data(), rows.count, rows.length, eps_, y.mutable_data<T>().data());
    });
    return y;
  }
  // ‖I − yyᵀ‖₂ ≤ 1; its row sums are 1 − y_i² + |y_i| Σ_{j≠i} |y_j| ≤ (1 + √n)/2.
  Rule lipschitz(const RuleSite& site) const override {
    const Rows rows(site.in[0].shape(), axes_);
    double shortest = eps_;
    if (site.on_domain() && rows.count > 0) {
      double least = infinity;
      for (Index r = 0; r < rows.count; ++r)
        least = std::min(least, sqrt_down(sum_of_squares(site.ranges[0], r * rows.length, rows.length).lo));
      shortest = std::max(eps_, least);
    }
    const double steepest = div_up(1.0, shortest);
    const double sums = mul_up(0.5, add_up(1.0, sqrt_up(static_cast<double>(std::max<Index>(1, rows.length)))));
    return rule::Bounded{{symmetric_gain(steepest, mul_up(sums, steepest))}, "‖I − yyᵀ‖ / max(‖x‖, eps), ‖y‖ ≤ 1", ""};
  }
  Range range(const RangeSite& site) const override;

 private:
  Var times_jacobian(const Var& v, const Var& x, const Var& y) const override {
    const Var norm = record(Where::current(), L2Norm(axes_, true), x);
    const Var outside = step(norm + -eps_);
    const Var divisor = norm * outside + (1.0 - outside) * eps_;
    const Var along = sum_to(v * y, norm.shape()) * outside;
    return (v - y * broadcast_to(along, v.shape())) / broadcast_to(divisor, v.shape());
  }
};

// x_i / max(√(x_i² + R²), eps) rises with x_i and, above 0, falls with the rest R² of the sum of squares.
Range L2Normalise::range(const RangeSite& site) const {
  const Rows rows(site.out.shape(), axes_);
  const Index n = rows.length;
  Range y = Range::uninitialised(site.out.shape());
  const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
  std::vector<Interval> before(static_cast<std::size_t>(n) + 1, Interval::point(0.0)), after = before;
  const double relative = gamma_factor(n + 8, unit_roundoff(site.dtype()));
  const double tiny = sqrt_up(mul_up(static_cast<double>(n), 4 * smallest_subnormal(DType::f64)));
  for (Index r = 0; r < rows.count; ++r) {
    const Index from = r * n;
    for (Index i = 0; i < n; ++i) {
      before[static_cast<std::size_t>(i + 1)] =
          before[static_cast<std::size_t>(i)] + sum_of_squares(site.ranges[0], from + i, 1);
      const Index j = n - 1 - i;
      after[static_cast<std::size_t>(j)] =
          after[static_cast<std::size_t>(j + 1)] + sum_of_squares(site.ranges[0], from + j, 1);
    }
    for (Index i = 0; i < n; ++i) {
      const Interval x = site.ranges[0].at(from + i);
      const Interval rest = before[static_cast<std::size_t>(i)] + after[static_cast<std::size_t>(i + 1)];
      // |x| / max(√(x² + R²), eps), rounded up for the smaller rest or down for the larger one.
      const auto largest = [&](double t) {
        if (std::isinf(t)) return 1.0;
        const double divisor = std::max(eps_, sqrt_down(add_down(square_down(t), rest.lo)));
        return std::min(1.0, div_up(std::fabs(t), divisor));
      };
      const auto smallest = [&](double t) {
        if (std::isinf(t)) return std::isinf(rest.hi) ? 0.0 : 1.0;
        const double divisor = std::max(eps_, sqrt_up(add_up(square_up(t), rest.hi)));
        return std::isinf(divisor) ? 0.0 : div_down(std::fabs(t), divisor);
      };
      const auto k = static_cast<std::size_t>(from + i);
      lo[k] = x.lo < 0 ? -largest(x.lo) : smallest(x.lo);
      hi[k] = x.hi > 0 ? largest(x.hi) : -smallest(x.hi);
      // Overflow of the sum of squares gives 0, underflow a norm that is too small by at most `tiny`.
      const double moved =
          add_up(add_up(mul_up(relative, std::max(std::fabs(lo[k]), std::fabs(hi[k]))), div_up(tiny, eps_)),
                 2 * smallest_subnormal(site.dtype()));
      lo[k] = sub_down(lo[k], moved);
      hi[k] = add_up(hi[k], moved);
      const double norm = sqrt_up(add_up(square_up(x.magnitude()), rest.hi));
      if (norm > std::min(0x1p480, largest_finite(site.dtype()) / 2)) {
        lo[k] = std::min(lo[k], 0.0);
        hi[k] = std::max(hi[k], 0.0);
      }
    }
  }
  return y;
}

Var l1_norm(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "l1_norm", where, [&] {
    mask_of(x.shape(), axes, "l1_norm");
    return sum(abs(x, where), axes, keep, where);
  });
}
Var linf_norm(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "linf_norm", where, [&] {
    require_elements(Reduced(mask_of(x.shape(), axes, "linf_norm"), keep), x.shape(), "linf_norm");
    return max(abs(x, where), axes, keep, where);
  });
}
Var l2_norm(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "l2_norm", where, [&] {
    return with_last_axes(x, mask_of(x.shape(), axes, "l2_norm"), where,
                          [&](const Var& v, int count) { return record(where, L2Norm(count, keep), v); });
  });
}

Var variance(const Var& x, const Axes& axes, bool keep, bool unbiased, Where where) {
  return checked(x, "variance", where, [&] {
    const Reduced over(mask_of(x.shape(), axes, "variance"), keep);
    const Index n = over.count(x.shape()) - (unbiased ? 1 : 0);
    if (n < 1)
      throw ShapeError(cat("[variance] of ", over.count(x.shape()), unbiased ? " numbers, unbiased," : " numbers",
                           " is undefined for shape ", x.shape(), "; reduce longer axes"));
    const Shape kept = over.kept(x.shape());
    const Var centred = sub(
        x, broadcast_to(mean_of_sum(sum_to(x, kept, where), over.count(x.shape()), where), x.shape(), where), where);
    return mean_of_sum(sum(square(centred, where), axes, keep, where), n, where);
  });
}

Var l2_normalise(const Var& x, const Axes& axes, double eps, Where where) {
  return checked(x, "l2_normalise", where, [&] {
    const double positive = positive_eps("l2_normalise", eps, x.dtype(), where);
    return with_last_axes(x, mask_of(x.shape(), axes, "l2_normalise"), where,
                          [&](const Var& v, int count) { return record(where, L2Normalise(count, positive), v); });
  });
}

template const OpInfo& describe<L2Norm>();
template const OpInfo& describe<L2Normalise>();

}  // namespace taut
