// Which numbers of the joint input the nodes of a network depend on. Internal to lipschitz.
#pragma once

#include <vector>

#include "lipschitz/network/network.h"

namespace taut::detail {

// An outer set for every node, found for all nodes up to the one that is asked for.
class Supports {
 public:
  explicit Supports(const Network& network);  // which must outlive this

  // By number of the joint input.
  const std::vector<bool>& of(NodeId id);
  // Does no number enter into two of these nodes?
  bool apart(const std::vector<NodeId>& nodes);

 private:
  std::vector<bool> found(NodeId id) const;
  void include(std::vector<bool>& support, NodeId anchor, const FoldedMap& map) const;

  const Network& network_;
  std::size_t size_ = 0;
  std::vector<std::vector<bool>> known_;  // by node
  std::size_t next_ = 0;                  // of graph().nodes(), the first that is not known
};

}  // namespace taut::detail
