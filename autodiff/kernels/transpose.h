// Transposing matrices of numbers in memory.
#pragma once

#include "autodiff/tensor.h"

namespace taut::kernels {

// to[c · to_stride + r] = from[r · from_stride + c] for r < rows, c < columns.
template <Scalar T>
void transpose(const T* from, Index from_stride, T* to, Index to_stride, Index rows, Index columns);

}  // namespace taut::kernels
