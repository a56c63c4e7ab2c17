// SeqLip of a network. Internal to lipschitz.
#pragma once

#include "lipschitz/network/network.h"
#include "lipschitz/seqlip.h"

namespace taut::detail {

SeqLipReport seqlip(const Network& network, const SeqLipOptions& options);

}  // namespace taut::detail
