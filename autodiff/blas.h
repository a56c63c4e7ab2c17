// CBLAS behind one overloaded name per routine. Row-major; the thread count belongs to the program.
#pragma once

#include <cblas.h>

#include "autodiff/config.h"

#pragma GCC visibility push(default)

namespace taut::kernels {

// c (m, n) = alpha · op(a) (m, k) · op(b) (k, n) + beta · c; lda, ldb, ldc: row strides. BLAS refuses the strides of
// empty matrices, so callers go through gemm(), which handles them.
inline void gemm_blas(bool ta, bool tb, Index m, Index n, Index k, float alpha, const float* a, Index lda,
                      const float* b, Index ldb, float beta, float* c, Index ldc) {
  cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), alpha, a, static_cast<blasint>(lda), b,
              static_cast<blasint>(ldb), beta, c, static_cast<blasint>(ldc));
}
inline void gemm_blas(bool ta, bool tb, Index m, Index n, Index k, double alpha, const double* a, Index lda,
                      const double* b, Index ldb, double beta, double* c, Index ldc) {
  cblas_dgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), alpha, a, static_cast<blasint>(lda), b,
              static_cast<blasint>(ldb), beta, c, static_cast<blasint>(ldc));
}

// y = alpha · op(a) x + beta · y for a (m, n); x with the stride incx.
inline void gemv_blas(bool ta, Index m, Index n, float alpha, const float* a, Index lda, const float* x, Index incx,
                      float beta, float* y) {
  cblas_sgemv(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, static_cast<blasint>(m), static_cast<blasint>(n), alpha, a,
              static_cast<blasint>(lda), x, static_cast<blasint>(incx), beta, y, 1);
}
inline void gemv_blas(bool ta, Index m, Index n, double alpha, const double* a, Index lda, const double* x, Index incx,
                      double beta, double* y) {
  cblas_dgemv(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, static_cast<blasint>(m), static_cast<blasint>(n), alpha, a,
              static_cast<blasint>(lda), x, static_cast<blasint>(incx), beta, y, 1);
}

template <class T>
void gemm(bool ta, bool tb, Index m, Index n, Index k, T alpha, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc) {
  if (m == 0 || n == 0) return;
  // A single row: the product of a matrix and a vector, for which gemm would copy the whole matrix.
  if (m == 1 && k > 0) return gemv_blas(!tb, tb ? n : k, tb ? k : n, alpha, b, ldb, a, ta ? lda : 1, beta, c);
  if (k > 0) return gemm_blas(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) c[i * ldc + j] = beta == T{0} ? T{0} : beta * c[i * ldc + j];
}

}  // namespace taut::kernels

#pragma GCC visibility pop
