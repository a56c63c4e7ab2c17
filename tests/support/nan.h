#pragma once

#include <limits>

namespace taut::test {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace taut::test
