// Elementwise primitives of one operand. Slopes: docs/mathematics/03-elementwise.md#elementwise.
#include <numbers>

#include "autodiff/primitives/unit.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

// Extrema of cos lie at multiples of π. Beyond 1e8 the position of the multiples is not resolved: all of [−1, 1].
Interval cos_over(const Interval& x, double phase) {
  constexpr double pi = std::numbers::pi;
  if (!(x.magnitude() < 1e8) || x.hi - x.lo >= 2 * pi) return {-1.0, 1.0};
  // cos(t − phase): does [lo, hi] − phase hold an even (maximum) or odd (minimum) multiple of π? Asked with a margin
  // far above the rounding of these few operations, so a multiple is never missed.
  const double margin = 1e-7;
  const auto holds = [&](double offset) {
    const double from = (x.lo - phase - offset - margin) / (2 * pi), to = (x.hi - phase - offset + margin) / (2 * pi);
    return std::floor(to) >= std::ceil(from);
  };
  const double a = phase == 0.0 ? std::cos(x.lo) : std::sin(x.lo), b = phase == 0.0 ? std::cos(x.hi) : std::sin(x.hi);
  Interval y = clamp(outer(std::min(a, b), std::max(a, b)), -1.0, 1.0);
  if (holds(0.0)) y.hi = 1.0;
  if (holds(pi)) y.lo = -1.0;
  return y;
}
Interval sin_over(const Interval& x) { return cos_over(x, std::numbers::pi / 2); }

double sech_squared(double x) {
  const double e = std::exp(-2 * std::fabs(x));  // 4 e^{−2|x|} / (1 + e^{−2|x|})²
  return 4 * e / ((1 + e) * (1 + e));
}
double steepness_of_sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return e / ((1 + e) * (1 + e));
}
double sigmoid_value(double x) {
  const double e = std::exp(-std::fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
double softplus_value(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace

class Exp final : public Unit<Exp, ExpFormula, Unary::exp> {
 public:
  static constexpr OpInfo static_info{"exp", "e^x", "", ""};
  bool fades(const Interval& x) const override { return x.hi <= -0.5; }
  Slope slope(const Interval& x) const override { return image(x); }
  Interval image(const Interval& x) const override {
    const Interval y = outer(std::exp(x.lo), std::exp(x.hi));
    return {std::max(0.0, y.lo), y.hi};
  }
  std::string_view unbounded_because() const override { return "the derivative e^x grows without bound"; }
  rule::Escape escape() const override { return rule::Escape::all_reals; }
};

class Log final : public Unit<Log, LogFormula, Unary::log> {
 public:
  static constexpr OpInfo static_info{"log", "ln x", "", ""};
  bool fades(const Interval& x) const override { return x.lo > 0.0; }
  Slope slope(const Interval& x) const override {
    return {x.hi > 0 ? div_down(1.0, x.hi) : 0.0, x.lo > 0 ? div_up(1.0, x.lo) : infinity};
  }
  Interval image(const Interval& x) const override {
    require_domain(x.lo >= 0, "log", x, "x > 0");
    return outer(std::log(x.lo), std::log(x.hi));
  }
  std::string_view unbounded_because() const override {
    return "the derivative 1/x grows without bound as x falls to 0";
  }
};

class Sqrt final : public Unit<Sqrt, SqrtFormula, Unary::sqrt> {
 public:
  static constexpr OpInfo static_info{"sqrt", "√x", "", ""};
  double steepness_by_root(const Interval&) const override { return 0.5; }
  Slope slope(const Interval& x) const override {
    return {x.hi > 0 ? div_down(0.5, sqrt_up(x.hi)) : 0.0, x.lo > 0 ? div_up(0.5, sqrt_down(x.lo)) : infinity};
  }
  Interval image(const Interval& x) const override {
    require_domain(x.lo >= 0, "sqrt", x, "x ≥ 0");
    return {sqrt_down(x.lo), sqrt_up(x.hi)};
  }
  std::string_view unbounded_because() const override {
    return "the derivative 1/(2√x) grows without bound as x falls to 0";
  }
};

class Square final : public Unit<Square, SquareFormula, Unary::square> {
 public:
  static constexpr OpInfo static_info{"square", "x²", "", ""};
  bool squares() const override { return true; }
  Slope slope(const Interval& x) const override { return {2 * x.lo, 2 * x.hi}; }  // (x² − y²) / (x − y) = x + y
  Interval image(const Interval& x) const override {
    const double near = x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi));
    return {std::max(0.0, mul_down(near, near)), mul_up(x.magnitude(), x.magnitude())};
  }
  std::string_view unbounded_because() const override { return "the derivative 2x grows without bound"; }
  rule::Escape escape() const override { return rule::Escape::quadratic; }
};

class Abs final : public Unit<Abs, AbsFormula, Unary::abs> {
 public:
  static constexpr OpInfo static_info{"abs", "|x|", "derivative 0 at 0", ""};
  std::optional<Interval> clamps(const Interval& x) const override {
    return x.lo >= 0.0 ? std::optional(Interval::reals()) : std::nullopt;
  }
  Slope slope(const Interval& x) const override {
    return {x.lo > 0 ? 1.0 : x.lo == 0 ? 0.0 : -1.0, x.hi < 0 ? -1.0 : x.hi == 0 ? 0.0 : 1.0};
  }
  Interval image(const Interval& x) const override {
    return {x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi)), x.magnitude()};
  }
  std::optional<PiecewiseLinear> pieces() const override { return PiecewiseLinear{{0.0}, {-1.0, 1.0}}; }
};

