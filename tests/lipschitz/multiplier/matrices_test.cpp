// What the matrices of a program are off by, against products in long double of matrices at the ends of their errors.
#include "lipschitz/multiplier/matrices.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/support/oracles.h"

namespace taut {
namespace {

using detail::FilledMatrix;
using testing::Random;

struct Uncertain {
  FilledMatrix filled;
  std::vector<long double> exact;
};

Uncertain drawn(Random& random, Index rows, Index columns, double relative) {
  Uncertain m{{rows, columns, {}, {}}, {}};
  for (Index i = 0; i < rows * columns; ++i) {
    const double x = random.normal(), error = relative * std::fabs(x);
    m.filled.entries.push_back(x);
    if (relative > 0.0) m.filled.error.push_back(error);
    m.exact.push_back(static_cast<long double>(x) + (random.coin() ? error : -error));
  }
  return m;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matrices_of_programs)

BOOST_AUTO_TEST_CASE(products_through_a_wide_layer_are_as_good_as_they_say) {
  Random random(1621);
  for (int trial = 0; trial < testing::iterations(60); ++trial) {
    const Index m = random.integer(1, 5), n = random.integer(1, 40), r = random.integer(1, 4);
    const double errors[] = {0.0, 1e-15, 1e-12};
    const Uncertain v = drawn(random, m, n, errors[random.integer(0, 2)]);
    const Uncertain w = drawn(random, n, r, errors[random.integer(0, 2)]);
    detail::ProgramStep step{0, n, {{n, {{0, w.filled}}}}, {}, {}, {}};
    const bool relu = random.coin();
    for (Index i = 0; i < n; ++i) {
      step.lo.push_back(relu ? 0.0 : random.uniform(-1.0, 0.5));
      step.hi.push_back(relu ? 1.0 : step.lo.back() + random.uniform(0.0, 1.0));
    }
    const FilledMatrix through = detail::through_layer(v.filled, step);
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < r; ++j) {
        long double exact = 0.0L;
        for (Index k = 0; k < n; ++k) {
          const auto at = static_cast<std::size_t>(k);
          const long double middle = (static_cast<long double>(step.lo[at]) + step.hi[at]) / 2;
          exact += v.exact[static_cast<std::size_t>(i * n + k)] * middle * w.exact[static_cast<std::size_t>(k * r + j)];
        }
        const auto at = static_cast<std::size_t>(i * r + j);
        BOOST_TEST(std::fabs(exact - through.entries[at]) <= static_cast<long double>(through.error[at]));
        BOOST_TEST(through.error[at] <= 1e-10 * static_cast<double>(n));  // and says something
      }
  }
}

// The rows of a matrix of few entries, and none of one with many.
BOOST_AUTO_TEST_CASE(sparse_rows_hold_what_is_not_zero) {
  FilledMatrix a{2, 6, {}, {}};
  a.entries.assign(12, 0.0);
  a.entries[4] = 2.0;
  a.entries[7] = -3.0;
  const detail::SparseRows rows = detail::sparse_rows(a);
  BOOST_TEST((rows.from == std::vector<std::size_t>{0, 1, 2}));
  BOOST_TEST((rows.columns == std::vector<std::int32_t>{4, 1}));
  BOOST_TEST((rows.entries == std::vector<double>{2.0, -3.0}));
  a.entries.assign(12, 1.0);
  BOOST_TEST(detail::sparse_rows(a).from.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
