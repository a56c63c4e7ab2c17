// The formulae W = g(V) of layers with constrained weights, on a tape or on plain tensors.
#pragma once

#include "autodiff/ops.h"

namespace taut::nn::parts {

// V (m, n) / √(‖V‖₁ ‖V‖_∞), then `iterations` times W ← W (3I − WᵀW) / 2: singular values go to 1, from below.
Var bjorck(const Var& v, int iterations, Where where = Where::current());
// V (…, m, n), m ≥ n, as U (n, n) over X (m − n, n): with K = (I + U − Uᵀ + XᵀX)⁻¹ the matrix 2K − I over 2XK, whose
// columns are orthonormal; for m < n the transpose of that of Vᵀ.
Var cayley(const Var& v, Where where = Where::current());
// V (m, n) with every column j divided by √Σ_i |VᵀV|_ij.
Var almost_orthogonal(const Var& v, Where where = Where::current());
// A kernel (c_out, c_in, kh, kw) with every input channel j divided by √Σ_iδ |autocorrelation of channels i, j at δ|.
Var almost_orthogonal_kernel(const Var& v, Where where = Where::current());
// 1 / √T_i, T_i = Σ_j |W Wᵀ|_ij e^(r_j − r_i), of W (h, n) or a kernel (h, c, kh, kw), there with the sum over all
// shifts of the correlation of rows i and j, and r (h): T ⪰ W Wᵀ.
Var sdp_factor(const Var& w, const Var& log_q, Where where = Where::current());

}  // namespace taut::nn::parts
