#include <algorithm>
#include <span>

#include "autodiff/outward.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/network/network.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut {
namespace {

using detail::FoldedMap;

// How a node depends on its operands; no maps where it is not affine.
rule::Affine affine_rule(const Graph& graph, NodeId id) {
  const Rule rule = graph.rule(id, {});
  if (const auto* affine = std::get_if<rule::Affine>(&rule)) return *affine;
  const auto* elementwise = std::get_if<rule::Elementwise>(&rule);
  if (elementwise == nullptr || graph.error_of_operands(id) != 0.0) return {};
  const LinearMap map = detail::linear_here(*elementwise, graph.node(id).value.shape());
  if (!map) return {};
  rule::Affine affine{std::vector<LinearMap>(graph.node(id).operands().size())};
  affine.maps[static_cast<std::size_t>(elementwise->argument)] = map;
  return affine;
}

// Σ map ∘ (what the operand is of the inputs), over the operands that vary.
std::optional<FoldedMap> folded(const Graph& graph, NodeId id, const std::map<NodeId, FoldedMap>& known) {
  const rule::Affine rule = affine_rule(graph, id);
  const double error = graph.error_of_maps(id, rule);
  std::optional<FoldedMap> sum;
  for (std::size_t i = 0; i < rule.maps.size(); ++i) {
    const NodeId operand = graph.node(id).operands()[i];
    if (!graph.varies(operand)) continue;
    const FoldedMap term = FoldedMap::compose(FoldedMap(rule.maps[i], error), known.at(operand));
    sum = sum ? FoldedMap::add(*sum, term) : term;
  }
  return sum;
}

Index joint_size(const Graph& graph) {
  Index total = 0;
  for (const NodeId id : graph.inputs()) total += graph.node(id).value.size();
  return total;
}

// The one node by which an affine node varies; none where there are several or it is not affine.
std::optional<NodeId> sole_operand(const Graph& graph, NodeId id) {
  if (graph.node(id).op == nullptr || affine_rule(graph, id).maps.empty()) return std::nullopt;
  std::optional<NodeId> sole;
  for (const NodeId operand : graph.node(id).operands()) {
    if (!graph.varies(operand)) continue;
    if (sole && *sole != operand) return std::nullopt;
    sole = operand;
  }
  return sole;
}

// ‖a − b‖ in the norm dual to `norm`, rounded up.
double dual_distance(std::span<const double> a, std::span<const double> b, Norm norm) {
  double total = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const double d = std::max(sub_up(a[k], b[k]), sub_up(b[k], a[k]));
    total = norm == Norm::l1 ? std::max(total, d) : add_up(total, norm == Norm::l2 ? mul_up(d, d) : d);
  }
  return norm == Norm::l2 ? sqrt_up(total) : total;
}

// What the exact distance of two rows may exceed that of the rows of the form by: with Δ the difference of the
// matrices, ‖Δᵀ(e_i − e_j)‖ ≤ ‖Δ‖ · ‖e_i − e_j‖, both in dual norms.
double error_of_distance(const AffineMap& affine, const detail::MatrixForm& form, Norm norm) {
  Magnitude error = form.error_in(norm);
  if (affine.relative_error > 0.0)
    error = Magnitude::sum(
        error, Magnitude::product(affine.relative_error, detail::sum_bounds(affine.map).in(norm), Side::upper),
        Side::upper);
  return mul_up(norm == Norm::l1 ? 1.0 : norm == Norm::l2 ? sqrt_up(2.0) : 2.0, error.round(Side::upper));
}

}  // namespace

std::optional<Tensor> row_distances(const AffineMap& affine, Norm norm) {
  if (!detail::has_entries(affine.map)) return std::nullopt;
  const std::optional<detail::MatrixForm> form = detail::matrix_form(affine.map, {});
  if (!form) return std::nullopt;
  const auto m = static_cast<std::size_t>(affine.map.out_shape().size());
  const auto length = static_cast<std::size_t>(affine.map.in_shape().size());
  const auto rows = form->matrix.data<double>();
  const double error = error_of_distance(affine, *form, norm);
  Tensor distances = Tensor::zeros(Shape{static_cast<Index>(m), static_cast<Index>(m)}, DType::f64);
  const auto entries = distances.mutable_data<double>();
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < i; ++j)
      entries[i * m + j] = entries[j * m + i] =
          add_up(dual_distance(rows.subspan(i * length, length), rows.subspan(j * length, length), norm), error);
  return distances;
}

std::optional<AffineHead> affine_head(const Var& output) {
  const Graph graph(output, "affine_head");
  graph.require_finite();
  if (!graph.varies(graph.output())) return std::nullopt;
  std::vector<NodeId> chain;  // from the output down
  NodeId body = graph.output();
  while (const std::optional<NodeId> below = sole_operand(graph, body)) {
    chain.push_back(body);
    body = *below;
  }
  if (chain.empty()) return std::nullopt;
  std::map<NodeId, FoldedMap> known;
  known.emplace(body, FoldedMap(identity_map(graph.node(body).value.shape()), 0.0));
  for (std::size_t i = chain.size(); i-- > 0;) known.emplace(chain[i], *folded(graph, chain[i], known));
  const FoldedMap& all = known.at(graph.output());
  return AffineHead{{all.map(), all.relative_error()}, graph.tape().var(body)};
}

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
