// Penalties on derivatives at samples and on matrices. They need no rule and say nothing about other points; for
// training only, as those of penalty.h.
#pragma once

#include <cstdint>

#include "autodiff/tape.h"

#pragma GCC visibility push(default)

namespace taut {

struct GradientPenaltyOptions {
  double target = 1.0;
  bool one_sided = false;  // only norms above the target cost, as a bound on the constant asks
};
// Mean over the samples of (‖∇ₓ f(x)‖₂ − target)² for a critic y = f(x), x (n, …) and y (n) or (n, 1), each row of its
// own sample [Gulrajani2017]. The gradient is recorded, so that the penalty can be differentiated by parameters. x must
// be an input leaf or computed from one. ShapeError when y has not one number per sample.
Var gradient_penalty(const Var& y, const Var& x, const GradientPenaltyOptions& options = {},
                     Where where = Where::current());

// Mean over the samples of an unbiased estimate of ‖∂y/∂x‖_F²: m · ‖vᵀ ∂y/∂x‖², averaged over `projections` directions
// v uniform on the unit sphere of R^m, for y (n, m) and x (n, …) [Hoffman2019]. `seed` fixes the directions: another
// one in every step.
Var jacobian_frobenius(const Var& y, const Var& x, std::uint64_t seed, int projections = 1,
                       Where where = Where::current());

// ‖W Wᵀ − I‖_F², or ‖Wᵀ W − I‖_F² where rows are more than columns, of a weight (out, in) or a kernel read as
// (c_out, the rest) [Cisse2017]. 0 for rows, or columns, that are orthonormal.
Var orthogonality_penalty(const Var& weight, Where where = Where::current());

}  // namespace taut

#pragma GCC visibility pop
