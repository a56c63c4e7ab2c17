#include "lipschitz/network/supports.h"

#include "autodiff/error.h"

namespace taut::detail {
namespace {

void join(std::vector<bool>& support, const std::vector<bool>& other) {
  for (std::size_t i = 0; i < support.size(); ++i) support[i] = support[i] || other[i];
}

}  // namespace

Supports::Supports(const Network& network) : network_(network), known_(network.output() + std::size_t{1}) {
  for (const NodeId id : network.graph().inputs())
    size_ += static_cast<std::size_t>(network.graph().node(id).value.size());
}

const std::vector<bool>& Supports::of(NodeId id) {
  const std::span<const NodeId> nodes = network_.graph().nodes();
  for (; next_ < nodes.size() && nodes[next_] <= id; ++next_)
    if (network_.graph().varies(nodes[next_])) known_[nodes[next_]] = found(nodes[next_]);
  return known_[id];
}

std::vector<bool> Supports::found(NodeId id) const {
  std::vector<bool> support(size_);
  const NetworkNode& node = network_.node(id);
  for (const auto& [anchor, map] : node.terms) {
    if (anchor != id) {
      include(support, anchor, map);
      continue;
    }
    for (const NodeId operand : node.operands) join(support, known_[operand]);
  }
  return support;
}

// Of a map from the joint input, the columns that are not zero: into those the transposed map moves what is unbounded.
void Supports::include(std::vector<bool>& support, NodeId anchor, const FoldedMap& map) const {
  if (anchor != joint_input) {
    join(support, known_[anchor]);
    return;
  }
  try {
    const LinearMap back = transpose(map.map());
    const Range columns = linear_range(back, Range::box(back.in_shape(), Interval::reals()), DType::f64);
    for (std::size_t i = 0; i < support.size(); ++i)
      if (columns.at(static_cast<Index>(i)) != Interval::point(0.0)) support[i] = true;
  } catch (const UnsupportedError&) {  // the entries of the map are not known
    support.assign(size_, true);
  }
}

bool Supports::apart(const std::vector<NodeId>& nodes) {
  std::vector<bool> taken(size_);
  for (const NodeId id : nodes) {
    const std::vector<bool>& support = of(id);
    for (std::size_t i = 0; i < size_; ++i) {
      if (support[i] && taken[i]) return false;
      taken[i] = taken[i] || support[i];
    }
  }
  return true;
}

}  // namespace taut::detail
