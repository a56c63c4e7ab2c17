// Inverses of square matrices on a tape, without a primitive of their own.
#pragma once

#include "autodiff/ops.h"

namespace taut::nn {

// A⁻¹ of every matrix of A (…, n, n), by LU factorisation in f64, rounded to A's dtype. ShapeError unless
// the last two axes are equal; NumericError for a matrix that is singular or not finite.
Tensor matrix_inverse(const Tensor& a, Where where = Where::current());

// The same with derivatives. X ≈ A⁻¹ is computed off the tape, then improved on it by two steps X ← X (2I − A X) of
// Newton's method. Each squares the residual I − A X, so the value is A⁻¹ to rounding, and as a function of A the
// result differs from A⁻¹ by a term of fourth order in dA: derivatives of order 1 to 3 are those of the inverse, the
// first being −X dA X. See docs/mathematics/14-constrained-layers.md#inverse-on-a-tape.
Var matrix_inverse(const Var& a, Where where = Where::current());

// The identity of a size.
Tensor identity_matrix(Index n, DType dtype);

}  // namespace taut::nn
