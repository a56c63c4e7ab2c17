// Where a network has a step: one layer of activations between two nodes, with everything affine that leads past it.
// Internal to lipschitz.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "lipschitz/network/network.h"

namespace taut::detail {

// Neurons of one operation, as functions of the node where the step begins.
struct Neurons {
  FoldedMap before;  // W, from that node
  FoldedMap after;   // V, to the node where the step ends
  Tensor lo, hi;     // slopes, f64
  // s(u) = below · u + (above − below) · max(u, 0), all of them; none: not known.
  std::optional<std::pair<double, double>> kink;
  // Neurons of one origin and one row of W are one: what is added to W x is the same. {0, 0}: nothing is added.
  std::pair<NodeId, NodeId> origin;
};

struct StepForm {
  NodeId from = 0;
  std::optional<FoldedMap> past;  // D; none: 0
  std::vector<Neurons> neurons;
};

// Finds steps. The network must outlive it.
class StepFinder {
 public:
  explicit StepFinder(const Network& network);
  // The step that ends in a node where several varying operands meet, and begins where all ways to the inputs meet
  // again. Nothing where there is none, or where what lies between is more than one layer.
  std::optional<StepForm> step_to(NodeId end) const;

 private:
  std::optional<std::vector<NodeId>> between(NodeId from, NodeId to) const;

  const Network& network_;
  std::vector<NodeId> dominator_;  // of varying nodes: the next node that all ways to the inputs share
};

}  // namespace taut::detail
