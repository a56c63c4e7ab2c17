// Bounds of one layer of activations together with what leads past it: x ↦ D x + V s(W x). Internal to lipschitz.
//
// Norms of D, V and W alone know nothing of what D and V s W cancel: CReLU, pairs of maximum and minimum, and steps
// against a gradient such as x − 2 Wᵀ T relu(W x + b) are 1-Lipschitz by that alone.
// docs/mathematics/07-autolip.md#steps has the proofs.
#pragma once

#include <optional>

#include "autodiff/tensor.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"

namespace taut::detail {

// f64 matrices; difference quotients of neuron i lie in [lo_i, hi_i].
struct LayerStep {
  Tensor past;    // D (p, n)
  Tensor after;   // V (p, m)
  Tensor before;  // W (m, n)
  Tensor lo, hi;  // (m)
};

// The largest norm of D + V diag(s) W over the corners of the slopes: exact up to rounding, of 2^m matrices. For few
// neurons, in any norm.
UpperBound bound_by_corners(const LayerStep& step, Norm norm, const Budget& budget);
inline constexpr Index most_corner_neurons = 6;

// In l2, by one multiplier per neuron: with Θ > 0 diagonal, g > 0 and slopes of [−1, 1],
//   ‖[D/g, V Θ⁻¹; Θ W/g, 0]‖ ≤ σ, σ ≥ 1, proves g σ².
// Θ is taken from what makes the best known steps 1-Lipschitz, and scaled.
UpperBound bound_by_multiplier(const LayerStep& step, const Budget& budget);
double multiplier_cost(Index p, Index m, Index n);         // operations, roughly
inline constexpr double most_multiplier_operations = 5e8;  // about a quarter of a second

}  // namespace taut::detail
