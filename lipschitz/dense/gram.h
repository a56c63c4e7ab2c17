// Certified bounds of the largest singular value of a real or complex matrix through its Gram matrix. Internal.
#pragma once

#include <complex>
#include <optional>
#include <vector>

#include "autodiff/config.h"
#include "autodiff/memory.h"

namespace taut::detail {

// H = B Bᴴ or Bᴴ B, whichever is smaller, of a matrix whose entries are about 1 at most (callers scale by a power of
// two). The proof that every eigenvalue of the exact Gram matrix is at most some γ is a Cholesky factorisation of tI −
// H that runs to completion [Rump2006]; docs/mathematics/10-rounding.md#dense-certificate has the error terms. Source
// of the constants: [Higham2002, 3 and 10].
template <class T>
class Gram {
 public:
  // b: rows × columns, row-major.
  Gram(const T* b, Index rows, Index columns);
  // Of a Gram matrix that is at hand: its lower triangle by columns, within `error` of the exact one in norm.
  static Gram given(const T* h, Index size, double error);

  Index size() const { return size_; }
  bool of_rows() const { return of_rows_; }                        // H = B Bᴴ
  double frobenius_squared() const { return frobenius_squared_; }  // ≥ the exact ‖B‖_F²

  // The largest eigenvalue of H as LAPACK computes it, without an error bound. Negative if LAPACK fails.
  double top_eigenvalue() const;

  struct Proof {
    double bound;              // ≥ σ₁(B)², at or slightly above t
    memory::Buffer<T> factor;  // Cholesky factor of tI − H
  };
  // Nothing when the factorisation of tI − H breaks down.
  std::optional<Proof> prove(double t) const;
  // The computed eigenvalue widened until it is proved; ‖B‖_F² without a factor in the worst case.
  Proof prove_top(double computed_top) const;

  // A vector close to an eigenvector of the largest eigenvalue: inverse iteration with tI − H. Empty without a factor.
  std::vector<T> leading_vector(const Proof& proof) const;

 private:
  Gram() = default;
  Index size_ = 0;
  bool of_rows_ = true;
  double frobenius_squared_ = 0.0;
  double forming_error_ = 0.0;  // ≥ ‖H − exact Gram matrix‖₂
  memory::Buffer<T> h_;         // lower triangle by columns
};

extern template class Gram<double>;
extern template class Gram<std::complex<double>>;

}  // namespace taut::detail
