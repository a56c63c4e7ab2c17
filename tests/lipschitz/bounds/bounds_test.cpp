// The laws of bounds: outward, only ever weaker, always telling where they come from.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <sstream>
#include <type_traits>

#include "autodiff/error.h"
#include "lipschitz/bound.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

static_assert(!std::is_convertible_v<double, UpperBound> && !std::is_convertible_v<UpperBound, double>);
static_assert(!std::is_constructible_v<UpperBound, double> && !std::is_constructible_v<UpperBound, LowerBound>);
static_assert(!std::is_same_v<UpperBound, LowerBound> && !std::is_assignable_v<UpperBound&, const LowerBound&>);

UpperBound certified(double value, Norm norm = Norm::l2) { return UpperBound::certified(value, norm, "given"); }

UpperBound random_bound(Random& random) {
  const double value = random.integer(0, 9) == 0 ? 0.0 : std::exp(random.uniform(-5.0, 5.0));
  switch (random.integer(0, 2)) {
    case 0:
      return certified(value);
    case 1:
      return UpperBound::probabilistic(value, random.uniform(1e-12, 0.9), Norm::l2, "drawn");
    default:
      return UpperBound::estimate(value, Norm::l2, "guess");
  }
}

double failure(const Rigour& rigour) {
  if (const auto* p = std::get_if<Probabilistic>(&rigour)) return p->failure;
  return std::holds_alternative<Certified>(rigour) ? 0.0 : infinity;
}

void check_contains(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, '"' << text << "\" does not say \"" << part << '"');
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bounds)

BOOST_AUTO_TEST_CASE(rigour_only_weakens) {
  Random random(1);
  for (int k = 0; k < testing::iterations(500); ++k) {
    const UpperBound a = random_bound(random), b = random_bound(random), c = random_bound(random);
    for (const UpperBound& combined :
         {product(a, b), sum(std::vector{a, b}), joint(std::vector{a, b}), scaled(product(a, b), 2.0), better(a, b)}) {
      const bool chosen = combined.rigour() == a.rigour() || combined.rigour() == b.rigour();
      if (!chosen) BOOST_TEST(failure(combined.rigour()) >= std::max(failure(a.rigour()), failure(b.rigour())));
    }
    const double both = failure(a.rigour()) + failure(b.rigour());
    if (both < 1.0) {
      BOOST_TEST(failure(product(a, b).rigour()) >= both);
      BOOST_TEST(failure(product(a, b).rigour()) <= both * (1 + 1e-15));
    } else {
      BOOST_TEST(product(a, b).is_estimate());
    }
    BOOST_TEST((weakest(a.rigour(), b.rigour()) == weakest(b.rigour(), a.rigour())));
    const UpperBound left = product(product(a, b), c), right = product(a, product(b, c));
    BOOST_TEST(left.value() == right.value(), boost::test_tools::tolerance(1e-15));
    BOOST_TEST(left.rigour().index() == right.rigour().index());
  }
}

BOOST_AUTO_TEST_CASE(values_round_outward_and_exact_ones_stay) {
  Random random(2);
  for (int k = 0; k < testing::iterations(2000); ++k) {
    const double a = std::exp(random.uniform(-300.0, 300.0)), b = std::exp(random.uniform(-300.0, 300.0));
    const auto A = static_cast<long double>(a), B = static_cast<long double>(b);
    BOOST_TEST(static_cast<long double>(product(certified(a), certified(b)).value()) >= A * B * (1 - 1e-19L));
    BOOST_TEST(product(certified(a), certified(b)).value() <= a * b * (1 + 3e-16));
    BOOST_TEST(static_cast<long double>(sum(std::vector{certified(a), certified(b)}).value()) >=
               (A + B) * (1 - 1e-19L));
    BOOST_TEST(static_cast<long double>(joint(std::vector{certified(a), certified(b)}).value()) >=
               std::sqrt(A * A + B * B) * (1 - 1e-18L));
    const Magnitude low = Magnitude::product(a, b, Side::lower);
    BOOST_TEST(static_cast<long double>(low.round(Side::lower)) <= A * B * (1 + 1e-19L));
    const double small = static_cast<double>(random.integer(0, 1 << 20)),
                 other = static_cast<double>(random.integer(0, 1 << 20));
    BOOST_TEST(product(certified(small), certified(other)).value() == small * other);
    BOOST_TEST(sum(std::vector{certified(small), certified(other)}).value() == small + other);
  }
  BOOST_TEST(joint(std::vector{certified(3.0), certified(4.0)}).value() == 5.0);
  BOOST_TEST(joint(std::vector{certified(3.0, Norm::l1), certified(4.0, Norm::l1)}).value() == 7.0);
  BOOST_TEST(joint(std::vector{certified(3.0, Norm::linf), certified(4.0, Norm::linf)}).value() == 4.0);
}

