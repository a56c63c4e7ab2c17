// Proofs that a function has no finite constant, from one operation that has none. Internal to lipschitz.
#pragma once

#include <map>
#include <optional>

#include "lipschitz/folded_map.h"
#include "lipschitz/graph.h"

namespace taut::detail {

// y = after · v + h(x), v = g(u_1, …), u_k = before_k · x + b_k, with the joint input x, the operation g of one node
// and a Lipschitz function h that is defined everywhere.
struct Escaping {
  const Graph& graph;
  NodeId cause;  // the node of g
  rule::Escape how;
  std::map<NodeId, FoldedMap> before;  // by operand
  std::optional<FoldedMap> after;
};

// True only if y is not Lipschitz in x: docs/mathematics.md, 7.6. False says nothing.
bool escapes(const Escaping& escaping);

}  // namespace taut::detail
