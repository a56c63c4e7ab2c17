// Complete and true primitives that the liars derive from: each liar breaks one thing.
#pragma once

#include <concepts>

#include "autodiff/ops.h"
#include "autodiff/primitive.h"
#include "autodiff/tape.h"
#include "harness/sample.h"

namespace taut::liars {

// What marks an op of this folder.
class TestOp : public Primitive {
 public:
  const OpInfo& info() const final;

 protected:
  ~TestOp() = default;
};

// y = 1 / (1 + e^−x)
class HonestSigmoid : public TestOp {
 public:
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType&) const override { return sigmoid(Var(in[0])).value(); }
  void vjp(VjpSite& site) const override { site.add(0, site.cotangent() * slope_at(site.out())); }
  Var jvp(const JvpSite& site) const override { return *site.tangent(0) * slope_at(site.out()); }
  Rule lipschitz(const RuleSite& site) const override;
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override { return site.axis[0]; }

 protected:
  ~HonestSigmoid() = default;
  static Var slope_at(const Var& y) { return y * (1.0 - y); }
};

// y_i = x_i + x_{i+1}, one element shorter than x (n).
class HonestNeighbourSum : public TestOp {
 public:
  TensorType infer(const Operands& in) const override { return {Shape{in[0].size() - 1}, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType&) const override { return sums(Var(in[0])).value(); }
  void vjp(VjpSite& site) const override {
    site.add(0, pad(site.cotangent(), 0, 0, 1) + pad(site.cotangent(), 0, 1, 0));
  }
  Var jvp(const JvpSite& site) const override { return sums(*site.tangent(0)); }
  Rule lipschitz(const RuleSite& site) const override { return rule::Affine{{map(site.in[0].shape())}}; }
  Range range(const RangeSite& site) const override {
    return linear_range(map(site.in[0].shape()), site.ranges[0], site.dtype());
  }
  int sample_axis(const SampleSite& site) const override { return site.axis[0] == 0 ? mixes_samples : site.axis[0]; }

 protected:
  ~HonestNeighbourSum() = default;
  static Var sums(const Var& x) { return slice(x, 0, 0, x.shape()[0] - 1) + slice(x, 0, 1, x.shape()[0]); }
  static LinearMap map(const Shape& in);
};

// y = (x, x): every entry is broadcast to two.
class HonestRepeat : public TestOp {
 public:
  TensorType infer(const Operands& in) const override { return {Shape{2 * in[0].size()}, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType&) const override { return twice(Var(in[0])).value(); }
  void vjp(VjpSite& site) const override {
    const Index n = site.in(0).shape()[0];
    site.add(0, slice(site.cotangent(), 0, 0, n) + slice(site.cotangent(), 0, n, 2 * n));
  }
  Var jvp(const JvpSite& site) const override { return twice(*site.tangent(0)); }
  Rule lipschitz(const RuleSite& site) const override;
  Range range(const RangeSite& site) const override {
    return {twice(Var(site.ranges[0].lo)).value(), twice(Var(site.ranges[0].hi)).value()};
  }
  int sample_axis(const SampleSite& site) const override { return site.axis[0] == 0 ? mixes_samples : site.axis[0]; }

 protected:
  ~HonestRepeat() = default;
  static Var twice(const Var& x) { return concat({x, x}, 0); }
};

// y_i = max(x_i, x_{i+1}): windows that overlap.
class HonestWindowMax : public TestOp {
 public:
  TensorType infer(const Operands& in) const override { return {Shape{in[0].size() - 1}, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType&) const override {
    const Var x(in[0]);
    return maximum(left(x), right(x)).value();
  }
  void vjp(VjpSite& site) const override {
    const Var second = chooses_right(site.in(0)), &c = site.cotangent();
    site.add(0, pad(c * (1.0 - second), 0, 0, 1) + pad(c * second, 0, 1, 0));
  }
  Var jvp(const JvpSite& site) const override {
    const Var second = chooses_right(site.in(0)), &t = *site.tangent(0);
    return left(t) * (1.0 - second) + right(t) * second;
  }
  Rule lipschitz(const RuleSite&) const override { return rule::Selects{2}; }
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override { return site.axis[0] == 0 ? mixes_samples : site.axis[0]; }

 protected:
  ~HonestWindowMax() = default;
  static Var left(const Var& x) { return slice(x, 0, 0, x.shape()[0] - 1); }
  static Var right(const Var& x) { return slice(x, 0, 1, x.shape()[0]); }
  static Var chooses_right(const Var& x) { return step(right(x) - left(x)); }
};

// y = a · b, of one shape.
class HonestProduct : public TestOp {
 public:
  TensorType infer(const Operands& in) const override;
  Tensor forward(const Operands& in, const TensorType&) const override { return mul(Var(in[0]), Var(in[1])).value(); }
  void vjp(VjpSite& site) const override {
    site.add(0, site.cotangent() * site.in(1));
    site.add(1, site.cotangent() * site.in(0));
  }
  Var jvp(const JvpSite& site) const override;
  Rule lipschitz(const RuleSite& site) const override;
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override;

 protected:
  ~HonestProduct() = default;
  static LinearMap diagonal(const Tensor& values);
};

// Samples that record P.
template <class P>
harness::Sample one_operand_sample(const Shape& shape) {
  harness::Sample s;
  s.name = shape.str();
  s.operands = {{.shape = shape}};
  s.f = [](std::span<const Var> in) { return record(Where::current(), P(), in[0]); };
  return s;
}

}  // namespace taut::liars

namespace taut {
template <std::derived_from<liars::TestOp> P>
inline constexpr bool is_listed<P> = true;
}  // namespace taut
