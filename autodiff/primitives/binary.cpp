// Elementwise primitives of two operands of one shape. The user functions put broadcast_to nodes where shapes differ.
// Long: eight operations that share their shapes, ranges and broadcasting.
#include <cmath>

#include "autodiff/define.h"
#include "autodiff/kernels/elementwise.h"

namespace taut {
namespace {

using kernels::Binary;
using primitives::located;
using primitives::magnitude;
using primitives::unbounded;
using primitives::widened;

// What all have in common; P supplies static_info.
template <class P, Binary id>
class Pair : public Primitive {
 public:
  static constexpr Binary kernel = id;
  const OpInfo& info() const final { return P::static_info; }
  TensorType infer(const Operands& in) const final {
    primitives::require_same_dtype(in, P::static_info.name.data());
    primitives::require_same_shape(in, P::static_info.name.data());
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType& out) const final {
    Tensor y = Tensor::uninitialised(out);
    kernels::binary(id, in[0], in[1], y);
    return y;
  }
  int sample_axis(const SampleSite& site) const final { return primitives::common_sample_axis(site); }

 protected:
  ~Pair() = default;
};

LinearMap diagonal(const Tensor& values) {
  return LinearMap(values.shape(), values.shape(), structure::Diagonal{values.reshaped(Shape{values.size()}), 1});
}

// f on every pair of intervals, then one rounding in the dtype.
template <class F>
Range combine(const RangeSite& site, F&& f) {
  Range out = Range::uninitialised(site.out.shape());
  const auto lo = out.lo.mutable_data<double>(), hi = out.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const auto k = static_cast<Index>(i);
    const Interval y = f(site.ranges[0].at(k), site.ranges[1].at(k));
    lo[i] = std::isnan(y.lo) ? -infinity : y.lo;
    hi[i] = std::isnan(y.hi) ? infinity : y.hi;
  }
  return out;
}

// Sum of the tangents that are there, each through its own rule.
template <class A, class B>
Var joined(const JvpSite& site, A&& first, B&& second) {
  if (site.tangent(1) == nullptr) return first(*site.tangent(0));
  if (site.tangent(0) == nullptr) return second(*site.tangent(1));
  return first(*site.tangent(0)) + second(*site.tangent(1));
}

}  // namespace

class Add final : public Pair<Add, Binary::add> {
 public:
  static constexpr OpInfo static_info{"add", "a + b", "", ""};
  void vjp(VjpSite& site) const override {
    site.add(0, site.cotangent());
    site.add(1, site.cotangent());
  }
  Var jvp(const JvpSite& site) const override {
    return joined(
        site, [](const Var& t) { return t; }, [](const Var& t) { return t; });
  }
  Rule lipschitz(const RuleSite& site) const override {
    const LinearMap one = identity_map(site.out.shape());
    return rule::Affine{{site.varies(0) ? one : LinearMap(), site.varies(1) ? one : LinearMap()}};
  }
  Range range(const RangeSite& site) const override {
    return primitives::add_ranges(site.ranges[0], site.ranges[1], site.dtype());
  }
};

class Sub final : public Pair<Sub, Binary::sub> {
 public:
  static constexpr OpInfo static_info{"sub", "a − b", "", ""};
  void vjp(VjpSite& site) const override {
    site.add(0, site.cotangent());
    if (site.wanted(1)) site.add(1, neg(site.cotangent()));
  }
  Var jvp(const JvpSite& site) const override {
    return joined(
        site, [](const Var& t) { return t; }, [](const Var& t) { return neg(t); });
  }
  Rule lipschitz(const RuleSite& site) const override {
    const Shape& shape = site.out.shape();
    return rule::Affine{
        {site.varies(0) ? identity_map(shape) : LinearMap(), site.varies(1) ? scale_map(shape, -1.0) : LinearMap()}};
  }
  Range range(const RangeSite& site) const override {
    const Range negated = map_range(site.ranges[1], [](const Interval& b) { return -b; });
    return primitives::add_ranges(site.ranges[0], negated, site.dtype());
  }
};

