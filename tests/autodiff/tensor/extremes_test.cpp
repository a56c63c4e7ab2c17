// Where numbers are huge, tiny or next to a kink: no NaN where mathematics has a number, ranges that hold what is
// computed, and slopes against long double.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/primitive.h"
#include "autodiff/tape.h"
#include "harness/checks/recording.h"
#include "harness/options.h"
#include "harness/random.h"

namespace taut::test {
namespace {

using Real = long double;
constexpr double infinite = std::numeric_limits<double>::infinity();

double derivative(const Function& f, double x, DType dtype) {
  return grad([&](const Var& v) { return sum(f(v)); }, Tensor::full({1}, dtype, x)).at(0);
}

// The range rule of the op that f ends in, at a point and over a box around it, holds what is computed.
void expect_range(const Function& f, const Tensor& x, const char* what) {
  Tape tape;
  const Var y = f(tape.input(x));
  const Node& node = tape.node(y.id());
  const Tensor& operand = tape.node(node.operands()[0]).value;
  const Tensor* const operands[] = {&operand};
  const std::vector<Range> ranges{Range::point(operand)};
  const Range range = node.op->range({Operands(operands), node.value, ranges});
  for (Index i = 0; i < y.shape().size(); ++i) {
    const Interval over = range.at(i);
    const double value = y.value().at(i);
    const bool held = std::isnan(value) ? over == Interval::reals() : over.contains(value);
    BOOST_TEST(held, what << ' ' << x.dtype() << ": entry " << i << " is " << value << ", outside of [" << over.lo
                          << ", " << over.hi << ']');
  }
}

// Rule of an elementwise op over a box, for one number.
Slope slope_over(const Function& f, const Interval& over, DType dtype = DType::f64) {
  Tape tape;
  const Var y = f(tape.input(Tensor::full({1}, dtype, std::isfinite(over.lo) ? over.lo : over.hi)));
  const Node& node = tape.node(y.id());
  const Tensor* const operands[] = {&tape.node(node.operands()[0]).value};
  const std::vector<Range> ranges{Range::box({1}, over)};
  const Rule rule = node.op->lipschitz({Operands(operands), node.value, 1, ranges});
  return std::get<rule::Elementwise>(rule).slope;
}

Real logistic(Real x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Real gelu_slope(Real x) {
  return std::erfc(-x / std::sqrt(Real{2})) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(Real{-1}));
}
Real gelu_tanh_slope(Real x) {
  const Real k = std::sqrt(8 / std::acos(Real{-1})), c = 0.044715, t = k * (x + c * x * x * x);
  return logistic(t) + x * logistic(t) * logistic(-t) * k * (1 + 3 * c * x * x);
}
Real silu_slope(Real x) { return logistic(x) + x * logistic(x) * logistic(-x); }
Real mish_slope(Real x) {
  const Real e = std::exp(x), d = e * (e + 2) + 2;
  return e * (e + 2) / d + x * 4 * e * (e + 1) / (d * d);
}

struct Gated {
  const char* name;
  Function f;
  Real (*slope)(Real);
  double turns[2];
};
const std::vector<Gated>& gated() {
  static const std::vector<Gated> list{
      {"gelu", [](const Var& x) { return gelu(x); }, gelu_slope, {-1.4142135623730951, 1.4142135623730951}},
      {"gelu_tanh",
       [](const Var& x) { return gelu_tanh(x); },
       gelu_tanh_slope,
       {-1.4185040087908284, 1.4185040087908284}},
      {"silu", [](const Var& x) { return silu(x); }, silu_slope, {-2.3993572805154677, 2.3993572805154677}},
      {"mish", [](const Var& x) { return mish(x); }, mish_slope, {-2.2563763963607931, 1.4905711794854284}},
  };
  return list;
}

Tensor row(std::vector<double> values, DType dtype) {
  Tensor t = Tensor::zeros({1, static_cast<Index>(values.size())}, DType::f64);
  std::ranges::copy(values, t.mutable_data<double>().begin());
  return t.to(dtype);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(extremes)

// At points the interval is one number wide: only its margin for rounding holds the exact slope.
BOOST_AUTO_TEST_CASE(slopes_of_gated_functions_at_points) {
  harness::Random random("slopes_of_gated_functions_at_points");
  for (const Gated& g : gated()) {
    for (int n = harness::iterations(2000); n > 0; --n) {
      const double x = n % 4 == 0 ? g.turns[n % 8 / 4] * (1 + static_cast<double>(random.integer(-20, 20)) * 0x1p-52)
                                  : random.uniform(-40, 40);
      const Slope s = slope_over(g.f, Interval::point(x));
      const Real exact = g.slope(x);
      BOOST_TEST((s.lo <= exact && exact <= s.hi),
                 g.name << " at " << x << ": " << exact << " is outside of [" << s.lo << ", " << s.hi << ']');
    }
    // Between a point and its mirror lie both turns.
    const Slope both = slope_over(g.f, {-3, 3});
    BOOST_TEST(static_cast<Real>(both.lo) <= g.slope(g.turns[0]));
    BOOST_TEST(static_cast<Real>(both.hi) >= g.slope(g.turns[1]));
    BOOST_TEST(static_cast<Real>(both.lo) == g.slope(g.turns[0]), boost::test_tools::tolerance(Real{1e-13}));
    BOOST_TEST(static_cast<Real>(both.hi) == g.slope(g.turns[1]), boost::test_tools::tolerance(Real{1e-13}));
  }
}

BOOST_AUTO_TEST_CASE(derivatives_far_out) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Gated& g : gated())
      for (const double x : {60.0, 1e5, 1e10, 3e19, 1e30}) {
        BOOST_TEST(derivative(g.f, x, dtype) == 1.0, g.name << "' at " << x << " in " << dtype);
        BOOST_TEST(std::fabs(derivative(g.f, -x, dtype)) < 1e-9, g.name << "' at " << -x << " in " << dtype);
      }
  BOOST_TEST(derivative([](const Var& x) { return mish(x); }, 1e41, DType::f64) == 1.0);
  BOOST_TEST(derivative([](const Var& x) { return gelu_tanh(x); }, 1e200, DType::f64) == 1.0);
}

BOOST_AUTO_TEST_CASE(powers_of_subnormal_numbers) {
  const auto value = [](double x, DType dtype) { return pow(Var(Tensor::full({1}, dtype, x)), -0.5).value().at(0); };
  BOOST_TEST(value(0x1p-1040, DType::f64) == 0x1p520);
  BOOST_TEST(value(0x1p-140, DType::f32) == 0x1p70);
  // The slope of x^0.1 with its rounded exponent p − 1, far out.
  const double p = 0.1;
  for (const double x : {1e30, 1e-30, 1e100}) {
    const Slope s = slope_over([p](const Var& v) { return pow(v, p); }, Interval::point(x));
    const Real exact = Real(p) * std::pow(Real(x), Real(p) - 1);
    BOOST_TEST((s.lo <= exact && exact <= s.hi), "x^0.1 at " << x);
  }
}

// What vjp returns beside the kinks in f32 lies in the slope interval of the point.
BOOST_AUTO_TEST_CASE(hard_sigmoid_beside_its_kinks) {
  for (const auto& [alpha, beta] :
       {std::pair{0.2, 0.5}, {1.0 / 6, 0.5}, {1.0 / 3, 0.1}, {1e-3, 0.7}, {100.0, 0.3}, {-0.2, 1.5}, {0.25, 0.0}}) {
    const double a = alpha, b = beta;
    const Function f = [a, b](const Var& x) { return hard_sigmoid(x, a, b); };
    for (const DType dtype : {DType::f32, DType::f64})
      for (const double kink : {-b / a, (1 - b) / a, 0.0}) {
        double x = dtype == DType::f32 ? static_cast<float>(kink) : kink;
        for (int step = 0; step < 12; ++step) {
          for (const double at : {x, -x}) {
            const Slope s = slope_over(f, Interval::point(at), dtype);
            BOOST_TEST(s.contains(derivative(f, at, dtype)),
                       "alpha " << a << " beta " << b << " at " << at << ' ' << dtype);
            expect_range(f, Tensor::full({1}, dtype, at), "hard_sigmoid");
          }
          x = dtype == DType::f32 ? static_cast<double>(std::nextafter(static_cast<float>(x), INFINITY))
                                  : std::nextafter(x, infinite);
        }
      }
  }
}

BOOST_AUTO_TEST_CASE(celu_of_any_alpha) {
  for (const double alpha : {1e-30, 1e-3, 1e3, 1e30})
    for (const double x : {-1e-10, -1.9e-37, -1e-3, -2.0, 1.0})
      for (const DType dtype : {DType::f32, DType::f64})
        expect_range([alpha](const Var& v) { return celu(v, alpha); }, Tensor::full({1}, dtype, x), "celu");
  BOOST_CHECK_THROW((void)celu(Var(Tensor::full({1}, DType::f64, 1.0)), 1e-310), DomainError);
  BOOST_CHECK_THROW((void)celu(Var(Tensor::full({1}, DType::f32, 1.0)), 1e-40), DomainError);
}

// Point rows of every size of numbers, offset and spread.
BOOST_AUTO_TEST_CASE(ranges_of_rows) {
  harness::Random random("ranges_of_rows");
  for (int n = harness::iterations(400); n > 0; --n) {
    const DType dtype = n % 2 == 0 ? DType::f32 : DType::f64;
    const Index length = n % 5 == 0 ? 1000 : random.integer(1, 12);
    const double limit = dtype == DType::f32 ? 37 : 300;
    const double size = std::pow(10.0, random.uniform(-limit, limit)),
                 offset = n % 3 == 0 ? std::pow(10.0, random.uniform(1, 6)) : 0;
    std::vector<double> values;
    for (Index i = 0; i < length; ++i)
      values.push_back(size * std::min(1.0, 1 / (1 + offset)) * (offset + random.uniform(-1, 1)));
    const double eps = std::pow(10.0, random.uniform(-12, 0));
    const Tensor x = row(values, dtype);
    expect_range([&](const Var& v) { return standardise(v, {-1}, eps); }, x, "standardise");
    expect_range([](const Var& v) { return l2_norm(v, {-1}); }, x, "l2_norm");
    expect_range([&](const Var& v) { return l2_normalise(v, {-1}, eps); }, x, "l2_normalise");
  }
  for (const DType dtype : {DType::f32, DType::f64}) {
    const double huge = dtype == DType::f32 ? 3e38 : 1.7e308;
    for (const double x : {huge, huge / 1e19, huge / 1e30, 1e-38, 1e-30}) {
      expect_range([](const Var& v) { return standardise(v, {-1}, 1e-5); }, row({x, x, -x, x / 2}, dtype),
                   "standardise");
      expect_range([](const Var& v) { return l2_norm(v, {-1}); }, row({x, x, x, x}, dtype), "l2_norm");
      expect_range([](const Var& v) { return l2_normalise(v, {-1}, 1e-12); }, row({x, x, x, x}, dtype), "l2_normalise");
      expect_range([](const Var& v) { return l2_attention(v, 1.0); }, row({x, x / 3, x, -x}, dtype).reshaped({2, 2}),
                   "l2_attention");
    }
  }
}

// The exact norm, too: against long double, whose range does not end where squares of doubles do.
BOOST_AUTO_TEST_CASE(norms_of_tiny_and_huge_rows) {
  harness::Random random("norms_of_tiny_and_huge_rows");
  for (int n = harness::iterations(200); n > 0; --n) {
    const double size = std::pow(10.0, random.uniform(-307, 307));
    std::vector<double> values;
    Real squares = 0;
    for (int i = 0; i < 20; ++i) {
      values.push_back(size * random.uniform(-1, 1));
      squares += Real(values.back()) * values.back();
    }
    const Tensor x = row(values, DType::f64);
    const Real exact = std::sqrt(squares);
    BOOST_TEST(static_cast<Real>(l2_norm(Var(x)).item()) == exact, boost::test_tools::tolerance(Real{1e-14}));
    const Tensor g = grad([](const Var& v) { return l2_norm(v); }, x);
    double length = 0;
    for (Index i = 0; i < g.size(); ++i) length += g.at(i) * g.at(i);
    BOOST_TEST(length == 1.0, boost::test_tools::tolerance(1e-12));
  }
  const Tensor tiny = grad([](const Var& v) { return l2_norm(v); }, row({1e-40, 0.0}, DType::f32));
  BOOST_TEST(tiny.at(0) == 1.0);
  BOOST_TEST(tiny.at(1) == 0.0);
}

// Far from the origin distances of tokens still decide.
BOOST_AUTO_TEST_CASE(l2_attention_far_from_the_origin) {
  const Tensor u = Tensor::of({3, 2}, {0.0, 0.5, 1.0, -0.25, 0.75, 2.0});
  for (const auto& [dtype, offset, allowed] : {std::tuple{DType::f32, 4096.0, 2e-3}, {DType::f64, 0x1p27, 1e-7}}) {
    const Tensor near = l2_attention(Var(u), 1.0).value();
    const Tensor far = (l2_attention(Var((Var(u) + offset).value().to(dtype)), 1.0)).value().to(DType::f64);
    for (Index i = 0; i < near.size(); ++i) BOOST_TEST(std::fabs(far.at(i) - offset - near.at(i)) <= allowed);
  }
}

// On the sphere of radius eps the derivative is that of x / eps.
BOOST_AUTO_TEST_CASE(l2_normalise_on_its_sphere) {
  const Tensor x = row({0.5, 0.0}, DType::f64);
  const Tensor g = grad(
      [](const Var& v) {
        return sum(l2_normalise(v, {-1}, 0.5) * Var(row({3.0, 1.0}, DType::f64)));
      },
      x);
  BOOST_TEST(g.at(0) == 6.0);
  BOOST_TEST(g.at(1) == 2.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
