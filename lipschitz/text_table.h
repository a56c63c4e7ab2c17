// Tables of text. Internal to lipschitz.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace taut::detail {

// One line per row, columns aligned at the left.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows);

}  // namespace taut::detail
