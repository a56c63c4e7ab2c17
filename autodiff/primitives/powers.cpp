// pow, reciprocal, rsqrt, log1p, expm1, erf. Slopes: docs/mathematics/03-elementwise.md#elementwise.
#include <numbers>

#include "autodiff/primitives/unit.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

// Real powers are of x ≥ 0; whole ones of every x.
class Pow final : public Unit<Pow, PowFormula, Unary::pow> {
 public:
  static constexpr OpInfo static_info{"pow", "x^p", "", ""};
  // Values are computed with `exponent`; slopes hold for every exponent in `exact`, between whose ends x^p is monotone,
  // and images for both.
  Pow(double exponent, const Interval& exact) : exponent_(exponent), exact_(exact) {}
  Attributes attributes() const override { return {{"exponent", exponent_}}; }
  bool squares() const override { return exact_ == Interval::point(2.0); }
  bool fades(const Interval& x) const override { return x.lo > 0.0 && exact_.hi <= 0.5; }
  double steepness_by_root(const Interval& x) const override {
    return exact_ == Interval::point(0.5) ? 0.5 : Unit::steepness_by_root(x);
  }
  Slope slope(const Interval& x) const override {
    if (exact_ == Interval::point(0.0) || exact_ == Interval::point(1.0)) return exact_;
    const Slope s = exact_ * hull(power(sub_down(exact_.lo, 1.0), x), power(sub_up(exact_.hi, 1.0), x));
    return std::isnan(s.lo) || std::isnan(s.hi) ? Slope::reals() : s;
  }
  Interval image(const Interval& x) const override {
    const bool one = exact_.lo == exact_.hi && whole(exact_.lo);
    require_domain(one || x.lo >= 0, "pow", x, "x ≥ 0 when the exponent is no whole number");
    const Interval y = hull(power(exact_.lo, x), power(exact_.hi, x));
    return exact_.contains(exponent_) ? y : hull(y, power(exponent_, x));
  }
  ForwardError forward_error() const override {
    const double size = std::fabs(exponent_);
    if (size <= 1.0 && whole(exponent_)) return {exponent_ < 0.0 ? 0.5 : 0.0};
    const bool multiplied = whole(2.0 * exponent_) && size <= kernels::most_multiplied;
    return multiplied ? ForwardError{size + 2.0} : Unit::forward_error();
  }
  std::string_view unbounded_because() const override {
    return exponent_ > 1.0 ? "the derivative p x^(p−1) grows without bound"
                           : "the derivative p x^(p−1) grows without bound as x goes to 0";
  }
  rule::Escape escape() const override {
    const bool total = exact_.lo == exact_.hi && whole(exact_.lo) && exact_.lo > 1.0;
    return total ? rule::Escape::all_reals : rule::Escape::entries;
  }

 private:
  kernels::Parameters parameters() const override { return {exponent_}; }
  static bool whole(double p) { return p == std::floor(p); }
  // The values of t^p over x; t > 0 where p is no whole number.
  static Interval power(double p, const Interval& x) {
    if (p == 0.0) return Interval::point(1.0);
    const Interval over = whole(p) ? x : Interval{std::max(0.0, x.lo), std::max(0.0, x.hi)};
    const bool even = whole(p) && std::fmod(p, 2.0) == 0.0;
    if (p < 0.0 && over.contains(0.0)) {
      if (over.lo < 0.0 && !even) return Interval::reals();
      return {std::max(0.0, outer(std::pow(over.magnitude(), p), 0.0).lo), infinity};
    }
    if (p == 1.0) return over;
    const double a = std::pow(over.lo, p), b = std::pow(over.hi, p);
    Interval y = outer(std::min(a, b), std::max(a, b));
    if (even || over.lo >= 0.0) y.lo = over.contains(0.0) ? 0.0 : std::max(0.0, y.lo);
    return y;
  }
  double exponent_;
  Interval exact_;
};

class Reciprocal final : public Unit<Reciprocal, ReciprocalFormula, Unary::reciprocal> {
 public:
  static constexpr OpInfo static_info{"reciprocal", "1/x", "", ""};
  bool fades(const Interval& x) const override { return !x.contains(0.0); }
  Slope slope(const Interval& x) const override {
    if (x.contains(0.0)) return {-infinity, 0.0};
    const double near = std::min(std::fabs(x.lo), std::fabs(x.hi)), far = x.magnitude();
    return {-div_up(div_up(1.0, near), near), -div_down(div_down(1.0, far), far)};
  }
  Interval image(const Interval& x) const override {
    if (x.contains(0.0)) return Interval::reals();
    return {div_down(1.0, x.hi), div_up(1.0, x.lo)};
  }
  std::string_view unbounded_because() const override {
    return "the derivative −1/x² grows without bound as x goes to 0";
  }
};

