// All singular values of a linear map, for reports and plots.
#pragma once

#include <string>
#include <vector>

#include "autodiff/linear_map.h"
#include "lipschitz/budget.h"

#pragma GCC visibility push(default)

namespace taut {

struct SingularValues {
  std::vector<double> values;  // min(m, n) of them, descending
  std::string method;
  std::string accuracy;  // how far they may be off: nothing is proved, for a bound take operator_norm()
};

// Scales, diagonals, selections and gatherings by their entries; dense maps by LAPACK; circular convolutions of stride
// 1 that keep the image's size frequency by frequency [Sedghi2019]: from the eigenvalues of Gram matrices where these
// are well conditioned, since small singular values would be lost in them, else by a complex SVD; everything else
// through its matrix where that has at most 8 million entries. UnsupportedError for larger maps and where the deadline
// does not allow it, NumericError for weights that are not finite.
SingularValues singular_values(const LinearMap& map, const Budget& budget = {});

struct Histogram {
  std::vector<double> edges;  // bins + 1, ascending, equally spaced from the smallest to the largest value
  std::vector<Index> counts;  // of edges[i] ≤ value < edges[i + 1]; the last bin includes its end
};
// UsageError for bins < 1 or without values, NumericError for values that are not finite.
Histogram histogram(const std::vector<double>& values, int bins);

}  // namespace taut

#pragma GCC visibility pop
