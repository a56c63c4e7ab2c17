// Norms of small matrices with the vectors that attain them: ‖A‖ = max wᵀ A v. In l1 v is a unit vector and w a vector
// of signs, in linf the other way round. Internal to lipschitz.
#pragma once

#include <span>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/tensor.h"

namespace taut::detail {

double length(std::span<const double> x, Norm norm);
// ‖to‖ = 1 with toᵀ x = the dual norm of x, that of `norm` being the norm of `to`.
void aligned(std::span<const double> x, Norm norm, std::span<double> to);
Norm dual(Norm norm);

// Row-major (rows, columns) of finite numbers.
struct RowMajor {
  const double* data;
  Index rows, columns;
  std::span<const double> row(Index i) const { return {data + i * columns, static_cast<std::size_t>(columns)}; }
};

// The norm, and the vectors that attain it where there is room for them.
double l1_norm(const RowMajor& a, std::span<double> left, std::span<double> right);
double linf_norm(const RowMajor& a, std::span<double> left, std::span<double> right);

// Spectral norms of matrices of one size: √ of the largest eigenvalue of A Aᵀ or AᵀA, scaled so that squares neither
// overflow nor vanish.
class SpectralNorms {
 public:
  SpectralNorms(Index rows, Index columns);
  double norm(const RowMajor& a, std::span<double> left, std::span<double> right);

 private:
  Index n_;
  std::vector<double> scaled_, gram_, eigenvalues_, work_;
};

}  // namespace taut::detail
