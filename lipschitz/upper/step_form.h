// Where a network has a step: one layer of activations between two nodes, with everything affine that leads past it.
// Internal to lipschitz.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lipschitz/network/network.h"

namespace taut::detail {

// What is added to the arguments of neurons: nothing, what their operand adds, or what two candidates differ by.
enum class Added : std::uint8_t { nothing, of_operand, of_pair };
struct Origin {
  Added added = Added::nothing;
  std::size_t number = 0;  // the operand, or the pair in the order in which pairs are met
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

// Neurons of one operation, as functions of the node where the step begins.
struct Neurons {
  FoldedMap before;  // W, from that node
  FoldedMap after;   // V, to the node where the step ends
  Tensor lo, hi;     // slopes, f64
  // s(u) = below · u + (above − below) · max(u, 0), all of them; none: not known.
  std::optional<std::pair<double, double>> kink;
  // What is added to W x. Neurons with one row of W, of one entry of one origin, are one; of Added::nothing, of any
  // entry.
  Origin origin;
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
