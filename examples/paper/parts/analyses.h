// Every analysis that the tables of the paper need, under the names of methods that the rest of Taut uses.
#pragma once

#include <optional>
#include <vector>

#include "autodiff/diff.h"
#include "examples/support/sandwich.h"
#include "lipschitz/sandwich.h"

namespace taut::examples {

struct Analyses {
  Function f;                     // the network, in inference, of batches
  Tensor sample;                  // one sample, with the axis of samples
  Budget options;                 // threads, seed, progress
  std::optional<double> limit{};  // seconds of one analysis; what it cuts says so

  // The rows of a method of sandwich(): one, or an upper and a lower one. Searches start at `data` where there is some.
  std::vector<BoundRow> of(Method method, const Tensor& data = {}) const;
  // On a box, for grids.
  std::vector<BoundRow> on_box(Method method, const Interval& box) const;
  // The paper's greedy search on the `triples` leading singular triples of every layer: an estimate.
  std::vector<BoundRow> seqlip_greedy(Index triples) const;
};

// Bounds of max over σ in [0, 1]^n of ‖left diag(σ) right‖₂, n the columns of left and the rows of right: the paper's
// greedy search (an estimate; a maximum is at least what is found), and from above, certified.
struct PairValues {
  BoundRow greedy, upper;
};
BoundRow pair_greedy_row(const Tensor& left, const Tensor& right, const Budget& budget);
PairValues pair_values(const Tensor& left, const Tensor& right, const Budget& budget);

// Adds rows to {"bounds": […]}.
void add(nlohmann::ordered_json& row, const std::vector<BoundRow>& bounds);

}  // namespace taut::examples
