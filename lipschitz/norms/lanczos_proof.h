// What Krylov spaces from random starts prove of the largest eigenvalue of a Gram matrix. Internal to lipschitz;
// docs/mathematics/08-convolutions.md#lanczos.
#pragma once

#include <optional>

#include "lipschitz/norms/krylov.h"

namespace taut::detail {

// How applying A · 2^-exponent rounds: |fl(A v) − A v| ≤ relative · |A| |v| + absolute, entry by entry, in both
// directions.
struct ApplyNoise {
  double relative = 0.0, absolute = 0.0;
  double mass = 0.0;  // ≥ ‖ |A| ‖₂
};

// τ: the unit vector x of the largest eigenvalue and the best of `starts` independent unit vectors b satisfy
// |⟨b, x⟩| ≥ τ, except with this probability. Rounded down.
double least_component(Index n, double failure, int starts);

// How many starts keep the loss by rounding below `loss`, relative to λ₁; at least `least`, at most 8. A plan: what is
// proved does not rest on it.
int starts_against_rounding(Index n, double failure, double relative_noise, double loss, int least);
// How many steps then find λ₁ up to a factor 1 − `missed`, as far as exact arithmetic goes.
double steps_to_miss_at_most(double missed, double least_component);

// λ₁(M) is at most this if |⟨b, x⟩| ≥ least_component for the start b of the space. Without noise: as if applying did
// not round.
double top_bound(const Krylov& space, const std::optional<ApplyNoise>& noise, double least_component);

}  // namespace taut::detail
