// The Lipschitz rules of one primitive, evaluated on its samples and summarised.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/sample.h"

namespace taut::test {

struct RuleCells {
  std::string over_reals, on_box;
};

// Cells of a Markdown table, not escaped; lines are separated by '\n'.
RuleCells rule_cells(std::string_view op, const std::vector<harness::Sample>& samples);

}  // namespace taut::test
