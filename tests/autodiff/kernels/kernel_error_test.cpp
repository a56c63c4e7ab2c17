// Errors of the elementwise kernels against MPFR, in units in the last place, over all finite arguments.
#include <array>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>
#include <vector>

#include "autodiff/kernels/elementwise.h"
#include "harness/options.h"
#include "harness/random.h"
#include "tests/support/multiprecision.h"
#include "tests/support/nan.h"

namespace taut::test {
namespace {

using harness::Random;
using kernels::Parameters;
using kernels::Unary;

constexpr mpfr_prec_t bits = 200;
constexpr double infinite = std::numeric_limits<double>::infinity();

int sigmoid_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // 1 / (1 + e^−x)
  mpfr_neg(y, x, mode);
  mpfr_exp(y, y, mode);
  mpfr_add_ui(y, y, 1, mode);
  return mpfr_ui_div(y, 1, y, mode);
}
int softplus_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|)
  mpfr_abs(y, x, mode);
  mpfr_neg(y, y, mode);
  mpfr_exp(y, y, mode);
  mpfr_log1p(y, y, mode);
  return mpfr_sgn(x) > 0 ? mpfr_add(y, y, x, mode) : 0;
}
int relu_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {
  return mpfr_sgn(x) > 0 ? mpfr_set(y, x, mode) : mpfr_set_ui(y, 0, mode);
}

int reciprocal_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) { return mpfr_ui_div(y, 1, x, mode); }
int rsqrt_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // −∞ at −0, as IEEE 754 has it
  if (mpfr_zero_p(x) == 0) return mpfr_rec_sqrt(y, x, mode);
  mpfr_set_inf(y, mpfr_signbit(x) != 0 ? -1 : 1);
  return 0;
}
int silu_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {
  sigmoid_of(y, x, mode);
  return mpfr_mul(y, y, x, mode);
}
int gelu_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // x/2 · erfc(−x/√2)
  mpfr_sqrt_ui(y, 2, mode);
  mpfr_div(y, x, y, mode);
  mpfr_neg(y, y, mode);
  mpfr_erfc(y, y, mode);
  mpfr_div_2ui(y, y, 1, mode);
  return mpfr_mul(y, y, x, mode);
}
int gelu_tanh_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // x · σ(√(8/π) (x + c x³))
  Exact t(0, bits), root(0, bits);
  mpfr_sqr(t.get(), x, mode);
  mpfr_mul_d(t.get(), t.get(), 0.044715, mode);
  mpfr_add_ui(t.get(), t.get(), 1, mode);
  mpfr_mul(t.get(), t.get(), x, mode);
  mpfr_const_pi(root.get(), mode);
  mpfr_ui_div(root.get(), 8, root.get(), mode);
  mpfr_sqrt(root.get(), root.get(), mode);
  mpfr_mul(t.get(), t.get(), root.get(), mode);
  sigmoid_of(y, t.get(), mode);
  return mpfr_mul(y, y, x, mode);
}
int mish_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // x · tanh(ln(1 + e^x))
  mpfr_exp(y, x, mode);
  mpfr_log1p(y, y, mode);
  mpfr_tanh(y, y, mode);
  return mpfr_mul(y, y, x, mode);
}
int softsign_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {
  mpfr_abs(y, x, mode);
  mpfr_add_ui(y, y, 1, mode);
  return mpfr_div(y, x, y, mode);
}
int elu_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // alpha 1.75
  if (mpfr_sgn(x) > 0) return mpfr_set(y, x, mode);
  mpfr_expm1(y, x, mode);
  return mpfr_mul_d(y, y, 1.75, mode);
}
int selu_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // alpha 1.75, gamma 1.375
  elu_of(y, x, mode);
  return mpfr_mul_d(y, y, 1.375, mode);
}
int celu_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // alpha 1.75
  if (mpfr_sgn(x) > 0) return mpfr_set(y, x, mode);
  mpfr_div_d(y, x, 1.75, mode);
  mpfr_expm1(y, y, mode);
  return mpfr_mul_d(y, y, 1.75, mode);
}
void clip_to(mpfr_ptr y, unsigned long lo, unsigned long hi, mpfr_rnd_t mode) {
  if (mpfr_cmp_ui(y, lo) < 0) mpfr_set_ui(y, lo, mode);
  if (mpfr_cmp_ui(y, hi) > 0) mpfr_set_ui(y, hi, mode);
}
int hard_sigmoid_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // alpha 0.375, beta 0.5
  mpfr_mul_d(y, x, 0.375, mode);
  mpfr_add_d(y, y, 0.5, mode);
  clip_to(y, 0, 1, mode);
  return 0;
}
int hard_swish_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {
  mpfr_add_ui(y, x, 3, mode);
  clip_to(y, 0, 6, mode);
  mpfr_mul(y, y, x, mode);
  return mpfr_div_ui(y, y, 6, mode);
}
int pow_of(mpfr_ptr y, mpfr_srcptr x, mpfr_rnd_t mode) {  // exponent 0.71875
  mpfr_set_d(y, 0.71875, mode);
  return mpfr_pow(y, x, y, mode);
}

