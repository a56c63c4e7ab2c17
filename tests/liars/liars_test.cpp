// Testing the tests: every wrong primitive must be rejected, by the checks that are meant to notice it and by no other;
// the honest ones that they derive from must pass.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "harness/check.h"
#include "harness/checks/numbers.h"
#include "tests/liars/honest.h"
#include "tests/samples/sample_helpers.h"

namespace taut::liars {
namespace {

using harness::Sample;
using Names = std::set<std::string>;

Names rejected_by(const std::vector<Sample>& samples) {
  Names names;
  for (const harness::Report& report : harness::run_checks({"test_op", samples}))
    if (!report.passed()) names.insert(report.check());
  return names;
}

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// By exactly these checks.
void expect_rejection(const std::vector<Sample>& samples, const Names& expected) {
  BOOST_TEST(joined(rejected_by(samples)) == joined(expected));
}

// By this one; a wrong value or derivative is in the way of others, too.
void expect_noticed(const std::vector<Sample>& samples, const std::string& check) {
  const Names names = rejected_by(samples);
  BOOST_TEST(names.contains(check), "rejected by: " << joined(names));
}

template <class P>
std::vector<Sample> sigmoid_samples() {
  Sample like = one_operand_sample<P>({});
  like.name.clear();
  return harness::elementwise_samples(like, {.probes = {-40, 0, 40}},
                                      [](harness::Real x) { return 1 / (1 + std::exp(-x)); });
}

template <class P>
std::vector<Sample> vector_samples(bool distinct = false) {
  Sample s = one_operand_sample<P>({5});
  s.operands[0].distinct = distinct;
  s.extremes_at_corners = distinct;
  s.fixed_rank = s.never_empty = true;
  return {s};
}

template <class P>
std::vector<Sample> product_samples() {
  Sample s;
  s.name = "product";
  s.operands = {{.shape = {2, 3}}, {.shape = {2, 3}}};
  s.f = [](std::span<const Var> in) { return record(Where::current(), P(), in[0], in[1]); };
  s.extremes_at_corners = true;
  s.fixed_rank = s.never_empty = true;
  s.unbounded = {3};
  s.witness = harness::product_witness({{2, 3}, {2, 3}});
  return {s};
}

// ---- derivatives ----------------------------------------------------------------------------------------------------

class SigmoidTold final : public HonestSigmoid {};
class SumTold final : public HonestNeighbourSum {};
class RepeatTold final : public HonestRepeat {};
class WindowTold final : public HonestWindowMax {};
class ProductTold final : public HonestProduct {};

class VjpMissesTerm final : public HonestSigmoid {
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent() * site.out()); }
};
class JvpMissesTerm final : public HonestSigmoid {
  Var jvp(const JvpSite& site) const override { return *site.tangent(0) * site.out(); }
};
// Both directions agree with each other, so only differences can tell; off by a twentieth of a percent.
class DerivativeSlightlyOff final : public HonestSigmoid {
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent() * slope_at(site.out()) * 1.0005); }
  Var jvp(const JvpSite& site) const override { return *site.tangent(0) * slope_at(site.out()) * 1.0005; }
};
// True at first order; the result's own derivative is lost.
class VjpDetached final : public HonestSigmoid {
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent() * slope_at(site.out().detached())); }
};
class JvpDetached final : public HonestSigmoid {
  Var jvp(const JvpSite& site) const override { return *site.tangent(0) * slope_at(site.out().detached()); }
};
class CotangentDetached final : public HonestSigmoid {
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent().detached() * slope_at(site.out())); }
};
// Forgets an operand when it is asked for both.
class ProductJvpForgets final : public HonestProduct {
  Var jvp(const JvpSite& site) const override {
    return site.tangent(0) != nullptr ? *site.tangent(0) * site.in(1) : site.in(0) * *site.tangent(1);
  }
};

// ---- values
// -----------------------------------------------------------------------------------------------------------

class WrongValue final : public HonestSigmoid {
  Tensor forward(const Operands& in, const TensorType&) const override { return (sigmoid(Var(in[0])) + 1e-9).value(); }
};
class WrongInference final : public HonestNeighbourSum {
  TensorType infer(const Operands& in) const override { return in[0].type(); }
};
class ChangesItsMind final : public HonestSigmoid {
  Tensor forward(const Operands& in, const TensorType&) const override {
    static int calls = 0;
    return (sigmoid(Var(in[0])) * (1.0 + 0x1p-22 * (++calls % 2))).value();
  }
};
class MixesDTypes final : public HonestProduct {
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return mul(Var(in[0]), Var(in[1].to(out.dtype))).value();
  }
};

