// Operators that act on every number alone.
#include <algorithm>
#include <numbers>

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {
namespace {

using std::numbers::inv_sqrtpi_v;
using std::numbers::pi_v;
using std::numbers::sqrt2_v;

// The value and the derivative of a function of one number.
struct Curve {
  Real value, slope;
};

Real sigma(Real x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
Real soft_plus(Real x) { return std::max<Real>(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
Real sech_squared(Real x) { return 1 / (std::cosh(x) * std::cosh(x)); }
Real exponential_unit(Real x) { return x > 0 ? x : std::expm1(x); }
Real clamped(Real x, Real lo, Real hi) { return std::min(std::max(x, lo), hi); }

Curve gelu(Real x) {
  const Real phi = std::erfc(-x / sqrt2_v<Real>) / 2;
  return {x * phi, phi + x * std::exp(-x * x / 2) * inv_sqrtpi_v<Real> / sqrt2_v<Real>};
}
Curve gelu_tanh(Real x) {
  const Real factor = std::sqrt(2 / pi_v<Real>), cubic = 0.044715L, u = factor * (x + cubic * x * x * x);
  const Real half = (1 + std::tanh(u)) / 2;
  return {x * half, half + x / 2 * sech_squared(u) * factor * (1 + 3 * cubic * x * x)};
}
Curve soft_sign(Real x) {
  const Real d = 1 + std::fabs(x);
  return {x / d, 1 / (d * d)};
}
Curve mish(Real x) {
  const Real s = soft_plus(x);
  return {x * std::tanh(s), std::tanh(s) + x * sech_squared(s) * sigma(x)};
}
Curve hard_swish(Real x) {
  const Real gate = clamped(x / 6 + 0.5L, 0, 1);
  return {x * gate, gate + (x > -3 && x < 3 ? x / 6 : 0)};
}
Curve hard_sigmoid(const NodeView& n, Real x) {
  const Real a = n.real("alpha", 0.2F), y = a * x + n.real("beta", 0.5F);
  return {clamped(y, 0, 1), y > 0 && y < 1 ? a : 0};
}
Curve leaky_relu(const NodeView& n, Real x) {
  const Real a = x > 0 ? 1 : n.real("alpha", 0.01F);
  return {a * x, a};
}
Curve elu(const NodeView& n, Real x) {
  const Real a = n.real("alpha", 1);
  return x > 0 ? Curve{x, 1} : Curve{a * std::expm1(x), a * std::exp(x)};
}
Curve celu(const NodeView& n, Real x) {
  const Real a = n.real("alpha", 1);
  return x > 0 ? Curve{x, 1} : Curve{a * exponential_unit(x / a), std::exp(x / a)};
}
Curve selu(const NodeView& n, Real x) {
  const Real a = n.real("alpha", 1.67326319217681884765625F), g = n.real("gamma", 1.05070102214813232421875F);
  return x > 0 ? Curve{g * x, g} : Curve{g * a * std::expm1(x), g * a * std::exp(x)};
}

template <class F>
Results each(const NodeView& n, const F& f) {
  Value y = n[0];
  if (!y.is_float() && y.varies()) n.fail("whole numbers that vary");
  for (Dual& x : y.numbers) {
    const Curve c = f(x.value);
    x = chain(x, c.value, c.slope);
  }
  return {y};
}
Operation curve(Curve (*f)(const NodeView&, Real)) {
  return [f](const NodeView& n) { return each(n, [&](Real x) { return f(n, x); }); };
}
// For functions that need no attributes.
Operation plain(Curve (*f)(Real)) {
  return [f](const NodeView& n) { return each(n, f); };
}

Results gelu_operator(const NodeView& n) { return each(n, n.text("approximate", "none") == "tanh" ? gelu_tanh : gelu); }

using Binary = Dual (*)(const Dual&, const Dual&);
Value combined(const NodeView& n, const Value& a, const Value& b, Binary f) {
  if (a.is_float() != b.is_float()) n.fail("operands of two types");
  const Sizes shape = broadcast(a.shape, b.shape);
  Value y = spread(a, shape);
  const Value other = spread(b, shape);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i) = f(y.at(i), other.at(i));
  return y;
}
Operation binary(Binary f) {
  return [f](const NodeView& n) -> Results {
    if (n.count() != 2) n.fail("two operands are needed");
    return {combined(n, n[0], n[1], f)};
  };
}
Operation variadic(Binary f) {
  return [f](const NodeView& n) -> Results {
    Value y = n[0];
    for (std::size_t i = 1; i < n.count(); ++i) y = combined(n, y, n[i], f);
    return {y};
  };
}
Dual plus(const Dual& a, const Dual& b) { return a + b; }
Dual minus(const Dual& a, const Dual& b) { return a - b; }
Dual times(const Dual& a, const Dual& b) { return a * b; }
Dual quotient(const Dual& a, const Dual& b) { return a / b; }
Dual whole_quotient(const Dual& a, const Dual& b) { return {std::trunc(a.value / b.value)}; }
Dual larger(const Dual& a, const Dual& b) { return a.value >= b.value ? a : b; }
Dual smaller(const Dual& a, const Dual& b) { return a.value <= b.value ? a : b; }
Dual power(const Dual& a, const Dual& b) {
  Dual y(std::pow(a.value, b.value));
  if (b.value != 0) add_slope(y, b.value * std::pow(a.value, b.value - 1), a);
  if (b.varies()) add_slope(y, y.value * std::log(a.value), b);
  return y;
}

Results division(const NodeView& n) { return binary(n[0].is_float() ? quotient : whole_quotient)(n); }
Results mean(const NodeView& n) {
  Results y = variadic(plus)(n);
  for (Dual& x : y[0].numbers) x = x * Dual(1 / static_cast<Real>(n.count()));
  return y;
}
Results clip(const NodeView& n) {
  const bool operands = n.opset() >= 11;
  const Real huge = std::numeric_limits<Real>::infinity();
  const Real lo = operands ? (n.has(1) ? n.number(1) : -huge) : n.real("min", -huge);
  const Real hi = operands ? (n.has(2) ? n.number(2) : huge) : n.real("max", huge);
  Value y = n[0];
  for (Dual& x : y.numbers)
    if (!(x.value > lo && x.value < hi)) x = chain(x, clamped(x.value, lo, hi), 0);
  return {y};
}
Results prelu(const NodeView& n) {
  // The slope broadcasts to x, and not the other way.
  const Value slope = spread(n[1], n[0].shape);
  Value y = n[0];
  for (std::int64_t i = 0; i < y.size(); ++i)
    if (y.at(i).value < 0) y.at(i) = y.at(i) * slope.at(i);
  return {y};
}
Results where(const NodeView& n) {
  if (n[0].type != onnx::ElementType::boolean) n.fail("a condition that is no truth value");
  if (n[1].is_float() != n[2].is_float()) n.fail("operands of two types");
  const Sizes shape = broadcast(n[0].shape, broadcast(n[1].shape, n[2].shape));
  const Value condition = spread(n[0], shape), other = spread(n[2], shape);
  Value y = spread(n[1], shape);
  for (std::int64_t i = 0; i < y.size(); ++i)
    if (condition.at(i).value == 0) y.at(i) = other.at(i);
  return {y};
}
Results same(const NodeView& n) { return {n[0]}; }
// Between floating-point types nothing changes in exact arithmetic.
Results cast(const NodeView& n) {
  Value y = n[0];
  y.type = static_cast<onnx::ElementType>(n.whole("to", 0));
  if (y.is_float()) return {y};
  for (Dual& x : y.numbers) x = y.type == onnx::ElementType::boolean ? Dual(x.value != 0) : Dual(std::trunc(x.value));
  return {y};
}

}  // namespace

const OperationTable& elementwise_operations() {
  static const OperationTable table{
      {"Abs", plain([](Real x) {
         return Curve{std::fabs(x), x > 0 ? 1.0L : -1.0L};
       })},
      {"Add", binary(plus)},
      {"Cast", cast},
      {"Celu", curve(celu)},
      {"Clip", clip},
      {"Cos", plain([](Real x) {
         return Curve{std::cos(x), -std::sin(x)};
       })},
      {"Div", division},
      {"Dropout", same},
      {"Elu", curve(elu)},
      {"Erf", plain([](Real x) {
         return Curve{std::erf(x), 2 * inv_sqrtpi_v<Real> * std::exp(-x * x)};
       })},
      {"Exp", plain([](Real x) {
         return Curve{std::exp(x), std::exp(x)};
       })},
      {"Gelu", gelu_operator},
      {"HardSigmoid", curve(hard_sigmoid)},
      {"HardSwish", plain(hard_swish)},
      {"Identity", same},
      {"LeakyRelu", curve(leaky_relu)},
      {"Log", plain([](Real x) {
         return Curve{std::log(x), 1 / x};
       })},
      {"Max", variadic(larger)},
      {"Mean", mean},
      {"Min", variadic(smaller)},
      {"Mish", plain(mish)},
      {"Mul", binary(times)},
      {"Neg", plain([](Real x) {
         return Curve{-x, -1};
       })},
      {"PRelu", prelu},
      {"Pow", binary(power)},
      {"Reciprocal", plain([](Real x) {
         return Curve{1 / x, -1 / (x * x)};
       })},
      {"Relu", plain([](Real x) {
         return Curve{std::max<Real>(x, 0), x > 0 ? 1.0L : 0.0L};
       })},
      {"Selu", curve(selu)},
      {"Sigmoid", plain([](Real x) {
         return Curve{sigma(x), sigma(x) * sigma(-x)};
       })},
      {"Sign", plain([](Real x) {
         return Curve{x > 0 ? 1.0L : x < 0 ? -1.0L : 0.0L, 0};
       })},
      {"Sin", plain([](Real x) {
         return Curve{std::sin(x), std::cos(x)};
       })},
      {"Softplus", plain([](Real x) {
         return Curve{soft_plus(x), sigma(x)};
       })},
      {"Softsign", plain(soft_sign)},
      {"Sqrt", plain([](Real x) {
         return Curve{std::sqrt(x), 1 / (2 * std::sqrt(x))};
       })},
      {"Sub", binary(minus)},
      {"Sum", variadic(plus)},
      {"Tanh", plain([](Real x) {
         return Curve{std::tanh(x), sech_squared(x)};
       })},
      {"Where", where},
  };
  return table;
}

}  // namespace taut::test::generated