// A function, where its argument is interesting, and its exact form.
struct Function {
  Unary op;
  const char* name;
  int (*exact)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
  double from, to;
  Parameters parameters = {};
  double factor = 1.0;  // of the part of the error that is relative to the argument
};
constexpr std::array functions{
    Function{Unary::exp, "exp", &mpfr_exp, -760, 720},
    Function{Unary::log, "log", &mpfr_log, 0, 3},
    Function{Unary::sqrt, "sqrt", &mpfr_sqrt, 0, 100},
    Function{Unary::square, "square", &mpfr_sqr, -100, 100},
    Function{Unary::abs, "abs", &mpfr_abs, -100, 100},
    Function{Unary::neg, "neg", &mpfr_neg, -100, 100},
    Function{Unary::relu, "relu", &relu_of, -100, 100},
    Function{Unary::sin, "sin", &mpfr_sin, -1100, 1100},
    Function{Unary::cos, "cos", &mpfr_cos, -1100, 1100},
    Function{Unary::tanh, "tanh", &mpfr_tanh, -25, 25},
    Function{Unary::sigmoid, "sigmoid", &sigmoid_of, -800, 60},
    Function{Unary::softplus, "softplus", &softplus_of, -800, 60},
    Function{Unary::reciprocal, "reciprocal", &reciprocal_of, -100, 100},
    Function{Unary::rsqrt, "rsqrt", &rsqrt_of, 0, 100},
    Function{Unary::log1p, "log1p", &mpfr_log1p, -1, 3},
    Function{Unary::expm1, "expm1", &mpfr_expm1, -40, 720},
    Function{Unary::erf, "erf", &mpfr_erf, -7, 7},
    Function{Unary::gelu, "gelu", &gelu_of, -40, 10},
    Function{Unary::gelu_tanh, "gelu_tanh", &gelu_tanh_of, -25, 10},
    Function{Unary::silu, "silu", &silu_of, -800, 60},
    Function{Unary::mish, "mish", &mish_of, -800, 60},
    Function{Unary::softsign, "softsign", &softsign_of, -100, 100},
    Function{Unary::elu, "elu", &elu_of, -60, 10, {1.75}},
    Function{Unary::selu, "selu", &selu_of, -60, 10, {1.75, 1.375}},
    Function{Unary::celu, "celu", &celu_of, -60, 10, {1.75}},
    Function{Unary::hard_sigmoid, "hard_sigmoid", &hard_sigmoid_of, -4, 4, {0.375, 0.5}, 0.375},
    Function{Unary::hard_swish, "hard_swish", &hard_swish_of, -4, 4},
    Function{Unary::pow, "pow", &pow_of, 0, 9, {0.71875}},
};

template <class T>
T random_bits(Random& random) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  for (;;) {
    const T x = std::bit_cast<T>(
        static_cast<Bits>(static_cast<std::uint64_t>(random.integer(0, std::numeric_limits<Index>::max())) * 2 +
                          static_cast<std::uint64_t>(random.coin())));
    if (std::isfinite(x)) return x;
  }
}

