// The multiplier bound of pairs that are too large for an interior-point method. Internal;
// docs/mathematics/13-pairs.md#multipliers and #proof-of-large-problems.
#pragma once

#include <vector>

#include "lipschitz/pair/scaled.h"

namespace taut::detail {

struct LargeBound {
  double squared = infinity;  // certified: ≥ every squared norm, in scaled units
  std::vector<double> log_multipliers;
  double rho = infinity;  // λ_max for these multipliers, as computed
  Index evaluations = 0;
  bool cut = false;              // by time
  bool stopped = false;          // by the limit of operations
  double operations = 0.0;       // as PairMultiplierOptions counts them
  std::vector<bool> suggestion;  // the vertex that suits the top singular vectors of the relaxation
};

// Minimises λ_max(BᵀΛB + Mᵀ(I − A_r Λ⁻¹ A_rᵀ)⁻¹M) over log Λ by limited-memory BFGS [Nocedal1980] with the largest
// eigenvalues smoothed, then proves the best value by a Cholesky factorisation. No time: infinity, cut.
LargeBound large_multiplier(const ScaledPair& pair, const PairMultiplierOptions& options);

// Of one evaluation and its proof, as PairMultiplierOptions counts operations.
double least_cost(Index n, Index p, Index q);

// The proof alone: a certified bound of the squared norm, a little above ρ, or infinity where the factorisation fails.
double prove_large(const ScaledPair& pair, const std::vector<double>& log_multipliers, double rho);

}  // namespace taut::detail
