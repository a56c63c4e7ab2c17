// Gram iteration: never below σ₁, above it by at most the power of the rank, with the derivative of what it computes.
#include "lipschitz/gram_iteration.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "lipschitz/lanczos.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

double value(const Tensor& w, int steps) { return gram_iteration_norm(Var(w), steps).value().at(0); }

}  // namespace

BOOST_AUTO_TEST_SUITE(gram_iteration)

BOOST_AUTO_TEST_CASE(values_lie_between_the_norm_and_its_excess) {
  Random random(501);
  for (int k = 0; k < testing::iterations(30); ++k) {
    const Index m = random.integer(1, 20), n = random.integer(1, 20);
    const Tensor w = random.normals({m, n});
    const double exact = static_cast<double>(testing::spectral_norm(w));
    for (const int steps : {0, 1, 2, 5, 8}) {
      const double excess = std::pow(static_cast<double>(std::min(m, n)), std::pow(2.0, -steps - 1));
      BOOST_TEST_CONTEXT(m << " x " << n << ", " << steps << " steps") {
        BOOST_TEST(value(w, steps) >= exact * (1.0 - 1e-12));
        BOOST_TEST(value(w, steps) <= exact * excess * (1.0 + 1e-12));
      }
    }
  }
}

// All singular values equal: the excess is attained.
BOOST_AUTO_TEST_CASE(the_excess_is_that_of_the_rank) {
  Tensor w = Tensor::zeros({16, 16}, DType::f64);
  for (Index i = 0; i < 16; ++i) w.mutable_data<double>()[static_cast<std::size_t>(17 * i)] = 3.0;
  BOOST_TEST(value(w, 3) == 3.0 * std::pow(16.0, 1.0 / 16.0), boost::test_tools::tolerance(1e-13));
}

BOOST_AUTO_TEST_CASE(gradients_agree_with_differences_and_tend_to_the_singular_vectors) {
  Random random(502);
  for (const auto& [m, n] : {std::pair<Index, Index>{4, 7}, {6, 3}, {1, 5}}) {
    const Tensor w = random.normals({m, n});
    const auto gradient_at = [&](int steps) {
      Tape tape;
      const Var x = tape.parameter(w);
      return grad(gram_iteration_norm(x, steps), x).value();
    };
    const Tensor gradient = gradient_at(4);
    for (Index i = 0; i < w.size(); ++i) {
      constexpr double h = 1e-5;
      Tensor up = w.copy(), down = w.copy();
      up.mutable_data<double>()[static_cast<std::size_t>(i)] += h;
      down.mutable_data<double>()[static_cast<std::size_t>(i)] -= h;
      BOOST_TEST(gradient.at(i) == (value(up, 4) - value(down, 4)) / (2.0 * h), boost::test_tools::tolerance(1e-6));
    }
    const LanczosResult top = lanczos_norm(dense_map(w, {n}, {m}));
    const Tensor limit = gradient_at(12);
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j)
        BOOST_TEST(std::fabs(limit.at(i * n + j) - top.left.at(i) * top.right.at(j)) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(zero_and_wrong_arguments) {
  Tape tape;
  const Var zero = tape.parameter(Tensor::zeros({3, 2}, DType::f64));
  const Var norm = gram_iteration_norm(zero);
  BOOST_TEST(norm.value().at(0) == 0.0);
  BOOST_TEST(grad(norm, zero).value().at(0) == 0.0);
  BOOST_CHECK_THROW(gram_iteration_norm(Var(Tensor::zeros({3}, DType::f64))), ShapeError);
  BOOST_CHECK_THROW(gram_iteration_norm(zero, -1), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
