// rule::Elementwise: every difference quotient lies in the slope interval, so does what vjp returns, and both ends of
// the interval are attained.
#include <algorithm>
#include <cmath>

#include "harness/checks/derivatives.h"
#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

class SlopeCheck {
 public:
  SlopeCheck(const RuleCase& c, const rule::Elementwise& rule, Report& report)
      : case_(c),
        rule_(rule),
        report_(report),
        argument_(static_cast<std::size_t>(rule.argument)),
        elements_(static_cast<std::size_t>(c.base[argument_].size())),
        least_(elements_, infinity),
        largest_(elements_, -infinity) {}

  Slope slope(std::size_t i) const {
    if (!rule_.lo.defined()) return rule_.slope;
    const auto k = static_cast<Index>(i);
    return {rule_.lo.at(k), rule_.hi.at(k)};
  }

  // x and y differ in the varying argument; every element is its own pair.
  void compare(const Tensor& x, const Tensor& y) {
    const Tensor fx = at(x), fy = at(y);
    for (std::size_t i = 0; i < elements_; ++i) {
      const auto k = static_cast<Index>(i);
      const double distance = x.at(k) - y.at(k);
      if (distance == 0.0 || !std::isfinite(fx.at(k)) || !std::isfinite(fy.at(k))) continue;
      // Rounding of the two values, seen through the division; the smallest subnormal covers values near zero.
      const double size = std::fabs(fx.at(k)) + std::fabs(fy.at(k)) + 2 * case_.sample.reference_scale;
      const double noise =
          (tolerance.elementwise_ulps * 2 * unit(case_.dtype()) * size + smallest_subnormal(case_.dtype())) /
          std::fabs(distance);
      see(i, (fx.at(k) - fy.at(k)) / distance, noise, "the difference quotient of ", x.at(k), " and ", y.at(k));
    }
  }

  // The derivative that vjp returns at x, where the sample's function is the primitive itself.
  void derivative(const Tensor& x) {
    Inputs operands = case_.base;
    operands[argument_] = x;
    if (!is_whole_function()) return;
    const Tensor ones = Tensor::full(at(x).shape(), case_.dtype(), 1.0);
    const Tensor d = vjp_of(case_.sample, operands, ones)[argument_];
    for (std::size_t i = 0; i < elements_; ++i) {
      const double value = d.at(static_cast<Index>(i));
      // At a kink the value is a convention, not a computation: no rounding is granted.
      const double noise =
          is_kink(x.at(static_cast<Index>(i))) ? 0.0 : 16 * unit(case_.dtype()) * std::max(1.0, std::fabs(value));
      if (std::isfinite(value)) see(i, value, noise, "the derivative at ", x.at(static_cast<Index>(i)));
    }
  }

  // Both ends must have been approached by what was seen. On a box only derivatives show the slopes next to its ends.
  void expect_attained() const {
    if (case_.on_box() && !is_whole_function()) return;
    for (std::size_t i = 0; i < elements_; ++i) {
      if (case_.on_box() && least_[i] > largest_[i]) continue;  // f overflows on all of the box
      const Slope s = slope(i);
      const double allowed = tolerance.attained * visible(s);
      report_.expect(least_[i] <= s.lo + allowed, "lazy: the slope interval of element ", i, " begins at ", s.lo,
                     ", the least quotient found is ", least_[i]);
      report_.expect(largest_[i] >= s.hi - allowed, "lazy: the slope interval of element ", i, " ends at ", s.hi,
                     ", the largest quotient found is ", largest_[i]);
    }
  }

 private:
  Tensor at(const Tensor& x) const {
    Inputs operands = case_.base;
    operands[argument_] = x;
    return case_.value(operands);
  }

  // The sample's function is the primitive alone, without broadcasting before it.
  bool is_whole_function() const {
    for (std::size_t k = 0; k < case_.base.size(); ++k)
      if (case_.base[k].shape() != case_.sample.operands[k].shape) return false;
    return true;
  }

  // The size of a slope interval, or the least that rounding lets one see.
  double visible(const Slope& s) const { return std::max(s.magnitude(), 2e4 * unit(case_.dtype())); }

  bool is_kink(double x) const {
    return std::ranges::find(case_.sample.operands[argument_].kinks, x) != case_.sample.operands[argument_].kinks.end();
  }

  template <class... What>
  void see(std::size_t i, double quotient, double noise, const What&... what) {
    const Slope s = slope(i);
    report_.expect(quotient >= s.lo - noise && quotient <= s.hi + noise, what..., ", ", quotient,
                   ", is outside of the slope interval [", s.lo, ", ", s.hi, "] of element ", i);
    if (noise > 1e-3 * visible(s)) return;  // too blurred to show what is attained
    least_[i] = std::min(least_[i], quotient);
    largest_[i] = std::max(largest_[i], quotient);
  }

  const RuleCase& case_;
  const rule::Elementwise& rule_;
  Report& report_;
  std::size_t argument_, elements_;
  std::vector<double> least_, largest_;  // quotients seen, per element
};

// Pairs around the points where the slopes attain their ends, the same for all elements.
void aim(const RuleCase& c, std::size_t argument, SlopeCheck& check) {
  const Operand& operand = c.sample.operands[argument];
  std::vector<double> centres = operand.kinks;
  centres.insert(centres.end(), operand.probes.begin(), operand.probes.end());
  const auto all = [&](double x) { return Tensor::full(c.base[argument].shape(), c.dtype(), x); };
  for (const double centre : centres) {
    check.derivative(all(centre));
    for (const double d : {1e-4, 1e-2, 0.5})
      for (const auto& [lo, hi] : {std::pair{centre - d, centre + d}, {centre, centre + d}, {centre - d, centre}})
        if (operand.defined.contains(lo) && operand.defined.contains(hi)) check.compare(all(lo), all(hi));
  }
}

