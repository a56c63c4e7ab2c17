// A program of somebody else: what an installed Taut must be able to build. The constant of 2 relu(3 x) is 6, exactly,
// and a primitive of the program's own passes a check of the harness.
#include <iostream>

#include "autodiff/families.h"
#include "autodiff/tape.h"
#include "harness/check.h"
#include "lipschitz/autolip.h"
#include "nn/layers.h"
#include "nn/sequential.h"

class Copy;
template <>
inline constexpr bool taut::is_listed<Copy> = true;

class Copy final : public taut::LinearPrimitive {
 public:
  static constexpr taut::OpInfo static_info{"copy", "x", "", ""};
  const taut::OpInfo& info() const override { return static_info; }
  taut::TensorType infer(const taut::Operands& in) const override { return in[0].type(); }
  taut::Tensor forward(const taut::Operands& in, const taut::TensorType&) const override { return in[0].copy(); }
  taut::LinearMap map(const taut::Shape& in, const taut::Shape&) const override { return taut::identity_map(in); }
  taut::Var again(const taut::Var& x) const override { return record(taut::Where::current(), *this, x); }
  taut::Var adjoint(const taut::Var& y, const taut::Shape&) const override { return again(y); }
  int sample_axis(const taut::SampleSite& site) const override { return site.axis[0]; }
};

int main() {
  using namespace taut::nn;
  Random random(1);
  const LayerOptions two{.weight = constant(2.0)}, three{.weight = constant(3.0)};
  Sequential net{Linear(1, 1, random, three), ReLU(), Linear(1, 1, random, two)};
  const taut::Function f = [&](const taut::Var& x) { return net(x); };
  std::cout << taut::autolip(f, taut::Tensor::of(taut::Shape{1, 1}, {1.0f})).bound << '\n';

  taut::harness::Sample sample;
  sample.operands = {{.shape = taut::Shape{2, 3}}};
  sample.f = [](std::span<const taut::Var> in) { return Copy().again(in[0]); };
  std::cout << taut::harness::run_check("vjp", {"copy", {sample}}).text() << '\n';
}
