// Statistics of rows: kernels on (rows, n) contiguous numbers, through Highway as in elementwise.h. f32 is added up in
// f32 for means and in f64 for norms.
#pragma once

#include "autodiff/tensor.h"

namespace taut::kernels {

// y_r = √(Σ x²) of every row.
template <Scalar T>
void row_norms(const T* x, Index rows, Index n, T* y);
// y = (x − mean) / √(mean square distance + eps), row by row.
template <Scalar T>
void standardise_rows(const T* x, Index rows, Index n, double eps, T* y);
// out = (c − mean c − y · mean(c y)) / √(variance + eps), given y: the symmetric Jacobian applied to c.
template <Scalar T>
void standardise_rows_pullback(const T* c, const T* x, const T* y, Index rows, Index n, double eps, T* out);
// y = x / max(‖x‖₂, eps), row by row.
template <Scalar T>
void normalise_rows(const T* x, Index rows, Index n, double eps, T* y);

}  // namespace taut::kernels
