// Proofs that a function has no finite constant, from one operation that has none. Internal to lipschitz.
#pragma once

#include <map>
#include <span>

#include "lipschitz/graph.h"
#include "lipschitz/network/folded_map.h"

namespace taut::detail {

// A summand after · v of the output with v = g(u_1, …), u_k = before_k · x + b_k, the joint input x and the operation g
// of one node.
struct Escaping {
  NodeId cause;  // the node of g
  rule::Escape how;
  std::map<NodeId, FoldedMap> before;  // by operand
  FoldedMap after;
};

// The output is the sum of these, at least one, and a Lipschitz function that is defined everywhere. True only if it is
// not Lipschitz: docs/mathematics/07-autolip.md#theorem-not-lipschitz. False says nothing.
bool escapes(const Graph& graph, std::span<const Escaping> summands);

}  // namespace taut::detail
