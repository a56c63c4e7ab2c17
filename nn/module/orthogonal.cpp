#include <lapacke.h>

#include <algorithm>

#include "autodiff/error.h"
#include "nn/init.h"

namespace taut::nn {
namespace {

// Column-major m × n, m ≥ n, with orthonormal columns. Q of a Gaussian matrix is uniform once every column has the sign
// of R's diagonal entry [Mezzadri2007].
std::vector<double> orthonormal_columns(int m, int n, Random& random) {
  std::vector<double> q(static_cast<std::size_t>(m) * static_cast<std::size_t>(n));
  for (double& x : q) x = random.normal();
  std::vector<double> tau(static_cast<std::size_t>(n)), signs(static_cast<std::size_t>(n));
  const auto check = [&](lapack_int failure, const char* routine) {
    if (failure != 0)
      throw NumericError(cat("[orthogonal] the ", m, " x ", n, " factorisation needs memory, ", routine, " returned ",
                             failure, "; use another initialiser"));
  };
  check(LAPACKE_dgeqrf(LAPACK_COL_MAJOR, m, n, q.data(), m, tau.data()), "geqrf");
  const auto column = [&](int j) { return q.begin() + static_cast<std::ptrdiff_t>(j) * m; };
  for (int j = 0; j < n; ++j) signs[static_cast<std::size_t>(j)] = column(j)[j] < 0.0 ? -1.0 : 1.0;
  check(LAPACKE_dorgqr(LAPACK_COL_MAJOR, m, n, n, q.data(), m, tau.data()), "orgqr");
  for (int j = 0; j < n; ++j)
    std::for_each(column(j), column(j) + m, [&](double& x) { x *= signs[static_cast<std::size_t>(j)]; });
  return q;
}

}  // namespace

Initialiser orthogonal(double gain) {
  return [=](Tensor& weight, Random& random) {
    (void)fans(weight.shape());  // ShapeError below rank 2
    const Index rows = weight.shape()[0], columns = weight.shape().product(1, weight.shape().rank());
    if (rows == 0 || columns == 0) return;
    const Index many = std::max(rows, columns), few = std::min(rows, columns);
    const std::vector<double> q = orthonormal_columns(static_cast<int>(many), static_cast<int>(few), random);
    dispatch(weight.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto into = weight.mutable_data<T>();
      // A wide weight is qᵀ, whose rows are q's columns; a tall one is q.
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j)
          into[static_cast<std::size_t>(i * columns + j)] =
              static_cast<T>(gain * q[static_cast<std::size_t>(rows <= columns ? i * columns + j : j * rows + i)]);
    });
  };
}

}  // namespace taut::nn
