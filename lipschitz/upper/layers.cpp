// Which maps AutoLip multiplies.
#include "lipschitz/upper/layers.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "lipschitz/affine_layers.h"
#include "lipschitz/network/network.h"
#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/upper/autolip.h"

namespace taut {
namespace {

using detail::FoldedMap;
using detail::Terms;

class LayersOfNetwork : public detail::AutoLip {
 public:
  LayersOfNetwork(const detail::Network& network, const AutoLipOptions& options)
      : AutoLip(network, options, "layers") {}

  std::vector<FoldedLayer> layers() {
    run();
    if (graph_.varies(graph_.output())) {
      collect(graph_.output());
      follow_largest_path();
    }
    std::vector<FoldedLayer> result;
    for (auto& [place, layer] : layers_) result.push_back(std::move(layer));
    return result;
  }

 private:
  // Where a map lies: its last node first, which orders layers as the tape does.
  using Place = std::pair<NodeId, NodeId>;
  static NodeId order_of(NodeId anchor) { return anchor == detail::joint_input ? 0 : anchor + 1; }
  static Place place(NodeId to, NodeId anchor) { return {to, order_of(anchor)}; }

  const Terms& terms_of(NodeId id) const { return node(id).before.empty() ? node(id).terms : node(id).before; }
  LayerNode describe(NodeId id) const {
    const Node& n = graph_.node(id);
    return {id, std::string(n.name()), n.where};
  }

  // Every map that the bound of a node rests on. Without recursion: networks are deep.
  void collect(NodeId last) {
    std::vector<NodeId> open{last};
    std::set<NodeId> seen{last};
    const auto visit = [&](NodeId id) {
      if (seen.insert(id).second) open.push_back(id);
    };
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      for (const auto& [anchor, map] : terms_of(id)) {
        if (!detail::is_identity(map.map())) add(id, anchor, map);
        if (anchor != detail::joint_input && anchor != id) visit(anchor);
      }
      if (terms_of(id).contains(id))
        for (const NodeId operand : node(id).operands) visit(operand);
    }
  }

  void add(NodeId to, NodeId anchor, const FoldedMap& map) {
    const AffineMap affine{map.map(), map.relative_error()};
    FoldedLayer layer{std::nullopt,
                      describe(to),
                      nodes_between(anchor, to),
                      affine,
                      enclosure(map, affine),
                      frobenius_norm(affine, options_.budget),
                      false,
                      std::nullopt};
    if (anchor != detail::joint_input) layer.from = describe(anchor);
    layers_.emplace(place(to, anchor), std::move(layer));
  }

  // The fold takes the cheaper of two bounds where it has both; to be shown is the better one.
  Enclosure enclosure(const FoldedMap& map, const AffineMap& affine) {
    AutoLipOptions spectral = options_;
    spectral.affine_norm = AffineNorm::spectral;
    Enclosure bounds = options_.affine_norm == AffineNorm::spectral
                           ? map.enclosure(options_, cut_)
                           : operator_norm(affine, options_.question.norm, options_.budget);
    constexpr double loose = 1e-6;
    if (options_.affine_norm != AffineNorm::spectral || !(bounds.overshoot() > loose)) return bounds;
    const Enclosure other = operator_norm(affine, options_.question.norm, options_.budget);
    return {better(bounds.lower, other.lower), better(bounds.upper, other.upper), bounds.cut || other.cut};
  }

  // Nodes on a way from an anchor to a node that pass through no other anchor.
  std::vector<LayerNode> nodes_between(NodeId anchor, NodeId to) {
    std::set<NodeId> found{to};
    std::vector<NodeId> open{to};
    while (!open.empty()) {
      const NodeId id = open.back();
      open.pop_back();
      for (const NodeId operand : node(id).operands) {
        if (node(operand).terms.contains(operand) || !terms_of(operand).contains(anchor)) continue;
        if (graph_.node(operand).op != nullptr && found.insert(operand).second) open.push_back(operand);
      }
    }
    std::vector<LayerNode> nodes;
    for (const NodeId id : found) nodes.push_back(describe(id));
    return nodes;
  }

