// l2_norm, standardise and l2_normalise along the last axes; user functions bring other axes there. Gains and rounding:
// docs/mathematics.md, section "Norms and normalisation".
#include <array>
#include <cmath>

#include "autodiff/kernels/rows.h"
#include "autodiff/primitives/reduced.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

// A tensor as rows of the numbers along its last `axes` axes.
struct Rows {
  Rows(const Shape& shape, int axes)
      : count(shape.product(0, shape.rank() - axes)), length(shape.product(shape.rank() - axes, shape.rank())) {}
  Index count, length;
};
AxisMask last_axes(const Shape& shape, int axes) {
  return ((1U << shape.rank()) - 1U) & ~((1U << (shape.rank() - axes)) - 1U);
}
Reduced over_last(const Shape& shape, int axes) { return {last_axes(shape, axes), true}; }
Var total(const Var& v, int axes) {
  return broadcast_to(sum_to(v, over_last(v.shape(), axes).kept(v.shape())), v.shape());
}

// Every sample stays along its axis unless that is among the last ones.
int row_sample_axis(const SampleSite& site, int axes, bool kept) {
  const int axis = site.axis[0];
  if (axis < 0 || axis < site.in[0].shape().rank() - axes) return axis;
  return kept && site.in[0].shape()[axis] == 1 && axes == 0 ? axis : mixes_samples;
}

// Σ x² over rows, as intervals: the nearest to 0 and the farthest from it.
double square_up(double x) { return mul_up(x, x); }
double square_down(double x) { return mul_down(x, x); }
double nearest_to_zero(const Interval& x) { return x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi)); }
Interval sum_of_squares(const Range& x, Index from, Index count) {
  Interval sum = Interval::point(0.0);
  for (Index i = from; i < from + count; ++i) {
    const Interval t = x.at(i);
    sum = {add_down(sum.lo, square_down(nearest_to_zero(t))), add_up(sum.hi, square_up(t.magnitude()))};
  }
  return sum;
}
Interval root(const Interval& square) { return {sqrt_down(square.lo), sqrt_up(square.hi)}; }

// The gains of a Jacobian that is symmetric and the same up to rows: l1 and linf agree.
Gain symmetric_gain(double l2, double linf) { return {linf, l2, linf}; }

}  // namespace