// Over all exponents, over the interesting interval, and next to multiples of π/2, where sines and cosines vanish.
template <class T>
std::vector<T> arguments(const Function& f, Random& random) {
  std::vector<T> x;
  for (int n = harness::iterations(3000); n > 0; --n) {
    x.push_back(random_bits<T>(random));
    x.push_back(static_cast<T>(random.uniform(f.from, f.to)));
    x.push_back(static_cast<T>(random.uniform(-2, 2)));
    x.push_back(static_cast<T>(std::numbers::pi / 2 * static_cast<double>(random.integer(-900, 900))));
  }
  for (const double special :
       {0.0, -0.0, 1.0, -1.0, 0.5, 1000.0, -1000.0, 1001.0, -87.0, 88.0, 88.72, -103.9, 706.0, 709.7, -708.0, -745.0})
    x.push_back(static_cast<T>(special));
  x.push_back(std::numeric_limits<T>::min());
  x.push_back(std::numeric_limits<T>::denorm_min());
  x.push_back(std::numeric_limits<T>::max());
  x.push_back(-std::numeric_limits<T>::max());
  return x;
}

// |computed − exact| in units in the last place of the exact result, for T. Infinity counts as the first number beyond
// the largest.
template <class T>
double error_in_ulps(T computed, const Exact& exact) {
  constexpr int digits = std::numeric_limits<T>::digits, least = std::numeric_limits<T>::min_exponent;
  constexpr int top = std::numeric_limits<T>::max_exponent;
  if (std::isnan(computed)) return mpfr_nan_p(exact.get()) != 0 ? 0.0 : infinite;
  if (mpfr_nan_p(exact.get()) != 0) return infinite;
  if (mpfr_inf_p(exact.get()) != 0)
    return static_cast<double>(computed) == mpfr_get_d(exact.get(), MPFR_RNDN) ? 0.0 : infinite;
  Exact difference(0, bits);
  const double limit = std::ldexp(1.0, top - 1);  // 2^top may be too large for a double
  if (std::isinf(computed)) {
    mpfr_set_d(difference.get(), std::copysign(limit, static_cast<double>(computed)), MPFR_RNDN);
    mpfr_mul_ui(difference.get(), difference.get(), 2, MPFR_RNDN);
    if (mpfr_cmpabs(exact.get(), difference.get()) >= 0 && mpfr_sgn(exact.get()) == mpfr_sgn(difference.get()))
      return 0.0;
  } else {
    mpfr_set_d(difference.get(), static_cast<double>(computed), MPFR_RNDN);
  }
  mpfr_sub(difference.get(), difference.get(), exact.get(), MPFR_RNDN);
  const long exponent = mpfr_zero_p(exact.get()) != 0 ? least : std::clamp<long>(mpfr_get_exp(exact.get()), least, top);
  mpfr_mul_2si(difference.get(), difference.get(), digits - exponent, MPFR_RNDN);
  return std::fabs(mpfr_get_d(difference.get(), MPFR_RNDA));
}

// u |x| in units in the last place of the exact result.
template <class T>
double argument_in_ulps(T x, const Exact& exact) {
  constexpr int least = std::numeric_limits<T>::min_exponent;
  if (!std::isfinite(x) || mpfr_number_p(exact.get()) == 0) return 0.0;
  const long exponent = mpfr_zero_p(exact.get()) != 0 ? least : std::max<long>(mpfr_get_exp(exact.get()), least);
  return std::ldexp(std::fabs(static_cast<double>(x)), static_cast<int>(-exponent));
}

template <class T>
std::vector<T> computed(Unary op, const Parameters& p, const std::vector<T>& x) {
  const Shape shape{static_cast<Index>(x.size())};
  Tensor y = Tensor::uninitialised(shape, dtype_of<T>);
  kernels::unary(op, p, Tensor::from<T>(shape, std::span<const T>(x)), y);
  const auto values = std::as_const(y).data<T>();
  return {values.begin(), values.end()};
}

