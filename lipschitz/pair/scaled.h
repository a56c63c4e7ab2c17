// A pair problem in a gauge in which its numbers are neither large nor small. Internal.
#pragma once

#include <cstdint>
#include <vector>

#include "lipschitz/pair_problem.h"

namespace taut::detail {

// ‖A diag(σ) B‖ = 2^exponent ‖Σ σ_i a_i b_iᵀ‖ up to `lost`, over the neurons that can contribute. Powers of two move
// between σ_i, a_i and b_i, which is exact and changes nothing but the rounding: max(|lo_i|, |hi_i|), the largest
// entries of a_i and b_i are below 2, and a_i and b_i are balanced.
struct ScaledPair {
  explicit ScaledPair(const PairProblem& problem);

  Index n = 0, p = 0, q = 0;   // n: contributing neurons only
  std::vector<double> a, b;    // a_i: row i of (n, p); b_i: row i of (n, q)
  std::vector<double> lo, hi;  // (n)
  std::vector<Index> neuron;   // in the problem
  std::int64_t exponent = 0;
  // Of the value, in scaled units: entries that underflowed.
  static constexpr double lost = 0x1p-900;

  double slope(Index i, bool at_hi) const {
    return at_hi ? hi[static_cast<std::size_t>(i)] : lo[static_cast<std::size_t>(i)];
  }
  // ≥ Σ ‖a_i‖ max(|lo_i|, |hi_i|) ‖b_i‖, what rounding errors are relative to.
  double mass() const { return mass_; }

  Magnitude unscaled(double x) const;          // exact
  double scaled(const Magnitude& norm) const;  // ≥ a norm that is at most this, in scaled units

  // x with ‖Σ σ_i a_i b_iᵀ x‖ / ‖x‖ close to the norm: Lanczos' method, warm-started where x is given.
  void improve_direction(const std::vector<double>& sigma, std::vector<double>& x, int steps) const;
  // That quotient, rounded down, `lost` included. In scaled units.
  double attained(const std::vector<double>& sigma, const std::vector<double>& x) const;

  std::vector<double> slopes(const std::vector<bool>& at_hi) const;     // at_hi: of contributing neurons
  std::vector<bool> full_vertex(const std::vector<bool>& at_hi) const;  // true for those that do not contribute
  std::vector<bool> own_vertex(const std::vector<bool>& of_the_problem) const;

 private:
  Index total_ = 0;
  double mass_ = 0.0;
};

// max |σ_i| ‖A‖ ‖B‖, certified; looser where there is no time for factorisations.
Magnitude product_bound(const PairProblem& problem, const Budget& budget);

}  // namespace taut::detail
