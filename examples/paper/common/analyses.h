// Every analysis that the tables of the paper need, under the names of methods that the rest of Taut uses. Nothing
// where this version of the library has no such analysis: the table then shows "-".
#pragma once

#include <optional>
#include <vector>

#include "autodiff/diff.h"
#include "examples/common/sandwich.h"

namespace taut::examples {

struct Analyses {
  Function f;       // the network, in inference, of batches
  Tensor sample;    // one sample, with the axis of samples
  Options options;  // threads, seed, progress

  // Upper bounds: the products of the layers' Frobenius and operator norms, the latter certified ("autolip").
  BoundRow frobenius() const;
  BoundRow autolip() const;
  // Certified; the exact maxima over all activation patterns of neighbouring layers; the paper's greedy search on the
  // `triples` leading singular triples of every layer, 0 for all: an estimate.
  std::optional<BoundRow> seqlip() const;
  std::optional<BoundRow> seqlip_exact() const;
  std::optional<BoundRow> seqlip_greedy(Index triples) const;
  // The constant itself, of networks of plane inputs: an upper and a lower row.
  std::vector<BoundRow> exact() const;

  // Lower bounds: the largest Jacobian over data, and from searches that start there.
  BoundRow dataset(const Tensor& data) const;
  std::optional<BoundRow> ascent(const Tensor& data) const;
  std::optional<BoundRow> annealing(const Tensor& data) const;
  std::optional<BoundRow> grid(const Interval& box) const;
};

// Bounds of max over σ in [0, 1]^n of ‖left diag(σ) right‖₂, n the columns of left and the rows of right: the paper's
// greedy search (an estimate; a maximum is at least what is found), and from above, certified. Nothing where this
// version of the library has no such analysis.
struct PairValues {
  std::optional<BoundRow> greedy, upper;
};
PairValues pair_values(const Tensor& left, const Tensor& right, const Options& options);

// Adds a row to {"bounds": […]} if there is one.
void add(nlohmann::ordered_json& row, const std::optional<BoundRow>& bound);

}  // namespace taut::examples