class Sin final : public Unit<Sin, SinFormula, Unary::sin> {
 public:
  static constexpr OpInfo static_info{"sin", "sin x", "", ""};
  Slope slope(const Interval& x) const override { return cos_over(x, 0.0); }
  Interval image(const Interval& x) const override { return sin_over(x); }
};

class Cos final : public Unit<Cos, CosFormula, Unary::cos> {
 public:
  static constexpr OpInfo static_info{"cos", "cos x", "", ""};
  Slope slope(const Interval& x) const override { return -sin_over(x); }
  Interval image(const Interval& x) const override { return cos_over(x, 0.0); }
};

class Tanh final : public Unit<Tanh, TanhFormula, Unary::tanh> {
 public:
  static constexpr OpInfo static_info{"tanh", "tanh x", "", ""};
  bool fades(const Interval& x) const override { return x.lo >= 2.0 || x.hi <= -2.0; }
  Slope slope(const Interval& x) const override { return clamp(bell(x, sech_squared), 0.0, 1.0); }
  Interval image(const Interval& x) const override {
    return clamp(outer(std::tanh(x.lo), std::tanh(x.hi), libm_margin(libm_ulps::tanh)), -1.0, 1.0);
  }
};

class Sigmoid final : public Unit<Sigmoid, SigmoidFormula, Unary::sigmoid> {
 public:
  static constexpr OpInfo static_info{"sigmoid", "1 / (1 + e^−x)", "", ""};
  bool fades(const Interval& x) const override { return x.lo >= 2.0 || x.hi <= -2.0; }
  Slope slope(const Interval& x) const override { return clamp(bell(x, steepness_of_sigmoid), 0.0, 0.25); }
  Interval image(const Interval& x) const override {
    return clamp(outer(sigmoid_value(x.lo), sigmoid_value(x.hi), 3 * libm), 0.0, 1.0);
  }
};

class Softplus final : public Unit<Softplus, SoftplusFormula, Unary::softplus> {
 public:
  static constexpr OpInfo static_info{"softplus", "ln(1 + e^x)", "", ""};
  bool fades(const Interval& x) const override { return x.hi <= -2.0; }
  Slope slope(const Interval& x) const override {
    return clamp(outer(sigmoid_value(x.lo), sigmoid_value(x.hi), 3 * libm), 0.0, 1.0);
  }
  Interval image(const Interval& x) const override {
    const Interval y = outer(softplus_value(x.lo), softplus_value(x.hi), 3 * libm);
    return {std::max(0.0, y.lo), y.hi};
  }
};

class Relu final : public Unit<Relu, ReluFormula, Unary::relu> {
 public:
  static constexpr OpInfo static_info{"relu", "max(x, 0)", "derivative 0 at 0", ""};
  std::optional<Interval> clamps(const Interval&) const override { return Interval{0.0, infinity}; }
  Slope slope(const Interval& x) const override { return slope_of(*pieces(), x); }
  Interval image(const Interval& x) const override { return {std::max(0.0, x.lo), std::max(0.0, x.hi)}; }
  std::optional<PiecewiseLinear> pieces() const override { return PiecewiseLinear{{0.0}, {0.0, 1.0}}; }
};

