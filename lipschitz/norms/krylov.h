// Krylov spaces of Gram matrices: an orthonormal basis and the tridiagonal matrix in it. Internal to lipschitz.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "autodiff/linear_map.h"

namespace taut::detail {

// ‖x‖₂ in plain arithmetic; no overflow or underflow for entries between 2^-400 and 2^400.
double plain_norm(std::span<const double> x);

// Independent, each uniformly distributed on the unit sphere, up to rounding.
std::vector<std::vector<double>> random_units(Index n, int count, std::uint64_t seed);
std::vector<double> random_unit(Index n, std::uint64_t seed);

// Lanczos' method on M = AᵀA, or AAᵀ where that is smaller, of a map times 2^-exponent. Every new vector is
// orthogonalised twice against all before it.
class Krylov {
 public:
  Krylov(const LinearMap& map, int exponent, std::vector<double> start);

  // One step more. False when the space has become invariant: β is at the level of rounding.
  bool extend();
  // One step more of every space that is not invariant, all of one map, which is applied to their vectors together.
  // False when all are invariant.
  static bool extend(std::span<Krylov> spaces);

  Index size() const { return size_; }  // of M
  int steps() const { return static_cast<int>(alpha_.size()); }
  bool invariant() const { return invariant_; }
  const std::vector<double>& alpha() const { return alpha_; }
  const std::vector<double>& beta() const { return beta_; }  // beta()[j] couples step j with j + 1; the last to outside
  // ‖V Vᵀ − I‖_F of the basis, without the rounding of this product: its inner products are added up in parts, so that
  // a term passes no more than so many roundings.
  double loss_of_orthogonality() const;
  Index roundings_of_orthogonality() const { return roundings_of_orthogonality(size_); }
  static Index roundings_of_orthogonality(Index size);
  // Frobenius norm of the coefficients that the tridiagonal matrix leaves out.
  double dropped() const { return dropped_; }
  // The largest eigenvalue of the tridiagonal matrix as LAPACK computes it.
  double ritz_value() const;
  // The same, and its vector in the basis: a unit vector of the domain of M.
  double ritz(std::vector<double>& vector) const;

 private:
  std::span<const double> last() const;
  void absorb(std::vector<double> w);  // w = M · last()

  const LinearMap* map_;
  int exponent_;
  bool invariant_ = false;
  Index size_;
  double dropped_ = 0.0;
  std::vector<double> basis_;  // one vector per row
  std::vector<double> alpha_, beta_;
};

// The side of the map that M acts on, and a vector carried to the other one; times 2^-exponent.
const Shape& gram_shape(const LinearMap& map);
bool gram_of_rows(const LinearMap& map);
Tensor across(const LinearMap& map, const double* v, int exponent);
Tensor back(const LinearMap& map, const Tensor& y, int exponent);
// x times 2^-exponent; NumericError unless it is finite.
Tensor scaled_and_finite(Tensor x, int exponent);
// M times each of `count` vectors, one behind the other: (count, size).
Tensor gram_of_each(const LinearMap& map, std::span<const double> vectors, Index count, int exponent);

}  // namespace taut::detail
