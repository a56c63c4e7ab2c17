// linear_range at its edges: exactness, signs, unbounded ends, overflow, underflow, weights that do not fit, refusals.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "autodiff/range.h"
#include "harness/options.h"
#include "tests/autodiff/maps/linear_map_samples.h"
#include "tests/autodiff/maps/linear_range_samples.h"

namespace taut::test {

using harness::Random;

BOOST_AUTO_TEST_SUITE(linear_range_edges)

BOOST_AUTO_TEST_CASE(moves_signs_and_powers_of_two_are_exact) {
  const Range x = range({{-1.0 / 3, 0.1}, {0.7, 0.7}, {0.0, infinity}});
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Range moved = linear_range(LinearMap({3}, {4}, structure::Selection{list({1, 0, -1, 2})}), x, dtype);
    BOOST_TEST((moved.at(0) == Interval::point(0.7)));
    BOOST_TEST((moved.at(1) == Interval{-1.0 / 3, 0.1}));
    BOOST_TEST((moved.at(2) == Interval::point(0.0)));
    BOOST_TEST((moved.at(3) == Interval{0.0, infinity}));
    const Range turned = linear_range(LinearMap({3}, {3}, structure::Gathering{list({2, 0, 1})}), x, dtype);
    BOOST_TEST((turned.at(0) == Interval::point(0.7)));
    BOOST_TEST((turned.at(2) == Interval{-1.0 / 3, 0.1}));
    const Range negated = linear_range(scale_map({3}, -1.0), x, dtype);
    BOOST_TEST((negated.at(0) == Interval{-0.1, 1.0 / 3}));
    BOOST_TEST((negated.at(2) == Interval{-infinity, 0.0}));
    const Range quarter = linear_range(scale_map({3}, 0.25), x, dtype);
    BOOST_TEST((quarter.at(0) == Interval{-1.0 / 12, 0.025}));
    const LinearMap mixed({3}, {3}, structure::Diagonal{Tensor::of<float>({3}, {-2.0F, 0.0F, 0.5F}), 1});
    const Range scaled = linear_range(mixed, x, dtype);
    BOOST_TEST((scaled.at(0) == Interval{-0.2, 2.0 / 3}));
    BOOST_TEST((scaled.at(1) == Interval::point(0.0)));
    BOOST_TEST((scaled.at(2) == Interval{0.0, infinity}));
  }
}

