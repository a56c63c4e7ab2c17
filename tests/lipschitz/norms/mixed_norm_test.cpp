// Norms from one norm to another against the definition: vectors that attain them, and long double sums.
#include "lipschitz/mixed_norm.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

long double length(const std::vector<long double>& x, Norm norm) {
  long double total = 0.0L;
  for (const long double e : x) {
    if (norm == Norm::l1) total += std::fabs(e);
    if (norm == Norm::l2) total += e * e;
    if (norm == Norm::linf) total = std::max(total, std::fabs(e));
  }
  return norm == Norm::l2 ? std::sqrt(total) : total;
}

// ‖A x‖_to / ‖x‖_from
long double gain(const Tensor& a, const std::vector<long double>& x, Norm from, Norm to) {
  std::vector<long double> y(static_cast<std::size_t>(a.shape()[0]), 0.0L);
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j)
      y[i] += static_cast<long double>(a.at(static_cast<Index>(i * x.size() + j))) * x[j];
  return length(y, to) / length(x, from);
}

// The largest gain over the vectors among which it is attained: unit vectors from l1; the rows into linf from l2, their
// signs from linf.
long double attained(const Tensor& a, Norm from, Norm to) {
  const auto m = a.shape()[0], n = a.shape()[1];
  long double best = 0.0L;
  std::vector<long double> x(static_cast<std::size_t>(n));
  if (from == Norm::l1) {
    for (std::size_t j = 0; j < x.size(); ++j) {
      std::ranges::fill(x, 0.0L);
      x[j] = 1.0L;
      best = std::max(best, gain(a, x, from, to));
    }
    return best;
  }
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      const long double e = a.at(i * n + j);
      x[static_cast<std::size_t>(j)] = from == Norm::l2 ? e : e < 0.0L ? -1.0L : 1.0L;
    }
    best = std::max(best, gain(a, x, from, to));
  }
  return best;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mixed_norms)

BOOST_AUTO_TEST_CASE(closed_forms_are_attained_and_not_exceeded) {
  Random random(401);
  for (int k = 0; k < testing::iterations(40); ++k) {
    const Index m = random.integer(1, 9), n = random.integer(1, 9);
    const Tensor a = random.normals({m, n}, random.coin() ? DType::f32 : DType::f64);
    for (const auto& [from, to] : {std::pair{Norm::l1, Norm::l1},
                                   {Norm::linf, Norm::linf},
                                   {Norm::l1, Norm::linf},
                                   {Norm::l2, Norm::linf},
                                   {Norm::l1, Norm::l2}}) {
      const MixedNorm norm = mixed_norm(a, from, to);
      const long double exact = attained(a, from, to);
      BOOST_TEST_CONTEXT(from << " to " << to << ' ' << a.shape()) {
        BOOST_TEST(static_cast<long double>(norm.upper.round(Side::upper)) >= exact * (1 - 1e-18L));
        BOOST_TEST(static_cast<long double>(norm.lower.round(Side::lower)) <= exact * (1 + 1e-18L));
        BOOST_TEST(static_cast<long double>(norm.upper.round(Side::upper)) <= exact * (1 + 1e-14L));
        BOOST_TEST(static_cast<long double>(norm.lower.round(Side::lower)) >= exact * (1 - 1e-14L));
        for (int trial = 0; trial < 20; ++trial) {
          std::vector<long double> x(static_cast<std::size_t>(n));
          for (long double& e : x) e = random.normal();
          BOOST_TEST(gain(a, x, from, to) <= static_cast<long double>(norm.upper.round(Side::upper)) * (1 + 1e-17L));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(ends_of_the_exponent_range_are_enclosed) {
  const Tensor a = Tensor::of<double>({2, 2}, {3e300, 4e-320, 4e300, 3e-320});
  BOOST_TEST(mixed_norm(a, Norm::l1, Norm::l2).upper.round(Side::upper) == 5e300, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(mixed_norm(a, Norm::l1, Norm::linf).upper.round(Side::upper) == 4e300);
  const Tensor huge = Tensor::of<double>({1, 2}, {1.7e308, 1.7e308});  // the norm is no double
  BOOST_TEST(mixed_norm(huge, Norm::l2, Norm::linf).upper.round(Side::upper) == infinity);
  BOOST_TEST(mixed_norm(huge, Norm::l2, Norm::linf).lower.log10() == 308.38, boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(what_is_np_hard_is_refused_with_the_reason) {
  const Tensor a = Tensor::of<double>({1, 2}, {1.0, 2.0});
  for (const auto& [from, to] : {std::pair{Norm::l2, Norm::l1}, {Norm::linf, Norm::l1}, {Norm::linf, Norm::l2}})
    BOOST_CHECK_EXCEPTION(mixed_norm(a, from, to), UnsupportedError,
                          [](const Error& e) { return std::string(e.what()).find("NP-hard") != std::string::npos; });
  BOOST_CHECK_THROW(mixed_norm(Tensor::zeros({3}, DType::f64), Norm::l1, Norm::l2), ShapeError);
  BOOST_CHECK_THROW(mixed_norm(Tensor::of<double>({1, 1}, {infinity}), Norm::l1, Norm::linf), NumericError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
