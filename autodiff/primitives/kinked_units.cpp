// Activation functions of three linear pieces: clip, hard_sigmoid.
#include "autodiff/primitives/unit.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

double constant(const char* op, double value, const Var& x, Where where) {
  return finite_constant(op, value, given(x, op, where).dtype(), where);
}

}  // namespace

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

template const OpInfo& describe<Clip>();
template const OpInfo& describe<HardSigmoid>();

}  // namespace taut
