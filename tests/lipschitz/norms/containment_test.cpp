// Several hundred maps of every kind between their bounds: none outside, and none too loose for what is promised.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/lanczos.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

// Of the oracle, 64 bits: a few dozen of its roundings.
constexpr long double oracle_error = 4e-18L;

void check_contains(const Enclosure& bounds, long double exact, long double error = oracle_error) {
  BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= exact * (1 - error));
  BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= exact * (1 + error));
}

struct Named {
  std::string what;
  Tensor matrix;
  bool subnormal = false;  // underflow counts, and nothing is promised of Lanczos
};

std::vector<Named> matrices(Random& random) {
  const Index m = random.integer(1, 40), n = random.integer(1, 40);
  const Tensor plain = random.normals({m, n});
  return {{"random", plain},
          {"f32", random.normals({m, n}, DType::f32)},
          {"rank one", testing::low_rank(random, m, n, 1)},
          {"rank deficient", testing::low_rank(random, m, n, std::min(m, n) / 2 + 1)},
          {"graded", testing::graded(random, m, n, random.uniform(1.0, 300.0))},
          {"clustered", testing::rotation(random, m)},
          {"hilbert", testing::hilbert(n)},
          {"1e-30", testing::scaled(plain, 1e-30)},
          {"1e30", testing::scaled(plain, 1e30)},
          {"1e-300", testing::scaled(plain, 1e-300)},
          {"1e300", testing::scaled(plain, 1e300)},
          {"near the largest double", testing::scaled(testing::rotation(random, m), 1e307)},
          {"1e-309", testing::scaled(plain, 1e-309), true},
          {"subnormal", testing::scaled(plain, 1e-318), true},
          {"subnormal column", testing::scaled(random.normals({m, 1}), 1e-318), true}};
}

LinearMap padded(Random& random, Index channels, Index n, Boundary boundary) {
  Conv2dOptions options;
  options.padding = {1, 1, 1, 1};
  const structure::Convolution c{
      random.normals({channels, channels, 3, 3}), options, {channels, n, n}, {channels, n, n}, boundary, false};
  return {Shape(c.image), Shape(c.result), c};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(containment)

BOOST_AUTO_TEST_CASE(dense_maps) {
  Random random(801);
  int maps = 0;
  for (int k = 0; k < testing::iterations(45); ++k)
    for (const Named& each : matrices(random)) {
      ++maps;
      const LinearMap map = dense_map(each.matrix, {each.matrix.shape()[1]}, {each.matrix.shape()[0]});
      const long double exact = testing::spectral_norm(each.matrix);
      const Enclosure certified = operator_norm(map, Norm::l2), probable = lanczos_norm(map).norm;
      BOOST_TEST_CONTEXT(each.what << ' ' << each.matrix.shape() << ": " << certified << ", " << probable
                                   << ", exactly " << exact) {
        check_contains(certified, exact);
        check_contains(probable, exact);
        BOOST_TEST(certified.upper.is_certified());
        BOOST_TEST(certified.lower.is_certified());
        BOOST_TEST(!probable.upper.is_estimate());
        if (!each.subnormal) BOOST_TEST(certified.overshoot() <= 1e-8);
        if (!each.subnormal) BOOST_TEST(probable.overshoot() <= 0.02);
      }
    }
  BOOST_TEST(maps >= 15);
}

// Up to 300 rows and columns, against LAPACK: its singular values and vectors are an oracle with an error that is
// computed in long double, from ‖A v‖ / ‖v‖ below and from max s · ‖U‖ ‖V‖ + ‖A − U S Vᵀ‖ above.
BOOST_AUTO_TEST_CASE(larger_dense_maps) {
  Random random(806);
  for (int k = 0; k < testing::iterations(8); ++k) {
    const Index m = random.integer(41, 300), n = random.integer(41, 300);
    const Tensor plain = random.normals({m, n});
    const std::vector<Named> maps{{"random", plain},
                                  {"f32", random.normals({m, n}, DType::f32)},
                                  {"rank deficient", testing::low_rank(random, m, n, std::min(m, n) / 3)},
                                  {"clustered", testing::rotation(random, m)},
                                  {"graded", testing::graded(random, m, n, random.uniform(1.0, 30.0))}};
    for (const Named& each : maps) {
      const testing::Interval80 exact = testing::spectral_norm_by_lapack(each.matrix);
      const LinearMap map = dense_map(each.matrix, {each.matrix.shape()[1]}, {each.matrix.shape()[0]});
      const Enclosure certified = operator_norm(map, Norm::l2), probable = lanczos_norm(map).norm;
      BOOST_TEST_CONTEXT(each.what << ' ' << each.matrix.shape() << ": " << certified << ", " << probable) {
        for (const Enclosure& bounds : {certified, probable}) {
          BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= exact.lo);
          BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= exact.hi);
        }
        BOOST_TEST(exact.hi <= exact.lo * (1 + 1e-11L));
        BOOST_TEST(certified.overshoot() <= 1e-8);
        BOOST_TEST(probable.overshoot() <= 0.02);
      }
    }
  }
}