BOOST_AUTO_TEST_CASE(sums_of_nonnegative_terms_stay_nonnegative) {
  Random random("sums_of_nonnegative_terms_stay_nonnegative");
  const Range x = Range::box({2, 6, 6}, {0.0, 1.0});
  structure::Convolution pool{Tensor::full({2, 1, 2, 2}, DType::f32, 0.25), {}, {2, 6, 6}, {2, 3, 3}};
  pool.options.stride = {2, 2};
  pool.options.groups = 2;
  structure::Gathering total{list(std::vector<Index>(72, 0))};
  for (const DType dtype : {DType::f32, DType::f64}) {
    BOOST_TEST(linear_range(LinearMap(x.shape(), {2, 3, 3}, pool), x, dtype).hull().lo == 0.0);
    BOOST_TEST(range_of(LinearMap(x.shape(), {1}, total), x, dtype).lo == 0.0);
    BOOST_TEST(range_of(compose(scale_map({1}, 1.0 / 72), LinearMap(x.shape(), {1}, total)), x, dtype).lo == 0.0);
    const Range minus = linear_range(scale_map(x.shape(), -0.3), x, dtype);
    BOOST_TEST(linear_range(LinearMap(x.shape(), {1}, total), minus, dtype).at(0).hi == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(unbounded_inputs_reach_only_their_outputs) {
  const Tensor weight = Tensor::of<double>({3, 3}, {1, 2, 0, -1, 0, 1, 0, 3, -1});
  const Range x = range({{0.0, infinity}, {1.0, 2.0}, {-1.0, 1.0}});
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Range mixed = linear_range(dense_map(weight, {3}, {3}), x, dtype);
    BOOST_TEST((mixed.at(0) == Interval::reals()));
    BOOST_TEST((mixed.at(1) == Interval::reals()));
    BOOST_TEST(std::isfinite(mixed.at(2).magnitude()));  // 0 · inf is 0
    BOOST_TEST(mixed.at(2).contains(Interval{2.0, 7.0}));
    // Without negative weights only the upper end is lost.
    const Interval one_sided = range_of(dense({1, 1, 0}, dtype), x, dtype);
    BOOST_TEST(one_sided.hi == infinity);
    BOOST_TEST(one_sided.lo >= 0.99);
    BOOST_TEST((range_of(dense({0, 0, 0}, dtype), x, dtype).hi < 1e-30));
    BOOST_TEST((linear_range(scale_map({3}, -0.3), x, dtype).at(0) == Interval{-infinity, 0.0}));
    BOOST_TEST((linear_range(scale_map({3}, 0.0), x, dtype).at(0) == Interval::point(0.0)));
    const LinearMap total({3}, {1}, structure::Gathering{list({0, 0, -1})});
    BOOST_TEST(range_of(total, x, dtype).hi == infinity);
    BOOST_TEST(range_of(total, x, dtype).lo >= 0.99);
  }
}

BOOST_AUTO_TEST_CASE(no_range_has_nan_ends) {
  Random random("no_range_has_nan_ends");
  const std::vector<double> odd{-infinity, infinity, std::numeric_limits<double>::quiet_NaN(), 1e308, -1e308,
                                0.0,       1e-320};
  for (int repeat = 0; repeat < harness::iterations(30); ++repeat)
    for (const SampleMap& s : all_maps(random, Weights::real, DType::f64)) {
      BOOST_TEST_CONTEXT(s.name) {
        Range x = Range::uninitialised(s.map.in_shape());
        const auto lo = x.lo.mutable_data<double>(), hi = x.hi.mutable_data<double>();
        for (std::size_t j = 0; j < lo.size(); ++j) {
          lo[j] = random.pick(odd);
          hi[j] = random.pick(odd);
          if (lo[j] > hi[j]) std::swap(lo[j], hi[j]);
        }
        for (const DType dtype : {DType::f32, DType::f64}) {
          const Range y = linear_range(s.map, x, dtype);
          for (Index i = 0; i < y.lo.size(); ++i) BOOST_TEST((!std::isnan(y.lo.at(i)) && !std::isnan(y.hi.at(i))));
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(overflow_is_unbounded) {
  constexpr float big = 3e38F;
  const Range x = Range::box({2}, Interval::point(static_cast<double>(big)));
  BOOST_TEST(range_of(dense({1, 1}, DType::f32), x, DType::f32).hi == infinity);           // 6e38
  BOOST_TEST(range_of(dense({1, 1}, DType::f32), x, DType::f32).lo > 5e38);                // and nothing smaller
  BOOST_TEST((range_of(dense({2, -2}, DType::f32), x, DType::f32) == Interval::reals()));  // inf, -inf or NaN
  BOOST_TEST(std::isfinite(range_of(dense({2, -2}, DType::f32), x, DType::f64).magnitude()));
  BOOST_TEST(range_of(scale_map({2}, 2.0), x, DType::f32).hi == infinity);
  BOOST_TEST(range_of(scale_map({2}, -2.0), x, DType::f32).lo == -infinity);
  BOOST_TEST(std::isfinite(range_of(scale_map({2}, 0.5), x, DType::f32).hi));
  const Range huge = Range::box({2}, Interval::point(1e308));
  BOOST_TEST((range_of(dense({2, -2}, DType::f64), huge, DType::f64) == Interval::reals()));
  BOOST_TEST(range_of(dense({2, 2}, DType::f64), huge, DType::f64).hi == infinity);
}

// Products of f32 numbers that underflow, into subnormals or to zero.
BOOST_AUTO_TEST_CASE(underflow_is_held) {
  Random random("underflow_is_held");
  for (int repeat = 0; repeat < harness::iterations(300); ++repeat) {
    const Index n = random.integer(1, 12);
    std::vector<float> a, x;
    std::vector<double> wide;
    for (Index j = 0; j < n; ++j) {
      a.push_back(static_cast<float>(random.any_scale(-30, -18)));
      x.push_back(static_cast<float>(random.any_scale(-26, -16)));
    }
    const LinearMap map = dense_map(Tensor::from<float>({1, n}, a), {n}, {1});
    const Interval y = range_of(map, Range::point(Tensor::from<float>({n}, x)), DType::f32);
    for (const float sum : all_sums(a, x)) BOOST_TEST(y.contains(static_cast<double>(sum)));
    for (const double factor : {0x1p-30, 0x1p-120, 0.3, 1e-20, -1e-44}) {
      const Range scaled = linear_range(scale_map({n}, factor), Range::point(Tensor::from<float>({n}, x)), DType::f32);
      for (std::size_t j = 0; j < x.size(); ++j) {
        BOOST_TEST(scaled.at(static_cast<Index>(j)).contains(static_cast<double>(static_cast<float>(factor) * x[j])));
        BOOST_TEST(scaled.at(static_cast<Index>(j)).contains(factor * static_cast<double>(x[j])));
      }
    }
  }
}

// f64 weights evaluated in f32 are rounded first: also into subnormals, and beyond the largest number.
BOOST_AUTO_TEST_CASE(weights_rounded_to_single_precision_are_held) {
  Random random("weights_rounded_to_single_precision_are_held");
  for (int repeat = 0; repeat < harness::iterations(200); ++repeat) {
    const double w = random.any_scale(-45, 38), x = static_cast<double>(static_cast<float>(random.any_scale(-3, 0)));
    const Range point = Range::box({1}, Interval::point(x));
    const Shape one{1};
    const Tensor weight = Tensor::of<double>({1}, {w});
    for (const LinearMap& map : {dense_map(weight.reshaped({1, 1}), one, one), scale_map(one, w),
                                 LinearMap(one, one, structure::Diagonal{weight, 1})}) {
      const Interval y = range_of(map, point, DType::f32);
      BOOST_TEST(y.contains(static_cast<double>(static_cast<float>(w) * static_cast<float>(x))));
      BOOST_TEST(y.lo <= static_cast<long double>(w) * x);
      BOOST_TEST(y.hi >= static_cast<long double>(w) * x);
    }
  }
  BOOST_TEST(range_of(dense({1e300}, DType::f64), Range::box({1}, {1.0, 1.0}), DType::f32).hi == infinity);
  // 1e300 is infinite in f32, and infinity · 0 is not a number: nothing is claimed.
  BOOST_TEST(
      (range_of(dense({1e300, -1}, DType::f64), range({{0.0, 0.0}, {1.0, 1.0}}), DType::f32) == Interval::reals()));
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  BOOST_CHECK_THROW(linear_range(scale_map({3}, 2.0), Range::box({2}, {0.0, 1.0}), DType::f32), ShapeError);
  const auto same = [](const Tensor& x) { return x; };
  const LinearMap opaque({2}, {2}, structure::Opaque{same, same});
  BOOST_CHECK_THROW(linear_range(opaque, Range::box({2}, {0.0, 1.0}), DType::f32), UnsupportedError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
