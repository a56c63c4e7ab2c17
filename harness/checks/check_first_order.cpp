// jvp against differences, vjp against jvp, f32 against f64.
#include <cmath>

#include "autodiff/diff.h"
#include "harness/check.h"
#include "harness/checks/compare.h"
#include "harness/checks/derivatives.h"
#include "harness/checks/numbers.h"
#include "harness/checks/recording.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

Field forward_field(const Sample& sample) {
  return [&sample](std::span<const Tensor> x) { return Inputs{value(sample, x)}; };
}

// jvp with a tangent for operand k alone, so that the primitive sees null tangents for the others.
Tensor partial_jvp(const Sample& sample, const Inputs& in, std::size_t k, const Tensor& tangent) {
  const Recording r(sample, in);
  return jvp(r.out(), r.in()[k], Var(tangent)).value();
}

Tensor partial_vjp(const Sample& sample, const Inputs& in, std::size_t k, const Tensor& cotangent) {
  const Recording r(sample, in);
  return vjp(r.out(), Var(cotangent), r.in()[k]).value();
}

}  // namespace

void check_jvp(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    for (int n = iterations(2); n > 0; --n) {
      const Inputs in = draw_smooth(sample, random);
      const Inputs t = random_like(in, random);
      const Inputs by_differences = differences(forward_field(sample), in, t);
      expect_close(report, {jvp_of(sample, in, t)}, by_differences, tolerance.first_order, "jvp");
      if (in.size() < 2) continue;
      Tensor sum = Tensor::zeros(by_differences[0].shape(), DType::f64);
      for (std::size_t k = 0; k < in.size(); ++k) sum = plus(sum, 1.0, partial_jvp(sample, in, k, t[k]));
      expect_close(report, {sum}, by_differences, tolerance.first_order, "the sum of jvps along single operands");
    }
  }
}

void check_vjp(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    for (int n = iterations(3); n > 0; --n) {
      const Inputs in = draw_smooth(sample, random);
      const Inputs t = random_like(in, random);
      const Tensor dy = jvp_of(sample, in, t);
      const Tensor c = random.tensor(dy.shape());
      const Inputs g = vjp_of(sample, in, c);
      bool fits = g.size() == in.size();
      for (std::size_t k = 0; fits && k < g.size(); ++k)
        fits = report.expect(g[k].type() == in[k].type(), "vjp of operand ", k, " has shape ", g[k].shape(),
                             ", the operand ", in[k].shape());
      if (!fits) continue;
      const double pulled = inner(g, t), pushed = inner(c, dy);
      const double allowed = tolerance.inner_product * (inner_magnitude(g, t) + inner_magnitude(c, dy));
      report.expect(std::fabs(pulled - pushed) <= allowed, "<vjp(c), t> = ", pulled, ", <c, jvp(t)> = ", pushed,
                    ", allowed difference ", allowed);
      // Alone, an operand's derivative is the one that it has among others: `wanted` decides about work, not about
      // values.
      for (std::size_t k = 0; k < in.size() && in.size() > 1; ++k)
        report.expect(same_bits(partial_vjp(sample, in, k, c), g[k]), "vjp of operand ", k,
                      " differs when asked for alone");
    }
  }
}

void check_single_precision(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    for (int n = iterations(2); n > 0; --n) {
      // Numbers of f32, so that both precisions see the same point.
      const Inputs in32 = to(draw_smooth(sample, random), DType::f32);
      const Inputs in64 = to(in32, DType::f64);
      const Inputs t32 = to(random_like(in64, random), DType::f32);
      const Tensor y64 = value(sample, in64);
      const Tensor c32 = random.tensor(y64.shape()).to(DType::f32);
      const Tensor dy32 = jvp_of(sample, in32, t32);
      const Inputs g32 = vjp_of(sample, in32, c32);
      report.expect(dy32.dtype() == DType::f32, "jvp of f32 is ", dy32.dtype());
      for (const Tensor& g : g32) report.expect(g.dtype() == DType::f32, "vjp of f32 is ", g.dtype());
      const double relative = tolerance.single_derivative;
      expect_close(report, {value(sample, in32)}, {y64}, relative, "f32 value");
      expect_close(report, {dy32}, {jvp_of(sample, in64, to(t32, DType::f64))}, relative, "f32 jvp");
      expect_close(report, g32, vjp_of(sample, in64, c32.to(DType::f64)), relative, "f32 vjp");
    }
  }
}

}  // namespace taut::harness