class L2Norm final : public Primitive {
 public:
  static constexpr OpInfo static_info{"l2_norm", "√Σx² over the last axes", "derivative 0 at the zero vector", ""};
  L2Norm(int axes, bool keep) : axes_(axes), keep_(keep) {}
  const OpInfo& info() const override { return static_info; }
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

namespace {

// sup √(1 − ρ) (k + ρ d) over 0 ≤ ρ < 1.
double largest_over_spread(double k, double d) {
  if (2 * d <= k) return k;
  const double t = d + k;
  return 2 * t / 3 * std::sqrt(t / (3 * d));
}
// The l1 and linf norm of the Jacobian of (x − mean)/√(variance + eps), times √eps, at its largest: the rows of the
// Jacobian are largest when, beside entry i, k of the other entries are drawn with it and l against it (k + l = n − 1).
double standardise_row_sum(Index n) {
  double best = 0.0;
  for (Index l = 0; l < n; ++l) {
    const auto k = static_cast<double>(n - 1 - l);
    const double c2 = static_cast<double>(n) * k * static_cast<double>(l);
    best = std::max(best, largest_over_spread(k, (std::sqrt(k * k + c2) - k) / 2));
  }
  return widen_up(2 * best / static_cast<double>(n), 0x1p-48);
}

}  // namespace

// J = (I − 11ᵀ/n − y yᵀ/n) / √(variance + eps), y the result.
class Standardise final : public Primitive {
 public:
  static constexpr OpInfo static_info{"standardise", "(x − mean) / √(variance + eps) over the last axes", "", "Ba2016"};
  Standardise(int axes, double eps) : axes_(axes), eps_(eps) {}
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Rows rows(out.shape, axes_);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::standardise_rows(in[0].data<T>().data(), rows.count, rows.length, eps_, y.mutable_data<T>().data());
    });
    return y;
  }
  void vjp(VjpSite& site) const override { site.add(0, times_jacobian(site.cotangent(), site.in(0), site.out())); }
  Var jvp(const JvpSite& site) const override { return times_jacobian(*site.tangent(0), site.in(0), site.out()); }
  // ‖y‖² < n, so that the matrix in brackets has eigenvalues in [0, 1]. The result has mean 0 in every row: it is
  // (nI − 11ᵀ)/n of itself, a linear map behind it that may fold with what follows.
  Rule lipschitz(const RuleSite& site) const override {
    const Rows rows(site.in[0].shape(), axes_);
    const char* const why = "‖I − 11ᵀ/n − yyᵀ/n‖ / √(variance + eps), ‖y‖² < n";
    if (rows.length < 2) return rule::Bounded{{Gain{0.0, 0.0, 0.0}}, "the mean of one number is that number", ""};
    const double steepest = div_up(1.0, sqrt_down(eps_));
    const Gain gain = symmetric_gain(steepest, mul_up(standardise_row_sum(rows.length), steepest));
    rule::Bounded rule{{gain}, why, "Ba2016"};
    if (rows.length > longest_centred) return rule;
    const auto n = static_cast<double>(rows.length);
    Tensor centred = Tensor::full(Shape{rows.length, rows.length}, DType::f64, -1.0);
    for (Index i = 0; i < rows.length; ++i)
      centred.mutable_data<double>()[static_cast<std::size_t>(i * rows.length + i)] = n - 1.0;
    const Shape& shape = site.out.shape();
    rule.after = rows.count == 1 ? dense_map(centred, shape, shape)
                                 : LinearMap(shape, shape, structure::DenseAlong{centred, rows.count, 1});
    rule.before_after = {symmetric_gain(div_up(gain.l2, n), div_up(gain.linf, n))};
    return rule;
  }
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override { return row_sample_axis(site, axes_, true); }

 private:
  static constexpr Index longest_centred = 256;

  Var times_jacobian(const Var& v, const Var& x, const Var& y) const {
    if (!v.on_tape() && !x.on_tape() && !y.on_tape()) {
      Tensor out = Tensor::uninitialised(x.shape(), x.dtype());
      const Rows rows(x.shape(), axes_);
      dispatch(x.dtype(), [&](auto zero) {
        using T = decltype(zero);
        kernels::standardise_rows_pullback(v.value().data<T>().data(), x.value().data<T>().data(),
                                           y.value().data<T>().data(), rows.count, rows.length, eps_,
                                           out.mutable_data<T>().data());
      });
      return Var(std::move(out));
    }
    const double share = 1.0 / static_cast<double>(Rows(x.shape(), axes_).length);
    const Var centred = x - total(x, axes_) * share;
    const Var factor = rsqrt(total(square(centred), axes_) * share + eps_);
    return factor * (v - total(v, axes_) * share - y * (total(v * y, axes_) * share));
  }
  int axes_;
  double eps_;
};

