#include "autodiff/families.h"

#include <cmath>

#include "autodiff/error.h"

namespace taut {

Rule ElementwisePrimitive::lipschitz(const RuleSite& site) const {
  rule::Elementwise rule;
  rule.pieces = pieces();
  if (!site.on_domain()) {
    rule.slope = slope(Interval::reals());
    if (!std::isfinite(rule.slope.magnitude()))
      return rule::Unbounded{std::string(unbounded_because()), true, escape()};
    return rule;
  }
  const Range slopes = map_range(site.ranges[0], [&](const Interval& over) { return slope(over); });
  rule.lo = slopes.lo;
  rule.hi = slopes.hi;
  rule.slope = slopes.hull();
  if (!std::isfinite(rule.slope.magnitude()))
    return rule::Unbounded{cat("on the outer range of the operand: ", unbounded_because()), false};
  return rule;
}

Range ElementwisePrimitive::range(const RangeSite& site) const {
  Range y = map_range(site.ranges[0], [&](const Interval& over) { return image(over); });
  if (!forward_error().exact()) widen_for(y, site.ranges[0], site.dtype(), forward_error());
  return y;
}

}  // namespace taut
