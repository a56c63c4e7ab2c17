// Norms of explicit matrices. Internal to lipschitz; users call dense_norm() of spectral.h.
#pragma once

#include <span>

#include "lipschitz/spectral.h"

namespace taut::detail {

// Row-major view of an f64 matrix.
struct MatrixView {
  const double* data;
  Index rows, columns;
  double at(Index i, Index j) const { return data[i * columns + j]; }
  std::span<const double> row(Index i) const { return {data + i * columns, static_cast<std::size_t>(columns)}; }
};

Enclosure row_sum_norm(const MatrixView& a);     // linf
Enclosure column_sum_norm(const MatrixView& a);  // l1
Enclosure spectral_norm(const MatrixView& a, const Budget& budget);
Magnitude frobenius_up(const MatrixView& a);

// ‖x‖₂ rounded to the given side, without intermediate overflow or underflow; exact where every step is.
Magnitude euclidean(std::span<const double> x, Side side);

// Throws NumericError naming the first entry that is not finite.
void require_finite(const Tensor& weights, std::string_view what);

}  // namespace taut::detail
