// What the exact searches share: the best vertex so far; and parts of searches that others call. Internal.
#pragma once

#include <vector>

#include "lipschitz/pair/relaxation.h"

namespace taut::detail {

// The best vertex found, with its certified value, and what searches have proved of the rest.
class Incumbent {
 public:
  Incumbent(const ScaledPair& pair, Relaxation& relaxation, double tolerance)
      : pair_(pair), relaxation_(relaxation), tolerance_(tolerance), at_hi_(static_cast<std::size_t>(pair.n), true) {}

  // Takes a vertex whose computed squared value is given, if it is better. True if so.
  bool offer(const std::vector<bool>& at_hi, double computed);
  // The same after climbing from it.
  bool climb(std::vector<bool> at_hi, const Budget& budget);
  // From both ends, from the slopes that suit a few random directions, and from random vertices.
  void start(const Budget& budget, int restarts);

  const std::vector<bool>& at_hi() const { return at_hi_; }
  double lower() const { return lower_; }  // certified value at the vertex, in scaled units
  // A squared value that is close enough to that of the incumbent: what is proved to stay below need not be searched.
  double target() const { return target_; }

  double settled = 0.0;  // ≥ every squared value of what has been searched, certified

 private:
  const ScaledPair& pair_;
  Relaxation& relaxation_;
  double tolerance_, computed_ = -1.0, lower_ = 0.0, target_ = 0.0;
  std::vector<bool> at_hi_;
  std::vector<double> direction_;
};

// Both settle everything unless options expire or the nodes are used up (then false, with `open` ≥ what is not
// settled). Before, `open` ≥ everything.
bool enumerate(Relaxation& relaxation, const ScaledPair& pair, Incumbent& incumbent, const Budget& budget,
               PairResult& result, double& open);
bool branch_and_bound(Relaxation& relaxation, Incumbent& incumbent, const PairExactOptions& options, PairResult& result,
                      double& open);

// pair_multiplier() of a valid problem whose product of norms, at least max |σ_i| ‖A‖ ‖B‖, is known.
PairResult multiplier_bound(const PairProblem& problem, const Magnitude& product, const PairMultiplierOptions& options);

}  // namespace taut::detail
