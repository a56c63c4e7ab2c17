// The largest eigenvalues of a pair's relaxation with given multipliers, and the proof of the bound that they give, for
// pairs that are too large for an interior-point method. Internal;
// docs/mathematics/13-pairs.md#multipliers and #proof-of-large-problems.
#pragma once

#include <cstdint>
#include <vector>

#include "lipschitz/pair/scaled.h"

namespace taut::detail {

// H(Λ) = BᵀΛB + MᵀS⁻¹M, S = I − A_r Λ⁻¹ A_rᵀ; A and B exchanged where that makes S smaller. z = log Λ everywhere.
class PairForm {
 public:
  using Vector = std::vector<double>;

  explicit PairForm(const ScaledPair& pair);

  // Λ in proportion to the lengths that it has to balance, at twice the least that leaves S positive definite.
  Vector start();

  struct Value {
    double rho = infinity;       // the largest Ritz value of H
    double smooth = infinity;    // log of the smoothed largest eigenvalue
    double residual = infinity;  // of the largest, relative
    Vector gradient;             // of `smooth` in z
    Vector scale;                // its natural size: λ(P + N) / ρ
  };
  // Infinite where S is not positive definite. `depth`: blocks of the Krylov space at most; fewer when the residual is
  // below `accuracy`.
  // `exactly`: products of large matrices in double; in float otherwise, which search needs no more than.
  Value evaluate(const Vector& z, double temperature, int depth, double accuracy, bool exactly = false);

  // The vertex that suits the top vectors of the last evaluation.
  const std::vector<bool>& suggestion() const { return suggestion_; }

  // Certified bounds of the squared norm with Λ = exp z, for one ρ after the other. The matrix is formed once.
  class Proof {
   public:
    Proof(PairForm& form, const Vector& z, double rho);  // for ρ within a few powers of two of this one
    double bound(double rho) const;                      // infinity where the factorisation fails

   private:
    int shift_;
    Index n_, p_, q_;
    Vector k_;  // without ρ, upper triangle by rows
    double first_, second_, mixed_;
  };

  // In floating-point operations of matrix products; passes over a matrix for a few vectors, which wait for memory,
  // weigh more.
  double set_up_cost() const;
  double evaluation_cost() const;  // of a usual one
  double proof_cost() const;
  double spent() const { return spent_; }  // by what has been called so far

 private:
  struct Spectrum;

  void scale_rows(const Vector& z);                                // T = Λ^-½ A_r
  void minus_gram_of_rows(double* c, Index ldc);                   // C = −TᵀT, upper triangle
  void apply_rows(const double* y, double* w, Index count) const;  // w (count, n) = y (count, p) Aᵀ
  void apply(const double* x, double* y, double* inner, double* image, Index count);
  template <class T>
  void apply_with(const std::vector<T>& m, const std::vector<T>& b, const double* x, double* y, double* inner,
                  double* image, Index count);
  double pass_cost() const;
  Spectrum spectrum(int depth, double accuracy);

  const ScaledPair& pair_;
  bool exchanged_;
  Index n_, p_, q_;
  const Vector &a_, &b_;
  // The entries of A that are not zero, row by row, where most are; else empty.
  std::vector<Index> row_, column_;
  Vector entry_;
  Vector radius_, m_, t_, s_, lambda_, start_, weighted_;
  struct Krylov {
    Vector basis, images, inner, image;  // by rows: V, V H, and S⁻¹M x and B x of the rows of V
  } scratch_;
  std::vector<float> single_m_, single_b_;  // of large matrices
  bool exactly_ = true;
  std::uint64_t fresh_ = 1;
  std::vector<bool> suggestion_;
  double spent_ = 0.0;

  bool sparse() const { return !row_.empty(); }
};

}  // namespace taut::detail
