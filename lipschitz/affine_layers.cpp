#include "lipschitz/affine_layers.h"

#include "lipschitz/fold.h"

namespace taut {
namespace {

using detail::FoldedMap;

// The maps by which a node depends on its operands; none where it is not affine.
std::vector<LinearMap> maps_of(const Graph& graph, NodeId id) {
  const Rule rule = graph.rule(id, {});
  if (const auto* affine = std::get_if<rule::Affine>(&rule)) return affine->maps;
  const auto* elementwise = std::get_if<rule::Elementwise>(&rule);
  if (elementwise == nullptr || graph.constant_error(id) != 0.0) return {};
  const LinearMap map = detail::linear_here(*elementwise, graph.node(id).value.shape());
  if (!map) return {};
  std::vector<LinearMap> maps(graph.node(id).operands().size());
  maps[static_cast<std::size_t>(elementwise->argument)] = map;
  return maps;
}

// Σ map ∘ (what the operand is of the inputs), over the operands that vary.
std::optional<FoldedMap> folded(const Graph& graph, NodeId id, const std::map<NodeId, FoldedMap>& known) {
  const std::vector<LinearMap> maps = maps_of(graph, id);
  std::optional<FoldedMap> sum;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const NodeId operand = graph.node(id).operands()[i];
    if (!graph.varies(operand)) continue;
    const FoldedMap term = FoldedMap::compose(FoldedMap(maps[i], graph.constant_error(id)), known.at(operand));
    sum = sum ? FoldedMap::add(*sum, term) : term;
  }
  return sum;
}

Index joint_size(const Graph& graph) {
  Index total = 0;
  for (const NodeId id : graph.inputs()) total += graph.node(id).value.size();
  return total;
}

}  // namespace

std::optional<AffineMap> affine_part(const Var& output) {
  const Graph graph(output, "affine_part");
  graph.require_finite();
  if (!graph.varies(graph.output())) return std::nullopt;
  std::map<NodeId, FoldedMap> known;
  Index offset = 0;
  for (const NodeId id : graph.nodes()) {
    if (!graph.varies(id)) continue;
    const Shape& shape = graph.node(id).value.shape();
    if (graph.node(id).op == nullptr) {
      known.emplace(id, FoldedMap(detail::part_of_joint(joint_size(graph), offset, shape), 0.0));
      offset += shape.size();
      continue;
    }
    std::optional<FoldedMap> map = folded(graph, id, known);
    if (!map) return std::nullopt;
    known.emplace(id, *std::move(map));
  }
  const FoldedMap& all = known.at(graph.output());
  return AffineMap{all.map(), all.relative_error()};
}

}  // namespace taut
