// The activation functions that are not in elementwise.cpp. Slopes, and why there are no more turns than those named:
// docs/mathematics/03-elementwise.md#gated-activations.
#include <array>
#include <numbers>

#include "autodiff/primitives/unit.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

double logistic(double x) {
  const double e = std::exp(-std::fabs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}
double normal_density(double x) { return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }

// a + b with relative errors of `a_rel` and `b_rel` (far out b vanishes, and 0 · ∞ stands for 0).
Interval sum_within(double a, double a_rel, double b, double b_rel) {
  if (std::isnan(b)) b = 0.0;
  const double margin = add_up(mul_up(a_rel + 2 * u, std::fabs(a)) + mul_up(b_rel + 2 * u, std::fabs(b)), 0x1p-1060);
  return {sub_down(a + b, margin), add_up(a + b, margin)};
}

// x·g(x) for a distribution function g: falls to one minimum, then rises. Its derivative g + x g' falls to a minimum,
// rises to a maximum above 1, and falls to 1.
struct GatedShape {
  std::array<Turn, 1> value;
  std::array<Turn, 2> slope;
};
constexpr double near = 1e-12;  // of the positions of turns, given to 15 digits
constexpr Turn turn(double at, double value) { return {{at - near, at + near}, value}; }

// g is monotone, so x·g(x) lies between products with its ends.
template <class Gate>
Interval gated_image(const Interval& x, const GatedShape& shape, Gate&& gate) {
  return over_turns(x, shape.value, [&](double t) {
    if (std::isinf(t)) return Interval::point(t > 0 ? infinity : 0.0);
    return gate(t) * Interval::point(t);
  });
}
template <class Slope>
Interval gated_slope(const Interval& x, const GatedShape& shape, Slope&& slope) {
  return over_turns(x, shape.slope,
                    [&](double t) { return std::isinf(t) ? Interval::point(t > 0 ? 1.0 : 0.0) : slope(t); });
}

void require_positive(const char* op, const char* what, double value, Where where) {
  if (!(value > 0.0)) throw DomainError(cat('[', op, "] at ", where, ": ", what, " must be positive, got ", value));
}

// Values and slopes of c·(e^x − 1) for x < 0, joined to g·x for x > 0.
Interval exponential_image(const Interval& x, const Interval& c, double g) {
  const auto at = [&](double t) {
    if (t > 0) return Interval::point(g) * Interval::point(t);
    const Interval e = outer(std::expm1(t), std::expm1(t));
    return c * Interval{std::max(-1.0, e.lo), std::min(0.0, e.hi)};
  };
  const Interval y = hull(at(x.lo), at(x.hi));
  return x.contains(0.0) ? hull(y, Interval::point(0.0)) : y;
}
enum class AtZero { left, right };  // whose slope is the derivative there
Slope exponential_slope(const Interval& x, const Interval& c, double g, AtZero at_zero = AtZero::left) {
  const bool right = at_zero == AtZero::right;
  if (x.lo > 0 || (right && x.lo == 0)) return Slope::point(g);
  const Interval e = outer(std::exp(x.lo), std::exp(std::min(0.0, x.hi)));
  const Slope s = c * Interval{std::max(0.0, e.lo), std::min(1.0, e.hi)};
  return x.hi > 0 || (right && x.hi == 0) ? hull(s, Slope::point(g)) : s;
}

}  // namespace

class Elu final : public Unit<Elu, EluFormula, Unary::elu> {
 public:
  static constexpr OpInfo static_info{"elu", "x for x > 0, α(e^x − 1) else", "derivative α at 0", "Clevert2016"};
  explicit Elu(double alpha) : alpha_(alpha) {}
  Attributes attributes() const override { return {{"alpha", alpha_}}; }
  Slope slope(const Interval& x) const override { return exponential_slope(x, Interval::point(alpha_), 1.0); }
  Interval image(const Interval& x) const override { return exponential_image(x, Interval::point(alpha_), 1.0); }

