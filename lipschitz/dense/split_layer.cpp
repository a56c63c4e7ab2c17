#include "lipschitz/dense/split_layer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "autodiff/blas.h"
#include "autodiff/error.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/dense/lapack.h"

namespace taut::detail {
namespace {

// Up to this order what P Q misses of A is computed; beyond, what the eigenvectors lack of orthogonality.
constexpr Index largest_measured = 256;

// ≥ ‖A‖_F, of entries about 1 at most.
Magnitude frobenius(const Tensor& a) {
  if (a.size() <= 4096) return euclidean(a.data<double>(), Side::upper);
  const double* const x = a.data<double>().data();
  const double sum = cblas_ddot(static_cast<blasint>(a.size()), x, 1, x, 1);
  return sqrt_up(add_up(mul_up(sum, 1.0 + 2.0 * gamma_factor(a.size(), u)), 0x1p-900));
}

// The columns of a matrix, or its rows, without their zeros.
struct Sparse {
  struct Entry {
    Index at;
    double value;
  };
  std::vector<std::vector<Entry>> lines;

  Sparse(const Tensor& a, bool columns) : lines(static_cast<std::size_t>(a.shape()[columns ? 1 : 0])) {
    const double* x = a.data<double>().data();
    for (Index i = 0; i < a.shape()[0]; ++i)
      for (Index j = 0; j < a.shape()[1]; ++j, ++x)
        if (*x != 0.0) lines[static_cast<std::size_t>(columns ? j : i)].push_back({columns ? i : j, *x});
  }
};

// Are products without its zeros faster, as those of convolutions?
bool is_sparse(const Tensor& a) {
  constexpr double most = 0.15;
  const auto entries = std::ranges::count_if(a.data<double>(), [](double x) { return x != 0.0; });
  return static_cast<double>(entries) < most * static_cast<double>(a.size());
}

// Upper triangle of A Aᵀ or Aᵀ A.
void add_gram(const Tensor& a, bool of_rows, bool sparse, double* g) {
  const Index m = a.shape()[0], n = a.shape()[1], size = of_rows ? m : n;
  if (!sparse) {
    cblas_dsyrk(CblasRowMajor, CblasUpper, of_rows ? CblasNoTrans : CblasTrans, static_cast<blasint>(size),
                static_cast<blasint>(of_rows ? n : m), 1.0, a.data<double>().data(), static_cast<blasint>(n), 0.0, g,
                static_cast<blasint>(size));
    return;
  }
  const Sparse entries(a, of_rows);
  for (const auto& line : entries.lines)
    for (std::size_t i = 0; i < line.size(); ++i)
      for (std::size_t j = i; j < line.size(); ++j) g[line[i].at * size + line[j].at] += line[i].value * line[j].value;
}

// Rows are eigenvectors of A Aᵀ (or Aᵀ A), smallest eigenvalue first.
Tensor eigenvectors(const Tensor& a, bool of_rows, bool sparse, std::vector<double>& values) {
  const Index size = a.shape()[of_rows ? 0 : 1];
  Tensor gram = Tensor::zeros({size, size}, DType::f64);
  double* const g = gram.mutable_data<double>().data();
  add_gram(a, of_rows, sparse, g);
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
  const Index m = a.shape()[0], n = a.shape()[1];
  constexpr Index tile = 32;
  for (Index i0 = 0; i0 < m; i0 += tile)
    for (Index j0 = 0; j0 < n; j0 += tile)
      for (Index i = i0; i < std::min(m, i0 + tile); ++i)
        for (Index j = j0; j < std::min(n, j0 + tile); ++j) to[j * m + i] = from[i * n + j];
  return t;
}

// c = alpha · a b + beta · c
void multiply(double alpha, const Tensor& a, const Tensor& b, double beta, Tensor& c) {
  const Index m = a.shape()[0], k = a.shape()[1], n = b.shape()[1];
  kernels::gemm(false, false, m, n, k, alpha, a.data<double>().data(), k, b.data<double>().data(), n, beta,
                c.mutable_data<double>().data(), n);
}

// V A (of_rows) or V Aᵀ, V square.
Tensor product(const Tensor& v, const Tensor& a, bool of_rows, bool sparse) {
  const Index size = v.shape()[0], other = a.shape()[of_rows ? 1 : 0];
  if (!sparse) {
    Tensor c = Tensor::zeros({size, other}, DType::f64);
    multiply(1.0, v, of_rows ? a : turned(a), 0.0, c);
    return c;
  }
  Tensor c = Tensor::zeros({other, size}, DType::f64);
  const Tensor columns = turned(v);
  const double* const from = columns.data<double>().data();
  double* row = c.mutable_data<double>().data();
  const Sparse entries(a, of_rows);
  for (const auto& line : entries.lines) {
    for (const Sparse::Entry& e : line) cblas_daxpy(static_cast<blasint>(size), e.value, from + e.at * size, 1, row, 1);
    row += size;
  }
  return turned(c);
}

// ≥ ‖VᵀV − I‖_F.
Magnitude lack_of_orthogonality(const Tensor& v) {
  const Index size = v.shape()[0];
  Tensor gram = Tensor::zeros({size, size}, DType::f64);
  double* const g = gram.mutable_data<double>().data();
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, static_cast<blasint>(size), static_cast<blasint>(size), 1.0,
              v.data<double>().data(), static_cast<blasint>(size), 0.0, g, static_cast<blasint>(size));
  for (Index i = 0; i < size; ++i) {
    g[i * (size + 1)] -= 1.0;
    for (Index j = 0; j < i; ++j) g[i * size + j] = g[j * size + i];
  }
  const Magnitude square = Magnitude::product(frobenius(v), frobenius(v), Side::upper);
  return Magnitude::sum(frobenius(gram), Magnitude::product(gamma_factor(size + 1, u), square, Side::upper),
                        Side::upper);
}

// ≥ ‖X‖₂ of a matrix whose rows (or columns) are nearly orthogonal: X Xᵀ is nearly diagonal.
Magnitude norm_of_orthogonal(const Tensor& x, bool rows) {
  const Index size = x.shape()[rows ? 0 : 1];
  Tensor gram = Tensor::zeros({size, size}, DType::f64);
  double* const g = gram.mutable_data<double>().data();
  add_gram(x, rows, false, g);
  double largest = 0.0;
  for (Index i = 0; i < size; ++i) {
    largest = std::max(largest, g[i * (size + 1)]);
    g[i * (size + 1)] = 0.0;
  }
  const auto times = [](const Magnitude& a, const Magnitude& b) { return Magnitude::product(a, b, Side::upper); };
  const auto plus = [](const Magnitude& a, const Magnitude& b) { return Magnitude::sum(a, b, Side::upper); };
  const Magnitude rounding = times(gamma_factor(x.shape()[rows ? 1 : 0], u), times(frobenius(x), frobenius(x)));
  // Of the symmetric matrix g holds one triangle.
  return Magnitude::root(plus(plus(largest, times(frobenius(gram), 1.5)), plus(rounding, 0x1p-900)), Side::upper);
}

}  // namespace