template <class T>
void check(const Function& f) {
  Random random(std::string("kernel_error/") + f.name + to_string(dtype_of<T>));
  const std::vector<T> x = arguments<T>(f, random), y = computed(f.op, f.parameters, x);
  const ForwardError allowed = kernels::max_error(f.op);
  double worst = 0;
  T where{};
  Exact argument(0, bits), exact(0, bits);
  for (std::size_t i = 0; i < x.size(); ++i) {
    mpfr_set_d(argument.get(), static_cast<double>(x[i]), MPFR_RNDN);
    f.exact(exact.get(), argument.get(), MPFR_RNDN);
    const double error = error_in_ulps(y[i], exact) - allowed.of_argument * f.factor * argument_in_ulps<T>(x[i], exact);
    if (error > worst) {
      worst = error;
      where = x[i];
    }
  }
  BOOST_TEST_MESSAGE(f.name << ' ' << dtype_of<T> << ": largest error " << worst << " ulp, at " << where);
  BOOST_TEST(worst <= allowed.ulp, f.name << ' ' << dtype_of<T> << " is off by " << worst << " ulp at " << where
                                          << ", documented " << allowed.ulp);
}

// f(x) for one x, through a tensor long enough to fill every register.
double at(Unary op, double x, DType dtype, const Parameters& p = {}) {
  Tensor y = Tensor::uninitialised({33}, dtype);
  kernels::unary(op, p, Tensor::full({33}, dtype, x), y);
  BOOST_TEST((y.at(0) == y.at(32) || (std::isnan(y.at(0)) && std::isnan(y.at(32)))), "lanes differ");
  return y.at(0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kernel_error)

BOOST_AUTO_TEST_CASE(single_precision) {
  for (const Function& f : functions) check<float>(f);
}

BOOST_AUTO_TEST_CASE(double_precision) {
  for (const Function& f : functions) check<double>(f);
}

BOOST_AUTO_TEST_CASE(special_values) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Function& f : functions)
      BOOST_TEST(std::isnan(at(f.op, nan, dtype, f.parameters)), f.name << " of NaN in " << dtype);
    for (const auto& [op, x, y] : {std::tuple{Unary::exp, infinite, infinite},
                                   {Unary::exp, -infinite, 0.0},
                                   {Unary::log, infinite, infinite},
                                   {Unary::log, 0.0, -infinite},
                                   {Unary::sqrt, infinite, infinite},
                                   {Unary::square, -infinite, infinite},
                                   {Unary::abs, -infinite, infinite},
                                   {Unary::tanh, infinite, 1.0},
                                   {Unary::tanh, -infinite, -1.0},
                                   {Unary::sigmoid, infinite, 1.0},
                                   {Unary::sigmoid, -infinite, 0.0},
                                   {Unary::softplus, infinite, infinite},
                                   {Unary::softplus, -infinite, 0.0},
                                   {Unary::relu, infinite, infinite},
                                   {Unary::relu, -infinite, 0.0},
                                   {Unary::step, infinite, 1.0},
                                   {Unary::step, 0.0, 0.0},
                                   {Unary::sign, -infinite, -1.0},
                                   {Unary::sign, 0.0, 0.0}})
      BOOST_TEST(at(op, x, dtype) == y,
                 "function " << static_cast<int>(op) << " of " << x << " in " << dtype << " is " << at(op, x, dtype));
    for (const Unary op : {Unary::sin, Unary::cos})
      for (const double x : {infinite, -infinite}) BOOST_TEST(std::isnan(at(op, x, dtype)));
    for (const Unary op : {Unary::log, Unary::sqrt})
      for (const double x : {-1.0, -infinite}) BOOST_TEST(std::isnan(at(op, x, dtype)));
  }
}

// The same number gives the same bits wherever it stands: in a full register, in the rest, alone.
BOOST_AUTO_TEST_CASE(positions_do_not_matter) {
  Random random("kernel_error/positions");
  for (const Function& f : functions) {
    std::vector<double> x;
    for (int i = 0; i < 37; ++i) x.push_back(std::fabs(random.uniform(f.from, f.to)));
    const std::vector<double> together = computed(f.op, f.parameters, x);
    for (std::size_t i = 0; i < x.size(); ++i)
      BOOST_TEST(computed(f.op, f.parameters, std::vector{x[i]})[0] == together[i],
                 f.name << " of " << x[i] << " at position " << i);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
