#include "lipschitz/mixed_norm.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/dense/dense_norm.h"

namespace taut {
namespace {

using detail::MatrixView;

MixedNorm same(const Enclosure& e, Norm norm) {
  return {norm, norm, e.lower.magnitude(), e.upper.magnitude(), e.upper.method()};
}

MixedNorm largest_entry(const MatrixView& a) {
  double largest = 0.0;
  for (Index i = 0; i < a.rows; ++i)
    for (const double e : a.row(i)) largest = std::max(largest, std::fabs(e));
  return {Norm::l1, Norm::linf, largest, largest, "largest entry"};
}

MixedNorm largest_row(const MatrixView& a, Norm from, Norm to, const char* method) {
  MixedNorm norm{from, to, {}, {}, method};
  for (Index i = 0; i < a.rows; ++i) {
    norm.lower = std::max(norm.lower, detail::euclidean(a.row(i), Side::lower));
    norm.upper = std::max(norm.upper, detail::euclidean(a.row(i), Side::upper));
  }
  return norm;
}

std::vector<double> transposed(const MatrixView& a) {
  std::vector<double> t(static_cast<std::size_t>(a.rows * a.columns));
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) t[static_cast<std::size_t>(j * a.rows + i)] = a.at(i, j);
  return t;
}

}  // namespace

MixedNorm mixed_norm(const Tensor& matrix, Norm from, Norm to) {
  if (matrix.shape().rank() != 2)
    throw ShapeError(cat("[mixed_norm] a matrix (m, n) is needed, got shape ", matrix.shape(), "; reshape it"));
  detail::require_finite(matrix, "a matrix");
  if (from == to) return same(dense_norm(matrix, from), from);
  const Tensor wide = matrix.to(DType::f64);
  const MatrixView a{wide.data<double>().data(), wide.shape()[0], wide.shape()[1]};
  if (from == Norm::l1 && to == Norm::linf) return largest_entry(a);
  if (from == Norm::l2 && to == Norm::linf) return largest_row(a, from, to, "largest row");
  if (from == Norm::l1 && to == Norm::l2) {
    const std::vector<double> columns = transposed(a);
    return largest_row({columns.data(), a.columns, a.rows}, from, to, "largest column");
  }
  throw UnsupportedError(cat("[mixed_norm] a closed form is needed, and the norm from ", from, " to ", to,
                             " is NP-hard to compute; got a matrix ", matrix.shape(),
                             "; use a norm within l1, l2 or linf and the equivalence of norms"));
}

}  // namespace taut
