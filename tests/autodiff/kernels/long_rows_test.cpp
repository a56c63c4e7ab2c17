// What samples of the harness are too small for: kernels that work block by block.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "harness/checks/numbers.h"
#include "harness/random.h"

namespace taut {
namespace {

namespace tt = boost::test_tools;
using harness::Random;

Index first_nonzero(const Var& slopes) {
  for (Index i = 0; i < slopes.value().size(); ++i)
    if (slopes.value().at(i) != 0.0) return i;
  return -1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(long_rows)

// The columns of one row of output exceed what is unfolded at once.
BOOST_AUTO_TEST_CASE(convolution_in_parts_of_a_row) {
  Random random("long_rows/conv1d");
  constexpr Index batch = 2, in = 4, out = 3, taps = 5, length = 60000;
  const Tensor x = random.tensor({batch, in, length}), w = random.tensor({out, in, taps});
  const Conv1dOptions options{.stride = 2, .padding = {3, 1}};
  Tape tape;
  const Var xv = tape.input(x), wv = tape.input(w), y = conv1d(xv, wv, Var(), options);
  const Index outputs = y.shape()[2];
  for (Index o = 0; o < outputs; o += 7)
    for (const Index n : {0, 1}) {
      double expected = 0;
      for (Index c = 0; c < in; ++c)
        for (Index k = 0; k < taps; ++k)
          if (const Index at = 2 * o + k - 3; at >= 0 && at < length)
            expected += x.at((n * in + c) * length + at) * w.at((1 * in + c) * taps + k);
      BOOST_TEST(std::fabs(y.value().at((n * out + 1) * outputs + o) - expected) < 1e-12);
    }
  // ⟨y, c⟩ is linear in x and in w: both gradients give it back.
  const Tensor c = random.tensor(y.shape());
  std::vector<Var> g(2);
  vjp(y, Var(c), std::vector{xv, wv}, g);
  const double total = harness::inner(y.value(), c);
  BOOST_TEST(harness::inner(g[0].value(), x) == total, tt::tolerance(1e-9));
  BOOST_TEST(harness::inner(g[1].value(), w) == total, tt::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(first_extreme_of_many_blocks) {
  constexpr Index n = 5003;
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index first : {0, 15, 1023, 1024, 2500, 5002}) {
      Tensor x = Tensor::zeros({n}, DType::f64);
      for (Index i = first; i < n; i += 17) x = harness::with(x, i, 1.0);
      const auto slopes_of = [&](const Function& f, const Tensor& at) { return first_nonzero(grad(f, at.to(dtype))); };
      BOOST_TEST(slopes_of([](const Var& v) { return max(v); }, x) == first);
      BOOST_TEST(slopes_of([](const Var& v) { return min(neg(v)); }, x) == first);
      const Tensor bad = harness::with(x, 4000, std::numeric_limits<double>::quiet_NaN());
      BOOST_TEST(std::isnan(max(Var(bad.to(dtype))).item()));
      BOOST_TEST(std::isnan(min(Var(bad.to(dtype))).item()));
    }
}

// A broadcast operand is written out on a tape, and read again and again without one.
BOOST_AUTO_TEST_CASE(broadcasting_with_and_without_a_tape) {
  Random random("long_rows/broadcasting");
  const Shape shape{41, 7, 30};
  const Tensor a = random.tensor(shape).to(DType::f32);
  for (const Shape& row : {Shape{}, Shape{1}, Shape{30}, Shape{1, 30}, Shape{7, 30}, Shape{1, 1, 30}, Shape{7, 1},
                           Shape{41, 1, 1}, Shape{1, 41, 7, 30}}) {
    const Tensor b = random.tensor(row, {0.5, 2}).to(DType::f32);
    for (Var (*f)(const Var&, const Var&, Where) : {&add, &sub, &mul, &div, &maximum, &minimum, &prelu}) {
      Tape tape;
      const Tensor plain = f(Var(a), Var(b), Where::current()).value();
      const Tensor recorded = f(tape.input(a), tape.input(b), Where::current()).value();
      BOOST_TEST_REQUIRE(plain.shape() == recorded.shape());
      BOOST_TEST(plain.data<float>() == recorded.data<float>(), tt::per_element());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
