#include "harness/checks/compare.h"

#include <algorithm>
#include <cmath>

#include "harness/checks/derivatives.h"

namespace taut::harness {

void expect_close(Report& report, const Inputs& computed, const Inputs& expected, double relative,
                  const std::string& what) {
  const double allowed = relative * std::max({1.0, max_abs(computed), max_abs(expected)});
  for (std::size_t k = 0; k < computed.size(); ++k) {
    if (!report.expect(computed[k].shape() == expected[k].shape(), what, " has shape ", computed[k].shape(),
                       ", expected ", expected[k].shape()))
      continue;
    for (Index i = 0; i < computed[k].size(); ++i)
      report.expect(std::fabs(computed[k].at(i) - expected[k].at(i)) <= allowed, what, ", element ", i, " of part ", k,
                    ": ", computed[k].at(i), " against ", expected[k].at(i), ", allowed difference ", allowed);
  }
}

}  // namespace taut::harness
