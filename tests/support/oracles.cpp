#include "tests/support/oracles.h"

#include <lapacke.h>

#include <Eigen/Dense>
#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cstdlib>

#include "autodiff/error.h"

namespace taut::testing {
namespace {

using Matrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

Matrix widened(const Tensor& matrix) {
  Matrix wide(matrix.shape()[0], matrix.shape()[1]);
  for (Index i = 0; i < wide.rows(); ++i)
    for (Index j = 0; j < wide.cols(); ++j) wide(i, j) = matrix.at(i * wide.cols() + j);
  return wide;
}

template <class Wide>
Eigen::Matrix<Wide, Eigen::Dynamic, Eigen::Dynamic> from_rows(const std::vector<Wide>& entries, Index rows,
                                                              Index columns) {
  Eigen::Matrix<Wide, Eigen::Dynamic, Eigen::Dynamic> m(rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) m(i, j) = entries[static_cast<std::size_t>(i * columns + j)];
  return m;
}

}  // namespace

template <class Wide>
std::vector<long double> singular_values_of(const std::vector<Wide>& matrix, Index rows, Index columns) {
  const auto m = from_rows(matrix, rows, columns);
  const Eigen::Matrix<long double, Eigen::Dynamic, 1> values =
      Eigen::JacobiSVD<std::remove_const_t<decltype(m)>>(m).singularValues();
  return {values.data(), values.data() + values.size()};
}
template <class Wide>
long double least_eigenvalue_of(const std::vector<Wide>& hermitian, Index n) {
  const auto m = from_rows(hermitian, n, n);
  return Eigen::SelfAdjointEigenSolver<std::remove_const_t<decltype(m)>>(m, Eigen::EigenvaluesOnly).eigenvalues()(0);
}
using WideComplex = std::complex<long double>;
template std::vector<long double> singular_values_of(const std::vector<long double>&, Index, Index);
template std::vector<long double> singular_values_of(const std::vector<WideComplex>&, Index, Index);
template long double least_eigenvalue_of(const std::vector<long double>&, Index);
template long double least_eigenvalue_of(const std::vector<WideComplex>&, Index);

int iterations(int base) {
  const char* const scale = std::getenv("TAUT_TEST_SCALE");
  return std::max(1, static_cast<int>(base * (scale != nullptr ? std::atof(scale) : 1.0)));
}

std::stop_token stopped() {
  static std::stop_source source;  // of a local one GCC 12 believes, under sanitizers, that it is uninitialised
  source.request_stop();
  return source.get_token();
}

double Random::uniform(double lo, double hi) {
  return boost::random::uniform_real_distribution<double>(lo, hi)(engine_);
}
double Random::normal() { return boost::random::normal_distribution<double>()(engine_); }
Index Random::integer(Index lo, Index hi) { return boost::random::uniform_int_distribution<Index>(lo, hi)(engine_); }

Tensor Random::normals(const Shape& shape, DType dtype) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  for (double& x : t.mutable_data<double>()) x = normal();
  return t.to(dtype);
}

Tensor scaled(const Tensor& a, double factor) {
  Tensor b = a.copy();
  for (double& x : b.mutable_data<double>()) x *= factor;
  return b;
}

Tensor low_rank(Random& random, Index m, Index n, Index rank) {
  const Tensor a = random.normals({m, rank}), b = random.normals({rank, n});
  Tensor product = Tensor::zeros({m, n}, DType::f64);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j)
      for (Index k = 0; k < rank; ++k)
        product.mutable_data<double>()[static_cast<std::size_t>(i * n + j)] += a.at(i * rank + k) * b.at(k * n + j);
  return product;
}

Tensor hilbert(Index n) {
  Tensor h = Tensor::uninitialised({n, n}, DType::f64);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      h.mutable_data<double>()[static_cast<std::size_t>(i * n + j)] = 1.0 / static_cast<double>(i + j + 1);
  return h;
}

Tensor graded(Random& random, Index m, Index n, double decades) {
  Tensor a = random.normals({m, n});
  auto x = a.mutable_data<double>();
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j)
      x[static_cast<std::size_t>(i * n + j)] *=
          std::pow(10.0, -decades * static_cast<double>(i + j) / static_cast<double>(m + n));
  return a;
}

