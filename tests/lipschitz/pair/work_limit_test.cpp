// Large layers: their splits and what is said of them, and SeqLip under a limit of operations.
#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "lipschitz/dense/split_layer.h"
#include "lipschitz/lower.h"
#include "lipschitz/seqlip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Matrix as_eigen(const Tensor& a) {
  return Eigen::Map<const Matrix>(a.data<double>().data(), a.shape()[0], a.shape()[1]);
}
// From below.
double power_iterate(const Matrix& a) {
  Eigen::VectorXd x = Eigen::VectorXd::Ones(a.cols());
  for (int k = 0; k < 60; ++k) x = (a.transpose() * (a * x)).normalized();
  return (a * x).norm();
}

// Entries of a layer with few neighbours, as of a convolution.
Tensor banded(Random& random, Index m, Index n) {
  Tensor a = Tensor::zeros({m, n}, DType::f64);
  for (Index i = 0; i < m; ++i)
    for (Index k = 0; k < 12; ++k)
      a.mutable_data<double>()[static_cast<std::size_t>(i * n + (i + 7 * k) % n)] = random.uniform(-0.3, 0.3);
  return a;
}

BOOST_AUTO_TEST_SUITE(work_limit)

BOOST_AUTO_TEST_CASE(what_is_said_of_splits_of_large_layers_is_true) {
  Random random(3);
  int large = 0;
  for (const auto& [m, n] : {std::pair<Index, Index>{300, 340}, {340, 300}, {290, 290}})
    for (const bool sparse : {false, true}) {
      const Tensor a = sparse ? banded(random, m, n) : testing::scaled(random.normals({m, n}), 0.05);
      const detail::SplitLayer split = detail::split_layer(a, 0.5);
      const Matrix p = as_eigen(split.left), q = as_eigen(split.right);
      const double missed = (as_eigen(a) - p * q).norm();
      // Computed in double itself, so that only rounding may exceed what is claimed.
      BOOST_TEST(missed <= split.residual.round(Side::upper) + 1e-12 * p.norm() * q.norm());
      BOOST_TEST(split.residual.round(Side::upper) <= 1e-8 * as_eigen(a).norm());
      BOOST_TEST_REQUIRE(split.left_norm.has_value());
      BOOST_TEST(split.left_norm->round(Side::upper) >= power_iterate(p));
      BOOST_TEST(split.right_norm->round(Side::upper) >= power_iterate(q));
      BOOST_TEST(split.left_norm->round(Side::upper) <= 1.01 * p.operatorNorm());
      BOOST_TEST(split.right_norm->round(Side::upper) <= 1.01 * q.operatorNorm());
      ++large;
    }
  BOOST_TEST(large == 6);
}

BOOST_AUTO_TEST_CASE(less_work_gives_a_looser_bound_that_is_as_true) {
  Random random(5);
  const Tensor first = testing::scaled(random.normals({320, 300}), 0.06),
               second = testing::scaled(random.normals({310, 320}), 0.06);
  const Function f = [&](const Var& x) { return dense(relu(dense(x, Var(first), Var())), Var(second), Var()); };
  const Tensor sample = random.normals({1, 300});
  const auto bound = [&](double operations) {
    SeqLipOptions options;
    options.operations = operations;
    return seqlip(f, sample, options);
  };
  const SeqLipReport little = bound(1e9), again = bound(1e9), more = bound(6e10);
  BOOST_TEST(little.bound.is_certified());
  BOOST_TEST(more.bound.is_certified());
  BOOST_TEST(little.bound.value() == again.bound.value());
  BOOST_TEST((little.status == Status::finite));
  BOOST_TEST(more.bound.value() <= little.bound.value());
  BOOST_TEST(little.bound.value() <= autolip(f, sample).bound.value());
  const auto lower = enclosed_jacobian_norm(f, sample, Norm::l2);
  BOOST_TEST_REQUIRE(lower.has_value());
  BOOST_TEST(lower->value() <= more.bound.value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
