// Errors of the C library's functions against MPFR: a hypothesis behind every range and slope:
// docs/mathematics/10-rounding.md#elementary-functions.
#include <array>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "autodiff/primitives/libm.h"
#include "harness/options.h"
#include "harness/random.h"
#include "tests/support/multiprecision.h"

namespace taut::test {
namespace {

using harness::Random;
namespace ulps = primitives::libm_ulps;

constexpr mpfr_prec_t bits = 160;
constexpr double pi = std::numbers::pi, log_2 = std::numbers::ln2;
constexpr double largest = std::numeric_limits<double>::max(), smallest = std::numeric_limits<double>::denorm_min();

struct LibraryFunction {
  const char* name;
  double (*computed)(double);
  int (*exact)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
  double taken;     // the error that the library takes it to have
  double from, to;  // where it is neither 0, nor constant, nor infinite
  std::vector<double>
      joints;  // where implementations change from one formula to another, and where others found errors
};

std::vector<LibraryFunction> functions() {
  std::vector<double> quarters;
  for (const int k : {1, 2, 3, 4, 5, 8, 64, 355, 710, 5000, 100000}) quarters.push_back(k * pi / 4);
  quarters.insert(quarters.end(), {0x1p-27, 0x1p-26, 0.126, 0.855469, 2.426265, 105414350.0, 281474976710656.0});
  return {
      {"exp",
       [](double x) { return std::exp(x); },
       &mpfr_exp,
       ulps::exp,
       -745.2,
       709.78,
       {0x1p-54, log_2 / 2, 1.0, -708.396, -745.13, 709.7}},
      {"expm1",
       [](double x) { return std::expm1(x); },
       &mpfr_expm1,
       ulps::expm1,
       -40.0,
       709.78,
       {0x1p-54, log_2 / 2, 1.5 * log_2, -log_2 / 4, 20 * log_2, 56 * log_2, -56 * log_2, 709.7}},
      {"log",
       [](double x) { return std::log(x); },
       &mpfr_log,
       ulps::log,
       0.0,
       4.0,
       {1.0, 1.0 - 0x1p-4, 1.0 + 0x1.09p-4, 0.5, 2.0, std::numbers::sqrt2, 0x1p-1022, 0x1p1000}},
      {"log1p",
       [](double x) { return std::log1p(x); },
       &mpfr_log1p,
       ulps::log1p,
       -1.0,
       4.0,
       {0x1p-54, 0x1p-29, -0.2929, 0.41422, std::numbers::sqrt2, -1.0 + 0x1p-40, 0x1p53, 0x1p1000}},
      {"sin", [](double x) { return std::sin(x); }, &mpfr_sin, ulps::sin, -30.0, 30.0, quarters},
      {"cos", [](double x) { return std::cos(x); }, &mpfr_cos, ulps::cos, -30.0, 30.0, quarters},
      {"tanh",
       [](double x) { return std::tanh(x); },
       &mpfr_tanh,
       ulps::tanh,
       -22.5,
       22.5,
       {0x1p-55, 0x1p-28, 0.2242538727710065, 0.25497756515840353, 1.0, 22.0}},
      {"erf",
       [](double x) { return std::erf(x); },
       &mpfr_erf,
       ulps::erf,
       -6.5,
       6.5,
       {0x1p-56, 0x1p-28, 0.0505718443332, 0.84375, 1.25, 1 / 0.35, 6.0}},
      {"erfc",
       [](double x) { return std::erfc(x); },
       &mpfr_erfc,
       ulps::erfc,
       -6.0,
       27.3,
       {0x1p-56, 0.25, 0.84375, 1.2175512444621577, 1.2229, 1.25, 1 / 0.35, 6.0, 26.5}},
  };
}

double random_bits(Random& random) {
  for (;;) {
    const double x =
        std::bit_cast<double>(static_cast<std::uint64_t>(random.integer(0, std::numeric_limits<Index>::max())) * 2 +
                              static_cast<std::uint64_t>(random.coin()));
    if (std::isfinite(x)) return x;
  }
}

// A jittered grid, all binades, both sides of every joint at all distances, and the ends of the format.
std::vector<double> arguments(const LibraryFunction& f, Random& random) {
  std::vector<double> x{0.0, -0.0, smallest, -smallest, 0x1p-1022, -0x1p-1022, largest, -largest};
  const int cells = harness::iterations(10000);
  for (int i = 0; i < cells; ++i) x.push_back(f.from + (f.to - f.from) * (i + random.uniform(0, 1)) / cells);
  for (int i = harness::iterations(3000); i > 0; --i) x.push_back(random_bits(random));
  for (int i = harness::iterations(1000); i > 0; --i)
    x.push_back(random.sign() * static_cast<double>(random.integer(1, Index{1} << 52)) * smallest);
  for (const double joint : f.joints) {
    for (int i = harness::iterations(400); i > 0; --i)
      x.push_back(random.sign() * joint * (1.0 + random.any_scale(-16, -1)));
    for (const double sign : {1.0, -1.0}) {
      const double at = sign * joint;
      x.insert(x.end(), {at, std::nextafter(at, largest), std::nextafter(at, -largest)});
    }
  }
  return x;
}

// |computed − exact| in units in the last place of the exact result; what is infinite counts as the first number beyond
// the largest.
double error_in_ulps(double computed, const Exact& exact) {
  if (mpfr_nan_p(exact.get()) != 0) return std::isnan(computed) ? 0.0 : infinity;
  if (mpfr_inf_p(exact.get()) != 0) return computed == mpfr_get_d(exact.get(), MPFR_RNDN) ? 0.0 : infinity;
  if (std::isnan(computed)) return infinity;
  Exact difference(computed, bits);
  if (std::isinf(computed)) {
    mpfr_set_si_2exp(difference.get(), computed > 0 ? 1 : -1, 1024, MPFR_RNDN);
    if (mpfr_sgn(exact.get()) == mpfr_sgn(difference.get()) && mpfr_cmpabs(exact.get(), difference.get()) >= 0)
      return 0.0;
  }
  mpfr_sub(difference.get(), difference.get(), exact.get(), MPFR_RNDN);
  const mpfr_exp_t exponent =
      mpfr_zero_p(exact.get()) != 0 ? -1021 : std::max<mpfr_exp_t>(mpfr_get_exp(exact.get()), -1021);
  mpfr_mul_2si(difference.get(), difference.get(), 53 - exponent, MPFR_RNDN);
  return std::fabs(mpfr_get_d(difference.get(), MPFR_RNDA));
}

struct Worst {
  double error = 0.0, at = 0.0;
  void include(double candidate, double x) {
    if (candidate > error) error = candidate, at = x;
  }
};

void check(const char* name, const Worst& worst, double taken) {
  BOOST_TEST_MESSAGE(name << ": largest error " << worst.error << " ulp, at " << worst.at << ", taken " << taken);
  BOOST_TEST(worst.error <= taken,
             name << " is off by " << worst.error << " ulp at " << worst.at << ", taken " << taken);
  // What ranges are widened by is four times what was found, as a relative error.
  BOOST_TEST(primitives::libm_margin(taken) >= 4.0 * worst.error * 0x1p-52, name);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(libm_error)

BOOST_AUTO_TEST_CASE(functions_of_one_argument_are_off_by_no_more_than_taken) {
  for (const LibraryFunction& f : functions()) {
    Random random(std::string("libm_error/") + f.name);
    Worst worst;
    Exact argument(0, bits), exact(0, bits);
    for (const double x : arguments(f, random)) {
      mpfr_set_d(argument.get(), x, MPFR_RNDN);
      f.exact(exact.get(), argument.get(), MPFR_RNDN);
      worst.include(error_in_ulps(f.computed(x), exact), x);
    }
    check(f.name, worst, f.taken);
  }
}

BOOST_AUTO_TEST_CASE(powers_are_off_by_no_more_than_taken) {
  Random random("libm_error/pow");
  Worst worst;
  Exact base(0, bits), exponent(0, bits), exact(0, bits);
  const auto include = [&](double x, double p) {
    mpfr_set_d(base.get(), x, MPFR_RNDN);
    mpfr_set_d(exponent.get(), p, MPFR_RNDN);
    mpfr_pow(exact.get(), base.get(), exponent.get(), MPFR_RNDN);
    worst.include(error_in_ulps(std::pow(x, p), exact), x);
  };
  for (int i = harness::iterations(10000); i > 0; --i) {
    include(random.uniform(0, 4), random.uniform(-40, 40));
    include(1.0 + random.any_scale(-16, -1), random.any_scale(0, 17));
    include(std::fabs(random_bits(random)), random.uniform(-3, 3));
    include(random.uniform(-9, 9), static_cast<double>(random.integer(-60, 60)));
  }
  for (const double x : {0.0, smallest, 0x1p-1022, 1.0, std::numbers::sqrt2, largest})
    for (const double p : {-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0 / 3.0, 2.0, 1023.0, 1e300}) include(x, p);
  check("pow", worst, ulps::pow);
}

// The worst that others reported of this library are of this size: the search above can find such.
BOOST_AUTO_TEST_CASE(errors_are_measured_in_units_in_the_last_place) {
  Exact exact(1.0, bits);
  BOOST_TEST(error_in_ulps(1.0, exact) == 0.0);
  BOOST_TEST(error_in_ulps(1.0 + 0x1p-51, exact) == 2.0);
  mpfr_set_d(exact.get(), smallest, MPFR_RNDN);
  BOOST_TEST(error_in_ulps(3 * smallest, exact) == 2.0);
  mpfr_set_d(exact.get(), largest, MPFR_RNDN);
  BOOST_TEST(error_in_ulps(infinity, exact) == 1.0);
  BOOST_TEST(error_in_ulps(std::numeric_limits<double>::quiet_NaN(), exact) == infinity);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
