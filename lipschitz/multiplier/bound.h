// Multipliers of a network. Internal to lipschitz.
#pragma once

#include "lipschitz/multiplier.h"
#include "lipschitz/network/network.h"

namespace taut::detail {

MultiplierReport multiplier_bound(const Network& network, const MultiplierOptions& options);

}  // namespace taut::detail