class Mul final : public Pair<Mul, Binary::mul> {
 public:
  static constexpr OpInfo static_info{"mul", "a · b", "", ""};
  void vjp(VjpSite& site) const override {
    if (site.wanted(0)) site.add(0, site.cotangent() * site.in(1));
    if (site.wanted(1)) site.add(1, site.cotangent() * site.in(0));
  }
  Var jvp(const JvpSite& site) const override {
    return joined(
        site, [&](const Var& t) { return t * site.in(1); }, [&](const Var& t) { return site.in(0) * t; });
  }
  Rule lipschitz(const RuleSite& site) const override {
    if (!site.varies(1)) return rule::Affine{{diagonal(site.in[1]), LinearMap()}};
    if (!site.varies(0)) return rule::Affine{{LinearMap(), diagonal(site.in[0])}};
    if (!site.on_domain())
      return primitives::unbounded_product(
          site, "a product of two varying operands has the derivative b, which is unbounded");
    const Tensor a = magnitude(site.ranges[0]), b = magnitude(site.ranges[1]);
    if (!primitives::all_finite(a) || !primitives::all_finite(b))
      return unbounded(site, "a product of two varying operands, of which one is unbounded on this domain");
    return rule::Bilinear{{diagonal(b), diagonal(a)}};
  }
  Range range(const RangeSite& site) const override {
    Range y = combine(site, [](const Interval& a, const Interval& b) { return a * b; });
    if (site.dtype() == DType::f32)
      widen_for(y, site.dtype(), 0.5);  // in f64 the outward product holds the rounded one
    return y;
  }
};

class Div final : public Pair<Div, Binary::div> {
 public:
  static constexpr OpInfo static_info{"div", "a / b", "", ""};
  void vjp(VjpSite& site) const override {
    if (!site.wanted(0) && !site.wanted(1)) return;
    const Var by = site.cotangent() / site.in(1);
    if (site.wanted(0)) site.add(0, by);
    if (site.wanted(1)) site.add(1, neg(by * site.out()));
  }
  Var jvp(const JvpSite& site) const override {
    return joined(
        site, [&](const Var& t) { return t / site.in(1); },
        [&](const Var& t) { return neg(site.out() * t / site.in(1)); });
  }
  // The quotient by a constant is linear, but 1/b rounds: declared as elementwise with the interval of 1/b. On a domain
  // in which b stays away from 0 the partial derivatives 1/b and a/b² are dominated by their largest magnitudes.
  Rule lipschitz(const RuleSite& site) const override {
    if (!site.varies(1)) return by_constant(site);
    if (!site.on_domain()) return unbounded(site, "the derivatives 1/b and −a/b² grow without bound as b goes to 0");
    const Range &a = site.ranges[0], &b = site.ranges[1];
    Tensor first = Tensor::uninitialised(b.shape(), DType::f64), second = Tensor::uninitialised(b.shape(), DType::f64);
    const auto d0 = first.mutable_data<double>(), d1 = second.mutable_data<double>();
    for (std::size_t i = 0; i < d0.size(); ++i) {
      const Interval bi = b.at(static_cast<Index>(i));
      const double nearest = bi.contains(0.0) ? 0.0 : std::min(std::fabs(bi.lo), std::fabs(bi.hi));
      d0[i] = nearest > 0 ? div_up(1.0, nearest) : infinity;
      d1[i] = nearest > 0 ? mul_up(mul_up(a.at(static_cast<Index>(i)).magnitude(), d0[i]), d0[i]) : infinity;
    }
    if (!primitives::all_finite(first) || !primitives::all_finite(second))
      return unbounded(
          site, "a quotient whose divisor is not bounded away from 0, or whose dividend is unbounded, on this domain");
    return rule::Bilinear{{site.varies(0) ? diagonal(first) : LinearMap(), diagonal(second)}};
  }
  Range range(const RangeSite& site) const override {
    Range y = combine(site, [](const Interval& a, const Interval& b) {
      if (b.contains(0.0)) return Interval::reals();
      return Interval{
          std::min({div_down(a.lo, b.lo), div_down(a.lo, b.hi), div_down(a.hi, b.lo), div_down(a.hi, b.hi)}),
          std::max({div_up(a.lo, b.lo), div_up(a.lo, b.hi), div_up(a.hi, b.lo), div_up(a.hi, b.hi)})};
    });
    if (site.dtype() == DType::f32) widen_for(y, site.dtype(), 0.5);
    return y;
  }
  rule::OfSquares of_squares(const SquaresSite& site) const override {
    if (site.operand == nullptr || site.rule.varies(1)) return {};
    const Rule factors = by_constant(site.rule);
    const auto* const rule = std::get_if<rule::Elementwise>(&factors);
    if (rule == nullptr) return {};
    return {rule::OfSquares::Makes::scaled, {rule->lo, rule->hi}};
  }