// ---- ranges and samples
// -------------------------------------------------------------------------------------------------

class ClaimsToSquare final : public HonestSigmoid {
 public:
  rule::OfSquares of_squares(const SquaresSite&) const override { return {rule::OfSquares::Makes::square}; }
};
class ClaimsToKeep final : public HonestSigmoid {
 public:
  rule::OfSquares of_squares(const SquaresSite& site) const override {
    return {rule::OfSquares::Makes::clamped, Range::box(site.rule.out.shape(), {0.0, 1.0})};
  }
};
// The gain is 0.44 where b is 0.
class GainTooSmall final : public HonestSigmoid {
 public:
  rule::OfSquares of_squares(const SquaresSite&) const override { return {rule::OfSquares::Makes::nothing, {}, 0.1}; }
};
class RangeWithoutRounding final : public HonestSigmoid {
  Range range(const RangeSite& site) const override {
    return map_range(site.ranges[0], [](const Interval& x) {
      return Interval{1 / (1 + std::exp(-x.lo)), 1 / (1 + std::exp(-x.hi))};
    });
  }
};
class RangeTooSmall final : public HonestSigmoid {
  Range range(const RangeSite& site) const override {
    Range y = HonestSigmoid::range(site);
    return map_range(y, [](const Interval& v) { return Interval{v.lo + 0.01 * (v.hi - v.lo), v.hi}; });
  }
};
class RangeTooWide final : public HonestSigmoid {
  Range range(const RangeSite& site) const override { return Range::box(site.out.shape(), {0.0, 1.0 + 1e-6}); }
};
class MixesSecretly final : public HonestNeighbourSum {
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }
};
class RefusesSamples final : public HonestSigmoid {
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == no_sample_axis ? no_sample_axis : mixes_samples;
  }
};

// ---- Lipschitz rules
// -----------------------------------------------------------------------------------------------------