// Every element walks through its interval from end to end.
void walk(const RuleCase& c, std::size_t argument, SlopeCheck& check) {
  const Tensor &lo = c.ranges[argument].lo, &hi = c.ranges[argument].hi;
  constexpr int steps = 160;
  Tensor before;
  for (int s = 0; s <= steps; ++s) {
    const Tensor x =
        s == steps ? hi.to(c.dtype()) : plus(lo, static_cast<double>(s) / steps, minus(hi, lo)).to(c.dtype());
    check.derivative(x);
    if (before.defined()) check.compare(before, x);
    before = x;
  }
  const Operand& operand = c.sample.operands[argument];
  std::vector<double> special = operand.kinks;
  special.insert(special.end(), operand.probes.begin(), operand.probes.end());
  // At the points themselves, and beside them, where slopes may be steepest without ever being taken.
  for (const double point : special) {
    for (const double beside : {0.0, -1e-3, 1e-3}) {
      Tensor x = lo.copy();
      const auto values = x.mutable_data<double>();
      for (std::size_t i = 0; i < values.size(); ++i) {
        const Interval over = c.ranges[argument].at(static_cast<Index>(i));
        values[i] = std::clamp(static_cast<double>(static_cast<float>(point + beside)), over.lo, over.hi);
      }
      check.derivative(x.to(c.dtype()));
    }
  }
}

void check_pieces(const RuleCase& c, const rule::Elementwise& rule, Random& random, Report& report) {
  const PiecewiseLinear& p = *rule.pieces;
  if (!report.expect(p.slopes.size() == p.breaks.size() + 1, p.slopes.size(), " slopes for ", p.breaks.size(),
                     " breakpoints") ||
      !report.expect(std::ranges::is_sorted(p.breaks), "breakpoints are not ascending"))
    return;
  const auto argument = static_cast<std::size_t>(rule.argument);
  const auto f = [&](double x) {
    Inputs operands = c.base;
    operands[argument] = Tensor::full(c.base[argument].shape(), c.dtype(), x);
    return c.value(operands).at(0);
  };
  for (std::size_t i = 0; i < p.slopes.size(); ++i) {
    const double from = i == 0 ? (p.breaks.empty() ? -8 : p.breaks[0] - 8) : p.breaks[i - 1];
    const double to = i < p.breaks.size() ? p.breaks[i] : from + 8;
    for (int n = iterations(8); n > 0; --n) {
      // Ends are numbers of the dtype; one end of the pair at a breakpoint shows that f is continuous there.
      const double x = n % 2 == 0 ? from : static_cast<double>(static_cast<float>(random.uniform(from, to)));
      const double y = static_cast<double>(static_cast<float>(random.uniform(from, to)));
      if (std::fabs(x - y) < 1e-2 * (to - from)) continue;
      const double quotient = (f(x) - f(y)) / (x - y);
      report.expect(std::fabs(quotient - p.slopes[i]) <= 1e3 * unit(c.dtype()) * (1.0 + std::fabs(p.slopes[i])),
                    "piece ", i, " of slope ", p.slopes[i], " has the quotient ", quotient, " between ", x, " and ", y);
    }
  }
}

}  // namespace

void check_rule(const RuleCase& c, const rule::Elementwise& rule, Random& random, Report& report) {
  const std::vector<std::size_t> arguments = c.arguments();
  if (!report.expect(arguments.size() == 1 && arguments[0] == static_cast<std::size_t>(rule.argument),
                     "the rule is for argument ", rule.argument, " alone"))
    return;
  const std::size_t argument = arguments[0];
  const Shape& shape = c.base[argument].shape();
  report.expect(c.value(c.base).shape() == shape, "an elementwise rule, but the shape changes");
  report.expect(rule.slope.lo <= rule.slope.hi && std::isfinite(rule.slope.magnitude()), "the slope interval is [",
                rule.slope.lo, ", ", rule.slope.hi, "]");
  if (rule.lo.defined()) {
    if (!report.expect(rule.lo.type() == TensorType{shape, DType::f64} && rule.hi.type() == rule.lo.type(),
                       "slopes per element have shape ", rule.lo.shape()))
      return;
    for (Index i = 0; i < rule.lo.size(); ++i)
      report.expect(rule.slope.contains(Interval{rule.lo.at(i), rule.hi.at(i)}), "element ", i, " has slopes [",
                    rule.lo.at(i), ", ", rule.hi.at(i), "], not inside of the common [", rule.slope.lo, ", ",
                    rule.slope.hi, "]");
  }
  if (shape.size() == 0) return;
  SlopeCheck check(c, rule, report);
  if (c.on_box()) {
    walk(c, argument, check);
  } else {
    aim(c, argument, check);
  }
  for (int n = iterations(40); n > 0; --n) {
    const Inputs x = c.draw(random);
    check.compare(x[argument], (n % 2 == 0 ? c.draw(random) : c.draw_near(x, random))[argument]);
    if (n % 4 == 0) check.derivative(x[argument]);
  }
  check.expect_attained();
  if (rule.pieces) check_pieces(c, rule, random, report);
}

}  // namespace taut::harness
