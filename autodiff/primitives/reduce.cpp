// sum, max, min, logsumexp over axes; softmax and log_softmax along one. Gains:
// docs/mathematics/06-reductions.md#reductions.
// Long: all are made of the same groups of entries and shifted exponentials.
#include <cmath>

#include "autodiff/kernels/softmax.h"
#include "autodiff/primitives/reduced.h"
#include "autodiff/primitives/select.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

// x − max and ln Σ e^{x − max}: what logsumexp, softmax and log_softmax are made of, without overflow.
struct Shifted {
  Tensor centred;   // x − max, broadcast
  Tensor max, sum;  // kept shapes; sum = Σ e^{x − max} ∈ [1, n]
  Tensor powers;    // e^{x − max}
};
Shifted shifted(const Tensor& x, const Reduced& over) {
  Shifted s;
  s.max = max_kept(x, over);
  s.centred = apply(Binary::sub, x, expand(s.max, s.max.shape(), x.shape()));
  s.powers = apply(Unary::exp, s.centred);
  s.sum = sum_kept(s.powers, over);
  return s;
}

// Contiguous rows go through one fused kernel, which computes the same in the same steps: f(out, rows, n).
template <class F>
Tensor by_rows(const TensorType& out, const Reduced& over, const Shape& in, F&& f) {
  Tensor y = Tensor::uninitialised(out);
  const Index n = over.count(in);
  dispatch(out.dtype, [&](auto zero) { f(y.mutable_data<decltype(zero)>().data(), in.size() / n, n); });
  return y;
}
template <class T>
const T* numbers(const Tensor& t, const T*) {
  return t.data<T>().data();
}
bool plain(std::initializer_list<const Var*> vars) {
  return std::ranges::none_of(vars, [](const Var* v) { return v->on_tape(); });
}

// The error of the computed x − max, exponentials, sum and last steps, relative to the exact result of softmax:
// e^{centred} inherits |centred|·u from the subtraction; the sum γ_n; exp and the division a few ulp. Where e^{centred}
// underflows, an absolute error of a few subnormals remains, which widen_for() adds.
double softmax_units(Index n, double spread) { return 32.0 + 2.0 * static_cast<double>(n) + 2.0 * spread; }

double largest_spread(const Range& x) {
  const Interval all = x.hull();
  return std::isfinite(all.lo) && std::isfinite(all.hi) ? std::min(sub_up(all.hi, all.lo), 1e4) : 1e4;
}

double log_up(double x) { return widen_up(std::log(x), 0x1p-50); }
double exp_up(double x) { return widen_up(std::exp(x), 0x1p-50); }
double exp_down(double x) { return std::max(0.0, widen_down(std::exp(x), 0x1p-50)); }

// The group, in the order of the result, of every element of x.
IndexList group_of_each(const Shape& x, const Reduced& over) {
  Tensor groups = Tensor::uninitialised(over.kept(x), DType::f64);
  const auto g = groups.mutable_data<double>();
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = static_cast<double>(i);
  const Tensor spread = expand(groups, groups.shape(), x);
  IndexList list(x.size());
  for (std::size_t i = 0; i < list.size(); ++i) list.writable()[i] = static_cast<Index>(spread.data<double>()[i]);
  return list;
}

// ln Σ e^{x_i} over the groups, with every x_i at its lower (or upper) end, rounded down (or up).
Tensor lse_end(const Tensor& ends, const Reduced& over, bool upper) {
  const Tensor top = max_kept(ends, over);
  Tensor sums = Tensor::zeros(top.shape(), DType::f64);
  const IndexList group = group_of_each(ends.shape(), over);
  const auto x = ends.data<double>(), m = top.data<double>();
  const auto s = sums.mutable_data<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto g = static_cast<std::size_t>(group[static_cast<Index>(i)]);
    if (!std::isfinite(m[g])) continue;
    s[g] = upper ? add_up(s[g], exp_up(sub_up(x[i], m[g]))) : add_down(s[g], exp_down(sub_down(x[i], m[g])));
  }
  for (std::size_t g = 0; g < s.size(); ++g) {
    if (!std::isfinite(m[g]))
      s[g] = m[g];
    else
      s[g] = upper ? add_up(m[g], log_up(s[g])) : add_down(m[g], -widen_up(-std::log(std::max(s[g], 0x1p-1)), 0x1p-50));
  }
  return sums;
}

}  // namespace