 private:
  kernels::Parameters parameters() const override { return {alpha_}; }
  double alpha_;
};

class Selu final : public Unit<Selu, SeluFormula, Unary::selu> {
 public:
  static constexpr OpInfo static_info{"selu", "γx for x > 0, γα(e^x − 1) else", "derivative γ at 0", "Klambauer2017"};
  Selu(double alpha, double gamma) : alpha_(alpha), gamma_(gamma) {}
  Attributes attributes() const override { return {{"alpha", alpha_}, {"gamma", gamma_}}; }
  Slope slope(const Interval& x) const override { return exponential_slope(x, product(), gamma_, AtZero::right); }
  Interval image(const Interval& x) const override { return exponential_image(x, product(), gamma_); }

 private:
  Interval product() const { return Interval::point(alpha_) * Interval::point(gamma_); }
  kernels::Parameters parameters() const override { return {alpha_, gamma_}; }
  double alpha_, gamma_;
};

class Celu final : public Unit<Celu, CeluFormula, Unary::celu> {
 public:
  static constexpr OpInfo static_info{"celu", "x for x > 0, α(e^(x/α) − 1) else", "", "Barron2017"};
  explicit Celu(double alpha) : alpha_(alpha) {}
  Attributes attributes() const override { return {{"alpha", alpha_}}; }
  Slope slope(const Interval& x) const override { return exponential_slope(scaled(x), Interval::point(1.0), 1.0); }
  Interval image(const Interval& x) const override {
    const Interval negative{std::min(0.0, x.lo), std::min(0.0, x.hi)},
        positive{std::max(0.0, x.lo), std::max(0.0, x.hi)};
    // The two parts move in turn, one of them is 0.
    return exponential_image(scaled(negative), Interval::point(alpha_), 1.0) + positive;
  }
  // What underflows of x/α counts α times.
  ForwardError forward_error() const override {
    const ForwardError e = kernels::max_error(Unary::celu);
    return {e.ulp, mul_up(e.of_argument, std::max(1.0, alpha_))};
  }

 private:
  Interval scaled(const Interval& x) const { return {div_down(x.lo, alpha_), div_up(x.hi, alpha_)}; }
  kernels::Parameters parameters() const override { return {alpha_}; }
  double alpha_;
};

// Files hold roundings of 1/√2, √(2/π), 0.044715 and 1/6. With a tolerance, the rules of the three functions made of
// these hold for all constants within that relative distance: docs/mathematics/03-elementwise.md#rounded-constants.
// κ x for every κ in 1 ± tolerance.
Interval rescaled(const Interval& x, double tolerance) {
  if (tolerance == 0.0) return x;
  const auto end = [&](double t, bool down) {
    const double factor = (t < 0) == down ? 1 + tolerance : 1 - tolerance;
    return down ? mul_down(t, factor) : mul_up(t, factor);
  };
  return {end(x.lo, true), end(x.hi, false)};
}
// g(κ x)/κ, of which y holds the g(κ x).
Interval scaled_back(const Interval& y, double tolerance) {
  return tolerance == 0.0 ? y : y * Interval{1 - 2 * tolerance, 1 + 2 * tolerance};
}
Interval off_by(double distance, const Interval& y) {
  return distance == 0.0 ? y : Interval{sub_down(y.lo, distance), add_up(y.hi, distance)};
}

class Gelu final : public Unit<Gelu, GeluFormula, Unary::gelu> {
 public:
  static constexpr OpInfo static_info{"gelu", "x Φ(x), Φ the normal distribution", "", "Hendrycks2016"};
  explicit Gelu(double tolerance = 0.0) : tolerance_(tolerance) {}
  Attributes attributes() const override { return {{"tolerance", tolerance_}}; }
  Slope slope(const Interval& x) const override {
    return gated_slope(rescaled(x, tolerance_), shape, [](double t) {
      return sum_within(std::erfc(-t / std::numbers::sqrt2) / 2, margin(t), t * normal_density(t),
                        margin(-std::fabs(t)));
    });
  }
  Interval image(const Interval& x) const override {
    return scaled_back(
        gated_image(
            rescaled(x, tolerance_), shape,
            [](double t) {
              const double p = std::erfc(-t / std::numbers::sqrt2) / 2;
              return Interval{std::max(0.0, outer(p, p, margin(t)).lo), std::min(1.0, outer(p, p, margin(t)).hi)};
            }),
        tolerance_);
  }