 private:
  static Rule by_constant(const RuleSite& site) {
    const Tensor& divisor = site.in[1];
    rule::Elementwise rule{0,
                           {},
                           Tensor::uninitialised(divisor.shape(), DType::f64),
                           Tensor::uninitialised(divisor.shape(), DType::f64),
                           std::nullopt};
    const auto lo = rule.lo.mutable_data<double>(), hi = rule.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const double b = divisor.at(static_cast<Index>(i));
      if (b == 0.0) return unbounded(site, cat("division by a constant that is 0 at position ", i));
      lo[i] = div_down(1.0, b);
      hi[i] = div_up(1.0, b);
    }
    rule.slope = Range{rule.lo, rule.hi}.hull();
    return rule;
  }
};

// The larger operand, or the smaller: y = a where it is ahead, and at ties.
template <class P, Binary id>
class Extreme : public Pair<P, id> {
 public:
  void vjp(VjpSite& site) const final {
    const Var second = chooses_second(site.in(0), site.in(1));
    if (site.wanted(0)) site.add(0, site.cotangent() * (1.0 - second));
    if (site.wanted(1)) site.add(1, site.cotangent() * second);
  }
  Var jvp(const JvpSite& site) const final {
    const Var second = chooses_second(site.in(0), site.in(1));
    return joined(
        site, [&](const Var& t) { return t * (1.0 - second); }, [&](const Var& t) { return t * second; });
  }
  Rule lipschitz(const RuleSite& site) const final {
    if (site.varies(0) && site.varies(1)) return of_two(site);
    const int argument = site.varies(0) ? 0 : 1;
    rule::Elementwise rule{argument, {0.0, 1.0}, {}, {}, std::nullopt};
    if (!site.on_domain()) return rule;
    const Range &x = site.ranges[static_cast<std::size_t>(argument)],
                &c = site.ranges[static_cast<std::size_t>(1 - argument)];
    Range slopes = Range::uninitialised(x.shape());
    const auto lo = slopes.lo.mutable_data<double>(), hi = slopes.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const Interval xi = upright(x.at(static_cast<Index>(i))), ci = upright(c.at(static_cast<Index>(i)));
      // At a tie the derivative goes to operand 0, so a box that touches the tie is still one piece for it.
      lo[i] = xi.lo > ci.hi || (argument == 0 && xi.lo == ci.hi) ? 1.0 : 0.0;
      hi[i] = xi.hi < ci.lo || (argument == 1 && xi.hi == ci.lo) ? 0.0 : 1.0;
    }
    rule.lo = slopes.lo;
    rule.hi = slopes.hi;
    rule.slope = slopes.hull();
    return rule;
  }
  Range range(const RangeSite& site) const final {
    return combine(site, [](const Interval& a, const Interval& b) {
      const Interval p = upright(a), q = upright(b);
      return upright(Interval{std::max(p.lo, q.lo), std::max(p.hi, q.hi)});
    });
  }
  // The larger of squares and a constant c is their clamp to [c, ∞).
  rule::OfSquares of_squares(const SquaresSite& site) const final {
    if (site.operand == nullptr || (site.rule.varies(0) && site.rule.varies(1))) return {};
    const Range& constant = site.rule.ranges[site.rule.varies(0) ? 1 : 0];
    const Range open = Range::box(constant.shape(), Interval::reals());
    return {rule::OfSquares::Makes::clamped, largest ? Range{constant.hi, open.hi} : Range{open.lo, constant.lo}};
  }

 protected:
  ~Extreme() = default;

 private:
  static constexpr bool largest = id == Binary::maximum;
  // min(a, b) = −max(−a, −b)
  static Interval upright(const Interval& x) { return largest ? x : -x; }
  // Two selections where every entry has one winner all over a domain.
  static Rule of_two(const RuleSite& site) {
    if (!site.on_domain()) return either(site.out.shape());
    const Range &a = site.ranges[0], &b = site.ranges[1];
    auto first = std::make_shared<std::vector<Index>>(a.lo.size(), Index{-1}),
         second = std::make_shared<std::vector<Index>>(*first);
    for (Index i = 0; i < a.lo.size(); ++i) {
      const Interval p = upright(a.at(i)), q = upright(b.at(i));
      if (p.lo >= q.hi)
        (*first)[static_cast<std::size_t>(i)] = i;
      else if (p.hi < q.lo)
        (*second)[static_cast<std::size_t>(i)] = i;
      else
        return either(site.out.shape());
    }
    return rule::Affine{{LinearMap(a.shape(), site.out.shape(), structure::Selection{std::move(first)}),
                         LinearMap(b.shape(), site.out.shape(), structure::Selection{std::move(second)})}};
  }
  static rule::Selects either(const Shape& shape) {
    const LinearMap same = identity_map(shape), none = scale_map(shape, 0.0);
    return {1, rule::OfTwo{{same, none}, {none, same}, largest}};
  }
  static Var chooses_second(const Var& a, const Var& b) { return step(largest ? b - a : a - b); }
};