BOOST_AUTO_TEST_CASE(exponents_have_room) {
  UpperBound p = certified(1.0);
  for (int k = 0; k < 100; ++k) p = product(p, certified(1e-30));
  BOOST_TEST(p.value() == std::numeric_limits<double>::denorm_min());  // rounded up, never 0
  BOOST_TEST(p.magnitude().log10() == -3000.0, boost::test_tools::tolerance(1e-12));
  check_contains(p.str(), "1e-2999");
  for (int k = 0; k < 100; ++k) p = product(p, certified(1e30));
  BOOST_TEST(p.value() == 1.0, boost::test_tools::tolerance(1e-12));
  const UpperBound huge = product(certified(1e300), certified(1e300));
  BOOST_TEST(huge.value() == infinity);
  BOOST_TEST(!huge.magnitude().is_infinite());
  BOOST_TEST(Magnitude::product(1e300, 1e300, Side::lower).round(Side::lower) == std::numeric_limits<double>::max());
  BOOST_TEST(Magnitude::sum(1.0, Magnitude::product(1e-300, 1e-300, Side::upper), Side::upper).round(Side::upper) >
             1.0);
  BOOST_TEST(Magnitude::sum(1.0, Magnitude::product(1e-300, 1e-300, Side::lower), Side::lower).round(Side::lower) ==
             1.0);
  for (const double x : {0.0, 5e-324, 3e-310, 1e-300, 1.0, 1.5e308, infinity}) {
    BOOST_TEST(Magnitude(x).round(Side::upper) == x);
    BOOST_TEST(Magnitude(x).round(Side::lower) == x);
  }
  for (const double x : {0.0, 0x1p-1074, 0x1p-1000, 1.0, 0x1p1023, infinity}) {
    const Magnitude square = Magnitude::product(x, x, Side::upper);
    BOOST_TEST(Magnitude::root(square, Side::upper).round(Side::upper) == x);
  }
}

BOOST_AUTO_TEST_CASE(a_certified_zero_absorbs_infinity) {
  BOOST_TEST(product(certified(0.0), certified(infinity)).value() == 0.0);
  BOOST_TEST(product(certified(infinity), certified(0.0)).value() == 0.0);
  BOOST_TEST(product(certified(infinity), certified(2.0)).value() == infinity);
  BOOST_CHECK_THROW(product(UpperBound::estimate(0.0, Norm::l2, "guess"), certified(infinity)), NumericError);
}

BOOST_AUTO_TEST_CASE(what_is_no_bound_is_refused) {
  BOOST_CHECK_THROW(certified(std::nan("")), NumericError);
  BOOST_CHECK_THROW(certified(-1.0), NumericError);
  BOOST_CHECK_THROW(LowerBound::estimate(std::nan(""), Norm::l1, "guess"), NumericError);
  BOOST_CHECK_THROW(product(certified(1.0, Norm::l1), certified(1.0, Norm::l2)), UsageError);
  BOOST_CHECK_THROW(sum(std::vector<UpperBound>{}), UsageError);
  BOOST_TEST(UpperBound::probabilistic(1.0, 1.0, Norm::l2, "drawn").is_estimate());
  BOOST_TEST(UpperBound::probabilistic(1.0, std::nan(""), Norm::l2, "drawn").is_estimate());
  BOOST_TEST(UpperBound::probabilistic(1.0, -0.5, Norm::l2, "drawn").is_estimate());
}

