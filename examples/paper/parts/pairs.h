// Pairs of neighbouring layers whose singular values and vectors are known by construction, as in the paper's ideal
// scenario [ScamanVirmaux2018, Section 5].
#pragma once

#include <vector>

#include "autodiff/tensor.h"
#include "nn/random.h"

namespace taut::examples {

// M = U diag(1, r, …, r) Vᵀ with Haar-distributed U and V, n × n, f64.
struct IdealLayer {
  Tensor u, vt;  // U and Vᵀ
};
// By QR of Gaussian matrices with the signs that make the factor unique [Mezzadri2007].
std::vector<IdealLayer> ideal_layers(Index count, Index n, nn::Random& random);

// The two matrices around the activations between two layers: left = Σ̃ Vᵀ of the later, right = U Σ̃ of the earlier
// one, where Σ̃ is Σ for a layer at an end of the network and Σ^{1/2} for one inside. left diag(σ) right with σ = 1 has
// the layers' product of norms, 1, as a bound of its norm.
struct IdealPair {
  Tensor left, right;
};
IdealPair ideal_pair(const IdealLayer& earlier, bool earlier_is_first, const IdealLayer& later, bool later_is_last,
                     double ratio);

// max over σ in [0, 1]^n of |Σ_j σ_j a_j b_j|: the larger of the sums of the positive and of the negative products. The
// limit of the pair's factor for ratio → 0, with a the first row of Vᵀ and b the first column of U.
double rank_one_factor(const IdealLayer& earlier, const IdealLayer& later);

}  // namespace taut::examples