class Rsqrt final : public Unit<Rsqrt, RsqrtFormula, Unary::rsqrt> {
 public:
  static constexpr OpInfo static_info{"rsqrt", "1/√x", "", ""};
  bool fades(const Interval& x) const override { return x.lo > 0.0; }
  Slope slope(const Interval& x) const override {
    const auto steepness = [](double t) { return 0.5 / (t * std::sqrt(t)); };  // t^{−3/2} / 2
    const Interval s = outer(x.hi > 0 ? steepness(x.hi) : infinity, x.lo > 0 ? steepness(x.lo) : infinity);
    return {-s.hi, -std::max(0.0, s.lo)};
  }
  Interval image(const Interval& x) const override {
    require_domain(x.lo >= 0, "rsqrt", x, "x > 0");
    return {x.hi > 0 ? div_down(1.0, sqrt_up(x.hi)) : infinity, x.lo > 0 ? div_up(1.0, sqrt_down(x.lo)) : infinity};
  }
  std::string_view unbounded_because() const override {
    return "the derivative −x^(−3/2)/2 grows without bound as x falls to 0";
  }
};

class Log1p final : public Unit<Log1p, Log1pFormula, Unary::log1p> {
 public:
  static constexpr OpInfo static_info{"log1p", "ln(1 + x)", "", ""};
  bool fades(const Interval& x) const override { return x.lo >= 1.0; }
  Slope slope(const Interval& x) const override {
    return {x.hi > -1 ? div_down(1.0, add_up(1.0, x.hi)) : 0.0,
            x.lo > -1 ? div_up(1.0, add_down(1.0, x.lo)) : infinity};
  }
  Interval image(const Interval& x) const override {
    require_domain(x.lo >= -1, "log1p", x, "x > −1");
    return outer(std::log1p(x.lo), std::log1p(x.hi));
  }
  std::string_view unbounded_because() const override {
    return "the derivative 1/(1 + x) grows without bound as x falls to −1";
  }
};

class Expm1 final : public Unit<Expm1, Expm1Formula, Unary::expm1> {
 public:
  static constexpr OpInfo static_info{"expm1", "e^x − 1", "", ""};
  bool fades(const Interval& x) const override { return x.hi <= -0.5; }
  Slope slope(const Interval& x) const override {
    const Interval y = outer(std::exp(x.lo), std::exp(x.hi));
    return {std::max(0.0, y.lo), y.hi};
  }
  Interval image(const Interval& x) const override {
    const Interval y = outer(std::expm1(x.lo), std::expm1(x.hi));
    return {std::max(-1.0, y.lo), y.hi};
  }
  std::string_view unbounded_because() const override { return "the derivative e^x grows without bound"; }
  rule::Escape escape() const override { return rule::Escape::all_reals; }
};

class Erf final : public Unit<Erf, ErfFormula, Unary::erf> {
 public:
  static constexpr OpInfo static_info{"erf", "2/√π ∫₀ˣ e^(−t²) dt", "", ""};
  bool fades(const Interval& x) const override { return x.lo >= 1.0 || x.hi <= -1.0; }
  Slope slope(const Interval& x) const override {
    return bell(
        x, [](double t) { return 2.0 * std::numbers::inv_sqrtpi * std::exp(-t * t); }, argument_squared(x));
  }
  Interval image(const Interval& x) const override {
    return clamp(outer(std::erf(x.lo), std::erf(x.hi), libm_margin(libm_ulps::erf)), -1.0, 1.0);
  }

 private:
  // t² rounds, so that e^{−t²} is off by t² u in relation to itself; far out it is 0 anyway.
  static double argument_squared(const Interval& x) { return 2 * u * std::min(1e3, x.magnitude() * x.magnitude()); }
};

Var pow(const Var& x, double exponent, Where where) {
  const double rounded = primitives::finite_constant("pow", exponent, given(x, "pow", where).dtype(), where);
  return record(where, Pow(rounded, Interval::point(rounded)), x);
}
Var pow(const Var& x, double nearest, const Interval& exact, Where where) {
  const double rounded = primitives::finite_constant("pow", nearest, given(x, "pow", where).dtype(), where);
  if (!std::isfinite(exact.magnitude()) || !(exact.lo <= exact.hi))
    throw NumericError(
        cat("[pow] at ", where, ": the exponent must lie in a finite interval, got [", exact.lo, ", ", exact.hi, "]"));
  return record(where, Pow(rounded, exact), x);
}
Var reciprocal(const Var& x, Where where) { return record(where, Reciprocal(), x); }
Var rsqrt(const Var& x, Where where) { return record(where, Rsqrt(), x); }
Var log1p(const Var& x, Where where) { return record(where, Log1p(), x); }
Var expm1(const Var& x, Where where) { return record(where, Expm1(), x); }
Var erf(const Var& x, Where where) { return record(where, Erf(), x); }

template const OpInfo& describe<Pow>();
template const OpInfo& describe<Reciprocal>();
template const OpInfo& describe<Rsqrt>();
template const OpInfo& describe<Log1p>();
template const OpInfo& describe<Expm1>();
template const OpInfo& describe<Erf>();

}  // namespace taut
