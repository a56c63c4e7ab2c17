// Elementwise primitives of two operands of one shape. The user functions put broadcast_to nodes where shapes differ.
#include <cmath>

#include "autodiff/kernels/elementwise.h"
#include "autodiff/primitives/define.h"

namespace taut {
namespace {

using kernels::Binary;
using primitives::located;
using primitives::magnitude;
using primitives::unbounded;

// What all have in common; P supplies static_info.
template <class P, Binary id>
class Pair : public Primitive {
 public:
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
      return unbounded(site, "a product of two varying operands has the derivative b, which is unbounded");
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

class Maximum final : public Pair<Maximum, Binary::maximum> {
 public:
  static constexpr OpInfo static_info{"maximum", "max(a, b)", "ties: the derivative goes to a", ""};
  void vjp(VjpSite& site) const override {
    const Var second = chooses_second(site.in(0), site.in(1));
    if (site.wanted(0)) site.add(0, site.cotangent() * (1.0 - second));
    if (site.wanted(1)) site.add(1, site.cotangent() * second);
  }
  Var jvp(const JvpSite& site) const override {
    const Var second = chooses_second(site.in(0), site.in(1));
    return joined(
        site, [&](const Var& t) { return t * (1.0 - second); }, [&](const Var& t) { return t * second; });
  }
  Rule lipschitz(const RuleSite& site) const override {
    if (site.varies(0) && site.varies(1)) return rule::Selects{1};
    const int argument = site.varies(0) ? 0 : 1;
    rule::Elementwise rule{argument, {0.0, 1.0}, {}, {}, std::nullopt};
    if (!site.on_domain()) return rule;
    const Range &x = site.ranges[static_cast<std::size_t>(argument)],
                &c = site.ranges[static_cast<std::size_t>(1 - argument)];
    Range slopes = Range::uninitialised(x.shape());
    const auto lo = slopes.lo.mutable_data<double>(), hi = slopes.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const Interval xi = x.at(static_cast<Index>(i)), ci = c.at(static_cast<Index>(i));
      // At a tie the derivative goes to operand 0, so a box that touches the tie is still one piece for it.
      lo[i] = xi.lo > ci.hi || (argument == 0 && xi.lo == ci.hi) ? 1.0 : 0.0;
      hi[i] = xi.hi < ci.lo || (argument == 1 && xi.hi == ci.lo) ? 0.0 : 1.0;
    }
    rule.lo = slopes.lo;
    rule.hi = slopes.hi;
    rule.slope = slopes.hull();
    return rule;
  }
  Range range(const RangeSite& site) const override {
    return combine(site, [](const Interval& a, const Interval& b) {
      return Interval{std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
    });
  }

 private:
  static Var chooses_second(const Var& a, const Var& b) { return step(b - a); }
};

namespace {

// Brings both operands to their common shape.
template <class P>
Var record_broadcast(const Var& a, const Var& b, Where where) {
  if (!a.defined() || !b.defined() || a.shape() == b.shape()) return record(where, P(), a, b);
  return located(where, [&] {
    const Shape shape = broadcast_shapes(a.shape(), b.shape(), P::static_info.name.data());
    return record(where, P(), broadcast_to(a, shape, where), broadcast_to(b, shape, where));
  });
}

}  // namespace

Var add(const Var& a, const Var& b, Where where) { return record_broadcast<Add>(a, b, where); }
Var sub(const Var& a, const Var& b, Where where) { return record_broadcast<Sub>(a, b, where); }
Var mul(const Var& a, const Var& b, Where where) { return record_broadcast<Mul>(a, b, where); }
Var div(const Var& a, const Var& b, Where where) { return record_broadcast<Div>(a, b, where); }
Var maximum(const Var& a, const Var& b, Where where) { return record_broadcast<Maximum>(a, b, where); }

template const OpInfo& describe<Add>();
template const OpInfo& describe<Sub>();
template const OpInfo& describe<Mul>();
template const OpInfo& describe<Div>();
template const OpInfo& describe<Maximum>();

}  // namespace taut
