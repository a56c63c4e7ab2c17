// The vector norms that Lipschitz constants are measured in: ‖f(x) − f(y)‖ ≤ L ‖x − y‖, the same norm on both sides.
#pragma once

#include <iosfwd>
#include <string_view>

#pragma GCC visibility push(default)

namespace taut {

enum class Norm { l1, l2, linf };

std::string_view to_string(Norm norm);
std::ostream& operator<<(std::ostream& out, Norm norm);
Norm parse_norm(std::string_view text);  // "l1", "l2" or "linf"; UsageError otherwise

}  // namespace taut

#pragma GCC visibility pop