namespace {

// The row x of length n in the ranges, standardised in exact arithmetic, and as computed in `dtype`.
void standardise_range(const Range& x, Index from, Index n, double eps, DType dtype, Range& y) {
  const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
  if (n == 1) {
    lo[static_cast<std::size_t>(from)] = hi[static_cast<std::size_t>(from)] = 0.0;
    return;
  }
  const auto count = static_cast<double>(n);
  Interval sum = Interval::point(0.0);
  double size = 0.0;
  for (Index i = from; i < from + n; ++i) {
    sum = sum + x.at(i);
    size = std::max(size, x.at(i).magnitude());
  }
  const Interval mean{div_down(sum.lo, count), div_up(sum.hi, count)};
  std::vector<Interval> distance(static_cast<std::size_t>(n));
  Interval squares = Interval::point(0.0);
  double farthest = 0.0;
  for (Index i = 0; i < n; ++i) {
    // Over a box x_i moves its own mean: the distance is x_i (1 − 1/n) − Σ_{j≠i} x_j / n.
    const Interval xi = x.at(from + i);
    Interval d = xi - mean;
    const Interval other{sub_up(sum.hi, xi.hi), sub_down(sum.lo, xi.lo)};  // not an interval: ends in exchanged roles
    const double spread_up = sub_up(mul_up(xi.hi, sub_up(1.0, div_down(1.0, count))), div_down(other.hi, count));
    const double spread_down = sub_down(mul_down(xi.lo, sub_down(1.0, div_up(1.0, count))), div_up(other.lo, count));
    if (xi.lo < xi.hi && xi.lo >= 0.0) d = {std::max(d.lo, spread_down), std::min(d.hi, spread_up)};
    distance[static_cast<std::size_t>(i)] = d;
    squares = {add_down(squares.lo, square_down(nearest_to_zero(d))), add_up(squares.hi, square_up(d.magnitude()))};
    farthest = std::max(farthest, d.magnitude());
  }
  const Interval deviation = root({add_down(div_down(squares.lo, count), eps), add_up(div_up(squares.hi, count), eps)});
  // Rounding of the forward value, docs/mathematics.md.
  const double unit = unit_roundoff(dtype), largest = sqrt_up(count);
  const double gamma = gamma_factor(n + 12, unit);
  const double shift = add_up(add_up(mul_up(gamma_factor(n + 4, unit), size), mul_up(4 * unit, farthest)),
                              4 * smallest_subnormal(dtype));
  const double room = sub_down(deviation.lo, mul_up(2.0, shift));
  // Squares that overflow make the result 0, sums of inputs that overflow make it NaN.
  const double most = largest_finite(dtype) / 8;
  if (!(mul_up(count, size) < most)) {
    for (Index i = from; i < from + n; ++i)
      lo[static_cast<std::size_t>(i)] = -(hi[static_cast<std::size_t>(i)] = infinity);
    return;
  }
  const bool known = room > 0.0 && mul_up(count, square_up(farthest)) < most && gamma < 0.25;
  const double limit = widen_up(largest, known ? gamma : 1.0);
  for (Index i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(from + i);
    const Interval d = distance[static_cast<std::size_t>(i)];
    lo[k] = -limit;
    hi[k] = limit;
    if (!known) continue;
    const double y_i = std::min(limit, div_up(d.magnitude(), deviation.lo));
    const double error = add_up(mul_up(div_up(shift, room), add_up(1.0, y_i)),
                                add_up(mul_up(mul_up(2.0, gamma), y_i), 4 * smallest_subnormal(dtype)));
    lo[k] = std::max(lo[k], sub_down(div_down(d.lo, d.lo < 0 ? deviation.lo : deviation.hi), error));
    hi[k] = std::min(hi[k], add_up(div_up(d.hi, d.hi > 0 ? deviation.lo : deviation.hi), error));
  }
}

}  // namespace

Range Standardise::range(const RangeSite& site) const {
  const Rows rows(site.out.shape(), axes_);
  Range y = Range::uninitialised(site.out.shape());
  for (Index r = 0; r < rows.count; ++r)
    standardise_range(site.ranges[0], r * rows.length, rows.length, eps_, site.dtype(), y);
  return y;
}

// x/eps inside the ball of radius eps, x/‖x‖ outside: J = I/eps, or (I − yyᵀ)/‖x‖.
class L2Normalise final : public Primitive {
 public:
  static constexpr OpInfo static_info{"l2_normalise", "x / max(‖x‖₂, eps) over the last axes",
                                      "where ‖x‖₂ = eps that of x / eps", ""};
  L2Normalise(int axes, double eps) : axes_(axes), eps_(eps) {}
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Rows rows(out.shape, axes_);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::normalise_rows(in[0].data<T>().data(), rows.count, rows.length, eps_, y.mutable_data<T>().data());
    });
    return y;
  }
  void vjp(VjpSite& site) const override { site.add(0, times_jacobian(site.cotangent(), site.in(0), site.out())); }
  Var jvp(const JvpSite& site) const override { return times_jacobian(*site.tangent(0), site.in(0), site.out()); }
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
  int sample_axis(const SampleSite& site) const override { return row_sample_axis(site, axes_, true); }

 private:
  Var times_jacobian(const Var& v, const Var& x, const Var& y) const {
    const Var norm = record(Where::current(), L2Norm(axes_, true), x);
    const Var outside = step(norm + -eps_);
    const Var divisor = norm * outside + (1.0 - outside) * eps_;
    const Var along = sum_to(v * y, norm.shape()) * outside;
    return (v - y * broadcast_to(along, v.shape())) / broadcast_to(divisor, v.shape());
  }
  int axes_;
  double eps_;
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

