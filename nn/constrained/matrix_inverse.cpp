#include "nn/constrained/matrix_inverse.h"

#include <lapacke.h>

#include <vector>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

void require_square(const Shape& shape, Where where) {
  const int rank = shape.rank();
  if (rank < 2 || shape[rank - 1] != shape[rank - 2])
    throw ShapeError(cat("[matrix_inverse] at ", where, ": needs square matrices (…, n, n), got ", shape));
}

// In place. The inverse of the transpose is the transpose of the inverse, so the order of the numbers does not matter.
void invert(double* a, lapack_int n, std::vector<lapack_int>& pivots, Index which, Where where) {
  lapack_int failure = LAPACKE_dgetrf(LAPACK_COL_MAJOR, n, n, a, n, pivots.data());
  if (failure == 0) failure = LAPACKE_dgetri(LAPACK_COL_MAJOR, n, a, n, pivots.data());
  if (failure != 0)
    throw NumericError(cat("[matrix_inverse] at ", where, ": needs invertible matrices, matrix ", which, " of order ",
                           n, " is singular or not finite; check the numbers it is made of"));
}

}  // namespace

Tensor matrix_inverse(const Tensor& a, Where where) {
  require_square(a.shape(), where);
  const Index n = a.shape()[a.shape().rank() - 1];
  Tensor x = a.to(DType::f64).copy();
  if (x.size() == 0) return x.to(a.dtype());
  const auto numbers = x.mutable_data<double>();
  std::vector<lapack_int> pivots(static_cast<std::size_t>(n));
  for (Index i = 0; i < x.size() / (n * n); ++i)
    invert(numbers.data() + i * n * n, static_cast<lapack_int>(n), pivots, i, where);
  if (const Index bad = x.first_non_finite(); bad >= 0)
    throw NumericError(cat("[matrix_inverse] at ", where, ": needs finite, well conditioned matrices, matrix ",
                           bad / (n * n), " of order ", n, " has no finite inverse"));
  return x.to(a.dtype());
}

Var matrix_inverse(const Var& a, Where where) {
  const Tensor start = matrix_inverse(a.value(), where);
  const Var one(identity_matrix(a.shape()[a.shape().rank() - 1], a.dtype()));
  const Var twice = scale(one, 2.0, where);
  Var x(start);
  for (int step = 0; step < 2; ++step)
    x = matmul(x, sub(twice, matmul(a, x, false, false, where), where), false, false, where);
  return x;
}

Tensor identity_matrix(Index n, DType dtype) {
  Tensor one = Tensor::zeros(Shape{n, n}, dtype);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto numbers = one.mutable_data<T>();
    for (Index i = 0; i < n; ++i) numbers[static_cast<std::size_t>(i * (n + 1))] = T{1};
  });
  return one;
}

}  // namespace taut::nn
