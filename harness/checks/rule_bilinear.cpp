// rule::Bilinear: partial maps over a box are dominated entry by entry. rule::Unbounded: proved, and witnessed.
#include <algorithm>
#include <cmath>

#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

// Column j of the partial map of argument k at x: (f(x + s e_j) − f(x)) / s with x + s e_j inside of the box. Empty
// when the interval of the entry is too short to show it.
struct Column {
  Tensor entries;
  double noise = 0;  // rounding of the two values, seen through the division
};
Column column(const RuleCase& c, const Inputs& x, std::size_t k, Index j) {
  const Interval over = c.ranges[k].at(j);
  const double from = x[k].at(j), width = over.hi - over.lo;
  if (width < 1e-2) return {};
  const double to = from + (from - over.lo < over.hi - from ? 1e-5 : -1e-5) * width;
  Inputs moved = x;
  moved[k] = with(x[k], j, to);
  const Tensor fx = c.value(x), change = minus(c.value(moved), fx);
  return {plus(Tensor::zeros(change.shape(), DType::f64), 1.0 / (to - from), change),
          64 * unit(DType::f64) * (1.0 + max_abs(fx)) / std::fabs(to - from)};
}

// Compares the partial maps of one argument, point by point, with the map that is said to dominate them.
class Domination {
 public:
  Domination(const RuleCase& c, const LinearMap& dominating, std::size_t argument, Report& report)
      : case_(c),
        argument_(argument),
        report_(report),
        bound_(to_dense(dominating)),
        rows_(dominating.out_shape().size()),
        columns_(dominating.in_shape().size()),
        largest_(static_cast<std::size_t>(bound_.size()), 0.0),
        shown_(static_cast<std::size_t>(columns_), false) {
    for (Index i = 0; i < bound_.size(); ++i)
      report.expect(bound_.at(i) >= 0, "a dominating map has the entry ", bound_.at(i));
  }

  void compare_at(const Inputs& x) {
    for (Index j = 0; j < columns_; ++j) {
      const auto [entries, noise] = column(case_, x, argument_, j);
      if (!entries.defined()) continue;
      shown_[static_cast<std::size_t>(j)] = true;
      for (Index i = 0; i < rows_; ++i) {
        const double entry = std::fabs(entries.at(i)), limit = bound_.at(i * columns_ + j);
        report_.expect(entry <= limit * (1 + tolerance.gain) + noise, "the partial map of argument ", argument_,
                       " has the entry ", entry, " at (", i, ", ", j, "), dominated only up to ", limit);
        double& best = largest_[static_cast<std::size_t>(i * columns_ + j)];
        best = std::max(best, entry);
      }
    }
  }

  void expect_attained() const {
    for (Index i = 0; i < bound_.size(); ++i) {
      const double found = largest_[static_cast<std::size_t>(i)];
      report_.expect(
          !shown_[static_cast<std::size_t>(i % columns_)] || found >= (1 - tolerance.attained) * bound_.at(i) - 1e-6,
          "lazy: the dominating map of argument ", argument_, " has the entry ", bound_.at(i), " at ", i,
          ", the largest found is ", found);
    }
  }

 private:
  const RuleCase& case_;
  std::size_t argument_;
  Report& report_;
  Tensor bound_;
  Index rows_, columns_;
  std::vector<double> largest_;  // entries found
  std::vector<bool> shown_;      // columns that could be seen
};

void check_argument(const RuleCase& c, const LinearMap& dominating, std::size_t k, Random& random, Report& report) {
  Domination check(c, dominating, k, report);
  for (std::uint32_t which = 0; which < 1U << c.base.size(); ++which) check.compare_at(c.corner(which));
  for (int n = iterations(8); n > 0; --n) check.compare_at(c.draw(random));
  check.expect_attained();
}

}  // namespace

void check_rule(const RuleCase& c, const rule::Bilinear& bilinear, Random& random, Report& report) {
  report.expect(c.on_box(), "a bilinear rule over all reals: the ranges are not finite");
  if (!report.expect(bilinear.dominating.size() == c.base.size(), bilinear.dominating.size(), " maps for ",
                     c.base.size(), " operands"))
    return;
  for (std::size_t k = 0; k < c.base.size(); ++k) {
    const LinearMap& map = bilinear.dominating[k];
    if (!report.expect(static_cast<bool>(map) == c.varies(k), "operand ", k,
                       c.varies(k) ? " varies but has no map" : " is fixed but has a map"))
      continue;
    if (!map || !report.expect(map.in_shape() == c.base[k].shape() && map.out_shape() == c.value(c.base).shape(),
                               "map ", k, " carries ", map.in_shape(), " to ", map.out_shape()))
      continue;
    // Differences in f32 are too coarse to see an entry; the rule is the same.
    if (c.dtype() == DType::f64) check_argument(c, map, k, random, report);
  }
}

void check_rule(const RuleCase& c, const rule::Unbounded& unbounded, Random&, Report& report) {
  report.expect(!unbounded.why.empty(), "an unbounded rule must say why");
  // Over a box only outer ranges are known, so nothing is proved; the sample must expect it.
  if (c.on_box()) {
    report.expect(c.sample.unbounded_on_boxes, "unbounded on a box: '", unbounded.why, "'");
    return;
  }
  report.expect(unbounded.proved, "no rule is known: '", unbounded.why, "'");
  const bool expected = std::ranges::find(c.sample.unbounded, c.varying) != c.sample.unbounded.end();
  if (!report.expect(expected, "unbounded, but the sample knows no witness for this: '", unbounded.why, "'")) return;
  for (const double growth : {1e2, 1e5, 1e8}) {
    const auto [x, y] = c.sample.witness(c.varying, growth);
    double distance = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double moved = norm(minus(x[k], y[k]), Norm::l2);
      report.expect(moved == 0 || c.varies(k), "the witness moves operand ", k, ", which is fixed");
      distance = std::hypot(distance, moved);
    }
    const double change = norm(minus(c.value(x), c.value(y)), Norm::l2);
    report.expect(change >= growth * distance && distance > 0, "the witness for a growth of ", growth, " grows by ",
                  change / distance);
  }
}

}  // namespace taut::harness
