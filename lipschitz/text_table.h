// Tables of text. Internal to lipschitz.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#pragma GCC visibility push(default)

namespace taut::detail {

// One line per row, columns aligned at the left.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows);

}  // namespace taut::detail

#pragma GCC visibility pop
