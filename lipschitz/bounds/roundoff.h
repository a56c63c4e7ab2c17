// The unit that rounding envelopes are counted in. Internal to lipschitz.
#pragma once

namespace taut::detail {

inline constexpr double u = 0x1p-53;  // of f64, rounded to nearest: |fl(x ∘ y) − x ∘ y| ≤ u |x ∘ y|

}  // namespace taut::detail
