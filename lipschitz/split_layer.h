// A layer's matrix as a product of two, its singular values shared between them. Internal to lipschitz.
#pragma once

#include "autodiff/tensor.h"
#include "lipschitz/magnitude.h"

namespace taut::detail {

struct SplitLayer {
  Tensor left, right;  // P (m, r) and Q (r, n), f64, r = min(m, n)
  Magnitude residual;  // ≥ ‖A − P Q‖₂
};

// With A = U Σ Vᵀ: P close to U Σ^power and Q close to Σ^(1 − power) Vᵀ, in [0, 1]. A: f64 (m, n), entries about 1 at
// most. From the eigenvectors W of the smaller Gram matrix, Q = S⁻¹ Wᵀ A behind P = W S (or P = A W S⁻¹ before Q = S
// Wᵀ) for a positive diagonal S close to that power of Σ: what P Q misses of A is rounding, however small a singular
// value, and is bounded after the fact. NumericError where LAPACK fails.
SplitLayer split_layer(const Tensor& a, double power);

}  // namespace taut::detail