class Maximum final : public Extreme<Maximum, Binary::maximum> {
 public:
  static constexpr OpInfo static_info{"maximum", "max(a, b)", "ties: the derivative goes to a", ""};
};
class Minimum final : public Extreme<Minimum, Binary::minimum> {
 public:
  static constexpr OpInfo static_info{"minimum", "min(a, b)", "ties: the derivative goes to a", ""};
};

class PRelu final : public Pair<PRelu, Binary::prelu> {
 public:
  static constexpr OpInfo static_info{"prelu", "x for x > 0, s·x else", "derivative s at 0", "He2015"};
  void vjp(VjpSite& site) const override {
    const Var &c = site.cotangent(), x = site.in(0), slope = site.in(1);
    if (!c.on_tape() && !x.on_tape() && !slope.on_tape()) {
      Tensor by_x = Tensor::uninitialised(x.value().type()), by_slope = Tensor::uninitialised(x.value().type());
      kernels::prelu_pullback(c.value(), x.value(), slope.value(), by_x, by_slope);
      site.add(0, Var(std::move(by_x)));
      return site.add(1, Var(std::move(by_slope)));
    }
    if (site.wanted(0)) site.add(0, site.cotangent() * slope_at(site.in(0), site.in(1)));
    if (site.wanted(1)) site.add(1, site.cotangent() * negative_part(site.in(0)));
  }
  Var jvp(const JvpSite& site) const override {
    return joined(
        site, [&](const Var& t) { return t * slope_at(site.in(0), site.in(1)); },
        [&](const Var& t) { return t * negative_part(site.in(0)); });
  }
  // |Δ(prelu)| ≤ |slope| |Δx| + |min(x, 0)| |Δs|: first x moves at the one slope, then the slope at the other x.
  Rule lipschitz(const RuleSite& site) const override {
    if (!site.varies(1)) return by_constant_slopes(site);
    if (!site.varies(0)) return by_constant_input(site);
    if (!site.on_domain()) return unbounded(site, "the derivative min(x, 0) by the slope is unbounded");
    const Range &x = site.ranges[0], &s = site.ranges[1];
    Tensor by_x = Tensor::uninitialised(x.shape(), DType::f64), by_slope = Tensor::uninitialised(x.shape(), DType::f64);
    const auto dx = by_x.mutable_data<double>(), ds = by_slope.mutable_data<double>();
    for (std::size_t i = 0; i < dx.size(); ++i) {
      const auto k = static_cast<Index>(i);
      dx[i] = x.at(k).lo >= 0 ? 1.0 : slopes(x.at(k), s.at(k)).magnitude();
      ds[i] = std::max(0.0, -x.at(k).lo);
    }
    if (!primitives::all_finite(by_x) || !primitives::all_finite(by_slope))
      return unbounded(site, "a product of two varying operands, of which one is unbounded on this domain");
    return rule::Bilinear{{diagonal(by_x), diagonal(by_slope)}};
  }
  Range range(const RangeSite& site) const override {
    Range y = combine(site, [](const Interval& x, const Interval& s) {
      if (x.lo > 0) return x;
      const Interval negative = Interval{x.lo, std::min(0.0, x.hi)} * s;
      return x.hi > 0 ? hull(negative, Interval{0.0, x.hi}) : negative;
    });
    if (site.dtype() == DType::f32) widen_for(y, site.dtype(), 0.5);
    return y;
  }