class SlopeTooSmall final : public HonestSigmoid {  // by 1 %
  Rule lipschitz(const RuleSite& site) const override { return scaled(HonestSigmoid::lipschitz(site)); }
  static Rule scaled(Rule rule) {
    auto& elementwise = std::get<rule::Elementwise>(rule);
    elementwise.slope.hi *= 0.99;
    elementwise.lo = elementwise.hi = Tensor();
    return rule;
  }
};
class GeluLikeRelu final : public TestOp {  // the slopes of gelu leave [0, 1] on both sides
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType&) const override { return gelu(Var(in[0])).value(); }
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent() * slope(site.in(0))); }
  Var jvp(const JvpSite& site) const override { return *site.tangent(0) * slope(site.in(0)); }
  Rule lipschitz(const RuleSite&) const override { return rule::Elementwise{0, {0.0, 1.0}, {}, {}, {}}; }
  Range range(const RangeSite& site) const override {
    Tape tape;
    const Node& honest = tape.node(gelu(tape.input(site.in[0])).id());
    return honest.op->range(site);
  }
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }
  static Var slope(const Var& x) {
    return (erf(x * 0.70710678118654752) + 1.0) * 0.5 + x * exp(square(x) * -0.5) * 0.39894228040143268;
  }
};
class SlopeLazy final : public HonestSigmoid {  // by 10 %
  Rule lipschitz(const RuleSite& site) const override {
    return site.on_domain() ? HonestSigmoid::lipschitz(site) : Rule(rule::Elementwise{0, {0.0, 0.275}, {}, {}, {}});
  }
};
class SlopeLazyOnBoxes final : public HonestSigmoid {  // the slope over all reals, whatever the box
  Rule lipschitz(const RuleSite&) const override { return rule::Elementwise{0, {0.0, 0.25}, {}, {}, {}}; }
};
class SlopeMissesKink final : public HonestSigmoid {  // below: relu whose vjp answers 2 at 0
  Tensor forward(const Operands& in, const TensorType&) const override { return relu(Var(in[0])).value(); }
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent() * slope(site.in(0))); }
  Var jvp(const JvpSite& site) const override { return *site.tangent(0) * slope(site.in(0)); }
  Rule lipschitz(const RuleSite&) const override {
    return rule::Elementwise{0, {0.0, 1.0}, {}, {}, PiecewiseLinear{{0.0}, {0.0, 1.0}}};
  }
  Range range(const RangeSite& site) const override {
    return map_range(site.ranges[0], [](const Interval& x) {
      return Interval{std::max(0.0, x.lo), std::max(0.0, x.hi)};
    });
  }
  static Var slope(const Var& x) { return step(x) + 2.0 * (1.0 - abs(sign(x))); }
};
class PiecesOfAnother final : public HonestSigmoid {  // claims to be relu
  Rule lipschitz(const RuleSite& site) const override {
    Rule rule = HonestSigmoid::lipschitz(site);
    std::get<rule::Elementwise>(rule).pieces = PiecewiseLinear{{0.0}, {0.0, 0.25}};
    return rule;
  }
};
class WrongAdjoint final : public HonestNeighbourSum {
  Rule lipschitz(const RuleSite& site) const override {
    const LinearMap right = map(site.in[0].shape());
    structure::Opaque opaque;
    opaque.apply = [right](const Tensor& x) { return right.apply(x); };
    opaque.apply_transpose = [right](const Tensor& y) { return (Var(right.apply_transpose(y)) * 1.0001).value(); };
    return rule::Affine{{LinearMap(right.in_shape(), right.out_shape(), opaque)}};
  }
};
class WrongMap final : public HonestNeighbourSum {
  Rule lipschitz(const RuleSite& site) const override {
    return rule::Affine{{compose(scale_map(site.out.shape(), 0.999), map(site.in[0].shape()))}};
  }
};
class PoolForgetsOverlap final : public HonestWindowMax {
  Rule lipschitz(const RuleSite&) const override { return rule::Selects{1}; }
};
class PoolExaggerates final : public HonestWindowMax {
  Rule lipschitz(const RuleSite&) const override { return rule::Selects{3}; }
};
// Windows of two entries that lie two apart, by steps of two: x_2 is in two of them.
class DilatedPool : public TestOp {
 public:
  TensorType infer(const Operands& in) const override { return {Shape{(in[0].size() - 1) / 2}, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    const Var sequence = reshape(Var(in[0]), {1, 1, in[0].size()});
    return reshape(max_pool1d(sequence, {.window = 2, .stride = 2, .dilation = 2}), out.shape).value();
  }
  void vjp(VjpSite& site) const override {
    const Var second = chooses_second(site.in(0)), &c = site.cotangent();
    site.add(0, pad(spread(c * (1.0 - second)), 0, 0, 2) + pad(spread(c * second), 0, 2, 0));
  }
  Var jvp(const JvpSite& site) const override {
    const Var second = chooses_second(site.in(0)), &t = *site.tangent(0);
    return left(t) * (1.0 - second) + right(t) * second;
  }
  Rule lipschitz(const RuleSite&) const override { return rule::Selects{2}; }
  Range range(const RangeSite& site) const override {
    const auto end = [](const Tensor& x) { return maximum(left(Var(x)), right(Var(x))).value(); };
    return {end(site.ranges[0].lo), end(site.ranges[0].hi)};
  }
  int sample_axis(const SampleSite& site) const override { return site.axis[0] == 0 ? mixes_samples : site.axis[0]; }

 protected:
  ~DilatedPool() = default;
  static Var left(const Var& x) { return slice(x, 0, 0, x.shape()[0] - 2, 2); }
  static Var right(const Var& x) { return slice(x, 0, 2, x.shape()[0], 2); }
  static Var chooses_second(const Var& x) { return step(right(x) - left(x)); }
  static Var spread(const Var& c) {  // a b c → a 0 b 0 c
    const Index n = c.shape()[0];
    return slice(reshape(pad(reshape(c, {n, 1}), 1, 0, 1), {2 * n}), 0, 0, 2 * n - 1);
  }
};
class DilatedPoolTold final : public DilatedPool {};
class PoolIgnoresDilation final : public DilatedPool {  // undilated windows of two by steps of two share nothing
  Rule lipschitz(const RuleSite&) const override { return rule::Selects{1}; }
};
class SumSelects final : public HonestNeighbourSum {  // a sum is no selection
  Rule lipschitz(const RuleSite&) const override { return rule::Selects{2}; }
};
class BroadcastForgetsMultiplicity final : public HonestRepeat {  // the gain is 2 in l1 and √2 in l2
  Rule lipschitz(const RuleSite&) const override { return rule::Bounded{{Gain{1.0, 1.0, 1.0}}, "forgets", ""}; }
};
class SumForgetsMultiplicity final : public HonestNeighbourSum {  // one entry reaches two outputs
  Rule lipschitz(const RuleSite&) const override { return rule::Bounded{{Gain{1.0, 2.0, 2.0}}, "forgets", ""}; }
};
class GainLazy final : public HonestNeighbourSum {  // the true gain is 2 in l1 and linf
  Rule lipschitz(const RuleSite&) const override { return rule::Bounded{{Gain{2.0, 2.0, 2.2}}, "lazy", ""}; }
};
class ProductBounded final : public HonestProduct {
  Rule lipschitz(const RuleSite& site) const override {
    if (site.varying != 3 || site.on_domain()) return HonestProduct::lipschitz(site);
    return rule::Bounded{{Gain{1e6, 1e6, 1e6}, Gain{1e6, 1e6, 1e6}}, "large numbers are rare", ""};
  }
};
class ProductDominatedAtCentre final : public HonestProduct {
  Rule lipschitz(const RuleSite& site) const override {
    if (site.varying != 3 || !site.on_domain()) return HonestProduct::lipschitz(site);
    const auto centre = [](const Range& r) { return (abs(Var(r.lo) + Var(r.hi)) * 0.5).value(); };
    return rule::Bilinear{{diagonal(centre(site.ranges[1])), diagonal(centre(site.ranges[0]))}};
  }
};
class GivesUp final : public HonestSigmoid {
  Rule lipschitz(const RuleSite&) const override { return rule::Unbounded{"no rule is known", false}; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(liars)

BOOST_AUTO_TEST_CASE(honest_ops_pass) {
  expect_rejection(sigmoid_samples<SigmoidTold>(), {});
  expect_rejection(vector_samples<SumTold>(), {});
  expect_rejection(vector_samples<RepeatTold>(), {});
  expect_rejection(vector_samples<WindowTold>(true), {});
  expect_rejection(vector_samples<DilatedPoolTold>(true), {});
  expect_rejection(product_samples<ProductTold>(), {});
}

BOOST_AUTO_TEST_CASE(vjp_misses_a_term) { expect_noticed(sigmoid_samples<VjpMissesTerm>(), "vjp"); }
BOOST_AUTO_TEST_CASE(jvp_misses_a_term) {
  expect_rejection(sigmoid_samples<JvpMissesTerm>(), {"jvp", "vjp", "forward_over_reverse"});
}
BOOST_AUTO_TEST_CASE(derivative_is_slightly_off) { expect_noticed(sigmoid_samples<DerivativeSlightlyOff>(), "jvp"); }
BOOST_AUTO_TEST_CASE(vjp_is_detached) {
  expect_rejection(sigmoid_samples<VjpDetached>(), {"reverse_over_reverse", "forward_over_reverse"});
}
BOOST_AUTO_TEST_CASE(jvp_is_detached) { expect_rejection(sigmoid_samples<JvpDetached>(), {"reverse_over_forward"}); }
BOOST_AUTO_TEST_CASE(cotangent_is_detached) {
  expect_rejection(sigmoid_samples<CotangentDetached>(), {"reverse_over_reverse", "forward_over_reverse"});
}
BOOST_AUTO_TEST_CASE(jvp_forgets_an_operand) { expect_rejection(product_samples<ProductJvpForgets>(), {"jvp", "vjp"}); }

BOOST_AUTO_TEST_CASE(value_is_wrong) { expect_noticed(sigmoid_samples<WrongValue>(), "forward"); }
BOOST_AUTO_TEST_CASE(inference_is_wrong) { expect_rejection(vector_samples<WrongInference>(), {"type"}); }
BOOST_AUTO_TEST_CASE(value_changes) { expect_noticed(sigmoid_samples<ChangesItsMind>(), "repeatable"); }
BOOST_AUTO_TEST_CASE(dtypes_are_mixed) { expect_rejection(product_samples<MixesDTypes>(), {"dtype"}); }

BOOST_AUTO_TEST_CASE(range_forgets_rounding) { expect_rejection(sigmoid_samples<RangeWithoutRounding>(), {"range"}); }
BOOST_AUTO_TEST_CASE(range_is_too_small) { expect_rejection(sigmoid_samples<RangeTooSmall>(), {"range"}); }
BOOST_AUTO_TEST_CASE(squares_are_claimed) { expect_rejection(sigmoid_samples<ClaimsToSquare>(), {"squares"}); }
BOOST_AUTO_TEST_CASE(no_clamp_is_claimed) { expect_rejection(sigmoid_samples<ClaimsToKeep>(), {"squares"}); }
BOOST_AUTO_TEST_CASE(gain_by_root_is_too_small) { expect_rejection(sigmoid_samples<GainTooSmall>(), {"squares"}); }
BOOST_AUTO_TEST_CASE(range_is_too_wide) { expect_rejection(sigmoid_samples<RangeTooWide>(), {"range_width"}); }
BOOST_AUTO_TEST_CASE(samples_are_mixed_secretly) { expect_rejection(vector_samples<MixesSecretly>(), {"sample_axis"}); }
BOOST_AUTO_TEST_CASE(samples_are_refused) { expect_rejection(sigmoid_samples<RefusesSamples>(), {"sample_axis"}); }

BOOST_AUTO_TEST_CASE(slope_is_too_small) {
  expect_rejection(sigmoid_samples<SlopeTooSmall>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(gelu_is_said_to_have_slopes_of_relu) {
  Sample like = one_operand_sample<GeluLikeRelu>({});
  like.name.clear();
  like.reference_scale = 2.0;
  expect_rejection(
      harness::elementwise_samples(like, {.probes = {-1.4142135623730951, 0, 1.4142135623730951}}, nullptr),
      {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(slope_is_lazy) { expect_rejection(sigmoid_samples<SlopeLazy>(), {"lipschitz"}); }
BOOST_AUTO_TEST_CASE(slope_is_lazy_on_boxes) {
  expect_rejection(sigmoid_samples<SlopeLazyOnBoxes>(), {"lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(slope_misses_the_derivative_at_a_kink) {
  auto samples = sigmoid_samples<SlopeMissesKink>();
  for (Sample& s : samples) {
    s.reference = nullptr;
    s.operands[0].kinks = {0};
  }
  expect_noticed(samples, "lipschitz");
}
BOOST_AUTO_TEST_CASE(pieces_describe_another_function) {
  expect_rejection(sigmoid_samples<PiecesOfAnother>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(adjoint_is_wrong) {
  expect_rejection(vector_samples<WrongAdjoint>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(map_is_wrong) {
  expect_rejection(vector_samples<WrongMap>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(pool_forgets_overlap) {
  expect_rejection(vector_samples<PoolForgetsOverlap>(true), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(pool_exaggerates) {
  expect_rejection(vector_samples<PoolExaggerates>(true), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(pool_ignores_dilation) {
  expect_rejection(vector_samples<PoolIgnoresDilation>(true), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(sum_is_no_selection) {
  expect_rejection(vector_samples<SumSelects>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(broadcast_forgets_multiplicity) {
  expect_rejection(vector_samples<BroadcastForgetsMultiplicity>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(gain_forgets_multiplicity) {
  expect_rejection(vector_samples<SumForgetsMultiplicity>(), {"lipschitz", "lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(gain_is_lazy) {
  auto samples = vector_samples<GainLazy>();
  const Tensor zero = Tensor::zeros({5}, DType::f64);
  // A constant vector attains linf, one entry in the middle l1; l2 is left out: 2 is the limit for long vectors.
  samples[0].attained = {{Norm::linf, 0, {zero}, {Tensor::full({5}, DType::f64, 1.0)}},
                         {Norm::l1, 0, {zero}, {harness::with(zero, 2, 1.0)}}};
  samples[0].not_attained = {Norm::l2};
  expect_rejection(samples, {"lipschitz"});
}
BOOST_AUTO_TEST_CASE(product_claims_a_constant) { expect_rejection(product_samples<ProductBounded>(), {"lipschitz"}); }
BOOST_AUTO_TEST_CASE(product_is_dominated_at_the_centre_only) {
  expect_rejection(product_samples<ProductDominatedAtCentre>(), {"lipschitz_on_boxes"});
}
BOOST_AUTO_TEST_CASE(no_rule_is_known) {
  expect_rejection(sigmoid_samples<GivesUp>(), {"lipschitz", "lipschitz_on_boxes"});
}

BOOST_AUTO_TEST_CASE(a_check_that_compares_nothing_fails) {
  const harness::Report report = harness::run_check("jvp", {"test_op", {}});
  BOOST_TEST(!report.passed());
  BOOST_CHECK_THROW(harness::run_check("no_such_check", {"test_op", {}}), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::liars
