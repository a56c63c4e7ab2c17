// Constants that are no machine numbers: 1/n of means and pools, weights of interpolations, 1/√d, in exact arithmetic.
#include <boost/multiprecision/cpp_int.hpp>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/autolip.h"
#include "lipschitz/exact.h"
#include "lipschitz/graph.h"
#include "lipschitz/lower.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using Rational = boost::multiprecision::cpp_rational;

// The square of a bound against that of the truth: certified, on the right side, and not looser than rounding is.
void check_square(const UpperBound& upper, const LowerBound& lower, const Rational& truth_squared, double slack) {
  BOOST_TEST(upper.is_certified());
  BOOST_TEST(lower.is_certified());
  const Rational above(upper.value()), below(lower.value());
  BOOST_TEST((above * above >= truth_squared), upper);
  BOOST_TEST((below * below <= truth_squared), lower);
  BOOST_TEST((above * above <= truth_squared * (1 + Rational(slack))), upper);
  BOOST_TEST((below * below >= truth_squared * (1 - Rational(slack))), lower);
}

Enclosure enclosed(const Function& f, const Shape& shape, DType dtype, Norm norm) {
  Tape tape;
  const auto part = affine_part(f(tape.input(Tensor::zeros(shape, dtype))));
  BOOST_TEST_REQUIRE(part.has_value());
  return operator_norm(*part, norm);
}

Rational share(Index p, Index q) { return Rational(p, q); }

// The matrix of a linear interpolation along one axis, by the definition.
std::vector<std::vector<Rational>> interpolation(Index from, Index to, bool align_corners) {
  std::vector<std::vector<Rational>> rows(static_cast<std::size_t>(to),
                                          std::vector<Rational>(static_cast<std::size_t>(from), 0));
  for (Index i = 0; i < to; ++i) {
    Rational at = align_corners ? (to > 1 ? Rational(i * (from - 1), to - 1) : Rational(0))
                                : Rational((2 * i + 1) * from - to, 2 * to);
    at = std::max(Rational(0), std::min(at, Rational(from - 1)));
    Index left = 0;
    while (left + 1 < from && Rational(left + 1) <= at) ++left;
    rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(left)] += 1 - (at - left);
    if (left + 1 < from) rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(left + 1)] += at - left;
  }
  return rows;
}
Rational largest_column_sum(const std::vector<std::vector<Rational>>& rows) {
  Rational largest = 0;
  for (std::size_t j = 0; j < rows.front().size(); ++j) {
    Rational sum = 0;
    for (const auto& row : rows) sum += abs(row[j]);
    largest = std::max(largest, sum);
  }
  return largest;
}

BOOST_AUTO_TEST_SUITE(inexact_constants)

BOOST_AUTO_TEST_CASE(means_divide_by_the_number_itself) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index n : {1, 2, 3, 5, 6, 7, 10, 49, 100, 1000}) BOOST_TEST_CONTEXT(dtype << ", " << n) {
        const Function f = [](const Var& x) { return mean(x, {1}); };
        const Enclosure l2 = enclosed(f, {1, n}, dtype, Norm::l2), l1 = enclosed(f, {1, n}, dtype, Norm::l1),
                        linf = enclosed(f, {1, n}, dtype, Norm::linf);
        check_square(l2.upper, l2.lower, share(1, n), 1e-12);
        check_square(l1.upper, l1.lower, share(1, n * n), 1e-12);
        check_square(linf.upper, linf.lower, 1, 1e-12);
      }
}

BOOST_AUTO_TEST_CASE(means_of_batch_norm_pools_and_global_pools) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Function pooled = [](const Var& x) { return avg_pool2d(x, {.window = {3, 3}, .stride = {3, 3}}); };
    const Enclosure a = enclosed(pooled, {1, 1, 3, 3}, dtype, Norm::l2);
    check_square(a.upper, a.lower, share(1, 9), 1e-12);
    const Function global = [](const Var& x) { return global_avg_pool(x); };
    const Enclosure b = enclosed(global, {1, 2, 5, 7}, dtype, Norm::l2);
    check_square(b.upper, b.lower, share(1, 35), 1e-12);
    // Of five numbers in windows of 3 at 0, 2 and 4 over one place of padding: the last counts one or two.
    for (const bool count : {false, true}) {
      const Function ragged = [&](const Var& x) {
        return avg_pool1d(x, {.window = 3, .stride = 2, .padding = {0, 1}, .ceil_mode = true, .count_padding = count});
      };
      const Enclosure c = enclosed(ragged, {1, 1, 5}, dtype, Norm::l1);
      const Rational most = share(1, 3) + (count ? share(1, 2) : share(1, 1));
      check_square(c.upper, c.lower, most * most, 1e-12);
    }
  }
}