 private:
  // Linear in s, but min(x, 0) is no entry of x: analyses that enclose a computed x would not know its error.
  static Rule by_constant_input(const RuleSite& site) {
    const Tensor factors = widened(negative_part(site.in[0]).value());
    return rule::Elementwise{1, Range{factors, factors}.hull(), factors, factors, std::nullopt};
  }
  static Var slope_at(const Var& x, const Var& s) {
    const Var positive = step(x);
    return positive + (1.0 - positive) * s;
  }
  static Var negative_part(const Var& x) { return neg(relu(neg(x))); }
  static Slope slopes(const Interval& x, const Interval& s) {
    if (x.lo > 0) return Slope::point(1.0);
    return x.hi > 0 ? hull(s, Slope::point(1.0)) : s;
  }
  static Rule by_constant_slopes(const RuleSite& site) {
    const Range s = Range::point(site.in[1]);
    const Range x = site.on_domain() ? site.ranges[0] : Range::box(s.shape(), Interval::reals());
    Range per_element = Range::uninitialised(s.shape());
    const auto lo = per_element.lo.mutable_data<double>(), hi = per_element.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const Slope t = slopes(x.at(static_cast<Index>(i)), s.at(static_cast<Index>(i)));
      lo[i] = t.lo;
      hi[i] = t.hi;
    }
    return rule::Elementwise{0, per_element.hull(), per_element.lo, per_element.hi, std::nullopt};
  }
};

// The condition is an attribute: a step function of a varying condition would have no finite constant.
class Choice final : public Primitive {
 public:
  static constexpr OpInfo static_info{"where", "a where a constant condition holds, b elsewhere", "", ""};
  explicit Choice(Tensor mask) : mask_(std::move(mask)) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"condition", mask_}}; }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "where");
    primitives::require_same_shape(in, "where");
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    kernels::choose(mask_.to(out.dtype), in[0], in[1], y);
    return y;
  }
  void vjp(VjpSite& site) const override {
    if (site.wanted(0)) site.add(0, again(site.cotangent(), nothing(site)));
    if (site.wanted(1)) site.add(1, again(nothing(site), site.cotangent()));
  }
  Var jvp(const JvpSite& site) const override {
    return again(site.tangent(0) != nullptr ? *site.tangent(0) : nothing(site),
                 site.tangent(1) != nullptr ? *site.tangent(1) : nothing(site));
  }
  Rule lipschitz(const RuleSite& site) const override {
    return rule::Affine{{site.varies(0) ? diagonal(chosen(1.0, 0.0)) : LinearMap(),
                         site.varies(1) ? diagonal(chosen(0.0, 1.0)) : LinearMap()}};
  }
  Range range(const RangeSite& site) const override {
    const auto end = [&](const Tensor& a, const Tensor& b) {
      Tensor y = Tensor::uninitialised(a.shape(), DType::f64);
      kernels::choose(mask_.to(DType::f64), a, b, y);
      return y;
    };
    return {end(site.ranges[0].lo, site.ranges[1].lo), end(site.ranges[0].hi, site.ranges[1].hi)};
  }
  int sample_axis(const SampleSite& site) const override { return primitives::common_sample_axis(site); }

 private:
  Var again(const Var& a, const Var& b) const { return record(Where::current(), Choice(mask_), a, b); }
  template <class Site>
  static Var nothing(const Site& site) {
    return Var(Tensor::zeros(site.out().shape(), site.out().dtype()));
  }
  Tensor chosen(double where_true, double where_false) const {
    Tensor values = mask_.to(DType::f64).copy();
    for (double& v : values.mutable_data<double>()) v = v != 0.0 ? where_true : where_false;
    return values;
  }
  Tensor mask_;
};