// As many steps as columns: nothing is missed, and only the rounding term is between the Ritz value and the truth.
BOOST_AUTO_TEST_CASE(the_rounding_of_lanczos_is_paid_for) {
  Random random(802);
  for (int k = 0; k < testing::iterations(150); ++k) {
    const Index n = random.integer(2, 12), m = n + random.integer(0, 20);
    const Tensor a = random.normals({m, n});
    const Enclosure bounds = lanczos_norm(dense_map(a, {n}, {m})).norm;
    BOOST_TEST_CONTEXT(m << " x " << n << ": " << bounds) {
      check_contains(bounds, testing::spectral_norm(a));
      BOOST_TEST(bounds.overshoot() <= 1e-9);
    }
  }
}

BOOST_AUTO_TEST_CASE(convolutions_of_any_geometry) {
  Random random(803);
  for (int k = 0; k < testing::iterations(160); ++k) {
    const LinearMap map = testing::random_convolution(random, k % 3 == 0);
    const long double exact = testing::spectral_norm(to_dense(map));
    const Enclosure certified = operator_norm(map, Norm::l2), probable = lanczos_norm(map).norm;
    BOOST_TEST_CONTEXT(map.in_shape() << " to " << map.out_shape() << ": " << certified << ", " << probable) {
      check_contains(certified, exact);
      check_contains(probable, exact, 1e-15L);  // taps that meet in one entry are rounded in the oracle's matrix
      BOOST_TEST(certified.overshoot() <= 1e-8);
      if (exact > 0.0L) BOOST_TEST(probable.overshoot() <= 0.02);  // else no tap meets the image
    }
  }
}

BOOST_AUTO_TEST_CASE(circular_and_padded_images) {
  Random random(804);
  for (int k = 0; k < testing::iterations(12); ++k) {
    const Index channels = random.integer(1, 2), n = random.integer(8, 10);
    for (const Boundary boundary : {Boundary::circular, Boundary::zero}) {
      const LinearMap map = padded(random, channels, n, boundary);
      const Enclosure bounds = operator_norm(map, Norm::l2);
      const double symbols =
          detail::circulant_norm(std::get<structure::Convolution>(map.structure()), {})->upper.round(Side::upper);
      BOOST_TEST_CONTEXT(n << " pixels, " << channels << " channels: " << bounds) {
        BOOST_TEST(bounds.upper.is_certified());
        BOOST_TEST(bounds.overshoot() <= 1e-8);
        BOOST_TEST(symbols >= bounds.lower.value());
        BOOST_TEST(symbols <= bounds.lower.value() * (boundary == Boundary::circular ? 1.0 + 1e-8 : 1.25));
      }
    }
  }
}

// Too large for a matrix: certified by symbols, probably by Lanczos, both above what a vector attains.
BOOST_AUTO_TEST_CASE(large_images) {
  Random random(805);
  const LinearMap map = padded(random, 4, 64, Boundary::zero);
  NormOptions probable;
  probable.effort = Effort::probabilistic;
  const Enclosure certified = operator_norm(map, Norm::l2), both = operator_norm(map, Norm::l2, probable);
  BOOST_TEST_CONTEXT(certified << ", " << both) {
    BOOST_TEST(certified.upper.is_certified());
    BOOST_TEST(certified.overshoot() <= 0.25);
    BOOST_TEST(both.upper.value() <= certified.upper.value());
    BOOST_TEST(both.lower.value() >= certified.lower.value() * (1.0 - 1e-9));
    BOOST_TEST(both.overshoot() <= 0.02);
    BOOST_TEST(both.seconds > 0.0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
