// Sorting short rows by counting, through Highway as in elementwise.h: no branch depends on the numbers.
#pragma once

#include "autodiff/tensor.h"

namespace taut::kernels {

inline constexpr Index most_ranked = 64;  // the longest row; the work grows with the square of its length

// Rows of n ≤ most_ranked numbers in stable order, NaN last: the values to y and where they come from to `positions`,
// each unless it is null.
template <Scalar T>
void sort_by_rank(const T* x, Index rows, Index n, bool descending, T* y, Index* positions);

}  // namespace taut::kernels