 private:
  double tolerance_;
  static constexpr GatedShape shape{
      {turn(-0.751791524693564, -0.16997120747990366)},
      {turn(-1.4142135623730951, -0.12890414518515479), turn(1.4142135623730951, 1.1289041451851548)}};
  // A relative error of t reaches Φ(t) times t φ(t)/Φ(t), which is at most about t² below 0, t e^{−t²/2} above.
  static double margin(double t) {
    return libm_margin(libm_ulps::erfc) + 4 * u * std::min(2e3, t * t) * (t > 1 ? std::exp(-t * t / 2) : 1.0);
  }
};

class GeluTanh final : public Unit<GeluTanh, GeluTanhFormula, Unary::gelu_tanh> {
 public:
  static constexpr OpInfo static_info{"gelu_tanh", "x/2 (1 + tanh(√(2/π)(x + 0.044715 x³)))", "", "Hendrycks2016"};
  explicit GeluTanh(double tolerance = 0.0) : tolerance_(tolerance) {}
  Attributes attributes() const override { return {{"tolerance", tolerance_}}; }
  Slope slope(const Interval& x) const override {
    // The second constant moves slopes by at most 2.4 times what it is off, values by 0.3 times that.
    return off_by(6 * tolerance_, gated_slope(rescaled(x, tolerance_), shape, [](double t) {
                    const double s = logistic(inner(t)), other = logistic(-inner(t));
                    const double growth = GeluTanhFormula::twice_root * (1 + 3 * GeluTanhFormula::cubic * t * t);
                    return sum_within(s, margin(t), t * s * other * growth, margin(-std::fabs(t)));
                  }));
  }
  Interval image(const Interval& x) const override {
    return off_by(
        tolerance_,
        scaled_back(
            gated_image(
                rescaled(x, tolerance_), shape,
                [](double t) {
                  const double s = logistic(inner(t));
                  return Interval{std::max(0.0, outer(s, s, margin(t)).lo), std::min(1.0, outer(s, s, margin(t)).hi)};
                }),
            tolerance_));
  }

 private:
  double tolerance_;
  static constexpr GatedShape shape{
      {turn(-0.752461422071016, -0.17004075057125405)},
      {turn(-1.41850400879082836, -0.12899306865877176), turn(1.41850400879082836, 1.1289930686587718)}};
  static double inner(double t) { return GeluTanhFormula::twice_root * t * (1 + GeluTanhFormula::cubic * t * t); }
  // A relative error of the inner argument reaches σ times itself and 1 − σ.
  static double margin(double t) {
    return 8 * libm + 16 * u * std::min(2e3, std::fabs(inner(t))) * logistic(-inner(t));
  }
};

class Silu final : public Unit<Silu, SiluFormula, Unary::silu> {
 public:
  static constexpr OpInfo static_info{"silu", "x σ(x)", "", "Elfwing2018"};
  Slope slope(const Interval& x) const override {
    return gated_slope(
        x, shape, [](double t) { return sum_within(logistic(t), 4 * libm, t * logistic(t) * logistic(-t), 8 * libm); });
  }
  Interval image(const Interval& x) const override {
    return gated_image(x, shape, [](double t) {
      const double s = logistic(t);
      return Interval{std::max(0.0, outer(s, s, 3 * libm).lo), std::min(1.0, outer(s, s, 3 * libm).hi)};
    });
  }

 private:
  static constexpr GatedShape shape{
      {turn(-1.2784645427610738, -0.2784645427610738)},
      {turn(-2.39935728051546767, -0.09983932012886692), turn(2.39935728051546767, 1.0998393201288669)}};
};