BOOST_AUTO_TEST_CASE(interpolations_have_rational_weights) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const bool corners : {false, true})
      for (const auto& [from, to] : std::vector<std::pair<Index, Index>>{
               {4, 7}, {7, 4}, {3, 10}, {10, 3}, {5, 6}, {2, 9}, {1, 5}, {5, 1}, {6, 13}, {13, 17}, {4, 8}}) {
        BOOST_TEST_CONTEXT(dtype << ", " << from << " to " << to << ", corners " << corners) {
          const Function f = [&, size = to](const Var& x) { return resize_bilinear(x, 1, size, corners); };
          const Enclosure sums = enclosed(f, {1, 1, 1, from}, dtype, Norm::l1);
          const Rational most = largest_column_sum(interpolation(from, to, corners));
          check_square(sums.upper, sums.lower, most * most, 1e-12);
          const Enclosure rows = enclosed(f, {1, 1, 1, from}, dtype, Norm::linf);
          check_square(rows.upper, rows.lower, 1, 1e-12);
        }
      }
}

// What searches prove at a point speaks of the exact function, too.
BOOST_AUTO_TEST_CASE(certified_lower_bounds_enclose_the_constants) {
  for (const Index n : {3, 7, 11}) {
    const Function f = [](const Var& x) { return mean(x, {1}); };
    const Tensor x = Tensor::full({1, n}, DType::f32, 1.0);
    const auto bound = enclosed_directional_norm(f, x, x, Norm::l2);
    BOOST_TEST_REQUIRE(bound.has_value());
    const Rational below(bound->value());
    BOOST_TEST((below * below * n <= 1), *bound);
    BOOST_TEST((below * below * n >= 1 - Rational(1e-12)), *bound);
    const auto whole = enclosed_jacobian_norm(f, x, Norm::l2);
    BOOST_TEST_REQUIRE(whole.has_value());
    const Rational also(whole->value());
    BOOST_TEST((also * also * n <= 1), *whole);
  }
}

BOOST_AUTO_TEST_CASE(regions_enclose_the_constants) {
  // relu of the mean of two numbers and their double: 2 / 3 · (x + y) in one region
  const Function f = [](const Var& x) {
    const Var three = concat({x, x, x}, 1);
    return relu(scale(mean(three, {1}, true), 2.0));  // mean of six numbers: (x + y) / 2, by 1/6
  };
  const ExactResult result = exact_constant(f, Tensor::zeros({1, 2}, DType::f32));
  check_square(result.upper, result.lower, 2, 1e-12);
}

BOOST_AUTO_TEST_CASE(ranges_hold_the_exact_value_and_the_computed_one) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index n : {3, 6, 7, 10, 13}) {
      Tape tape;
      const Var x = tape.input(Tensor::full({1, n}, dtype, 1.0)), y = mean(slice(x, 1, 0, 1), {1});
      const Var by = mean_of_sum(x, n);
      const Range one[] = {Range::point(x.value())};
      const std::vector<Range> exact = Graph(by, "test").ranges(one);
      const Interval range = exact[by.id()].at(0);
      BOOST_TEST((Rational(range.lo) * n <= 1 && Rational(range.hi) * n >= 1));
      const Range rounded =
          tape.node(by.id()).op->range({Operands(std::vector<const Tensor*>{&x.value()}), by.value(), one});
      BOOST_TEST(rounded.contains(by.value()));
      BOOST_TEST(y.value().at(0) == 1.0);
    }
}

BOOST_AUTO_TEST_CASE(enclosed_factors_and_matrices_must_be_narrow) {
  const Var x(Tensor::zeros({1, 2}, DType::f64));
  BOOST_CHECK_THROW(scale(x, 1.0, Interval{-1.0, 1.0}), DomainError);
  const Range wide{Tensor::zeros({1, 2}, DType::f64), Tensor::full({1, 2}, DType::f64, 1.0)};
  BOOST_CHECK_THROW(matrix_along(x, wide, 1), DomainError);
}

// Every exponent in an interval: the slope is monotone between the ends.
BOOST_AUTO_TEST_CASE(powers_with_enclosed_exponents) {
  for (const Interval box : {Interval{1.0, 2.0}, Interval{0.25, 4.0}, Interval{0.5, 0.75}})
    for (const auto& [p, radius] : {std::pair{2.5, 1e-3}, {0.5, 1e-6}, {-1.5, 1e-4}, {2.0, 1e-5}, {1.0, 1e-3}}) {
      AutoLipOptions options;
      options.question.domain = Domain::box_or_reals(box);
      const Function f = [&, p = p, radius = radius](const Var& x) {
        return pow(x, p, Interval{p - radius, p + radius});
      };
      const AutoLipReport report = autolip(f, Tensor::full({1, 1}, DType::f32, 1.0), options);
      for (const double q : {p - radius, p, p + 0.5 * radius, p + radius})
        for (const double t : {box.lo, 0.5 * (box.lo + box.hi), box.hi})
          BOOST_TEST(report.bound.value() * (1 + 1e-15) >= std::fabs(q) * std::pow(t, q - 1.0));
      const double top = (std::fabs(p) + radius) * std::max(std::pow(box.lo, p - 1), std::pow(box.hi, p - 1));
      BOOST_TEST(report.bound.value() <= top * (1 + 10 * radius));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
