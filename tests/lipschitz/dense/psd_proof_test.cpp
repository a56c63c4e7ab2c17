// The one proof of positive semidefiniteness: A + e I ⪰ 0 for the e that it gives, and no e where A is indefinite.
#include "lipschitz/dense/psd_proof.h"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <vector>

#include "tests/support/oracles.h"

namespace taut::testing {
namespace {

using Complex = std::complex<double>;
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, long double, std::complex<long double>>;

template <class T>
T draw(Random& random) {
  if constexpr (std::is_same_v<T, double>)
    return random.normal();
  else
    return T(random.normal(), random.normal());
}

// B Bᴴ + shift · I of a matrix (n, rank) of draws about 1/√rank, as floating point has it.
template <class T>
std::vector<T> gram(Random& random, Index n, Index rank, double shift) {
  std::vector<T> b(static_cast<std::size_t>(n * rank)), a(static_cast<std::size_t>(n * n));
  for (T& x : b) x = draw<T>(random) / std::sqrt(4.0 * static_cast<double>(rank));
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) {
      T sum{};
      for (Index k = 0; k < rank; ++k) {
        const T x = b[static_cast<std::size_t>(i * rank + k)], y = b[static_cast<std::size_t>(j * rank + k)];
        if constexpr (std::is_same_v<T, double>)
          sum += x * y;
        else
          sum += x * std::conj(y);
      }
      a[static_cast<std::size_t>(j * n + i)] = i == j ? T(std::real(sum) + shift) : sum;
    }
  return a;
}

// Of the matrix whose lower triangle this is.
template <class T>
long double least_eigenvalue(const std::vector<T>& a, Index n) {
  std::vector<Wide<T>> rows(a.size());
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i)
      rows[static_cast<std::size_t>(i * n + j)] = Wide<T>(a[static_cast<std::size_t>(j * n + i)]);
  return least_eigenvalue_of(rows, n);
}

template <class T>
void holds_for_random_matrices() {
  Random random(15);
  int proved = 0, refused = 0;
  for (int trial = 0; trial < iterations(120); ++trial) {
    const Index n = random.integer(1, 14), rank = random.integer(1, n);
    const double shifts[] = {0.0, 1e-15, 3e-16, -1e-16, -1e-13, 1e-8, 0.1, -0.01};
    const double shift = shifts[random.integer(0, 7)];
    const std::vector<T> a = gram<T>(random, n, rank, shift);
    std::vector<T> factor = a;
    const std::optional<double> e = detail::prove_psd(factor.data(), n);
    (e ? proved : refused) += 1;
    if (!e) continue;
    BOOST_TEST((least_eigenvalue(a, n) >= -static_cast<long double>(*e) - 1e-18L), n << ' ' << rank << ' ' << shift);
    BOOST_TEST(*e <= 1e-13 * static_cast<double>(n * n));  // and says something
  }
  // Both happen, at any number of trials.
  BOOST_TEST(12 * proved > proved + refused);
  BOOST_TEST(12 * refused > proved + refused);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(psd_proof)

BOOST_AUTO_TEST_CASE(the_shifted_matrix_is_semidefinite) {
  holds_for_random_matrices<double>();
  holds_for_random_matrices<Complex>();
}

BOOST_AUTO_TEST_CASE(what_is_indefinite_is_not_proved) {
  Random random(16);
  for (int trial = 0; trial < iterations(60); ++trial) {
    const Index n = random.integer(2, 12);
    std::vector<double> a = gram<double>(random, n, n, 0.0);
    const auto last = static_cast<std::size_t>(n * n - 1);
    a[last] -= static_cast<double>(least_eigenvalue(a, n)) + 1e-3 + a[last];  // below what the others allow
    BOOST_TEST((least_eigenvalue(a, n) < 0.0L));
    BOOST_TEST(!detail::prove_psd(a.data(), n));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_number_is_not_proved) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = infinity;
  for (const double bad : {nan, inf, -inf, 0.0, -1.0})
    for (const std::size_t at : {0U, 3U}) {
      std::vector<double> a{1.0, 0.5, 0.5, 1.0};
      a[at] = bad;
      BOOST_TEST(!detail::prove_psd(a.data(), 2), bad << " at " << at);
    }
  std::vector<double> a{1.0, nan, nan, 1.0};
  BOOST_TEST(!detail::prove_psd(a.data(), 2));
}

BOOST_AUTO_TEST_CASE(the_shift_grows_with_trace_and_size) {
  BOOST_TEST(detail::least_shift<double>(10, 2.0) >= 2.0 * detail::least_shift<double>(10, 1.0) * (1 - 1e-15));
  BOOST_TEST(detail::least_shift<double>(100, 1.0) > detail::least_shift<double>(10, 1.0));
  BOOST_TEST(detail::least_shift<Complex>(10, 1.0) > detail::least_shift<double>(10, 1.0));
  // (n + 4) u / (1 − …) times the trace, at least.
  BOOST_TEST(detail::least_shift<double>(10, 1.0) >= 14.0 * 0x1p-53);
  BOOST_TEST(detail::least_shift<double>(10, 1.0) <= 15.0 * 0x1p-53);
  BOOST_TEST(std::isinf(detail::least_shift<double>(Index{1} << 53, 1.0)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::testing
