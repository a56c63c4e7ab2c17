// The best diagonal multiplier of a pair of which some slopes are decided, by an interior-point method, and the proof
// of the bound it gives. For up to a few hundred neurons. Internal;
// docs/mathematics/13-pairs.md#multipliers and #proof-of-small-problems.
#pragma once

#include <cstdint>
#include <vector>

#include "lipschitz/pair/scaled.h"

namespace taut::detail {

// ‖A diag(σ) B‖² = λ_max(Bᵀ D P D B), P = AᵀA, with B replaced by a matrix (n, q) of q ≤ n columns and the same B Bᵀ,
// and A and B exchanged where that makes q smaller. Values are squared norms in the units of the scaled pair.
class Relaxation {
 public:
  explicit Relaxation(const ScaledPair& pair);

  Index n() const { return n_; }
  Index q() const { return q_; }
  // The norm squared of the pair is at most any proved value of the stored P and B plus this: forming them.
  double forming_error() const { return forming_error_; }

  // A part of the cube: decided entries at an end, multipliers of the others, and what is proved of it.
  struct Node {
    std::vector<std::int8_t> decided;  // +1: hi, −1: lo, 0: not decided
    // Where the interior-point method starts: λ_i > 0 of entries not decided, ρ and μ well inside, so that parts of
    // this part may start there as well. rho = 0: no start yet.
    std::vector<double> multiplier;
    double rho = 0.0, mu = 0.0;
    double proved = 0.0;  // certified: ≥ every squared norm in this part, forming error included
    Index branch = -1;    // the entry whose slope the relaxation leaves open most; −1: none
  };
  Node root() const;

  // Improves the multipliers until the node is proved to stay at or below `target` (returns true), or it is clear that
  // they cannot prove that and their gap to the best ones is below `gap` relative. Fills `proved`, `branch` and the
  // start of its parts.
  bool optimise(Node& node, double target, double gap, const Budget& budget);
  // What the multipliers of a node prove with this ρ, as `proved`; infinity where they do not.
  double prove(const Node& node, double rho);
  // The vertex that the last optimise() suggests.
  const std::vector<bool>& suggestion() const { return suggestion_; }

  // λ_max at a vertex as LAPACK computes it: no error bound.
  double value(const std::vector<bool>& at_hi);
  // Ascent from a vertex: slopes that are best for the current singular vectors, then single flips. Returns its value.
  // Ends early where options expire.
  double climb(std::vector<bool>& at_hi, const Budget& budget);

  // The stored P (n, n) and B (n, q), and upper bounds of their Frobenius norms, of B squared.
  const std::vector<double>& gram() const { return gram_; }
  const std::vector<double>& right() const { return b_; }
  double gram_norm() const { return gram_norm_; }
  double right_squared() const { return b_squared_; }

  Index evaluations() const { return evaluations_; }

 private:
  void set_up(const Node& node);               // the matrices of a node
  bool factorise(double rho);                  // Q(λ, ρ) = LLᵀ in q_matrix_; false when it breaks down
  double proved_by(double rho) const;          // after factorise()
  void invert();                               // Z = Q⁻¹ in full
  void newton_direction(double mu);            // step_, decrement_
  double start_rho();                          // a feasible ρ for the multipliers
  double top(const std::vector<bool>& at_hi);  // value, with its vector in direction_
  void suggest(Node& node);

  Index n_ = 0, q_ = 0;
  std::vector<double> lo_, hi_, gram_, b_;  // gram_ = P (n, n), b_ (n, q)
  double forming_error_ = 0.0, gram_norm_ = 0.0, b_squared_ = 0.0;

  // Of the node at hand: entries not decided, centres and radii, and constants of Q.
  std::vector<Index> free_;
  std::vector<double> centre_, radius_, lambda_;
  std::vector<double> x_, t_, constant_;  // C B, P C B, and the part of Q without λ and ρ
  std::vector<double> free_b_, weighted_;
  double rounding_ = 0.0;               // of the constant part of Q
  double trace_ = 0.0, log_det_ = 0.0;  // of Q as factorised
  // Scratch.
  std::vector<double> q_matrix_, inverse_, y_, s_, hessian_, step_;
  double decrement_ = 0.0;
  std::vector<double> small_, small_values_, direction_, image_;
  std::vector<bool> suggestion_;
  Index evaluations_ = 0;
};

}  // namespace taut::detail
