// Samples of a Gaussian process on a grid in the plane, exact in distribution.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data.h"

namespace taut::examples {

// Mean 0, variance 1, covariance exp(−‖x − y‖² / (2 length²)) on points × points equally spaced points of the square
// [−side / 2, side / 2]².
struct GaussianField {
  Index points = 0;
  double side = 0.0, length = 0.0;
  std::vector<double> values;  // row-major: y, then x

  double coordinate(Index i) const { return side * (static_cast<double>(i) / static_cast<double>(points - 1) - 0.5); }
  double at(Index row, Index column) const { return values[static_cast<std::size_t>(row * points + column)]; }
};

// By circulant embedding [DietrichNewsam1997]: the covariance on the torus of twice the side, summed over its periods,
// is positive semidefinite (its Fourier series is a sampled Gaussian), and one transform of independent normal numbers
// times the roots of its eigenvalues has exactly that covariance. On the square itself the other periods add at most
// 8 exp(−side² / (2 length²)) to a covariance: side ≥ 6 length is required, where that is below 2e-7, and at
// side = 10 length it is 2e-21. UsageError for a smaller side or fewer than 2 points.
GaussianField sample_gaussian_field(Index points, double side, double length, std::uint64_t seed);

// `count` different points of the grid, uniformly drawn: inputs (count, 2) as (x, y), targets (count, 1), f32.
// UsageError when the grid has fewer.
nn::DataSet sample_points(const GaussianField& field, Index count, std::uint64_t seed);

}  // namespace taut::examples
