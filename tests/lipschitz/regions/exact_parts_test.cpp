// What the exact constant is computed with: exact sums and products, and norms of two columns.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "lipschitz/dense/two_columns.h"
#include "lipschitz/regions/dyadic.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using detail::Dyadic;
using testing::Random;

double read_back(const Dyadic& x) { return x.rounded(0).value; }

}  // namespace

BOOST_AUTO_TEST_SUITE(exact_parts)

BOOST_AUTO_TEST_CASE(doubles_go_in_and_out_unchanged) {
  Random random(721);
  std::vector<double> numbers{0.0, 1.0, -1.0, 0x1p-1074, -0x1.fp-1070, 0x1p1023, 0x1.fffffffffffffp1023, 0.1, 3e-310};
  for (int k = 0; k < 200; ++k)
    numbers.push_back(random.normal() * std::exp2(static_cast<double>(random.integer(-900, 900))));
  for (const double x : numbers) {
    BOOST_TEST(read_back(Dyadic(x)) == x);
    BOOST_TEST(Dyadic(x).rounded(0).radius == 0.0);
    BOOST_TEST(Dyadic(x).sign() == (x > 0) - (x < 0));
  }
}

BOOST_AUTO_TEST_CASE(sums_and_products_do_not_round) {
  Random random(722);
  for (int k = 0; k < testing::iterations(300); ++k) {
    const auto number = [&] { return random.normal() * std::exp2(static_cast<double>(random.integer(-200, 200))); };
    const double a = number(), b = number(), c = number();
    const Dyadic x(a), y(b), z(c);
    BOOST_TEST(((x + y) + z - (x + (y + z))).is_zero());
    BOOST_TEST((x * (y + z) - (x * y + x * z)).is_zero());
    BOOST_TEST((x + y - y - x).is_zero());
    // The residuals of rounded operations, which are doubles.
    const double sum = a + b, back = sum - a, low = (a - (sum - back)) + (b - back);
    BOOST_TEST(read_back(x + y - Dyadic(sum)) == low);
    BOOST_TEST(read_back(x * y - Dyadic(a * b)) == std::fma(a, b, -(a * b)));
    const Dyadic::Rounded product = (x * y * z).rounded(3);
    const Dyadic distance = x * y * z - Dyadic(product.value) * Dyadic(8.0);
    const Dyadic radius = Dyadic(product.radius) * Dyadic(8.0);
    BOOST_TEST((radius - distance).sign() >= 0);
    BOOST_TEST((radius + distance).sign() >= 0);
    BOOST_TEST(product.radius <= 0x1p-52 * std::fabs(product.value));
  }
  // Underflow keeps the radius honest.
  const Dyadic small = Dyadic(0x1.8p-1074) * Dyadic(0.375);
  BOOST_TEST(small.rounded(0).radius > 0.0);
  BOOST_TEST(std::isinf((Dyadic(0x1p1000) * Dyadic(0x1p1000)).rounded(0).value));
}

BOOST_AUTO_TEST_CASE(matrices_of_maps_are_exact) {
  Random random(723);
  const Tensor a = random.normals({4, 3}), b = random.normals({3, 5}), d = random.normals({4, 5});
  const LinearMap product(Shape{5}, Shape{4}, structure::Composition{{dense_map(a, {3}, {4}), dense_map(b, {5}, {3})}});
  const LinearMap map(Shape{5}, Shape{4}, structure::Sum{{product, dense_map(d, {5}, {4})}});
  const detail::ExactMatrix exact = detail::exact_matrix(map);
  for (Index i = 0; i < 4; ++i)
    for (const auto& [column, value] : exact.entries[static_cast<std::size_t>(i)]) {
      Dyadic sum(d.at(i * 5 + column));
      for (Index k = 0; k < 3; ++k) sum += Dyadic(a.at(i * 3 + k)) * Dyadic(b.at(k * 5 + column));
      BOOST_TEST((sum - value).is_zero());
    }
  const LinearMap row(Shape{8}, Shape{4}, structure::BlockRow{{dense_map(a, {3}, {4}), dense_map(d, {5}, {4})}});
  BOOST_TEST(detail::exact_matrix(row).columns == 8);
  BOOST_TEST(read_back(detail::exact_matrix(row).entries[2][4].value) == d.at(11));
}

BOOST_AUTO_TEST_CASE(norms_of_two_columns_are_enclosed) {
  Random random(724);
  for (int k = 0; k < testing::iterations(400); ++k) {
    const Index rows = random.integer(1, 6);
    Tensor a = random.normals({rows, 2});
    if (k % 4 == 1) a = testing::low_rank(random, rows, 2, 1);
    if (k % 4 == 2)
      for (Index i = 0; i < rows; ++i) a.mutable_data<double>()[static_cast<std::size_t>(2 * i + 1)] = 0.0;
    const Tensor none = Tensor::zeros({rows, 2}, DType::f64);
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      const long double exact = norm == Norm::l2 ? testing::spectral_norm(a) : testing::sum_norm(a, norm == Norm::linf);
      const auto range = detail::two_column_norm(a.data<double>().data(), none.data<double>().data(), rows, 2, norm);
      const double lower = range.lower.round(Side::lower), upper = range.upper.round(Side::upper);
      BOOST_TEST(static_cast<long double>(lower) <= exact * (1.0L + 1e-17L));
      BOOST_TEST(static_cast<long double>(upper) >= exact * (1.0L - 1e-17L));
      BOOST_TEST(upper <= lower * (1.0 + 1e-14));
      // Every matrix within the errors.
      Tensor error = random.normals({rows, 2}), moved = a.copy();
      for (std::size_t i = 0; i < static_cast<std::size_t>(2 * rows); ++i) {
        double& e = error.mutable_data<double>()[i];
        e = 0.3 * std::fabs(e);
        moved.mutable_data<double>()[i] += random.uniform(-e, e);
      }
      const auto wide = detail::two_column_norm(a.data<double>().data(), error.data<double>().data(), rows, 2, norm);
      const long double there =
          norm == Norm::l2 ? testing::spectral_norm(moved) : testing::sum_norm(moved, norm == Norm::linf);
      BOOST_TEST(static_cast<long double>(wide.lower.round(Side::lower)) <= there * (1.0L + 1e-17L));
      BOOST_TEST(static_cast<long double>(wide.upper.round(Side::upper)) >= there * (1.0L - 1e-17L));
    }
  }
  const double huge[] = {0x1p1020, 0x1p1020}, tiny[] = {0x1p-1070, 0x1p-1070}, zero[] = {0.0, 0.0};
  BOOST_TEST(detail::two_column_norm(huge, zero, 1, 2, Norm::l2).upper.log10() == 1020.5 * std::log10(2.0),
             boost::test_tools::tolerance(1e-14));
  BOOST_TEST(detail::two_column_norm(tiny, zero, 1, 2, Norm::l2).lower.log10() == -1069.5 * std::log10(2.0),
             boost::test_tools::tolerance(1e-14));
  const double nan[] = {std::nan(""), 0.0};
  BOOST_TEST(detail::two_column_norm(nan, zero, 1, 2, Norm::linf).upper.is_infinite());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