double split_cost(Index m, Index n) {
  const auto small = static_cast<double>(std::min(m, n)), large = static_cast<double>(std::max(m, n));
  return 8.0 * small * small * small + 1.5 * small * small * large;
}

SplitLayer split_layer(const Tensor& a, double power) {
  const Index m = a.shape()[0], n = a.shape()[1];
  const bool of_rows = m <= n;
  const bool large = std::min(m, n) > largest_measured, sparse = large && is_sparse(a);
  std::vector<double> values;
  const Tensor vectors = eigenvectors(a, of_rows, sparse, values);
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
    split.right = product(vectors, a, true, sparse);
    scale_rows(split.right, scales, true);
  } else {
    split.right = scaled;
    Tensor transposed = product(vectors, a, false, sparse);
    scale_rows(transposed, scales, true);
    split.left = turned(transposed);
  }
  const auto times = [](const Magnitude& x, const Magnitude& y) { return Magnitude::product(x, y, Side::upper); };
  const auto plus = [](const Magnitude& x, const Magnitude& y) { return Magnitude::sum(x, y, Side::upper); };
  if (large) {
    // P Q is VᵀV A or A VᵀV up to γ |V|ᵀ|V||A|: S cancels entry by entry.
    const Magnitude lack = lack_of_orthogonality(vectors), length = frobenius(vectors);
    const Magnitude rounding = times(gamma_factor(std::min(m, n) + 4, u), times(length, length));
    split.residual = plus(times(plus(lack, rounding), frobenius(a)), 0x1p-900);
    const double steepest = *std::ranges::max_element(scales);
    const Magnitude of_vectors =  // fl(s v) = s v (1 + δ)
        plus(times(Magnitude::root(plus(1.0, lack), Side::upper), steepest),
             times(times(gamma_factor(1, u), steepest), length));
    const Magnitude of_product = norm_of_orthogonal(of_rows ? split.right : split.left, of_rows);
    split.left_norm = of_rows ? of_vectors : of_product;
    split.right_norm = of_rows ? of_product : of_vectors;
    return split;
  }
  Tensor rest = a.copy();
  multiply(-1.0, split.left, split.right, 1.0, rest);
  // |fl(A − P Q) − (A − P Q)| ≤ γ_{r+1} (|A| + |P||Q|), and the Frobenius norm of |P||Q| is at most the product.
  const Magnitude mass = plus(frobenius(a), times(frobenius(split.left), frobenius(split.right)));
  split.residual = plus(frobenius(rest), plus(times(gamma_factor(std::min(m, n) + 1, u), mass), 0x1p-900));
  return split;
}

}  // namespace taut::detail
