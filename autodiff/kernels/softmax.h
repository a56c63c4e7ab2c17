// softmax, log_softmax and logsumexp of rows, and where their extremes lie: kernels on (rows, n) contiguous numbers, n
// ≥ 1, through Highway as in elementwise.h. A row stays in the cache from its maximum to its last step.
#pragma once

#include "autodiff/tensor.h"

namespace taut::kernels {

template <Scalar T>
void softmax_rows(const T* x, Index rows, Index n, T* y);
template <Scalar T>
void log_softmax_rows(const T* x, Index rows, Index n, T* y);
template <Scalar T>
void logsumexp_rows(const T* x, Index rows, Index n, T* y);  // y: one number per row

// Given y, the value of the function: out = Jᵀc of every row.
template <Scalar T>
void softmax_rows_pullback(const T* c, const T* y, Index rows, Index n, T* out);  // y ∘ (c − ⟨y, c⟩)
template <Scalar T>
void log_softmax_rows_pullback(const T* c, const T* y, Index rows, Index n, T* out);  // c − e^y Σ c
template <Scalar T>
void logsumexp_rows_pullback(const T* c, const T* x, const T* y, Index rows, Index n, T* out);  // c_r e^{x − y_r}

// Position of the first largest (smallest) of n ≥ 1 numbers; NaN counts as such.
template <Scalar T>
Index first_largest(const T* x, Index n);
template <Scalar T>
Index first_smallest(const T* x, Index n);

}  // namespace taut::kernels
