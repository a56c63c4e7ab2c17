// What Krylov spaces prove: with rounding, with spaces that look invariant, as often as stated.
#include "lipschitz/norms/lanczos_proof.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "lipschitz/lanczos.h"
#include "lipschitz/norms/matrix_form.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

// One direction of σ₁ = √(1 + excess) among ones of few lesser values, which a Krylov space holds after as many steps.
LinearMap hidden_top(Index n, double excess, int levels, Index at) {
  Tensor d = Tensor::uninitialised({n}, DType::f64);
  const auto values = d.mutable_data<double>();
  for (Index i = 0; i < n; ++i)
    values[static_cast<std::size_t>(i)] = 1.0 - 0.9 * static_cast<double>(i % levels) / levels;
  values[static_cast<std::size_t>(at)] = std::sqrt(1.0 + excess);
  const LinearMap rotation({n}, {n},
                           structure::DenseAlong{Tensor::of<double>({2, 2}, {0.6, 0.8, 0.8, -0.6}), n / 2, 1});
  return compose(rotation, compose(LinearMap({n}, {n}, structure::Diagonal{d, 1}), rotation));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lanczos_proof)

// What couples the start to the hidden direction is below rounding: it says something about the start, nothing about
// the map.
BOOST_AUTO_TEST_CASE(a_space_that_looks_invariant_hides_no_top) {
  const int seeds = testing::iterations(25);
  for (const Index n : {10, 100, 400})
    for (const int levels : {1, 2, 3})
      for (const double excess : {1e-15, 1e-14, 1e-13, 2e-12, 1e-11, 1e-9, 1e-6, 1e-3}) {
        const LinearMap map = hidden_top(n, excess, levels, 3 * n / 7);
        for (int seed = 0; seed < seeds; ++seed) {
          LanczosOptions options;
          options.budget.seed = static_cast<std::uint64_t>(seed);
          options.max_steps = seed % 3 == 0 ? 1000000000 : seed % 3 == 1 ? 300 : 4;
          const UpperBound upper = lanczos_norm(map, options).norm.upper;
          // 0.6² + 0.8² of the stored numbers is 1 up to u.
          BOOST_TEST(upper.value() >= std::sqrt(1.0 + excess) * (1.0 - 4e-16),
                     "n = " << n << ", " << levels << " levels, 1 + " << excess << ", seed " << seed << ": " << upper);
          if (options.max_steps >= 300) BOOST_TEST(upper.value() <= 1.02);
        }
      }
}

// The same of ranks, of zero blocks and of maps between spaces of different size.
BOOST_AUTO_TEST_CASE(low_rank_with_a_hidden_top) {
  Random random(304);
  for (int k = 0; k < testing::iterations(40); ++k) {
    const Index m = random.integer(3, 40), n = random.integer(3, 40), rank = random.integer(1, 2);
    Tensor a = testing::low_rank(random, m, n, rank);
    // A direction of its own, as strong as the top and a hair more.
    const double top = static_cast<double>(testing::spectral_norm(a));
    a.mutable_data<double>()[static_cast<std::size_t>(random.integer(0, m * n - 1))] += top * 1e-12;
    for (int seed = 0; seed < 5; ++seed) {
      LanczosOptions options;
      options.budget.seed = static_cast<std::uint64_t>(seed);
      const UpperBound upper = lanczos_norm(dense_map(a, {n}, {m}), options).norm.upper;
      BOOST_TEST(static_cast<long double>(upper.value()) >= testing::spectral_norm(a) * (1 - 1e-15L), upper);
    }
  }
}

