// Bounds in l1 and linf entry by entry, instead of norm by norm. Internal to lipschitz.
#pragma once

#include "lipschitz/autolip.h"
#include "lipschitz/network/network.h"

namespace taut::detail {

// In linf, |Δy_i| ≤ v_i ‖Δx‖∞ with a v per node, from the input on: |A| v behind an affine map, and so on; the largest
// entry at the output. In l1, ‖Δy‖₁ ≤ Σ u_i |Δnode_i|, from the output back: |A|ᵀ u. At most the product of norms, of
// which every factor takes its own worst row. docs/mathematics/07-autolip.md#entry-by-entry. UsageError in l2.
UpperBound entry_bound(const Network& network, const AutoLipOptions& options);

}  // namespace taut::detail
