// The factor of SeqLip for two neighbouring layers [ScamanVirmaux2018]: how much the activation between them can pass
// on,
//
//     max over σ, lo_i ≤ σ_i ≤ hi_i, of ‖A diag(σ) B‖₂.
//
// A convex function of σ, so the maximum is at a vertex σ_i ∈ {lo_i, hi_i}. Finding it is NP-hard in general: here are
// an exact search, a certified upper bound of any size, and the paper's greedy search.
// docs/mathematics/13-pairs.md#pairs has the proofs.
#pragma once

#include <string>
#include <vector>

#include "autodiff/tensor.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"

#pragma GCC visibility push(default)

namespace taut {

// Neuron i is column i of A, row i of B, and the interval [lo_i, hi_i] of its slopes: [0, 1] for relu, [0, 1/4] for
// sigmoid. f32 or f64; analyses widen exactly.
struct PairProblem {
  Tensor left;    // A (p, n)
  Tensor right;   // B (n, q)
  Tensor lo, hi;  // (n), finite, lo ≤ hi

  // The same interval for every neuron.
  static PairProblem uniform(Tensor left, Tensor right, double lo = 0.0, double hi = 1.0);
  Index neurons() const { return left.shape()[1]; }
  // ShapeError, NumericError (not finite) or DomainError (lo > hi).
  void validate() const;
};

struct PairResult {
  // ‖A diag(σ) B‖₂ at `at_hi`, hence a lower bound of the maximum: certified.
  LowerBound lower = LowerBound::certified(0.0, Norm::l2, "pair");
  UpperBound upper = UpperBound::certified(infinity, Norm::l2, "pair");
  std::vector<bool> at_hi;         // the vertex: σ_i = hi_i where true, lo_i where false
  Status status = Status::finite;  // finite or cut
  bool limited = false;            // by PairMultiplierOptions::operations or PairExactOptions::most_nodes
  std::string note;                // how it was found, and why it was cut
  // Vertices enumerated, nodes of the tree whose multipliers were optimised, flips of greedy search, evaluations of the
  // multiplier bound; what was not used is 0.
  Index vertices = 0, nodes = 0, flips = 0, evaluations = 0;
  double operations = 0.0;  // of the multiplier bound of large problems, as PairMultiplierOptions counts them
  double seconds = 0.0;     // of the call, wall clock

  double overshoot() const;  // upper / lower − 1; 0 where both are 0, infinity where only the lower one is
};

enum class PairSearch : std::uint8_t {
  automatic,         // enumeration up to 8 neurons, then branch and bound
  enumeration,       // every vertex in the order of a Gray code; at most 40 neurons (UsageError)
  branch_and_bound,  // prunes by the best diagonal multiplier of what is not decided yet
};
struct PairExactOptions {
  Budget budget{};
  PairSearch search = PairSearch::automatic;
  double tolerance = 1e-9;  // of upper / lower − 1, when not cut
  // Nodes of the tree after which branch and bound stops, with what is proved by then: a limit on every machine the
  // same. The root, the best diagonal multiplier of the whole problem, is always examined.
  double most_nodes = infinity;
  // What the caller has proved of the maximum already, as the product of the norms is: the search need not.
  Magnitude known = infinity;
};

// The maximum between two certified bounds. Ends agree to the tolerance, unless cut or limited or, where the products
// of A and B cancel almost wholly, up to rounding: about 1e-15 n Σ ‖a_i‖ |σ_i| ‖b_i‖.
PairResult pair_exact(const PairProblem& problem, const PairExactOptions& options = {});

struct PairMultiplierOptions {
  Budget budget{};
  double tolerance = 1e-6;   // of the bound, relative: when to stop improving multipliers
  int max_iterations = 200;  // of large problems
  // Of large problems: when to stop whatever the tolerance says, in floating-point operations of matrix products (what
  // waits for memory counts twice). The same on every machine. One evaluation and its proof are always made.
  double operations = infinity;
};

// A certified upper bound by the best diagonal multiplier: LipSDP [Fazlyab2019] of one hidden layer, without a solver
// for semidefinite programs. Never above the product ‖A‖ max|σ_i| ‖B‖. `lower` is the value at the vertex that the
// multipliers suggest.
PairResult pair_multiplier(const PairProblem& problem, const PairMultiplierOptions& options = {});

struct PairGreedyOptions {
  Budget budget{};
  int restarts = 0;    // further searches from random vertices
  bool pairs = false;  // where no single flip helps, try flips of two entries at once
  int candidates = 4;  // flips per step whose norm is computed accurately, beyond 256 neurons
};

// The paper's Greedy SeqLip: from σ_i = the end of larger magnitude (hi_i in ties), flip the entry that raises the norm
// most until none does. `lower` is certified; `upper` is the same number as the estimate of the factor that the paper
// takes it for. With leading singular triples, give A = Σ Vᵀ (k, n) and B = U Σ (n, k).
PairResult pair_greedy(const PairProblem& problem, const PairGreedyOptions& options = {});

// The value at a vertex, certified from both sides.
struct PairValue {
  LowerBound lower;
  UpperBound upper;
};
PairValue pair_value(const PairProblem& problem, const std::vector<bool>& at_hi, const Budget& budget = {});

// The paper's closed bound from leading singular vectors [ScamanVirmaux2018]: relative to ‖A‖ ‖B‖,
//
//     max|σ| √((1 − r² − s²)₊ m² + r² + s² + r²s²),    m = max over σ of |Σ σ_i v_i u_i| / max|σ|.
//
struct LeadingVectors {
  Tensor of_left, of_right;  // (n): v, the right vector of A, and u, the left vector of B; unit vectors
  // r and s: the second singular value of A and of B divided by the first. Where a layer's Σ is split between two
  // factors by its root, they are the roots of the layer's ratios.
  double left_ratio = 0.0, right_ratio = 0.0;
};
// An estimate, however the triples were found: nothing here encloses them, nor the rounding.
UpperBound pair_leading_bound(const LeadingVectors& leading, const Tensor& lo, const Tensor& hi);
// The same times ‖A‖ ‖B‖, with triples by Lanczos' method: an estimate of an upper bound.
UpperBound pair_leading(const PairProblem& problem, const Budget& budget = {});

}  // namespace taut

#pragma GCC visibility pop