class Mish final : public Unit<Mish, MishFormula, Unary::mish> {
 public:
  static constexpr OpInfo static_info{"mish", "x tanh(ln(1 + e^x))", "", "Misra2020"};
  Slope slope(const Interval& x) const override {
    return gated_slope(x, shape, [](double t) {
      const double z = std::min(t, 40.0), e = std::exp(z), d = e * (e + 2) + 2;
      return sum_within(gate(t), 4 * libm, z * (4 * e / d * ((e + 1) / d)), 8 * libm);
    });
  }
  Interval image(const Interval& x) const override {
    return gated_image(x, shape, [](double t) {
      const double g = gate(t);
      return Interval{std::max(0.0, outer(g, g, 4 * libm).lo), std::min(1.0, outer(g, g, 4 * libm).hi)};
    });
  }

 private:
  static constexpr GatedShape shape{
      {turn(-1.19243121451549521, -0.3088434130172504)},
      {turn(-2.25637639636079312, -0.11252612238946256), turn(1.49057117948542846, 1.0884981612517279)}};
  static double gate(double t) {
    const double e = std::exp(std::min(t, 40.0)), n = e * (e + 2);  // 1 − 10⁻³⁴ at 40
    return n / (n + 2);
  }
};

class Softsign final : public Unit<Softsign, SoftsignFormula, Unary::softsign> {
 public:
  static constexpr OpInfo static_info{"softsign", "x / (1 + |x|)", "", ""};
  bool fades(const Interval& x) const override { return x.lo >= 1.0 || x.hi <= -1.0; }
  Slope slope(const Interval& x) const override {
    return clamp(bell(x, [](double t) { return 1 / ((1 + std::fabs(t)) * (1 + std::fabs(t))); }), 0.0, 1.0);
  }
  Interval image(const Interval& x) const override {
    const auto at = [](double t) { return std::isinf(t) ? std::copysign(1.0, t) : t / (1 + std::fabs(t)); };
    return clamp(outer(at(x.lo), at(x.hi)), -1.0, 1.0);
  }
};

class Clip final : public Unit<Clip, ClipFormula, Unary::clip> {
 public:
  static constexpr OpInfo static_info{"clip", "min(max(x, lo), hi)", "derivative 0 at lo, 1 at hi", ""};
  Clip(double lo, double hi) : lo_(lo), hi_(hi) {}
  Attributes attributes() const override { return {{"lo", lo_}, {"hi", hi_}}; }
  std::optional<Interval> clamps(const Interval&) const override { return Interval{lo_, hi_}; }
  Slope slope(const Interval& x) const override { return slope_of(*pieces(), x); }
  Interval image(const Interval& x) const override {
    return {std::min(std::max(x.lo, lo_), hi_), std::min(std::max(x.hi, lo_), hi_)};
  }
  std::optional<PiecewiseLinear> pieces() const override {
    PiecewiseLinear p{{}, {1.0}};
    if (lo_ == hi_) return PiecewiseLinear{{}, {0.0}};
    if (lo_ > -infinity) {
      p.breaks.push_back(lo_);
      p.slopes.insert(p.slopes.begin(), 0.0);
    }
    if (hi_ < infinity) {
      p.breaks.push_back(hi_);
      p.slopes.push_back(0.0);
    }
    return p;
  }

 private:
  kernels::Parameters parameters() const override { return {lo_, hi_}; }
  double lo_, hi_;
};

