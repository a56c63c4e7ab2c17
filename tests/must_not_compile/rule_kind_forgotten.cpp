// error: (no matching function|no match for call|invoke_result)
// The kinds of rules are a closed variant: an analysis that forgets one, here Selects, does not compile.
#include "autodiff/rule.h"

struct Analysis {
  double operator()(const taut::rule::Affine&) const { return 1; }
  double operator()(const taut::rule::Elementwise& r) const { return r.slope.magnitude(); }
  double operator()(const taut::rule::Bounded& r) const { return r.gains[0].l2; }
  double operator()(const taut::rule::Bilinear&) const { return taut::infinity; }
  double operator()(const taut::rule::Unbounded&) const { return taut::infinity; }
};

double use(const taut::Rule& rule) { return std::visit(Analysis(), rule); }