class Sum final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"sum", "Σ over axes", "", ""};
  Sum(AxisMask mask, bool keep) : over_(mask, keep) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return over_.attributes(); }
  TensorType infer(const Operands& in) const override { return {over_.out(in[0].shape()), in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    kernels::sum(in[0], over_.mask(), y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override {
    const IndexList group = group_of_each(in, over_);
    auto target = std::make_shared<std::vector<Index>>(group.values().begin(), group.values().end());
    return LinearMap(in, out, structure::Gathering{std::move(target)});
  }
  Var again(const Var& x) const override { return record(Where::current(), Sum(over_.mask(), over_.keep()), x); }
  Var adjoint(const Var& y, const Shape& in) const override { return broadcast_to(reshape(y, over_.kept(in)), in); }
  int sample_axis(const SampleSite& site) const override { return over_.sample_axis(site.axis[0]); }

 private:
  Reduced over_;
};

// The largest or the smallest entry of every group; the groups are disjoint.
template <class P, bool largest>
class Extreme : public Primitive {
 public:
  Extreme(AxisMask mask, bool keep) : over_(mask, keep) {}
  const OpInfo& info() const final { return P::static_info; }
  Attributes attributes() const final { return over_.attributes(); }
  TensorType infer(const Operands& in) const final {
    require_elements(over_, in[0].shape(), P::static_info.name.data());
    return {over_.out(in[0].shape()), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const final {
    Tensor y = Tensor::uninitialised(out);
    kernels::gather(in[0], {positions(in[0])}, y);
    return y;
  }
  void vjp(VjpSite& site) const final {
    const Var x = site.in(0);
    site.add(0, scatter_flat(site.cotangent(), {positions(x.value())}, x.shape()));
  }
  Var jvp(const JvpSite& site) const final {
    return gather_flat(*site.tangent(0), {positions(site.in(0).value())}, site.out().shape());
  }
  // A selection where every group has one winner all over a domain.
  Rule lipschitz(const RuleSite& site) const final {
    if (!site.on_domain()) return any_of_group(site);
    const Range& x = site.ranges[0];
    const Ahead ahead(x);
    const IndexList winners = positions(largest ? x.lo : x.hi), group = group_of_each(x.shape(), over_);
    for (Index i = 0; i < x.lo.size(); ++i) {
      const Index winner = winners[group[i]];
      if (i != winner && !(largest ? ahead(winner, i) : ahead.below(winner, i))) return any_of_group(site);
    }
    return selection_rule(x.shape(), site.out.shape(), winners.values());
  }
  Range range(const RangeSite& site) const final {
    const auto end = [&](const Tensor& x) {
      const Tensor* const operand[] = {&x};
      return forward(Operands(operand), {site.out.shape(), DType::f64});
    };
    return {end(site.ranges[0].lo), end(site.ranges[0].hi)};
  }
  int sample_axis(const SampleSite& site) const final { return over_.sample_axis(site.axis[0]); }

 protected:
  ~Extreme() = default;

 private:
  // Groups of two say which two.
  rule::Selects any_of_group(const RuleSite& site) const {
    const Shape &in = site.in[0].shape(), &out = site.out.shape();
    if (in.size() != 2 * out.size()) return {1};
    const IndexList group = group_of_each(in, over_);
    auto first = std::make_shared<std::vector<Index>>(static_cast<std::size_t>(out.size()), Index{-1}),
         second = std::make_shared<std::vector<Index>>(*first);
    for (Index i = 0; i < in.size(); ++i) {
      const auto g = static_cast<std::size_t>(group[i]);
      ((*first)[g] < 0 ? *first : *second)[g] = i;
    }
    return {1, rule::OfTwo{{LinearMap(in, out, structure::Selection{std::move(first)})},
                           {LinearMap(in, out, structure::Selection{std::move(second)})},
                           largest}};
  }
  IndexList positions(const Tensor& x) const {
    return largest ? kernels::arg_max(x, over_.mask()) : kernels::arg_min(x, over_.mask());
  }
  Reduced over_;
};

class Max final : public Extreme<Max, true> {
 public:
  static constexpr OpInfo static_info{"max", "largest over axes", "ties: the derivative goes to the first", ""};
  using Extreme::Extreme;
};
class Min final : public Extreme<Min, false> {
 public:
  static constexpr OpInfo static_info{"min", "smallest over axes", "ties: the derivative goes to the first", ""};
  using Extreme::Extreme;
};

class LogSumExp final : public Primitive {
 public:
  static constexpr OpInfo static_info{"logsumexp", "ln Σ e^x over axes", "", ""};
  LogSumExp(AxisMask mask, bool keep) : over_(mask, keep) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return over_.attributes(); }
  TensorType infer(const Operands& in) const override {
    require_elements(over_, in[0].shape(), "logsumexp");
    return {over_.out(in[0].shape()), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    if (over_.rows(in[0].shape()))
      return by_rows(out, over_, in[0].shape(),
                     [&](auto* y, Index rows, Index n) { kernels::logsumexp_rows(numbers(in[0], y), rows, n, y); });
    const Shifted s = shifted(in[0], over_);
    return apply(Binary::add, s.max, apply(Unary::log, s.sum)).reshaped(out.shape);
  }
  void vjp(VjpSite& site) const override {
    const Var &c = site.cotangent(), x = site.in(0), y = site.out();
    if (!plain({&c, &x, &y}) || !over_.rows(x.shape())) return site.add(0, spread(c, x.shape()) * weights(site));
    site.add(0, Var(by_rows(x.value().type(), over_, x.shape(), [&](auto* out, Index rows, Index n) {
               kernels::logsumexp_rows_pullback(numbers(c.value(), out), numbers(x.value(), out),
                                                numbers(y.value(), out), rows, n, out);
             })));
  }
  Var jvp(const JvpSite& site) const override {
    return reshape(sum_to(*site.tangent(0) * weights(site), over_.kept(site.in(0).shape())), site.out().shape());
  }
  // The gradient is a point p of the simplex of each group: ‖p‖ ≤ 1 in every norm, and groups are disjoint.
  Rule lipschitz(const RuleSite&) const override {
    return rule::Bounded{{Gain{1.0, 1.0, 1.0}}, "the gradient of each group lies on the probability simplex", ""};
  }
  Range range(const RangeSite& site) const override {
    const auto n = static_cast<double>(over_.count(site.in[0].shape()));
    Range y{lse_end(site.ranges[0].lo, over_, false).reshaped(site.out.shape()),
            lse_end(site.ranges[0].hi, over_, true).reshaped(site.out.shape())};
    // forward: ln of a sum in [1, n] with relative error (n + spread-dependent) u, one addition; see softmax_units().
    const double rel =
        mul_up(softmax_units(static_cast<Index>(n), largest_spread(site.ranges[0])), unit_roundoff(site.dtype()));
    y = map_range(y, [&](const Interval& v) { return Interval{sub_down(v.lo, rel), add_up(v.hi, rel)}; });
    widen_for(y, site.dtype(), 4.0);
    return y;
  }
  int sample_axis(const SampleSite& site) const override { return over_.sample_axis(site.axis[0]); }

 private:
  Var spread(const Var& y, const Shape& in) const { return broadcast_to(reshape(y, over_.kept(in)), in); }
  template <class Site>
  Var weights(const Site& site) const {
    const Var x = site.in(0);
    return exp(x - spread(site.out(), x.shape()));
  }
  Reduced over_;
};

class Softmax final : public Primitive {
 public:
  static constexpr OpInfo static_info{"softmax", "e^x / Σ e^x along one axis", "", ""};
  explicit Softmax(int axis) : axis_(axis), over_(1U << axis, true) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  TensorType infer(const Operands& in) const override {
    require_elements(over_, in[0].shape(), "softmax");
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    if (over_.rows(out.shape))
      return by_rows(out, over_, out.shape,
                     [&](auto* y, Index rows, Index n) { kernels::softmax_rows(numbers(in[0], y), rows, n, y); });
    const Shifted s = shifted(in[0], over_);
    return apply(Binary::div, s.powers, expand(s.sum, s.sum.shape(), out.shape));
  }
  // J = diag(p) − p pᵀ is symmetric: the same rule in both directions.
  void vjp(VjpSite& site) const override { site.add(0, times_jacobian(site.out(), site.cotangent())); }
  Var jvp(const JvpSite& site) const override { return times_jacobian(site.out(), *site.tangent(0)); }
  // ‖J‖_1 = ‖J‖_∞ = max 2 p_i (1 − p_i) ≤ 1/2, and ‖J‖_2 ≤ ‖J‖_∞ for symmetric J; attained at p = (1/2, 1/2, 0, …).
  Rule lipschitz(const RuleSite& site) const override {
    const double gain = site.in[0].shape()[axis_] > 1 ? 0.5 : 0.0;
    return rule::Bounded{{Gain{gain, gain, gain}}, "‖diag(p) − ppᵀ‖ ≤ max 2p(1 − p) ≤ 1/2", ""};
  }
  // p_i rises with x_i and falls with every other x_j: 1 / (1 + Σ_{j≠i} e^{x_j − x_i}) at the corners.
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override { return over_.sample_axis(site.axis[0]); }

 private:
  Var times_jacobian(const Var& p, const Var& v) const {
    if (plain({&p, &v}) && over_.rows(p.shape()))
      return Var(by_rows(p.value().type(), over_, p.shape(), [&](auto* out, Index rows, Index n) {
        kernels::softmax_rows_pullback(numbers(v.value(), out), numbers(p.value(), out), rows, n, out);
      }));
    const Var pv = p * v;
    return pv - p * broadcast_to(sum_to(pv, over_.kept(p.shape())), p.shape());
  }
  int axis_;
  Reduced over_;
};

class LogSoftmax final : public Primitive {
 public:
  static constexpr OpInfo static_info{"log_softmax", "x − ln Σ e^x along one axis", "", ""};
  explicit LogSoftmax(int axis) : axis_(axis), over_(1U << axis, true) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  TensorType infer(const Operands& in) const override {
    require_elements(over_, in[0].shape(), "log_softmax");
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    if (over_.rows(out.shape))
      return by_rows(out, over_, out.shape,
                     [&](auto* y, Index rows, Index n) { kernels::log_softmax_rows(numbers(in[0], y), rows, n, y); });
    const Shifted s = shifted(in[0], over_);
    return apply(Binary::sub, s.centred, expand(apply(Unary::log, s.sum), s.sum.shape(), out.shape));
  }
  // J = I − 1 pᵀ
  void vjp(VjpSite& site) const override {
    const Var &c = site.cotangent(), y = site.out();
    if (!plain({&c, &y}) || !over_.rows(y.shape())) return site.add(0, c - exp(y) * total(c));
    site.add(0, Var(by_rows(y.value().type(), over_, y.shape(), [&](auto* out, Index rows, Index n) {
               kernels::log_softmax_rows_pullback(numbers(c.value(), out), numbers(y.value(), out), rows, n, out);
             })));
  }
  Var jvp(const JvpSite& site) const override {
    const Var& t = *site.tangent(0);
    return t - total(exp(site.out()) * t);
  }
  Rule lipschitz(const RuleSite& site) const override;
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override { return over_.sample_axis(site.axis[0]); }

 private:
  Var total(const Var& v) const { return broadcast_to(sum_to(v, over_.kept(v.shape())), v.shape()); }
  int axis_;
  Reduced over_;
};

namespace {

// ln p_i over the box: −ln(1 + Σ_{j≠i} e^{x_j − x_i}) with x_i at one end and the others at the opposite one. `upper`:
// the largest value. Lines along `axis`; f(line of own ends, line of the others' ends, i) is called per entry.
double log_share(std::span<const double> own, std::span<const double> others, std::size_t i, bool upper) {
  double shift = 0.0;
  for (std::size_t j = 0; j < own.size(); ++j)
    if (j != i) shift = std::max(shift, others[j] - own[i]);
  if (!std::isfinite(own[i]) || !std::isfinite(shift)) return upper ? 0.0 : -infinity;
  // Far apart, differences lose their last digits to rounding: max ≤ ln(1 + Σ) ≤ max + ln n is sharp enough there.
  if (shift > 0x1p40) {
    if (upper) return -widen_down(shift, 0x1p-52);
    return -add_up(widen_up(shift, 0x1p-52), log_up(static_cast<double>(own.size())));
  }
  // e^{−shift} + Σ_{j≠i} e^{x_j − x_i − shift}, rounded against the direction of the result; at least about 1
  double sum = upper ? exp_down(-shift) : exp_up(-shift);
  for (std::size_t j = 0; j < own.size(); ++j) {
    if (j == i) continue;
    sum = upper ? add_down(sum, exp_down(sub_down(sub_down(others[j], own[i]), shift)))
                : add_up(sum, exp_up(sub_up(sub_up(others[j], own[i]), shift)));
  }
  if (upper) return std::min(0.0, -add_down(shift, -widen_up(-std::log(std::max(sum, 0x1p-1)), 0x1p-50)));
  return -add_up(shift, log_up(sum));
}

Range log_shares(const Range& x, int axis) {
  const Shape& shape = x.shape();
  Range y = Range::uninitialised(shape);
  const auto n = static_cast<std::size_t>(shape[axis]);
  const auto inner = static_cast<std::size_t>(shape.product(axis + 1, shape.rank()));
  const auto outer = static_cast<std::size_t>(shape.product(0, axis));
  const auto lo = x.lo.data<double>(), hi = x.hi.data<double>();
  const auto out_lo = y.lo.mutable_data<double>(), out_hi = y.hi.mutable_data<double>();
  std::vector<double> low(n), high(n);
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t k = 0; k < inner; ++k) {
      const std::size_t at = o * n * inner + k;
      for (std::size_t i = 0; i < n; ++i) {
        low[i] = lo[at + i * inner];
        high[i] = hi[at + i * inner];
      }
      for (std::size_t i = 0; i < n; ++i) {
        out_lo[at + i * inner] = log_share(low, high, i, false);
        out_hi[at + i * inner] = log_share(high, low, i, true);
      }
    }
  return y;
}

}  // namespace

Range Softmax::range(const RangeSite& site) const {
  Range y = map_range(log_shares(site.ranges[0], axis_), [](const Interval& log_p) {
    return Interval{exp_down(log_p.lo), std::min(1.0, exp_up(log_p.hi))};
  });
  widen_for(y, site.dtype(), softmax_units(site.out.shape()[axis_], largest_spread(site.ranges[0])));
  return y;
}

Range LogSoftmax::range(const RangeSite& site) const {
  Range y = log_shares(site.ranges[0], axis_);
  const double rel =
      mul_up(softmax_units(site.out.shape()[axis_], largest_spread(site.ranges[0])), unit_roundoff(site.dtype()));
  y = map_range(y, [&](const Interval& v) { return Interval{sub_down(v.lo, rel), add_up(v.hi, rel)}; });
  widen_for(y, site.dtype(), 4.0);
  return y;
}

// J = I − 1 pᵀ with p on the simplex, suprema over p: l2 √n ‖p‖₂ ≤ √n (an oblique projection of rank n − 1);
// linf: row sums 1 − p_i + Σ_{j≠i} p_j = 2 (1 − p_i) ≤ 2; l1: column sums 1 − p_j + (n − 1) p_j ≤ max(1, n − 1).
Rule LogSoftmax::lipschitz(const RuleSite& site) const {
  const auto n = static_cast<double>(site.in[0].shape()[axis_]);
  const Gain gain = n > 1 ? Gain{std::max(1.0, n - 1), sqrt_up(n), 2.0} : Gain{0.0, 0.0, 0.0};
  return rule::Bounded{{gain}, "‖I − 1pᵀ‖ over the probability simplex", ""};
}

Axes::Axes(std::span<const Index> axes) : count_(axes.size()) {
  if (axes.size() > axes_.size())
    throw ShapeError(cat("[axes] ", axes.size(), " axes are named; a tensor has at most ", max_rank));
  std::ranges::copy(axes, axes_.begin());
}

Var sum(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "sum", where, [&] { return record(where, Sum(mask_of(x.shape(), axes, "sum"), keep), x); });
}

Var mean(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "mean", where, [&] {
    const Reduced over(mask_of(x.shape(), axes, "mean"), keep);
    require_elements(over, x.shape(), "mean");
    return mean_of_sum(sum(x, axes, keep, where), over.count(x.shape()), where);
  });
}

Var max(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "max", where, [&] { return record(where, Max(mask_of(x.shape(), axes, "max"), keep), x); });
}
Var min(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "min", where, [&] { return record(where, Min(mask_of(x.shape(), axes, "min"), keep), x); });
}
Var logsumexp(const Var& x, const Axes& axes, bool keep, Where where) {
  return checked(x, "logsumexp", where,
                 [&] { return record(where, LogSumExp(mask_of(x.shape(), axes, "logsumexp"), keep), x); });
}
Var softmax(const Var& x, Index axis, Where where) {
  return checked(x, "softmax", where, [&] { return record(where, Softmax(x.shape().axis(axis, "softmax")), x); });
}
Var log_softmax(const Var& x, Index axis, Where where) {
  return checked(x, "log_softmax", where,
                 [&] { return record(where, LogSoftmax(x.shape().axis(axis, "log_softmax")), x); });
}

template const OpInfo& describe<Sum>();
template const OpInfo& describe<Max>();
template const OpInfo& describe<Min>();
template const OpInfo& describe<LogSumExp>();
template const OpInfo& describe<Softmax>();
template const OpInfo& describe<LogSoftmax>();

}  // namespace taut
