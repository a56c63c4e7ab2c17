// Ranges as values, the constants of rounding, and the widening for one operation.
#include "autodiff/range.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "harness/options.h"
#include "harness/random.h"
#include "tests/support/nan.h"

namespace taut::test {
namespace {

using harness::Random;

constexpr double largest_f32 = std::numeric_limits<float>::max();

Interval widened(const Interval& x, DType dtype, double units) {
  Range r = Range::box({1}, x);
  widen_for(r, dtype, units);
  return r.at(0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(range)

BOOST_AUTO_TEST_CASE(points_and_boxes) {
  const Tensor value = Tensor::of<float>({2}, {0.1F, -3.0F});
  const Range point = Range::point(value);
  BOOST_TEST((point.at(0) == Interval::point(static_cast<double>(0.1F))));
  BOOST_TEST(point.contains(value));
  BOOST_TEST((point.hull() == Interval{-3.0, static_cast<double>(0.1F)}));
  const Range box = Range::box({2, 3}, {-1.0, infinity});
  BOOST_TEST(box.shape() == Shape({2, 3}));
  BOOST_TEST((box.at(5) == Interval{-1.0, infinity}));
  BOOST_TEST((Range::box({0}, {1.0, 2.0}).hull() == Interval::point(0.0)));
  BOOST_TEST(!Range().defined());
}

BOOST_AUTO_TEST_CASE(containment) {
  const Range box = Range::box({2}, {-1.0, 1.0});
  BOOST_TEST(box.contains(Tensor::of<double>({2}, {-1.0, 1.0})));
  BOOST_TEST(!box.contains(Tensor::of<double>({2}, {0.0, std::nextafter(1.0, 2.0)})));
  BOOST_TEST(!Range::box({1}, Interval::reals()).contains(Tensor::of<double>({1}, {nan})));
  BOOST_TEST(Range::box({1}, Interval::reals()).contains(Tensor::of<double>({1}, {infinity})));
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  BOOST_CHECK_THROW(Range::box({2}, {1.0, -1.0}), DomainError);
  BOOST_CHECK_THROW(Range::box({2}, {nan, 1.0}), DomainError);
  BOOST_CHECK_THROW(Range::box({2}, {0.0, 1.0}).contains(Tensor::zeros({3}, DType::f64)), ShapeError);
  BOOST_CHECK_THROW(Range::box({2}, {0.0, 1.0}).at(2), ShapeError);
}

BOOST_AUTO_TEST_CASE(constants_of_rounding) {
  BOOST_TEST(unit_roundoff(DType::f32) == std::numeric_limits<float>::epsilon() / 2.0);
  BOOST_TEST(unit_roundoff(DType::f64) == std::numeric_limits<double>::epsilon() / 2.0);
  BOOST_TEST(smallest_subnormal(DType::f32) == std::numeric_limits<float>::denorm_min());
  BOOST_TEST(smallest_subnormal(DType::f64) == std::numeric_limits<double>::denorm_min());
  BOOST_TEST(smallest_normal(DType::f32) == std::numeric_limits<float>::min());
  BOOST_TEST(smallest_normal(DType::f64) == std::numeric_limits<double>::min());
  BOOST_TEST(largest_finite(DType::f32) == largest_f32);
  BOOST_TEST(largest_finite(DType::f64) == std::numeric_limits<double>::max());
}

// Against long double, which holds n u / (1 − n u) to 2^-63 of itself.
BOOST_AUTO_TEST_CASE(gamma_is_rounded_up) {
  BOOST_TEST(gamma_factor(0, 0x1p-53) == 0.0);
  for (const double u : {0x1p-24, 0x1p-53})
    for (const Index n : {1, 2, 3, 7, 100, 12345, 9999999}) {
      const long double nu = static_cast<long double>(n) * static_cast<long double>(u), exact = nu / (1 - nu);
      BOOST_TEST(gamma_factor(n, u) >= exact * (1 - 0x1p-62L));
      BOOST_TEST(gamma_factor(n, u) <= exact * (1 + 0x1p-51L));
    }
  BOOST_TEST(gamma_factor(Index{1} << 24, 0x1p-24) == infinity);
  BOOST_TEST(std::isfinite(gamma_factor((Index{1} << 24) - 1, 0x1p-24)));
  BOOST_TEST(gamma_factor(std::numeric_limits<Index>::max(), 0x1p-53) == infinity);
}

// Rounding of an exact number between the ends to f32, which the compiler's conversion does.
BOOST_AUTO_TEST_CASE(widening_holds_roundings) {
  Random random("widening_holds_roundings");
  for (int i = 0; i < harness::iterations(4000); ++i) {
    const double a = random.any_scale(-46, 38.6), b = random.coin() ? a : random.any_scale(-46, 38.6);
    const Interval x{std::min(a, b), std::max(a, b)};
    const Interval y = widened(x, DType::f32, random.coin() ? 0.5 : 1.0);
    BOOST_TEST(y.contains(x));
    for (const double v : {x.lo, x.hi, random.uniform(x.lo, x.hi)})
      BOOST_TEST(y.contains(static_cast<double>(static_cast<float>(v))), v << " in [" << x.lo << ", " << x.hi << "]");
  }
}

BOOST_AUTO_TEST_CASE(widening_is_no_larger_than_stated) {
  for (const double units : {0.5, 1.0, 4.0})
    for (const DType dtype : {DType::f32, DType::f64}) {
      const double step = units * (2 * unit_roundoff(dtype) + smallest_subnormal(dtype));
      const Interval y = widened({1.0, 3.0}, dtype, units);
      BOOST_TEST(y.lo < 1.0);
      BOOST_TEST(y.lo >= 1.0 - step * (1 + 1e-9) - 0x1p-53);
      BOOST_TEST(y.hi > 3.0);
      BOOST_TEST(y.hi <= 3.0 * (1.0 + step * (1 + 1e-9)) + 0x1p-51);
    }
}

BOOST_AUTO_TEST_CASE(zero_ends_stay_for_one_rounding) {
  BOOST_TEST((widened({0.0, 0.0}, DType::f32, 1.0) == Interval::point(0.0)));
  const Interval y = widened({0.0, 0.0}, DType::f32, 3.0);
  BOOST_TEST(y.lo == -3 * 0x1p-149);
  BOOST_TEST(y.hi == 3 * 0x1p-149);
}

BOOST_AUTO_TEST_CASE(ends_beyond_the_type_become_infinite) {
  BOOST_TEST((widened({-1e39, 1e39}, DType::f32, 1.0) == Interval::reals()));
  BOOST_TEST((widened({-largest_f32, largest_f32}, DType::f32, 1.0) == Interval::reals()));
  BOOST_TEST((widened({-infinity, infinity}, DType::f64, 1.0) == Interval::reals()));
  const Interval high = widened({1e39, 1e39}, DType::f32, 1.0);  // rounds to infinity
  BOOST_TEST(high.lo <= 1e39);
  BOOST_TEST(high.hi == infinity);
  const Interval low = widened({-1e39, -1e39}, DType::f32, 1.0);
  BOOST_TEST(low.lo == -infinity);
  BOOST_TEST(low.hi >= -1e39);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
