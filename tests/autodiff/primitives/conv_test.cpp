// Convolutions too large for the harness: batches whose unfolded columns do not fit into one piece.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "harness/checks/numbers.h"
#include "harness/random.h"

namespace taut::test {
namespace {

using harness::Random;

// 18 taps × 120 columns × 256 samples × 4 bytes are 2.1 MiB per row of output: sixteen rows exceed the 32 MiB that are
// unfolded at once.
constexpr Index batch = 256, channels = 2, rows = 18, columns = 120;
constexpr Conv2dOptions options{.padding = {1, 1, 1, 1}, .layout = Layout::chwn};

Tensor random_single(const Shape& shape, Random& random) { return random.tensor(shape).to(DType::f32); }

Var sample_of(const Var& x, Index n) { return slice(x, 3, n, n + 1); }

struct Gradients {
  Tensor y, x, kernel;
};
Gradients convolved(const Tensor& x, const Tensor& kernel, const Tensor& cotangent) {
  Tape tape;
  const Var in = tape.input(x), w = tape.parameter(kernel);
  const Var y = conv2d(in, w, Var(), options);
  const std::vector<Var> wrt{in, w};
  std::vector<Var> out(2);
  vjp(y, Var(cotangent), wrt, out);
  return {y.value(), out[0].value(), out[1].value()};
}

void expect_close(const Tensor& a, const Tensor& b, double allowed) {
  BOOST_TEST_REQUIRE(a.shape() == b.shape());
  BOOST_TEST(harness::max_abs(harness::minus(a, b)) <= allowed);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conv)

BOOST_AUTO_TEST_CASE(large_batches_are_unfolded_in_parts) {
  Random random("conv/large_batches");
  const Shape image{channels, rows, columns, batch};
  const Tensor x = random_single(image, random), kernel = random_single({3, channels, 3, 3}, random);
  const Tensor cotangent = random_single({3, rows, columns, batch}, random);
  const Gradients all = convolved(x, kernel, cotangent);
  // Samples are independent, and one sample alone is unfolded in one piece.
  for (const Index n : {Index{0}, batch / 2, batch - 1}) {
    const Gradients one = convolved(sample_of(Var(x), n).value(), kernel, sample_of(Var(cotangent), n).value());
    expect_close(sample_of(Var(all.y), n).value(), one.y, 1e-5);
    expect_close(sample_of(Var(all.x), n).value(), one.x, 1e-5);
  }
  // The kernel's gradient is the transpose: ⟨∂w, t⟩ = ⟨c, x ⋆ t⟩, a sum of 1.6 million products.
  const Tensor t = random_single(kernel.shape(), random);
  const Tensor pushed = conv2d(Var(x), Var(t), Var(), options).value();
  BOOST_TEST(std::fabs(harness::inner(all.kernel, t) - harness::inner(cotangent, pushed)) <=
             1e-6 * (harness::inner_magnitude(all.kernel, t) + harness::inner_magnitude(cotangent, pushed)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
