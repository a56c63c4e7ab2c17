// Outward scalar arithmetic against exact results.
#include "autodiff/outward.h"

#include <bit>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "harness/options.h"
#include "harness/random.h"
#include "tests/support/multiprecision.h"
#include "tests/support/nan.h"

namespace taut::test {
namespace {

using harness::Random;

constexpr double largest = std::numeric_limits<double>::max();
constexpr double smallest = std::numeric_limits<double>::denorm_min();

// Numbers of every kind: any bits, short ones (exact results), near powers of two, subnormal, close to overflow.
double any_number(Random& random) {
  switch (random.integer(0, 6)) {
    case 0:
      return random.uniform(-2, 2);
    case 1:
      return static_cast<double>(random.integer(-1000, 1000));
    case 2:
      return std::ldexp(static_cast<double>(random.integer(-7, 7)), static_cast<int>(random.integer(-1074, 1020)));
    case 3:
      return static_cast<double>(random.integer(-5, 5)) * smallest;
    case 4:
      return random.sign() * std::nextafter(std::ldexp(1.0, static_cast<int>(random.integer(-20, 20))), infinity);
    case 5:
      return random.sign() * random.uniform(0.4, 1.0) * largest;
    default: {
      const double x =
          std::bit_cast<double>(static_cast<std::uint64_t>(random.integer(0, std::numeric_limits<Index>::max()))) *
          random.sign();
      return std::isfinite(x) ? x : 1.0;
    }
  }
}

// The exact result lies in [below, above], which are one number where 2400 bits hold it. Demands lo ≤ exact ≤ hi,
// neither further than one step from the nearest double; both equal to it when it is the exact result and `sharp` is
// set.
void expect_enclosed(const Exact& below, const Exact& above, double lo, double hi, bool sharp, const char* what,
                     double a, double b) {
  const double nearest = below.nearest();
  const bool encloses = below.compare(lo) >= 0 && above.compare(hi) <= 0;
  const bool close = lo >= std::nextafter(nearest, -infinity) && hi <= std::nextafter(nearest, infinity);
  const bool exact = mpfr_equal_p(below.get(), above.get()) != 0 && below.compare(nearest) == 0;
  BOOST_TEST((encloses && close && (!sharp || !exact || (lo == nearest && hi == nearest))),
             what << " of " << a << " and " << b << " gives [" << lo << ", " << hi << "], nearest " << nearest);
}

// Where products are so small that their residual may be rounded, inexactness is assumed.
bool has_exact_residual(double result) { return result == 0.0 || std::fabs(result) >= 0x1p-900; }

template <class Check>
void for_pairs(const char* name, Check&& check) {
  Random random(name);
  for (int n = harness::iterations(4000); n > 0; --n) check(any_number(random), any_number(random));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outward)

BOOST_AUTO_TEST_CASE(sums) {
  for_pairs("outward/sums", [](double a, double b) {
    Exact sum;
    mpfr_add(sum.get(), Exact(a).get(), Exact(b).get(), MPFR_RNDN);
    expect_enclosed(sum, sum, add_down(a, b), add_up(a, b), true, "the sum", a, b);
    mpfr_sub(sum.get(), Exact(a).get(), Exact(b).get(), MPFR_RNDN);
    expect_enclosed(sum, sum, sub_down(a, b), sub_up(a, b), true, "the difference", a, b);
  });
}

BOOST_AUTO_TEST_CASE(products) {
  for_pairs("outward/products", [](double a, double b) {
    Exact product;
    mpfr_mul(product.get(), Exact(a).get(), Exact(b).get(), MPFR_RNDN);
    expect_enclosed(product, product, mul_down(a, b), mul_up(a, b), has_exact_residual(product.nearest()),
                    "the product", a, b);
  });
}

BOOST_AUTO_TEST_CASE(quotients) {
  for_pairs("outward/quotients", [](double a, double b) {
    if (b == 0.0) return;
    Exact below, above;
    mpfr_div(below.get(), Exact(a).get(), Exact(b).get(), MPFR_RNDD);
    mpfr_div(above.get(), Exact(a).get(), Exact(b).get(), MPFR_RNDU);
    const bool sharp = has_exact_residual(below.nearest()) && std::fabs(a) >= 0x1p-900;
    expect_enclosed(below, above, div_down(a, b), div_up(a, b), sharp, "the quotient", a, b);
  });
}

BOOST_AUTO_TEST_CASE(roots) {
  for_pairs("outward/roots", [](double a, double) {
    a = std::fabs(a);
    Exact below, above;
    mpfr_sqrt(below.get(), Exact(a).get(), MPFR_RNDD);
    mpfr_sqrt(above.get(), Exact(a).get(), MPFR_RNDU);
    expect_enclosed(below, above, sqrt_down(a), sqrt_up(a), a == 0.0 || a >= 0x1p-900, "the root", a, a);
  });
}

BOOST_AUTO_TEST_CASE(exact_results_stay_exact) {
  BOOST_TEST(add_up(0.25, 0.5) == 0.75);
  BOOST_TEST(add_down(0.25, 0.5) == 0.75);
  BOOST_TEST(mul_up(3.0, 0.125) == 0.375);
  BOOST_TEST(div_down(1.0, 4.0) == 0.25);
  BOOST_TEST(sqrt_up(2.25) == 1.5);
  BOOST_TEST(add_up(0.1, 0.2) > add_down(0.1, 0.2));
  BOOST_TEST(div_up(1.0, 3.0) > div_down(1.0, 3.0));
}

BOOST_AUTO_TEST_CASE(overflow_is_rounded_outward) {
  BOOST_TEST(add_up(largest, largest) == infinity);
  BOOST_TEST(add_down(largest, largest) == largest);
  BOOST_TEST(add_up(-largest, -largest) == -largest);
  BOOST_TEST(mul_up(largest, 2.0) == infinity);
  BOOST_TEST(mul_down(largest, 2.0) == largest);
  BOOST_TEST(mul_up(-largest, 2.0) == -largest);
  BOOST_TEST(div_down(largest, 0.5) == largest);
  BOOST_TEST(div_up(-largest, 0.5) == -largest);
}

BOOST_AUTO_TEST_CASE(infinite_ends) {
  BOOST_TEST(add_up(infinity, -5.0) == infinity);
  BOOST_TEST(add_down(-infinity, 5.0) == -infinity);
  BOOST_TEST(mul_up(0.0, infinity) == 0.0);  // a constant factor 0
  BOOST_TEST(mul_down(-2.0, infinity) == -infinity);
  BOOST_TEST(div_up(1.0, infinity) == smallest);
  BOOST_TEST(div_down(1.0, infinity) == 0.0);
  BOOST_TEST(sqrt_up(infinity) == infinity);
  for (const double bad : {add_up(nan, 1.0), mul_up(nan, 0.0), div_down(nan, 1.0), sqrt_up(-1.0)})
    BOOST_TEST(std::isnan(bad));
}

BOOST_AUTO_TEST_CASE(widening_moves_outward) {
  for (const double x : {0.0, 1.0, -1.0, smallest, -smallest, largest, -largest, infinity, -infinity}) {
    BOOST_TEST(widen_up(x, 0x1p-50) >= x);
    BOOST_TEST(widen_down(x, 0x1p-50) <= x);
    BOOST_TEST((widen_up(x, 0x1p-50) > x || x == infinity || x == -infinity));
  }
  BOOST_TEST(widen_up(1.0, 0.25) >= 1.25);
  BOOST_TEST(widen_down(1.0, 0.25) <= 0.75);
}

BOOST_AUTO_TEST_CASE(intervals_hold_the_results_of_their_members) {
  Random random("outward/intervals");
  for (int n = harness::iterations(3000); n > 0; --n) {
    const double a = any_number(random), b = any_number(random), c = any_number(random), d = any_number(random);
    const Interval x{std::min(a, b), std::max(a, b)}, y{std::min(c, d), std::max(c, d)};
    const double u = random.coin() ? x.lo : x.hi, v = random.coin() ? y.lo : y.hi;
    Exact sum, product;
    mpfr_add(sum.get(), Exact(u).get(), Exact(v).get(), MPFR_RNDN);
    mpfr_mul(product.get(), Exact(u).get(), Exact(v).get(), MPFR_RNDN);
    const Interval s = x + y, p = x * y;
    BOOST_TEST((sum.compare(s.lo) >= 0 && sum.compare(s.hi) <= 0));
    BOOST_TEST((product.compare(p.lo) >= 0 && product.compare(p.hi) <= 0));
    BOOST_TEST((-x == Interval{-x.hi, -x.lo}));
    BOOST_TEST((x - y == x + -y));
    BOOST_TEST(hull(x, y).contains(x));
    BOOST_TEST(x.magnitude() == std::max(std::fabs(a), std::fabs(b)));
  }
}

BOOST_AUTO_TEST_CASE(intervals_know_what_they_contain) {
  const Interval x{-1, 2};
  BOOST_TEST(x.contains(-1.0));
  BOOST_TEST(x.contains(2.0));
  BOOST_TEST(!x.contains(2.5));
  BOOST_TEST(!x.contains(nan));
  BOOST_TEST(x.contains(Interval{0, 1}));
  BOOST_TEST(!x.contains(Interval{0, 3}));
  BOOST_TEST(Interval::reals().contains(Interval{-infinity, infinity}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