class HardSigmoid final : public Unit<HardSigmoid, HardSigmoidFormula, Unary::hard_sigmoid> {
 public:
  static constexpr OpInfo static_info{"hard_sigmoid", "min(max(αx + β, 0), 1)",
                                      "at a kink the slope of the side where αx + β is smaller", ""};
  HardSigmoid(double alpha, double beta) : alpha_(alpha), beta_(beta) {}
  // t = αx + β is monotone in x: what it may compare like at the ends decides.
  Attributes attributes() const override { return {{"alpha", alpha_}, {"beta", beta_}}; }
  Slope slope(const Interval& x) const override {
    const Comparison zero = compare(x.lo, 0.0) | compare(x.hi, 0.0), one = compare(x.lo, 1.0) | compare(x.hi, 1.0);
    Slope s{infinity, -infinity};
    if (zero.at_most || one.above) s = hull(s, Slope::point(0.0));
    if (zero.above && one.at_most) s = hull(s, Slope::point(alpha_));
    return s;
  }
  Interval image(const Interval& x) const override {
    const Interval t = inner(x);
    return {std::min(std::max(t.lo, 0.0), 1.0), std::min(std::max(t.hi, 0.0), 1.0)};
  }
  ForwardError forward_error() const override {
    const ForwardError e = kernels::max_error(Unary::hard_sigmoid);
    return {e.ulp, mul_up(e.of_argument, std::fabs(alpha_))};
  }
  std::optional<PiecewiseLinear> pieces() const override {
    if (alpha_ == 0.0) return PiecewiseLinear{{}, {0.0}};
    const auto solution = [&](double t) {  // of αx + β = t
      const double from = sub_down(t, beta_), to = sub_up(t, beta_);
      return hull({div_down(from, alpha_), div_up(from, alpha_)}, {div_down(to, alpha_), div_up(to, alpha_)});
    };
    const Interval zero = solution(0.0), one = solution(1.0);
    const Interval &first = alpha_ > 0 ? zero : one, &second = alpha_ > 0 ? one : zero;
    if (!std::isfinite(first.magnitude()) || !std::isfinite(second.magnitude())) return std::nullopt;
    // Either end of an interval of one or two neighbours stands for the exact breakpoint.
    return PiecewiseLinear{
        {first.lo, second.lo}, {0.0, alpha_, 0.0}, std::max(sub_up(first.hi, first.lo), sub_up(second.hi, second.lo))};
  }

 private:
  struct Comparison {
    bool at_most, above;
    friend Comparison operator|(Comparison a, Comparison b) { return {a.at_most || b.at_most, a.above || b.above}; }
  };
  // t at x with a break, exactly or as rounded in f32 or f64.
  Comparison compare(double x, double at) const {
    const Interval t = inner(Interval::point(x));
    if (t == Interval::point(at) && rounded_to(DType::f32, at - beta_) == at - beta_) return {true, false};
    const double margin = 0x1p-22 * (std::fabs(alpha_ * x) + std::fabs(beta_)) + 4 * smallest_subnormal(DType::f32);
    return {!(t.lo > at + margin), !(t.hi <= at - margin)};
  }
  kernels::Parameters parameters() const override { return {alpha_, beta_}; }
  Interval inner(const Interval& x) const { return Interval::point(alpha_) * x + Interval::point(beta_); }
  double alpha_, beta_;
};

class HardSwish final : public Unit<HardSwish, HardSwishFormula, Unary::hard_swish> {
 public:
  static constexpr OpInfo static_info{"hard_swish", "x min(max(x + 3, 0), 6) / 6", "derivative 0 at −3, 3/2 at 3",
                                      "Howard2019"};
  explicit HardSwish(double tolerance = 0.0) : tolerance_(tolerance) {}
  Attributes attributes() const override { return {{"tolerance", tolerance_}}; }
  // 0, (2x + 3)/6, 1 on (−∞, −3], (−3, 3], (3, ∞)
  Slope slope(const Interval& argument) const override {
    const Interval x = rescaled(argument, tolerance_);
    Slope s{infinity, -infinity};
    if (x.lo <= -3) s = hull(s, Slope::point(0.0));
    if (x.hi > -3 && x.lo <= 3) {
      const double from = std::max(-3.0, x.lo), to = std::min(3.0, x.hi);
      s = hull(s, outer((2 * from + 3) / 6, (2 * to + 3) / 6, 4 * u));
    }
    if (x.hi > 3) s = hull(s, Slope::point(1.0));
    return clamp(s, -0.5, 1.5);
  }
  Interval image(const Interval& x) const override {
    constexpr std::array<Turn, 1> least{Turn{Interval::point(-1.5), -0.375}};
    return scaled_back(over_turns(rescaled(x, tolerance_), least,
                                  [](double t) {
                                    if (t <= -3) return Interval::point(0.0);
                                    if (t >= 3) return Interval::point(t);
                                    return outer(t * (t + 3) / 6, t * (t + 3) / 6, 8 * u);
                                  }),
                       tolerance_);
  }