// With a large failure probability starts do fail; not more often than stated.
BOOST_AUTO_TEST_CASE(failures_are_no_more_frequent_than_stated) {
  const int seeds = testing::iterations(400);
  for (const double failure : {0.9, 0.5, 0.1, 0.01})
    for (const Index n : {4, 60, 600})
      for (const double excess : {3e-13, 1e-5, 0.2}) {
        const LinearMap map = hidden_top(n, excess, 40, n / 2);
        int failed = 0;
        for (int seed = 0; seed < seeds; ++seed) {
          LanczosOptions options;
          options.budget.seed = static_cast<std::uint64_t>(seed);
          options.failure = failure;
          options.max_steps = 2 + seed % 5;
          failed += lanczos_norm(map, options).norm.upper.value() < std::sqrt(1.0 + excess) * (1.0 - 4e-16);
        }
        const double expected = failure * seeds, deviation = std::sqrt(expected * (1.0 - failure));
        BOOST_TEST(failed <= expected + 4.5 * deviation, failed << " of " << seeds << " at " << failure);
      }
}

// The deterministic half of the proof: a start with a component of τ along the top vector bounds λ₁ after any number of
// steps, whatever the rest of the spectrum and of the start.
BOOST_AUTO_TEST_CASE(a_start_with_a_component_bounds_the_top) {
  Random random(305);
  for (int k = 0; k < testing::iterations(150); ++k) {
    const Index n = random.integer(2, 60);
    Tensor d = Tensor::uninitialised({n}, DType::f64);
    const double decades = random.coin() ? 0.0 : random.uniform(0.0, 3.0);
    for (double& e : d.mutable_data<double>())
      e = random.integer(0, 3) == 0 ? 1.0
                                    : std::pow(10.0, -decades * random.uniform(0.0, 1.0)) * random.uniform(0.9, 1.0);
    const Index at = random.integer(0, n - 1);
    const double excess = std::pow(10.0, random.uniform(-14.0, 0.0)), top = 1.0 + excess;
    d.mutable_data<double>()[static_cast<std::size_t>(at)] = top;
    const LinearMap map({n}, {n}, structure::Diagonal{d, 1});
    // A start with a component of about 10^-7 to 1 along the top vector.
    std::vector<double> start = detail::random_unit(n, static_cast<std::uint64_t>(k));
    start[static_cast<std::size_t>(at)] = std::pow(10.0, random.uniform(-7.0, 0.0));
    const double length = detail::plain_norm(start);
    for (double& e : start) e /= length;
    const double component = std::fabs(start[static_cast<std::size_t>(at)]) * (1.0 - 1e-15);
    const detail::ApplyError error(map);
    const detail::ApplyNoise noise{error.relative,
                                   5.0 * std::sqrt(static_cast<double>(n)) * error.absolute.round(Side::upper), top};
    detail::Krylov space(map, 0, start);
    bool more = true;
    while (more) {
      more = space.extend();
      BOOST_TEST(
          detail::top_bound(space, detail::ApplyNoise{noise.relative, noise.absolute, 30.0}, component) >= top * top,
          "n = " << n << ", 1 + " << excess << ", component " << component << ", step " << space.steps());
      BOOST_TEST(detail::top_bound(space, std::nullopt, component) >= top * top * (1.0 - 1e-12));
    }
  }
}

BOOST_AUTO_TEST_CASE(components_and_steps_follow_the_failure) {
  BOOST_TEST(detail::least_component(1, 0.5, 1) <= 0.5 * std::sqrt(std::numbers::pi / 2.0));
  for (const Index n : {2, 100, 100000})
    for (const int starts : {1, 2, 3, 6}) {
      const double component = detail::least_component(n, 1e-10, starts);
      const double failure = std::pow(component * std::sqrt(2.0 * static_cast<double>(n) / std::numbers::pi), starts);
      BOOST_TEST(failure <= 1e-10);
      BOOST_TEST(failure >= 0.99e-10);
      BOOST_TEST(detail::steps_to_miss_at_most(0.04, component) > detail::steps_to_miss_at_most(0.16, component));
    }
  BOOST_TEST(detail::starts_against_rounding(100, 1e-10, 1e-15, 1e-3, 2) == 2);
  BOOST_TEST(detail::starts_against_rounding(1000000, 1e-10, 1e-11, 1e-3, 2) > 3);
  BOOST_TEST(detail::starts_against_rounding(100, 1e-10, 1e-15, 1e-3, 6) == 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
