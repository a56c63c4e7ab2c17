// Where inputs lie: the box around a domain holds it, points moved into it are in it, and bounds hold on it.
#include "lipschitz/domain.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/exact.h"
#include "lipschitz/sandwich.h"
#include "lipschitz/search.h"
#include "tests/support/expect_error.h"
#include "tests/support/multiprecision.h"
#include "tests/support/nan.h"

namespace taut {
namespace {

using test::nan;

const std::vector<Norm> norms{Norm::l1, Norm::l2, Norm::linf};

Tensor row(const std::vector<double>& values, DType dtype = DType::f64) {
  return Tensor::from<double>(Shape{static_cast<Index>(values.size())}, values).to(dtype);
}

// x ↦ (x₀², x₁²): on a set the constant in every norm is twice the largest |x_i|, near enough for what is asked here.
Var squares(const Var& x) { return square(x); }

AutoLipOptions on(const Domain& domain, Norm norm = Norm::l2) { return {{norm, domain}, {}}; }

double constant_of_squares(const Domain& domain, Norm norm = Norm::l2) {
  return autolip(squares, Tensor::zeros({1, 2}, DType::f64), on(domain, norm)).bound.value();
}

long double distance(const Tensor& x, const Tensor& c, Norm norm) {
  long double sum = 0.0L;
  for (Index i = 0; i < c.size(); ++i) {
    const long double d = std::fabs(static_cast<long double>(x.at(i)) - static_cast<long double>(c.at(i)));
    sum = norm == Norm::linf ? std::max(sum, d) : sum + (norm == Norm::l1 ? d : d * d);
  }
  return norm == Norm::l2 ? std::sqrt(sum) : sum;
}

BOOST_AUTO_TEST_SUITE(domains)

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused_where_it_is_written) {
  using test::expect_error;
  expect_error<DomainError>([] { Domain::box(Interval{1.0, 0.0}); }, {"lo <= hi", "[1, 0]", "exchange the ends"});
  expect_error<DomainError>([] { Domain::box(Interval{nan, 0.0}); }, {"lo <= hi", "NaN"});
  expect_error<DomainError>([] { Domain::box(row({0, 2}), row({1, 1})); }, {"at entry 1"});
  expect_error<DomainError>([] { Domain::box(row({0, 0}), row({1, nan})); }, {"at entry 1", "NaN"});
  expect_error<ShapeError>([] { Domain::box(row({0, 0}), row({1})); }, {"one shape", "(2)", "(1)"});
  for (const double radius : {-1.0, nan, infinity})
    expect_error<DomainError>([&] { Domain::ball(row({0}), radius, Norm::l2); }, {"radius"});
  expect_error<NumericError>([] { Domain::ball(row({0, infinity}), 1.0, Norm::l1); }, {"finite", "entry 1"});
  const Domain three = Domain::box(row({0, 0, 0}), row({1, 1, 1}));
  expect_error<ShapeError>([&] { three.range(Shape{1, 2}); }, {"the box of shape (3)", "(1, 2)"});
  expect_error<ShapeError>([&] { constant_of_squares(three); }, {"shape of one input"});
  expect_error<ShapeError>([&] { constant_of_squares(Domain::ball(row({0, 0, 0}), 1.0, Norm::l2)); }, {"ball"});
}

BOOST_AUTO_TEST_CASE(tensors_fit_with_and_without_leading_axes_of_size_one) {
  for (const Shape& shape : {Shape{3}, Shape{1, 3}, Shape{1, 1, 3}}) {
    const Domain domain = Domain::box(Tensor::zeros(shape, DType::f32), Tensor::full(shape, DType::f32, 2.0));
    BOOST_TEST((domain.range({1, 3}).shape() == Shape{1, 3}));
    BOOST_TEST(domain.range({3}).at(2).hi == 2.0);
  }
  BOOST_TEST(!Domain().range({3}).defined());
  BOOST_TEST(Domain::box(Interval{-1.0, 1.0}).range({4, 5}).lo.size() == 20);
}

// Rounded outward: c ± r is not a number of the type for nearly all of them.
BOOST_AUTO_TEST_CASE(the_box_around_a_ball_holds_it) {
  for (const double centre : {0.0, 0.1, 1.0 / 3.0, -7.7, 1e16, -1e-300})
    for (const double radius : {0.0, 0.1, 1e-20, 0.7, 1e300}) {
      const Range box = Domain::ball(row({centre}), radius, Norm::linf).range({1});
      test::Exact low(centre), high(centre);
      mpfr_sub_d(low.get(), low.get(), radius, MPFR_RNDN);
      mpfr_add_d(high.get(), high.get(), radius, MPFR_RNDN);
      BOOST_TEST(low.compare(box.lo.at(0)) >= 0);
      BOOST_TEST(high.compare(box.hi.at(0)) <= 0);
    }
}

BOOST_AUTO_TEST_CASE(points_are_moved_into_balls) {
  for (const Norm norm : norms)
    for (const DType dtype : {DType::f64, DType::f32})
      for (const double radius : {1e-3, 0.1, 1.0, 1e5}) {
        const Tensor centre = row({0.1, -2.3, 1e-3, 400.7});
        const Domain ball = Domain::ball(centre, radius, norm);
        Tensor points = Tensor::uninitialised({5, 4}, DType::f64);
        double value = -9.0;
        for (double& e : points.mutable_data<double>()) e = (value = -1.37 * value + 0.3);
        points = points.to(dtype).copy();
        const Tensor before = points.copy();
        ball.clamp(points);
        BOOST_TEST_CONTEXT(norm << ' ' << radius) {
          BOOST_TEST(ball.contains(points));
          for (Index k = 0; k < 5; ++k) {
            const Tensor x = points.reshaped({5, 4}).to(DType::f64);
            const Tensor one = Tensor::from<double>({4}, x.data<double>().subspan(static_cast<std::size_t>(4 * k), 4));
            const Tensor was = before.to(DType::f64);
            const Tensor old =
                Tensor::from<double>({4}, was.data<double>().subspan(static_cast<std::size_t>(4 * k), 4));
            BOOST_TEST(distance(one, centre, norm) <= static_cast<long double>(radius));
            if (distance(old, centre, norm) < 0.999 * radius) BOOST_TEST(distance(one, old, Norm::linf) == 0.0L);
            if (distance(old, centre, norm) > radius && radius >= 0.1)  // on the border, but for rounding
              BOOST_TEST(distance(one, centre, norm) >= 0.99 * static_cast<long double>(radius));
          }
        }
      }
}

BOOST_AUTO_TEST_CASE(a_ball_between_numbers_of_the_type_holds_none) {
  const Domain ball = Domain::ball(row({0.1, 0.1}), 1e-12, Norm::l2);
  Tensor x = Tensor::full({1, 2}, DType::f32, 0.1);
  ball.clamp(x);
  BOOST_TEST(!ball.contains(x));
  AscentOptions ascent;
  ascent.question.domain = ball;
  BOOST_CHECK_THROW(ascent_lower_bound(squares, Tensor::zeros({1, 2}, DType::f32), ascent), UnsupportedError);
  BOOST_TEST(ascent_lower_bound(squares, Tensor::zeros({1, 2}, DType::f64), ascent).bound.value() > 0.0);
}

BOOST_AUTO_TEST_CASE(upper_bounds_know_every_side_of_a_box) {
  const Domain box = Domain::box(row({-1.0, -0.25}), row({0.5, 3.0}));
  for (const Norm norm : norms) BOOST_TEST(std::fabs(constant_of_squares(box, norm) - 6.0) < 1e-12);
  BOOST_TEST(constant_of_squares(Domain::box(row({-1.0, -infinity}), row({0.5, 3.0}))) == infinity);
  BOOST_TEST(std::fabs(constant_of_squares(Domain::ball(row({1.0, -2.0}), 0.5, Norm::l1)) - 5.0) < 1e-12);
}

BOOST_AUTO_TEST_CASE(lower_bounds_are_attained_in_the_domain) {
  std::vector<Domain> domains{Domain::box(row({-1.0, -0.25}), row({0.5, 3.0}))};
  for (const Norm norm : norms) domains.push_back(Domain::ball(row({1.0, -2.0}), 0.75, norm));
  for (const Domain& domain : domains)
    for (const DType dtype : {DType::f64, DType::f32})
      for (const Norm norm : norms) {
        SandwichOptions options{.question = {norm, domain}};
        options.methods = {Method::autolip, Method::ascent, Method::annealing, Method::grid};
        const Sandwich found = sandwich(squares, Tensor::zeros({1, 2}, dtype), options);
        BOOST_TEST_CONTEXT(domain.describe() << ' ' << norm << ' ' << found) {
          const double truth = domain.is_ball() ? 5.5 : 6.0;
          BOOST_REQUIRE(found.lower.has_value());
          BOOST_TEST(found.lower->is_certified());
          BOOST_TEST(found.lower->value() <= truth);
          BOOST_TEST(found.lower->value() >= 0.97 * truth);
          BOOST_TEST(found.upper->value() >= truth);
          BOOST_TEST(domain.contains(found.point));
          for (const BoundRow& r : found.bounds) BOOST_TEST(r.has_value());
        }
      }
}

// What lies in the corners of the box around a ball must not count: |x₀ + x₁| jumps in slope there only.
BOOST_AUTO_TEST_CASE(corners_of_the_box_around_a_ball_do_not_count_below) {
  const auto f = [](const Var& x) { return relu(matmul(x, Var(Tensor::full({2, 1}, x.dtype(), 1.0))) - 1.5); };
  const Tensor sample = Tensor::zeros({1, 2}, DType::f64);
  SandwichOptions options;
  options.methods = {Method::autolip, Method::ascent, Method::annealing, Method::grid, Method::exact};
  for (const double radius : {1.0, 1.05}) {  // the largest sum in the l2 ball: 1.41…, 1.48…
    options.question.domain = Domain::ball(row({0.0, 0.0}), radius, Norm::l2);
    const Sandwich found = sandwich(f, sample, options);
    BOOST_TEST(found.lower->value() == 0.0);
    BOOST_TEST(found.upper->value() <= std::sqrt(2.0) * (1.0 + 1e-12));
  }
  options.question.domain = Domain::ball(row({0.0, 0.0}), 1.2, Norm::l2);  // 1.69…
  BOOST_TEST(sandwich(f, sample, options).lower->value() > 1.41);
  options.question.domain = Domain::ball(row({0.0, 0.0}), 1.4, Norm::l1);
  BOOST_TEST(sandwich(f, sample, options).lower->value() == 0.0);
}

BOOST_AUTO_TEST_CASE(regions_are_cut_by_the_sides_of_a_box) {
  const auto f = [](const Var& x) { return relu(matmul(x, Var(Tensor::full({2, 1}, x.dtype(), 1.0))) - 1.5); };
  const Tensor sample = Tensor::zeros({1, 2}, DType::f64);
  const auto exact_on = [&](const Domain& domain) { return exact_constant(f, sample, {{Norm::l2, domain}, {}}); };
  const ExactResult below = exact_on(Domain::box(row({-3.0, -1.0}), row({1.0, 0.5})));
  BOOST_TEST(below.upper.value() == 0.0);
  const ExactResult above = exact_on(Domain::box(row({-3.0, -1.0}), row({1.0, 0.75})));
  BOOST_TEST(above.lower.value() > 1.41421356);
  BOOST_TEST(above.upper.value() < 1.41421357);
  BOOST_TEST(above.point.at(0) + above.point.at(1) >= 1.5);
  const Domain quadrant = Domain::box(row({-3.0, -1.0}), row({infinity, infinity}));
  BOOST_TEST(exact_on(quadrant).lower.value() > 1.41421356);
  const Domain strip = Domain::box(row({-3.0, -1.0}), row({1.0, infinity}));
  BOOST_CHECK_THROW(exact_on(strip), UnsupportedError);
  const Domain line = Domain::box(row({-3.0, -1.0}), row({1.0, -1.0}));
  BOOST_CHECK_THROW(exact_on(line), UnsupportedError);
}

BOOST_AUTO_TEST_CASE(domains_without_an_interior) {
  const Tensor sample = Tensor::zeros({1, 2}, DType::f64);
  AscentOptions ascent;
  ascent.question.domain = Domain::box(row({0.0, 1.0}), row({1.0, 1.0}));
  BOOST_CHECK_THROW(ascent_lower_bound(squares, sample, ascent), UnsupportedError);
  for (const Domain& point :
       {Domain::box(row({1.0, 1.0}), row({1.0, 1.0})), Domain::ball(row({1.0, 1.0}), 0.0, Norm::l2)}) {
    BOOST_TEST(point.is_point());
    ascent.question.domain = point;
    BOOST_CHECK_THROW(ascent_lower_bound(squares, sample, ascent), UsageError);
    BOOST_TEST(constant_of_squares(point) == 2.0);
  }
  SandwichOptions options;
  options.question.domain = Domain::box(row({0.0, 1.0}), row({1.0, 1.0}));
  const Sandwich found = sandwich(squares, sample, options);
  BOOST_TEST(std::fabs(found.upper->value() - 2.0) < 1e-12);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
