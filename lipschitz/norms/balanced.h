// Maps whose products leave the range of double, brought back into it. Internal to lipschitz.
#pragma once

#include <cstdint>
#include <optional>

#include "autodiff/linear_map.h"
#include "lipschitz/enclosure.h"

namespace taut::detail {

// map = 2^exponent · the balanced one, without rounding.
struct Balanced {
  LinearMap map;
  std::int64_t exponent = 0;
};
// Nothing where products of its weights stay far inside of the range of double, and where it cannot be done.
std::optional<Balanced> balanced(const LinearMap& map);

Enclosure times_power_of_two(const Enclosure& bounds, std::int64_t exponent);

}  // namespace taut::detail