 private:
  double tolerance_;
};

namespace {

double small(const char* op, double tolerance, Where where) {
  if (!(tolerance >= 0.0 && tolerance <= 1e-3))
    throw DomainError(cat('[', op, "] at ", where, ": the tolerance must lie in [0, 0.001], got ", tolerance));
  return tolerance;
}

double constant(const char* op, double value, const Var& x, Where where) {
  return finite_constant(op, value, given(x, op, where).dtype(), where);
}

}  // namespace

Var elu(const Var& x, double alpha, Where where) { return record(where, Elu(constant("elu", alpha, x, where)), x); }
Var selu(const Var& x, double alpha, double gamma, Where where) {
  return record(where, Selu(constant("selu", alpha, x, where), constant("selu", gamma, x, where)), x);
}
Var celu(const Var& x, double alpha, Where where) {
  const double a = constant("celu", alpha, x, where);
  require_positive("celu", "alpha", a, where);
  if (!std::isfinite(rounded_to(x.dtype(), 1.0 / a)))
    throw DomainError(
        cat("[celu] at ", where, ": 1/alpha must be finite in ", x.dtype(), ", got alpha ", a, "; use a larger one"));
  return record(where, Celu(a), x);
}
Var gelu(const Var& x, Where where) { return record(where, Gelu(), x); }
Var gelu_tanh(const Var& x, Where where) { return record(where, GeluTanh(), x); }
Var near_gelu(const Var& x, double tolerance, Where where) {
  return record(where, Gelu(small("near_gelu", tolerance, where)), x);
}
Var near_gelu_tanh(const Var& x, double tolerance, Where where) {
  return record(where, GeluTanh(small("near_gelu_tanh", tolerance, where)), x);
}
Var near_hard_swish(const Var& x, double tolerance, Where where) {
  return record(where, HardSwish(small("near_hard_swish", tolerance, where)), x);
}
Var silu(const Var& x, Where where) { return record(where, Silu(), x); }
Var mish(const Var& x, Where where) { return record(where, Mish(), x); }
Var softsign(const Var& x, Where where) { return record(where, Softsign(), x); }
Var clip(const Var& x, double lo, double hi, Where where) {
  const DType dtype = given(x, "clip", where).dtype();
  if (!(lo <= hi) || lo == infinity || hi == -infinity)
    throw DomainError(cat("[clip] at ", where, ": lo ≤ hi is required, got ", lo, " and ", hi,
                          "; an end that does not limit is −infinity or infinity"));
  const auto end = [&](double e) { return std::isinf(e) ? e : finite_constant("clip", e, dtype, where); };
  return record(where, Clip(end(lo), end(hi)), x);
}
Var hard_sigmoid(const Var& x, double alpha, double beta, Where where) {
  return record(where, HardSigmoid(constant("hard_sigmoid", alpha, x, where), constant("hard_sigmoid", beta, x, where)),
                x);
}
Var hard_swish(const Var& x, Where where) { return record(where, HardSwish(), x); }

template const OpInfo& describe<Elu>();
template const OpInfo& describe<Selu>();
template const OpInfo& describe<Celu>();
template const OpInfo& describe<Gelu>();
template const OpInfo& describe<GeluTanh>();
template const OpInfo& describe<Silu>();
template const OpInfo& describe<Mish>();
template const OpInfo& describe<Softsign>();
template const OpInfo& describe<Clip>();
template const OpInfo& describe<HardSigmoid>();
template const OpInfo& describe<HardSwish>();

}  // namespace taut
