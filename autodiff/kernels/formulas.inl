// The formulas of the elementwise primitives, each written once. Included, without a guard, by
//   primitives/elementwise.cpp   with T = Var: the derivative rule of differentiable sweeps, and
//   kernels/elementwise.cpp      with T = a SIMD lane, once per instruction set: the fused kernel c · f'(x, y).
// value(x) is f(x); derivative(x, y) is f'(x) in terms of x and y = f(x), with the kink conventions of
// docs/conventions.md.

struct ExpFormula {
  auto value(const auto& x) const { return exp(x); }
  auto derivative(const auto&, const auto& y) const { return y; }
};
struct LogFormula {
  auto value(const auto& x) const { return log(x); }
  auto derivative(const auto& x, const auto&) const { return reciprocal(x); }
};
struct SqrtFormula {
  auto value(const auto& x) const { return sqrt(x); }
  auto derivative(const auto&, const auto& y) const { return reciprocal(y * 2.0); }
};
struct SquareFormula {
  auto value(const auto& x) const { return x * x; }
  auto derivative(const auto& x, const auto&) const { return x * 2.0; }
};
struct AbsFormula {
  auto value(const auto& x) const { return abs(x); }
  auto derivative(const auto& x, const auto&) const { return sign(x); }  // 0 at 0
};
struct SinFormula {
  auto value(const auto& x) const { return sin(x); }
  auto derivative(const auto& x, const auto&) const { return cos(x); }
};
struct CosFormula {
  auto value(const auto& x) const { return cos(x); }
  auto derivative(const auto& x, const auto&) const { return -sin(x); }
};
struct TanhFormula {
  auto value(const auto& x) const { return tanh(x); }
  auto derivative(const auto&, const auto& y) const { return (1.0 - y) * (y + 1.0); }
};
struct SigmoidFormula {
  auto value(const auto& x) const { return sigmoid(x); }
  auto derivative(const auto&, const auto& y) const { return y * (1.0 - y); }
};
struct SoftplusFormula {
  auto value(const auto& x) const { return relu(x) + log1p(exp(-abs(x))); }
  auto derivative(const auto& x, const auto&) const { return sigmoid(x); }
};
struct ReluFormula {
  auto value(const auto& x) const { return relu(x); }
  auto derivative(const auto& x, const auto&) const { return step(x); }  // 0 at 0
};
struct LeakyReluFormula {
  double slope;
  auto value(const auto& x) const { return relu(x) - relu(-x) * slope; }
  auto derivative(const auto& x, const auto&) const {  // slope at 0; step is 0 or 1, so this is exact
    const auto positive = step(x);
    return positive + (1.0 - positive) * slope;
  }
};
struct StepFormula {
  auto value(const auto& x) const { return step(x); }
  auto derivative(const auto& x, const auto&) const { return x * 0.0; }
};
struct SignFormula {
  auto value(const auto& x) const { return sign(x); }
  auto derivative(const auto& x, const auto&) const { return x * 0.0; }
};
struct PowFormula {
  double exponent;
  auto value(const auto& x) const { return pow(x, exponent); }
  auto derivative(const auto& x, const auto&) const {
    return exponent == 0.0 ? x * 0.0 : pow(x, exponent - 1.0) * exponent;
  }
};
struct ReciprocalFormula {
  auto value(const auto& x) const { return reciprocal(x); }
  auto derivative(const auto&, const auto& y) const { return -(y * y); }
};
struct RsqrtFormula {
  auto value(const auto& x) const { return reciprocal(sqrt(x)); }
  auto derivative(const auto&, const auto& y) const { return y * y * y * -0.5; }
};
struct Log1pFormula {
  auto value(const auto& x) const { return log1p(x); }
  auto derivative(const auto& x, const auto&) const { return reciprocal(x + 1.0); }
};
struct Expm1Formula {
  auto value(const auto& x) const { return expm1(x); }
  auto derivative(const auto& x, const auto&) const { return exp(x); }
};
struct ErfFormula {
  static constexpr double two_by_root_pi = 1.1283791670955126;
  auto value(const auto& x) const { return erf(x); }
  auto derivative(const auto& x, const auto&) const { return exp(-(x * x)) * two_by_root_pi; }
};
// The exponential branch gets min(x, 0), so that it cannot overflow where it is not used.
struct EluFormula {
  double alpha;
  auto value(const auto& x) const { return relu(x) + expm1(-relu(-x)) * alpha; }
  auto derivative(const auto& x, const auto&) const {  // alpha at 0
    const auto positive = step(x);
    return positive + (1.0 - positive) * (exp(-relu(-x)) * alpha);
  }
};
struct SeluFormula {
  double alpha, gamma;
  auto value(const auto& x) const { return (relu(x) + expm1(-relu(-x)) * alpha) * gamma; }
  auto derivative(const auto& x, const auto&) const {  // gamma at 0
    const auto negative = step(-x);
    return ((1.0 - negative) + negative * (exp(-relu(-x)) * alpha)) * gamma;
  }
};
struct CeluFormula {
  double alpha;
  auto value(const auto& x) const { return relu(x) + expm1(relu(-x) * (-1.0 / alpha)) * alpha; }
  auto derivative(const auto& x, const auto&) const { return exp(relu(-x) * (-1.0 / alpha)); }
};
// x·Φ(x), Φ the distribution function of the normal distribution and φ its density.
struct GeluFormula {
  static constexpr double root_half = 0.70710678118654752, root_two_pi_inverse = 0.39894228040143268;
  static auto normal(const auto& x) { return (erf(x * root_half) + 1.0) * 0.5; }
  auto value(const auto& x) const { return x * normal(x); }
  auto derivative(const auto& x, const auto&) const {
    return normal(x) + x * (exp(x * x * -0.5) * root_two_pi_inverse);
  }
};
// x/2 · (1 + tanh u) = x·σ(2u), 2u = 2√(2/π) (x + c x³); beyond ±100 σ is 0 or 1, and x³ would overflow in the end.
struct GeluTanhFormula {
  static constexpr double twice_root = 1.5957691216057308, cubic = 0.044715;
  auto value(const auto& x) const {
    const auto z = clip(x, -100.0, 100.0);
    return x * sigmoid((z * z * cubic + 1.0) * z * twice_root);
  }
  auto derivative(const auto& x, const auto&) const {
    const auto z = clip(x, -100.0, 100.0);
    const auto square = z * z;
    const auto t = (square * cubic + 1.0) * z * twice_root;
    return sigmoid(t) + z * sigmoid_slope(t) * ((square * (3.0 * cubic) + 1.0) * twice_root);
  }
};
struct SiluFormula {
  auto value(const auto& x) const { return x * sigmoid(x); }
  auto derivative(const auto& x, const auto&) const { return sigmoid(x) + x * sigmoid_slope(x); }
};
// x · n / (n + 2), n = e^x (e^x + 2), which is x·tanh(softplus(x)); at x = 40 the factor is 1 and its derivative 0 but
// for 10^−30.
struct MishFormula {
  static auto clipped(const auto& x) { return clip(x, -1000.0, 40.0); }
  auto value(const auto& x) const {
    const auto e = exp(clipped(x));
    const auto n = e * (e + 2.0);
    return x * (n / (n + 2.0));
  }
  auto derivative(const auto& x, const auto&) const {
    const auto z = clipped(x);
    const auto e = exp(z);
    const auto n = e * (e + 2.0);
    const auto r = reciprocal(n + 2.0);
    return n * r + z * (e * (e + 1.0) * 4.0 * r * r);
  }
};
struct SoftsignFormula {
  auto value(const auto& x) const { return x / (abs(x) + 1.0); }
  auto derivative(const auto& x, const auto&) const {
    const auto r = reciprocal(abs(x) + 1.0);
    return r * r;
  }
};
// The slope of the side of smaller arguments at the kinks.
struct ClipFormula {
  double lo, hi;
  auto value(const auto& x) const { return clip(x, lo, hi); }
  auto derivative(const auto& x, const auto&) const { return above(x, lo) - above(x, hi); }
  // 1 for x > at, 0 else; `at` may be infinite, which is no constant to add.
  static auto above(const auto& x, double at) {
    const bool finite = at - at == 0.0;
    return step(x * (finite ? 1.0 : 0.0) + (finite ? -at : at < 0.0 ? 1.0 : -1.0));
  }
};
struct HardSigmoidFormula {
  double alpha, beta;
  auto value(const auto& x) const { return clip(x * alpha + beta, 0.0, 1.0); }
  auto derivative(const auto& x, const auto&) const {
    const auto t = x * alpha + beta;
    return (step(t) - step(t + -1.0)) * alpha;
  }
};
struct HardSwishFormula {
  auto value(const auto& x) const { return x * (clip(x + 3.0, 0.0, 6.0) * (1.0 / 6.0)); }
  auto derivative(const auto& x, const auto&) const {
    const auto above = step(x + -3.0);
    return (step(x + 3.0) - above) * ((x * 2.0 + 3.0) * (1.0 / 6.0)) + above;
  }
};
