// The rule of squares: what an operation says that it makes of b ± ρ², held against values.
#include <algorithm>
#include <cmath>

#include "harness/check.h"
#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"

namespace taut::harness {
namespace {

using rule::OfSquares;

// Of the one operand that varies, entry by entry: w = b + s ρ².
struct Drawn {
  Tensor base, sign, rho;
  Tensor w() const {
    Tensor w = Tensor::uninitialised(base.shape(), DType::f64);
    for (std::size_t i = 0; i < size(); ++i)
      w.mutable_data<double>()[i] = at(base, i) + at(sign, i) * at(rho, i) * at(rho, i);
    return w;
  }
  std::size_t size() const { return static_cast<std::size_t>(base.size()); }
  static double at(const Tensor& t, std::size_t i) { return t.at(static_cast<Index>(i)); }
};

// Roots of any scale, such that the squares stay where the operation is defined.
Tensor draw_roots(const Drawn& d, const Interval& defined, Random& random) {
  Tensor rho = Tensor::uninitialised(d.base.shape(), DType::f64);
  for (std::size_t i = 0; i < d.size(); ++i) {
    const double b = Drawn::at(d.base, i), room = Drawn::at(d.sign, i) > 0.0 ? defined.hi - b : b - defined.lo;
    const double longest = std::sqrt(std::max(0.0, std::min(room, 1e6)));
    rho.mutable_data<double>()[i] = std::min(longest, std::fabs(random.any_scale(-6, 3)));
  }
  return rho;
}

Drawn draw(const Tensor& from, const Interval& defined, Random& random) {
  Drawn d{from.to(DType::f64).copy(), Tensor::uninitialised(from.shape(), DType::f64), {}};
  for (std::size_t i = 0; i < d.size(); ++i) {
    if (random.coin() && defined.contains(0.0)) d.base.mutable_data<double>()[i] = 0.0;
    d.sign.mutable_data<double>()[i] = random.sign();
  }
  d.rho = draw_roots(d, defined, random);
  return d;
}

Range half_lines(const Drawn& d, const Interval& defined) {
  Range over = Range::point(d.base);
  over = {over.lo.copy(), over.hi.copy()};
  for (std::size_t i = 0; i < d.size(); ++i)
    (Drawn::at(d.sign, i) > 0.0 ? over.hi : over.lo).mutable_data<double>()[i] =
        Drawn::at(d.sign, i) > 0.0 ? defined.hi : defined.lo;
  return over;
}

class SquaresCase {
 public:
  SquaresCase(const RuleCase& c, std::size_t k, Random& random, Report& report)
      : c_(c), k_(k), defined_(c.sample.operands[k].defined), random_(random), report_(report) {}

  void run() {
    Drawn d = draw(c_.base[k_], defined_, random_);
    std::vector<Range> ranges;
    for (const Tensor& t : c_.base) ranges.push_back(Range::point(t));
    ranges[k_] = half_lines(d, defined_);
    const rule::Squares squares{Range::point(d.base), d.sign};
    const OperandList list(c_.base);
    const Tensor out = c_.value(c_.base);
    const RuleSite site{list.view(), out, 1U << k_, ranges};
    expect_makes(c_.op.of_squares({site, nullptr}), d);
    const OfSquares told = c_.op.of_squares({site, &squares});
    expect_makes(told, d);
    report_.expect(told.gain >= 0.0, "a gain is a number from 0 to infinity, told ", told.gain);
    for (int n = iterations(8); n > 0 && std::isfinite(told.gain); --n) {
      Drawn other = d;
      other.rho = draw_roots(d, defined_, random_);
      expect_gain(told.gain, d, other);
    }
  }

 private:
  Tensor value(const Drawn& d) const {
    Inputs operands = c_.base;
    operands[k_] = d.w();
    return c_.value(operands);
  }
  void expect_makes(const OfSquares& told, const Drawn& d) const {
    if (told.makes == OfSquares::Makes::nothing) return;
    const Tensor w = d.w(), y = value(d);
    if (!report_.expect(y.size() == w.size(), "squares come out in other numbers")) return;
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double x = Drawn::at(w, i), rounding = 1e-12 * std::fabs(x);
      Interval right = Interval::reals();
      if (told.makes == OfSquares::Makes::square) right = {x * x, x * x};
      if (told.makes == OfSquares::Makes::scaled) right = told.numbers.at(static_cast<Index>(i)) * Interval::point(x);
      if (told.makes == OfSquares::Makes::clamped && told.numbers.at(static_cast<Index>(i)).contains(x)) right = {x, x};
      const double found = Drawn::at(y, i), slack = rounding * std::max(1.0, std::fabs(x)) + 1e-300;
      report_.expect(Interval{right.lo - slack, right.hi + slack}.contains(found) ||
                         std::fabs(found - right.lo) <= 1e-12 * std::fabs(found),
                     "of ", x, " it is said to make [", right.lo, ", ", right.hi, "], the value is ", found);
    }
  }
  void expect_gain(double gain, const Drawn& a, const Drawn& b) const {
    const Tensor at_a = value(a), at_b = value(b);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double before = Drawn::at(at_a, i), after = Drawn::at(at_b, i);
      if (!std::isfinite(before) || !std::isfinite(after)) continue;  // rounding has left the domain
      const double moved = std::fabs(Drawn::at(a.rho, i) - Drawn::at(b.rho, i));
      const double rounding = 1e-13 * (std::fabs(before) + std::fabs(after)) +
                              gain * 1e-13 * (1.0 + std::fabs(Drawn::at(a.base, i))) + 1e-300;
      report_.expect(std::fabs(after - before) <= gain * moved * (1.0 + 1e-9) + rounding, "the root moved by ", moved,
                     " at base ", Drawn::at(a.base, i), ", the value by ", std::fabs(after - before), "; told ", gain);
    }
  }

  const RuleCase& c_;
  std::size_t k_;
  Interval defined_;
  Random& random_;
  Report& report_;
};

}  // namespace

void check_squares(const Subject& subject, Random& random, Report& report) {
  for (const Sample& sample : subject.samples) {
    report.set_context(sample.name);
    const Recording recording(sample, to(draw_any(sample, random), DType::f64));
    const Inputs operands = recording.operands();
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const RuleCase c{sample, recording.op(), operands, 1U << k, {}};
      if (k >= sample.operands.size() || operands[k].size() == 0) continue;
      for (int n = iterations(4); n > 0; --n) SquaresCase(c, k, random, report).run();
    }
  }
}

}  // namespace taut::harness
