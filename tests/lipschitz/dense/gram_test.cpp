// The Cholesky certificate where it is closest to being wrong: thresholds within a few ulps of the largest eigenvalue.
#include "lipschitz/dense/gram.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, long double, std::complex<long double>>;

// σ₁² in long double.
template <class T>
long double top_squared(const std::vector<T>& entries, Index rows, Index columns) {
  const std::vector<Wide<T>> wide(entries.begin(), entries.end());
  const long double sigma = testing::singular_values_of(wide, rows, columns).front();
  return sigma * sigma;
}

double entry(Random& random, double) { return random.uniform(-1.0, 1.0); }
std::complex<double> entry(Random& random, std::complex<double>) {
  return {random.uniform(-1.0, 1.0), random.uniform(-1.0, 1.0)};
}

// Returns how often a threshold below the truth was factorised, so that only the error terms kept the bound true. How
// often that happens depends on how the BLAS in use rounds, so matrices are drawn until it has (500 at most).
template <class T>
int check_edges(Random& random, int matrices) {
  constexpr long double oracle_error = 1e-17L;
  int below = 0;
  for (int k = 0; k < matrices || (below == 0 && k < 500); ++k) {
    const Index rows = random.integer(2, 40), columns = random.integer(2, 40);
    std::vector<T> b(static_cast<std::size_t>(rows * columns));
    for (T& e : b) e = entry(random, T{});
    const detail::Gram<T> gram(b.data(), rows, columns);
    const long double exact = top_squared(b, rows, columns);
    BOOST_TEST(gram.top_eigenvalue() == static_cast<double>(exact), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(static_cast<long double>(gram.frobenius_squared()) >= exact);
    for (int ulps = -40; ulps <= 40; ++ulps) {
      const double t = static_cast<double>(exact) * (1.0 + ulps * 0x1p-52);
      const auto proof = gram.prove(t);
      if (!proof) continue;
      below += static_cast<long double>(t) < exact;
      BOOST_TEST(static_cast<long double>(proof->bound) >= exact * (1 - oracle_error));
    }
    BOOST_TEST(!gram.prove(static_cast<double>(exact) * (1.0 - 1e-9)).has_value());
    BOOST_TEST(gram.prove(static_cast<double>(exact) * (1.0 + 1e-9)).has_value());
    BOOST_TEST(gram.prove_top(gram.top_eigenvalue()).bound <= static_cast<double>(exact) * (1.0 + 1e-10));
    BOOST_TEST(gram.prove_top(-1.0).bound == gram.frobenius_squared());
  }
  return below;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gram)

BOOST_AUTO_TEST_CASE(real_certificates_hold_at_the_edge) {
  Random random(61);
  BOOST_TEST(check_edges<double>(random, testing::iterations(40)) > 0);
}

BOOST_AUTO_TEST_CASE(complex_certificates_hold_at_the_edge) {
  Random random(62);
  BOOST_TEST(check_edges<std::complex<double>>(random, testing::iterations(15)) > 0);
}

BOOST_AUTO_TEST_CASE(what_is_not_a_number_is_never_proved) {
  const double b[] = {1.0, std::nan(""), 0.0, 1.0};
  const detail::Gram<double> gram(b, 2, 2);
  BOOST_TEST(!gram.prove(10.0).has_value());
  const double good[] = {1.0, 0.0, 0.0, 1.0};
  BOOST_TEST(!detail::Gram<double>(good, 2, 2).prove(std::nan("")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
