// What samples of the harness do not reach: ties, NaN and infinities, and long axes.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "harness/checks/numbers.h"
#include "harness/random.h"
#include "tests/support/nan.h"

namespace taut {
namespace {

using test::nan;

constexpr double inf = std::numeric_limits<double>::infinity();

std::vector<double> values(const Var& x) {
  const Tensor wide = x.value().to(DType::f64);
  const auto data = wide.data<double>();
  return {data.begin(), data.end()};
}

// Where each entry of sort(x) comes from, read off its derivative.
std::vector<double> origins(const Tensor& x, bool descending) {
  std::vector<double> positions;
  for (Index i = 0; i < x.size(); ++i) positions.push_back(static_cast<double>(i));
  Tape tape;
  const Var in = tape.input(x);
  return values(jvp(sort(in, -1, descending), in, Var(harness::tensor_of(x.shape(), positions))));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sorting)

BOOST_AUTO_TEST_CASE(nan_comes_last) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index n : {2, 3, 7, 20, 100})
      for (const bool descending : {false, true}) {
        Tensor x = Tensor::zeros({n}, DType::f64);
        for (Index i = 0; i < n; ++i)
          x = harness::with(x, i,
                            i % 3 == 0   ? nan
                            : i % 5 == 1 ? (i % 2 == 1 ? inf : -inf)
                                         : std::sin(7.0 * static_cast<double>(i)));
        const std::vector<double> sorted = values(sort(Var(x.to(dtype)), 0, descending));
        const auto numbers = sorted.begin() + (n - (n + 2) / 3);
        BOOST_TEST(std::all_of(numbers, sorted.end(), [](double v) { return std::isnan(v); }));
        BOOST_TEST(std::none_of(sorted.begin(), numbers, [](double v) { return std::isnan(v); }));
        BOOST_TEST((descending ? std::is_sorted(sorted.begin(), numbers, std::greater<>())
                               : std::is_sorted(sorted.begin(), numbers)));
      }
}

BOOST_AUTO_TEST_CASE(ties_keep_their_order) {
  for (const bool descending : {false, true}) {
    const std::vector<double> tied = origins(Tensor::zeros({40}, DType::f64), descending);
    BOOST_TEST(std::ranges::is_sorted(tied));
    BOOST_TEST(origins(Tensor::of<double>({5}, {1, 0, 1, 0, 1}), descending) ==
                   (descending ? std::vector<double>{0, 2, 4, 1, 3} : std::vector<double>{1, 3, 0, 2, 4}),
               boost::test_tools::per_element());
  }
  // Zeros of either sign are equal, and stay where they are.
  const std::vector<double> zeros = values(sort(Var(Tensor::of<double>({2}, {0.0, -0.0}))));
  BOOST_TEST((!std::signbit(zeros[0]) && std::signbit(zeros[1])));
}

// The values are those that the derivative's positions name, on every path of the kernel.
BOOST_AUTO_TEST_CASE(values_and_positions_agree) {
  harness::Random random("values_and_positions_agree");
  for (const auto& [shape, axis, group] : std::vector<std::tuple<Shape, Index, Index>>{{{600}, 0, 2},
                                                                                       {{3, 48}, 1, 16},
                                                                                       {{2, 51}, 1, 17},
                                                                                       {{1, 1000}, 1, 1000},
                                                                                       {{32, 9}, 0, 16},
                                                                                       {{34, 9}, 0, 17},
                                                                                       {{4, 66, 3}, 1, 33}}) {
    Tensor x = Tensor::uninitialised(shape, DType::f64);
    for (double& v : x.mutable_data<double>()) v = static_cast<double>(random.integer(-9, 9));  // many ties
    for (const DType dtype : {DType::f32, DType::f64}) {
      Tape tape;
      const Var in = tape.input(x.to(dtype));
      const Var y = group_sort(in, group, axis);
      BOOST_TEST(harness::same_bits(jvp(y, in, Var(x.to(dtype))).value(), y.value()));
      BOOST_TEST(harness::same_bits(flip(sort(-Var(x.to(dtype)), axis, true), axis).value(),
                                    flip(-sort(Var(x.to(dtype)), axis), axis).value()));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
