// standardise along the last axes, and the normalisations that are made of it. Gains:
// docs/mathematics/06-reductions.md#normalisation.
#include "autodiff/kernels/rows.h"
#include "autodiff/primitives/rows.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

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
class Standardise final : public RowFunction {
 public:
  static constexpr OpInfo static_info{"standardise", "(x − mean) / √(variance + eps) over the last axes", "", "Ba2016"};
  using RowFunction::RowFunction;
  const OpInfo& info() const override { return static_info; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Rows rows(out.shape, axes_);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::standardise_rows(in[0].data<T>().data(), rows.count, rows.length, eps_, y.mutable_data<T>().data());
    });
    return y;
  }
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

 private:
  static constexpr Index longest_centred = 256;

  Var times_jacobian(const Var& v, const Var& x, const Var& y) const override {
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
  // Rounding of the forward value: docs/mathematics/10-rounding.md#rounding-of-standardise.
  const double unit = unit_roundoff(dtype), largest = sqrt_up(count);
  const double gamma = gamma_factor(n + 12, unit);
  const double shift = add_up(add_up(mul_up(gamma_factor(n + 4, unit), size), mul_up(4 * unit, farthest)),
                              4 * smallest_subnormal(dtype));
  const double room = sub_down(deviation.lo, mul_up(2.0, shift));
  // Squares that overflow make the result 0, sums of inputs that overflow make it NaN. What is not bounded stands for
  // real numbers.
  const double most = largest_finite(dtype) / 8;
  if (std::isfinite(size) && !(mul_up(count, size) < most)) {
    for (Index i = from; i < from + n; ++i)
      lo[static_cast<std::size_t>(i)] = -(hi[static_cast<std::size_t>(i)] = infinity);
    return;
  }
  const bool known = room > 0.0 && std::isfinite(size) && mul_up(count, square_up(farthest)) < most && gamma < 0.25;
  // The computed distances, whatever they are, are divided by the root of their own mean square, or more.
  const bool underflows = eps * unit < smallest_normal(dtype);
  const double limit = widen_up(largest, gamma < 0.25 && !underflows ? gamma : 1.0);
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

Var standardise(const Var& x, const Axes& axes, double eps, Where where) {
  return checked(x, "standardise", where, [&] {
    const AxisMask mask = mask_of(x.shape(), axes, "standardise");
    require_elements(Reduced(mask, true), x.shape(), "standardise");
    const double positive = positive_eps("standardise", eps, x.dtype(), where);
    return with_last_axes(x, mask, where,
                          [&](const Var& v, int count) { return record(where, Standardise(count, positive), v); });
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
    if (!gamma.defined() && !beta.defined()) return y;
    const Var factor = gamma.defined() ? gamma : Var(Tensor::full(Shape{shape[1]}, x.dtype(), 1.0));
    return channel_affine(y, factor, beta, 1, where);
  });
}

Var instance_norm(const Var& x, const Var& gamma, const Var& beta, double eps, Where where) {
  return checked(x, "instance_norm", where, [&] {
    if (x.shape().rank() < 3)
      throw ShapeError(cat("[instance_norm] needs x (n, c, …) with axes behind the channels, got ", x.shape()));
    return group_norm(x, x.shape()[1], gamma, beta, eps, where);
  });
}

template const OpInfo& describe<Standardise>();

}  // namespace taut