namespace {

// Does b repeat along a, with nothing but ones before its axes? With more axes than a it would give a more of them.
bool repeats(const Shape& a, const Shape& b) {
  if (b.rank() > a.rank()) return false;
  for (int i = 1; i <= b.rank(); ++i)
    if (b[b.rank() - i] != a[a.rank() - i]) return b.product(0, b.rank() - i + 1) == 1;
  return true;
}

// Brings both operands to their common shape.
template <class P>
Var record_broadcast(const Var& a, const Var& b, Where where) {
  if (!a.defined() || !b.defined() || a.shape() == b.shape()) return record(where, P(), a, b);
  // Without a tape, the broadcast operand need not be written out.
  if (!a.on_tape() && !b.on_tape() && a.dtype() == b.dtype() && repeats(a.shape(), b.shape())) {
    Tensor y = Tensor::uninitialised(a.shape(), a.dtype());
    kernels::binary_by_rows(P::kernel, a.value(), b.value(), y);
    return Var(std::move(y));
  }
  return located(where, [&] {
    const Shape shape = broadcast_shapes(a.shape(), b.shape(), P::static_info.name.data());
    return record(where, P(), broadcast_to(a, shape, where), broadcast_to(b, shape, where));
  });
}

}  // namespace

Var add(const Var& a, const Var& b, Where where) { return record_broadcast<Add>(a, b, where); }
Var sub(const Var& a, const Var& b, Where where) { return record_broadcast<Sub>(a, b, where); }
Var mul(const Var& a, const Var& b, Where where) {
  // The factors of x·x move together: rules of a product would not know.
  const bool same = a.on_tape() && b.on_tape() && Tape::of(a) == Tape::of(b) && a.id() == b.id();
  return same ? square(a, where) : record_broadcast<Mul>(a, b, where);
}
Var div(const Var& a, const Var& b, Where where) { return record_broadcast<Div>(a, b, where); }
Var maximum(const Var& a, const Var& b, Where where) { return record_broadcast<Maximum>(a, b, where); }
Var minimum(const Var& a, const Var& b, Where where) { return record_broadcast<Minimum>(a, b, where); }
Var prelu(const Var& x, const Var& slope, Where where) { return record_broadcast<PRelu>(x, slope, where); }

Var where(const Tensor& condition, const Var& a, const Var& b, Where where) {
  primitives::given(a, "where", where);
  primitives::given(b, "where", where);
  if (!condition.defined())
    throw UsageError(cat("[where] at ", where, ": the condition is an undefined Tensor; give it a value first"));
  if (condition.first_non_finite() >= 0)
    throw NumericError(cat("[where] at ", where, ": the condition has ", condition.at(condition.first_non_finite()),
                           " at position ", condition.first_non_finite(), "; use 0 and 1"));
  return located(where, [&] {
    Shape shape;
    try {
      shape = broadcast_shapes(broadcast_shapes(a.shape(), b.shape(), "where"), condition.shape(), "where");
    } catch (const ShapeError&) {
      throw ShapeError(cat("[where] the condition and both operands must broadcast to one shape, got ",
                           condition.shape(), ", ", a.shape(), " and ", b.shape(), "; reshape one of them"));
    }
    const Tensor mask = broadcast_to(Var(condition.to(a.dtype())), shape).value();
    return record(where, Choice(mask), broadcast_to(a, shape, where), broadcast_to(b, shape, where));
  });
}

template const OpInfo& describe<Add>();
template const OpInfo& describe<Sub>();
template const OpInfo& describe<Mul>();
template const OpInfo& describe<Div>();
template const OpInfo& describe<Maximum>();
template const OpInfo& describe<Minimum>();
template const OpInfo& describe<PRelu>();
template const OpInfo& describe<Choice>();

}  // namespace taut
