// Activation functions that are c·(e^x − 1) below 0 and a line above: elu, selu, celu.
#include "autodiff/primitives/unit.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

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

double constant(const char* op, double value, const Var& x, Where where) {
  return finite_constant(op, value, given(x, op, where).dtype(), where);
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

template const OpInfo& describe<Elu>();
template const OpInfo& describe<Selu>();
template const OpInfo& describe<Celu>();

}  // namespace taut