  // From the output back, every time to the term or operand that contributes most.
  void follow_largest_path() {
    std::vector<FoldedLayer*> path;
    double log_of_product = 0.0;
    NodeId id = graph_.output();
    for (bool at_input = false; !at_input;) {
      const NodeId anchor = largest_term(id, path, log_of_product);
      if (anchor == detail::joint_input) break;
      const bool affine = !node(anchor).before.empty();
      if (affine) id = anchor;
      at_input = !affine && !largest_operand(anchor, id, log_of_product);
    }
    for (FoldedLayer* layer : path) {
      layer->on_largest_path = true;
      const double share = layer->norm.upper.magnitude().log10() / log_of_product;
      if (std::isfinite(log_of_product) && log_of_product > 0.0 && std::isfinite(share)) layer->share = share;
    }
  }

  NodeId largest_term(NodeId id, std::vector<FoldedLayer*>& path, double& log_of_product) {
    const FoldedMap* largest = nullptr;
    NodeId chosen = detail::joint_input;
    double most = -infinity;
    for (const auto& [anchor, map] : terms_of(id)) {
      const double contribution = norm_of(map).magnitude().log10() + of_anchor(anchor).magnitude().log10();
      if (largest != nullptr && !(contribution > most)) continue;
      largest = &map;
      chosen = anchor;
      most = contribution;
    }
    if (const auto found = layers_.find(place(id, chosen)); found != layers_.end()) path.push_back(&found->second);
    if (largest != nullptr) log_of_product += norm_of(*largest).magnitude().log10();
    return chosen;
  }

  // The operand of an anchor to go on with, in `id`; false at a leaf.
  bool largest_operand(NodeId anchor, NodeId& id, double& log_of_product) {
    const std::vector<NodeId>& operands = node(anchor).operands;
    if (operands.empty() || state(anchor).gains.size() != operands.size()) return false;
    double most = -infinity, gain = 0.0;
    id = operands.front();
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const double own = state(anchor).gains[i].magnitude().log10();
      const double contribution = own + bound_of(operands[i]).magnitude().log10();
      if (i > 0 && !(contribution > most)) continue;
      most = contribution;
      gain = own;
      id = operands[i];
    }
    log_of_product += gain;
    return true;
  }

  std::map<Place, FoldedLayer> layers_;
};

}  // namespace

namespace detail {

std::vector<FoldedLayer> folded_layers(const Network& network, const AutoLipOptions& options) {
  AutoLipOptions products = options;  // of which the layers are shares
  products.products_only = true;
  return LayersOfNetwork(network, products).layers();
}

}  // namespace detail

std::vector<FoldedLayer> folded_layers(const Var& output, const AutoLipOptions& options) {
  const Graph graph(output, "folded_layers");
  return detail::folded_layers(detail::Network(graph, options.question, detail::behind_under(options)), options);
}

std::vector<FoldedLayer> folded_layers(const Function& f, const Tensor& sample, const AutoLipOptions& options,
                                       Where where) {
  Tape tape;
  return folded_layers(f(tape.input(sample, "x", where)), options);
}

const FoldedLayer* culprit(const std::vector<FoldedLayer>& layers) {
  const FoldedLayer* largest = nullptr;
  for (const FoldedLayer& layer : layers)
    if (layer.on_largest_path && (largest == nullptr || largest->norm.upper.magnitude() < layer.norm.upper.magnitude()))
      largest = &layer;
  return largest;
}

Enclosure operator_norm(const AffineMap& affine, Norm norm, const Budget& budget) {
  return detail::with_entry_error(operator_norm(affine.map, norm, {.budget = budget}), affine.map,
                                  affine.relative_error);
}

UpperBound frobenius_norm(const AffineMap& affine, const Budget& budget) {
  const UpperBound bound = frobenius_norm(affine.map, budget);
  if (affine.relative_error == 0.0) return bound;
  const std::string rounding = "with the rounding of constants";
  if (!detail::has_entries(affine.map) || !std::isfinite(affine.relative_error))
    return UpperBound::estimate(bound.magnitude(), Norm::l2, bound.method(), rounding);
  // Errors are relative to the magnitudes of what is composed and added, which may cancel in the map itself:
  // ‖A‖ ≤ ‖Â‖ + e ‖ |Â| ‖, docs/mathematics/07-autolip.md#computed-constants.
  const UpperBound magnitudes = frobenius_norm(absolute(affine.map), budget);
  return sum(std::vector<UpperBound>{bound, scaled(magnitudes, affine.relative_error, rounding)});
}

}  // namespace taut
