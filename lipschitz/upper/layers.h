// The layers of a network. Internal to lipschitz.
#pragma once

#include <vector>

#include "lipschitz/affine_layers.h"
#include "lipschitz/network/network.h"

namespace taut::detail {

std::vector<FoldedLayer> folded_layers(const Network& network, const AutoLipOptions& options);

}  // namespace taut::detail