Tensor rotation(Random& random, Index n) {
  Tensor q = Tensor::zeros({n, n}, DType::f64);
  auto x = q.mutable_data<double>();
  for (Index i = 0; i < n; ++i) x[static_cast<std::size_t>(i * n + i)] = 1.0;
  for (Index k = 0; k + 1 < n; ++k) {
    const double angle = random.uniform(0.0, 6.28), c = std::cos(angle), s = std::sin(angle);
    for (Index j = 0; j < n; ++j) {
      double &a = x[static_cast<std::size_t>(k * n + j)], &b = x[static_cast<std::size_t>((k + 1) * n + j)];
      const double a0 = a;
      a = c * a - s * b;
      b = s * a0 + c * b;
    }
  }
  return q;
}

LinearMap random_convolution(Random& random, bool circular) {
  for (;;) {
    structure::Convolution c;
    c.boundary = circular ? Boundary::circular : Boundary::zero;
    c.options.groups = random.integer(1, 2);
    const Index c_in = c.options.groups * random.integer(1, 2), c_out = c.options.groups * random.integer(1, 2);
    c.image = {c_in, random.integer(1, 7), random.integer(1, 7)};
    c.result = {c_out, 0, 0};
    const std::array<Index, 2> taps{random.integer(1, 4), random.integer(1, 4)};
    bool fits = true;
    for (std::size_t a = 0; a < 2; ++a) {
      c.options.stride[a] = random.integer(1, 3);
      c.options.dilation[a] = random.integer(1, 3);
      const Index span = c.options.dilation[a] * (taps[a] - 1);
      Index padded = c.image[1 + a];
      for (std::size_t side = 2 * a; side < 2 * a + 2; ++side) {
        c.options.padding[side] = random.integer(0, span + 1);
        padded += c.options.padding[side];
      }
      fits = fits && padded > span;
      c.result[1 + a] = (padded - span - 1) / c.options.stride[a] + 1;
    }
    if (!fits) continue;
    c.kernel =
        random.normals({c_out, c_in / c.options.groups, taps[0], taps[1]}, random.coin() ? DType::f32 : DType::f64);
    c.transposed = random.coin();
    const Shape image(c.image), result(c.result);
    return c.transposed ? LinearMap(result, image, c) : LinearMap(image, result, c);
  }
}

long double spectral_norm(const Tensor& matrix) {
  Matrix wide = widened(matrix);
  if (wide.size() == 0) return 0.0L;
  const long double scale = wide.cwiseAbs().maxCoeff();
  if (scale == 0.0L) return 0.0L;
  wide /= scale;
  return Eigen::JacobiSVD<Matrix>(wide).singularValues()(0) * scale;
}

Interval80 spectral_norm_by_lapack(const Tensor& matrix) {
  const auto m = static_cast<lapack_int>(matrix.shape()[0]), n = static_cast<lapack_int>(matrix.shape()[1]);
  const lapack_int k = std::min(m, n);
  Eigen::MatrixXd a = widened(matrix).cast<double>(), u(m, k), vt(k, n);
  Eigen::MatrixXd work = a;
  Eigen::VectorXd s(k);
  if (LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', m, n, work.data(), m, s.data(), u.data(), m, vt.data(), k) != 0)
    throw NumericError("[oracle] LAPACK dgesdd did not converge");
  const Matrix left = u.cast<long double>(), right = vt.cast<long double>(),
               middle = s.cast<long double>().asDiagonal();
  const Matrix exact = a.cast<long double>(), one = Matrix::Identity(k, k);
  const auto orthogonal = [&](const Matrix& gram) { return std::sqrt(1 + (gram - one).norm()); };
  const long double rest = (exact - left * middle * right).norm();
  const long double top = s(0) * orthogonal(left.transpose() * left) * orthogonal(right * right.transpose());
  const Matrix v = right.row(0).transpose();
  return {(exact * v).norm() / v.norm(), top + rest};
}

long double sum_norm(const Tensor& matrix, bool rows) {
  const Matrix wide = widened(matrix).cwiseAbs();
  if (wide.size() == 0) return 0.0L;
  return rows ? wide.rowwise().sum().maxCoeff() : wide.colwise().sum().maxCoeff();
}

}  // namespace taut::testing
