// The spectral norm of a weight as a differentiable function of it.
#pragma once

#include "autodiff/var.h"

#pragma GCC visibility push(default)

namespace taut {

// ‖G_t‖_F^(1/2^t) with G_0 = W and G_{j+1} = G_jᵀG_j, rescaled in every step [Delattre2023]: a scalar that is at least
// σ₁(W) and at most r^(1/2^(t+1)) σ₁(W), r the rank, in exact arithmetic. Its rounding is not bounded, so it is an
// estimate. Made of operations on Vars, of any matrix (m, n) whose squares neither overflow nor underflow, so that it
// may be a loss or a penalty; the gradient tends to that of σ₁, left times right singular vector. A zero matrix gives
// ‖W‖_F, with gradient 0. ShapeError if W is not a matrix, UsageError for steps < 0.
Var gram_iteration_norm(const Var& weight, int steps = 6, Where where = Where::current());

}  // namespace taut

#pragma GCC visibility pop
