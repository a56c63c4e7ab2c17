#include "lipschitz/split_layer.h"

#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "autodiff/error.h"
#include "autodiff/kernels/blas.h"
#include "autodiff/range.h"
#include "lipschitz/dense_norm.h"

namespace taut::detail {
namespace {

constexpr double u = 0x1p-53;

Magnitude frobenius(const Tensor& a) { return euclidean(a.data<double>(), Side::upper); }

// Rows are eigenvectors of A Aᵀ (or Aᵀ A), smallest eigenvalue first.
Tensor eigenvectors(const Tensor& a, bool of_rows, std::vector<double>& values) {
  const Index m = a.shape()[0], n = a.shape()[1], size = of_rows ? m : n;
  Tensor gram = Tensor::zeros({size, size}, DType::f64);
  double* const g = gram.mutable_data<double>().data();
  cblas_dsyrk(CblasRowMajor, CblasUpper, of_rows ? CblasNoTrans : CblasTrans, static_cast<blasint>(size),
              static_cast<blasint>(of_rows ? n : m), 1.0, a.data<double>().data(), static_cast<blasint>(n), 0.0, g,
              static_cast<blasint>(size));
  values.resize(static_cast<std::size_t>(size));
  // The row-major upper triangle is the lower one by columns, and eigenvectors by columns are rows here.
  const auto order = static_cast<lapack_int>(size);
  if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', order, g, order, values.data()) != 0)
    throw NumericError(cat("[split layer] LAPACK dsyevd did not converge on a matrix of order ", size));
  return gram;
}

void scale_rows(Tensor& a, const std::vector<double>& factors, bool divide) {
  const Index n = a.shape()[1];
  double* row = a.mutable_data<double>().data();
  for (const double factor : factors) {
    for (Index j = 0; j < n; ++j) row[j] = divide ? row[j] / factor : row[j] * factor;
    row += n;
  }
}

Tensor turned(const Tensor& a) {
  Tensor t = Tensor::uninitialised({a.shape()[1], a.shape()[0]}, DType::f64);
  double* const to = t.mutable_data<double>().data();
  const double* const from = a.data<double>().data();
  for (Index i = 0; i < a.shape()[0]; ++i)
    for (Index j = 0; j < a.shape()[1]; ++j) to[j * a.shape()[0] + i] = from[i * a.shape()[1] + j];
  return t;
}

// c = alpha · a b + beta · c
void multiply(double alpha, const Tensor& a, const Tensor& b, double beta, Tensor& c) {
  const Index m = a.shape()[0], k = a.shape()[1], n = b.shape()[1];
  kernels::gemm(false, false, m, n, k, alpha, a.data<double>().data(), k, b.data<double>().data(), n, beta,
                c.mutable_data<double>().data(), n);
}

}  // namespace

SplitLayer split_layer(const Tensor& a, double power) {
  const Index m = a.shape()[0], n = a.shape()[1];
  const bool of_rows = m <= n;
  std::vector<double> values;
  const Tensor vectors = eigenvectors(a, of_rows, values);
  // Below this fraction of σ₁ computed eigenvalues are rounding; any positive number serves as well.
  constexpr double smallest = 0x1p-26;
  const double top = std::sqrt(std::max(values.back(), 0.0));
  const double exponent = of_rows ? power : 1.0 - power;
  std::vector<double> scales;
  for (const double value : values) {
    const double sigma = std::max(std::sqrt(std::max(value, 0.0)), smallest * top);
    scales.push_back(sigma > 0.0 ? std::pow(sigma, exponent) : 1.0);
  }
  Tensor scaled = vectors.copy();
  scale_rows(scaled, scales, false);
  SplitLayer split;
  if (of_rows) {
    split.left = turned(scaled);
    split.right = Tensor::zeros({m, n}, DType::f64);
    multiply(1.0, vectors, a, 0.0, split.right);
    scale_rows(split.right, scales, true);
  } else {
    split.right = scaled;
    Tensor transposed = Tensor::zeros({n, m}, DType::f64);
    multiply(1.0, vectors, turned(a), 0.0, transposed);
    scale_rows(transposed, scales, true);
    split.left = turned(transposed);
  }
  Tensor rest = a.copy();
  multiply(-1.0, split.left, split.right, 1.0, rest);
  // |fl(A − P Q) − (A − P Q)| ≤ γ_{r+1} (|A| + |P||Q|), and the Frobenius norm of |P||Q| is at most the product.
  const auto times = [](const Magnitude& x, const Magnitude& y) { return Magnitude::product(x, y, Side::upper); };
  const auto plus = [](const Magnitude& x, const Magnitude& y) { return Magnitude::sum(x, y, Side::upper); };
  const Magnitude mass = plus(frobenius(a), times(frobenius(split.left), frobenius(split.right)));
  split.residual = plus(frobenius(rest), plus(times(gamma_factor(std::min(m, n) + 1, u), mass), 0x1p-900));
  return split;
}

}  // namespace taut::detail