BOOST_AUTO_TEST_CASE(the_better_bound_is_the_stronger_then_the_tighter) {
  const UpperBound guess = UpperBound::estimate(1.0, Norm::l2, "guess");
  BOOST_TEST(better(guess, certified(2.0)).value() == 2.0);
  BOOST_TEST(better(certified(3.0), certified(2.0)).value() == 2.0);
  const LowerBound low = LowerBound::certified(1.0, Norm::l2, "a"), high = LowerBound::certified(2.0, Norm::l2, "b");
  BOOST_TEST(better(low, high).value() == 2.0);
  const UpperBound p = UpperBound::probabilistic(1.0, 1e-3, Norm::l2, "a"),
                   q = UpperBound::probabilistic(2.0, 1e-4, Norm::l2, "b");
  BOOST_TEST(better(p, q).value() == 1.0);
  BOOST_TEST(failure(better(p, q).rigour()) >= 1.1e-3);
}

BOOST_AUTO_TEST_CASE(asking_for_more_than_was_proved_explains) {
  const UpperBound ok = certified(2.0);
  BOOST_TEST(&require_certified(ok) == &ok);
  const UpperBound weak = product(ok, UpperBound::estimate(3.0, Norm::l2, "power method", "layer 2"));
  BOOST_CHECK_EXCEPTION(require_certified(weak), RigourError, [](const Error& e) {
    const std::string text = e.what();
    return text.find("power method") != std::string::npos && text.find("layer 2") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(printing_names_value_rigour_method_and_norm) {
  check_contains(UpperBound::certified(1.0 / 3.0, Norm::linf, "row sums", "layer 1").str(),
                 "<= 0.333334 certified, row sums, linf: layer 1");
  check_contains(LowerBound::certified(2.0 / 3.0, Norm::l1, "pairs").str(), ">= 0.666666 certified, pairs, l1");
  check_contains(UpperBound::probabilistic(2.0, 1e-10, Norm::l2, "lanczos").str(),
                 "<= 2 probabilistic (failure 1e-10)");
  check_contains(UpperBound::estimate(2.0, Norm::l2, "power method").str(), "<= 2 estimate");
  check_contains(certified(infinity).str(), "<= inf certified");
  std::ostringstream text;
  text << certified(12.5);
  check_contains(text.str(), "<= 12.5 certified, given, l2");
}

BOOST_AUTO_TEST_CASE(shortened_numbers_keep_to_their_side) {
  Random random(3);
  for (int k = 0; k < testing::iterations(3000); ++k) {
    const double x = std::pow(10.0, random.uniform(-320.0, 308.0));
    for (const int digits : {1, 3, 6, 17}) {
      BOOST_TEST(std::strtod(format_directed(x, Side::upper, digits).c_str(), nullptr) >= x);
      BOOST_TEST(std::strtod(format_directed(x, Side::lower, digits).c_str(), nullptr) <= x);
    }
    const double shown = std::strtod(format_directed(x, Side::upper).c_str(), nullptr);
    if (x > 1e-290) BOOST_TEST(shown <= x * (1 + 1.001e-5));
  }
  BOOST_TEST(format_directed(0.999999999, Side::upper) == "1");
  BOOST_TEST(format_directed(0.0, Side::upper) == "0");
}

BOOST_AUTO_TEST_CASE(explanations_show_shared_steps_once) {
  UpperBound b = certified(1.0);
  for (int k = 0; k < 60; ++k) b = product(b, b);  // 2^60 paths
  const std::string text = b.explain();
  check_contains(text, "as above");
  BOOST_TEST(text.size() < 20000U);
}

BOOST_AUTO_TEST_CASE(deep_derivations_die_without_recursion) {
  UpperBound b = certified(1.0);
  for (int k = 0; k < 300000; ++k) b = scaled(b, 1.0);
  BOOST_TEST(b.value() == 1.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
