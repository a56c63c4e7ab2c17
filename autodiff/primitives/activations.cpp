// Activation functions x·g(x), g from 0 to 1, and softsign. Slopes, and why there are no more turns than those named:
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

}  // namespace

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

}  // namespace

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
Var hard_swish(const Var& x, Where where) { return record(where, HardSwish(), x); }

template const OpInfo& describe<Gelu>();
template const OpInfo& describe<GeluTanh>();
template const OpInfo& describe<Silu>();
template const OpInfo& describe<Mish>();
template const OpInfo& describe<Softsign>();
template const OpInfo& describe<HardSwish>();

}  // namespace taut
