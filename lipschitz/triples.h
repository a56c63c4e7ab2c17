// The largest singular values of a map that is only applied, with their vectors.
#pragma once

#include <vector>

#include "autodiff/linear_map.h"
#include "lipschitz/budget.h"

#pragma GCC visibility push(default)

namespace taut {

struct Triple {
  double sigma = 0.0;  // computed: nothing is proved
  Tensor left, right;  // unit vectors
  // The larger of ‖A right − σ left‖₂ and ‖Aᵀ left − σ right‖₂; the other one is rounding. Some singular value of A is
  // within it of σ, up to rounding.
  double residual = 0.0;
};

struct TripleOptions {
  Budget budget{};
  double tolerance = 1e-10;  // stops when every residual is at most this times σ₁
  int max_cycles = 200;
};

// The k largest, in descending order, with k ≤ min(m, n), by restarted block Lanczos with full reorthogonalisation
// [GolubUnderwood1977]. The block is wider than k, so that repeated and clustered values are found with their
// multiplicity. What the cycles or the deadline cut off has a larger residual. UsageError for other k, NumericError for
// maps that are not finite.
std::vector<Triple> leading_singular_triples(const LinearMap& map, Index k, const TripleOptions& options = {});

}  // namespace taut

#pragma GCC visibility pop
