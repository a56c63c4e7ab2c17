// Norms of convolutions that are sums over kernel entries. Internal to lipschitz.
#pragma once

#include "lipschitz/spectral.h"

namespace taut::detail {

// Largest absolute row sum (linf) or column sum (l1) of the matrix of a convolution, borders included. The lower bound
// is 0 where a circular kernel overlaps itself.
Enclosure convolution_sum_norm(const structure::Convolution& convolution, Norm norm);

// ‖A‖_F rounded up: every kernel entry as often as it meets the image.
Magnitude convolution_frobenius(const structure::Convolution& convolution);

}  // namespace taut::detail