class LeakyRelu final : public Unit<LeakyRelu, LeakyReluFormula, Unary::leaky_relu> {
 public:
  static constexpr OpInfo static_info{"leaky_relu", "x for x > 0, slope·x else", "derivative slope at 0", ""};
  explicit LeakyRelu(double slope) : slope_(slope) {}
  Attributes attributes() const override { return {{"slope", slope_}}; }
  std::optional<Interval> clamps(const Interval& x) const override {
    return x.lo >= 0.0 ? std::optional(Interval::reals()) : std::nullopt;
  }
  Slope slope(const Interval& x) const override { return slope_of(*pieces(), x); }
  Interval image(const Interval& x) const override {
    const Interval y = hull(at(x.lo), at(x.hi));
    return x.contains(0.0) ? hull(y, Interval::point(0.0)) : y;
  }
  std::optional<PiecewiseLinear> pieces() const override { return PiecewiseLinear{{0.0}, {slope_, 1.0}}; }

 private:
  kernels::Parameters parameters() const override { return {slope_}; }
  Interval at(double x) const { return x > 0 ? Interval::point(x) : Interval{mul_down(slope_, x), mul_up(slope_, x)}; }
  double slope_;
};

class Step final : public Unit<Step, StepFormula, Unary::step> {
 public:
  static constexpr OpInfo static_info{"step", "1 for x > 0, 0 else", "derivative 0 everywhere", ""};
  Slope slope(const Interval& x) const override { return {0.0, x.lo > 0 || x.hi <= 0 ? 0.0 : infinity}; }
  Interval image(const Interval& x) const override { return {x.lo > 0 ? 1.0 : 0.0, x.hi > 0 ? 1.0 : 0.0}; }
  std::string_view unbounded_because() const override { return "the step at 0 is a jump"; }
  rule::Escape escape() const override { return rule::Escape::all_reals; }
};

class Sign final : public Unit<Sign, SignFormula, Unary::sign> {
 public:
  static constexpr OpInfo static_info{"sign", "−1, 0 or 1", "derivative 0 everywhere", ""};
  Slope slope(const Interval& x) const override {
    const bool constant = x.lo > 0 || x.hi < 0 || (x.lo == 0 && x.hi == 0);
    return {0.0, constant ? 0.0 : infinity};
  }
  Interval image(const Interval& x) const override { return {value(x.lo), value(x.hi)}; }
  std::string_view unbounded_because() const override { return "the jumps at 0"; }
  rule::Escape escape() const override { return rule::Escape::all_reals; }

 private:
  static double value(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }
};

Var exp(const Var& x, Where where) { return record(where, Exp(), x); }
Var log(const Var& x, Where where) { return record(where, Log(), x); }
Var sqrt(const Var& x, Where where) { return record(where, Sqrt(), x); }
Var square(const Var& x, Where where) { return record(where, Square(), x); }
Var abs(const Var& x, Where where) { return record(where, Abs(), x); }
Var sin(const Var& x, Where where) { return record(where, Sin(), x); }
Var cos(const Var& x, Where where) { return record(where, Cos(), x); }
Var tanh(const Var& x, Where where) { return record(where, Tanh(), x); }
Var sigmoid(const Var& x, Where where) { return record(where, Sigmoid(), x); }
Var softplus(const Var& x, Where where) { return record(where, Softplus(), x); }
Var relu(const Var& x, Where where) { return record(where, Relu(), x); }
Var step(const Var& x, Where where) { return record(where, Step(), x); }
Var sign(const Var& x, Where where) { return record(where, Sign(), x); }

Var leaky_relu(const Var& x, double slope, Where where) {
  const DType dtype = primitives::given(x, "leaky_relu", where).dtype();
  return record(where, LeakyRelu(primitives::finite_constant("leaky_relu", slope, dtype, where)), x);
}

template const OpInfo& describe<Exp>();
template const OpInfo& describe<Log>();
template const OpInfo& describe<Sqrt>();
template const OpInfo& describe<Square>();
template const OpInfo& describe<Abs>();
template const OpInfo& describe<Sin>();
template const OpInfo& describe<Cos>();
template const OpInfo& describe<Tanh>();
template const OpInfo& describe<Sigmoid>();
template const OpInfo& describe<Softplus>();
template const OpInfo& describe<Relu>();
template const OpInfo& describe<LeakyRelu>();
template const OpInfo& describe<Step>();
template const OpInfo& describe<Sign>();

}  // namespace taut
