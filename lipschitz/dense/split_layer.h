// A layer's matrix as a product of two, its singular values shared between them. Internal to lipschitz.
#pragma once

#include <optional>

#include "autodiff/tensor.h"
#include "lipschitz/magnitude.h"

namespace taut::detail {

struct SplitLayer {
  Tensor left, right;  // P (m, r) and Q (r, n), f64, r = min(m, n)
  Magnitude residual;  // ≥ ‖A − P Q‖₂
  // Upper bounds of ‖P‖₂ and ‖Q‖₂ where they come cheaper than by a dense certificate: of large layers.
  std::optional<Magnitude> left_norm, right_norm;
};

// In floating-point operations of matrix products.
double split_cost(Index m, Index n);

// With A = U Σ Vᵀ: P close to U Σ^power and Q close to Σ^(1 − power) Vᵀ, in [0, 1]. A: f64 (m, n), entries about 1 at
// most. From the eigenvectors W of the smaller Gram matrix, Q = S⁻¹ Wᵀ A behind P = W S (or P = A W S⁻¹ before Q = S
// Wᵀ) for a positive diagonal S close to that power of Σ: what P Q misses of A is rounding, however small a singular
// value, and is bounded after the fact: small layers by A − P Q, large ones by WᵀW − I. NumericError where LAPACK
// fails.
SplitLayer split_layer(const Tensor& a, double power);

}  // namespace taut::detail