namespace {

double positive_eps(const char* op, double eps, DType dtype, Where where) {
  const double rounded = finite_constant(op, eps, dtype, where);
  if (!(rounded > 0.0))
    throw DomainError(cat('[', op, "] at ", where, ": eps must be positive, got ", eps,
                          "; without it there is no finite Lipschitz constant"));
  return rounded;
}

// f of x with the axes moved to the end, and the result's axes moved back. f sees how many axes were moved.
template <class F>
Var with_last_axes(const Var& x, AxisMask mask, Where where, F&& f) {
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

}  // namespace

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
    const double share = 1.0 / static_cast<double>(over.count(x.shape()));
    const Var centred = sub(x, broadcast_to(scale(sum_to(x, kept, where), share, where), x.shape(), where), where);
    return scale(sum(square(centred, where), axes, keep, where), 1.0 / static_cast<double>(n), where);
  });
}

Var standardise(const Var& x, const Axes& axes, double eps, Where where) {
  return checked(x, "standardise", where, [&] {
    const AxisMask mask = mask_of(x.shape(), axes, "standardise");
    require_elements(Reduced(mask, true), x.shape(), "standardise");
    const double positive = positive_eps("standardise", eps, x.dtype(), where);
    return with_last_axes(x, mask, where,
                          [&](const Var& v, int count) { return record(where, Standardise(count, positive), v); });
  });
}

Var l2_normalise(const Var& x, const Axes& axes, double eps, Where where) {
  return checked(x, "l2_normalise", where, [&] {
    const double positive = positive_eps("l2_normalise", eps, x.dtype(), where);
    return with_last_axes(x, mask_of(x.shape(), axes, "l2_normalise"), where,
                          [&](const Var& v, int count) { return record(where, L2Normalise(count, positive), v); });
  });
}

Var layer_norm(const Var& x, const Var& gamma, const Var& beta, double eps, Where where) {
  return checked(x, "layer_norm", where, [&] {
    positive_eps("layer_norm", eps, x.dtype(), where);
    const Shape& shape = x.shape();
    const int count = gamma.defined() ? gamma.shape().rank() : beta.defined() ? beta.shape().rank() : 1;
    const Shape tail(shape.dims().subspan(static_cast<std::size_t>(std::max(0, shape.rank() - count))));
    for (const Var* v : {&gamma, &beta})
      if (v->defined() && (v->shape() != tail || count == 0))
        throw ShapeError(
            cat("[layer_norm] gamma and beta must have the shape of the last axes of x ", shape, ", got ", v->shape()));
    std::array<Index, max_rank> axes{};
    for (int i = 0; i < count; ++i) axes[static_cast<std::size_t>(i)] = -1 - i;
    Var y = standardise(x, Axes(std::span<const Index>(axes.data(), static_cast<std::size_t>(count))), eps, where);
    if (gamma.defined() && count == 1) return channel_affine(y, gamma, beta, -1, where);
    if (gamma.defined()) y = mul(y, gamma, where);
    return beta.defined() ? add(y, beta, where) : y;
  });
}

Var group_norm(const Var& x, Index groups, const Var& gamma, const Var& beta, double eps, Where where) {
  return checked(x, "group_norm", where, [&] {
    positive_eps("group_norm", eps, x.dtype(), where);
    const Shape& shape = x.shape();
    if (shape.rank() < 2 || groups < 1 || shape[1] % groups != 0)
      throw ShapeError(
          cat("[group_norm] needs x (n, c, …) with groups that divide c, got ", shape, " and ", groups, " groups"));
    const Index length = shape.product(1, shape.rank()) / groups;
    const Var rows = reshape(x, Shape{shape[0], groups, length}, where);
    const Var y = reshape(standardise(rows, {-1}, eps, where), shape, where);
    if (!gamma.defined()) return beta.defined() ? add(y, beta, where) : y;
    return channel_affine(y, gamma, beta, 1, where);
  });
}

Var instance_norm(const Var& x, const Var& gamma, const Var& beta, double eps, Where where) {
  return checked(x, "instance_norm", where, [&] {
    if (x.shape().rank() < 3)
      throw ShapeError(cat("[instance_norm] needs x (n, c, …) with axes behind the channels, got ", x.shape()));
    return group_norm(x, x.shape()[1], gamma, beta, eps, where);
  });
}

template const OpInfo& describe<L2Norm>();
template const OpInfo& describe<Standardise>();
template const OpInfo& describe<L2Normalise>();

}  // namespace taut
