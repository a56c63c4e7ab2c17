#include "lipschitz/network/network.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"

namespace taut::detail {
namespace {

// Folded maps of more parts would cost more to look through than they can gain.
constexpr int most_parts = 24;

// Entries of the output that a selection fills, or nothing for other maps.
const std::vector<Index>* filled(const LinearMap& map) {
  const auto* selection = std::get_if<structure::Selection>(&map.structure());
  return selection != nullptr ? selection->source.get() : nullptr;
}

bool has_no_constant(const Rule& rule) { return std::holds_alternative<rule::Unbounded>(rule); }

}  // namespace

bool write_apart(const std::vector<LinearMap>& maps) {
  std::vector<bool> taken;
  for (const LinearMap& map : maps) {
    if (!map) continue;
    const auto* const source = filled(map);
    if (source == nullptr) return false;
    taken.resize(source->size());
    for (std::size_t i = 0; i < source->size(); ++i) {
      if ((*source)[i] < 0) continue;
      if (taken[i]) return false;
      taken[i] = true;
    }
  }
  return true;
}

LinearMap part_of_joint(Index total, Index offset, const Shape& shape) {
  if (shape.size() == total) return identity_map(shape);  // the only input keeps its shape
  auto source = std::make_shared<std::vector<Index>>(static_cast<std::size_t>(shape.size()));
  for (Index i = 0; i < shape.size(); ++i) (*source)[static_cast<std::size_t>(i)] = offset + i;
  return LinearMap(Shape{total}, shape, structure::Selection{std::move(source)});
}

LinearMap linear_here(const rule::Elementwise& rule, const Shape& shape) {
  if (!rule.lo.defined()) return rule.slope.lo == rule.slope.hi ? scale_map(shape, rule.slope.lo) : LinearMap();
  if (!std::ranges::equal(rule.lo.data<double>(), rule.hi.data<double>())) return {};
  return LinearMap(shape, shape, structure::Diagonal{rule.lo.reshaped(Shape{shape.size()}), 1});
}

Network::Network(const Graph& graph, const Question& question, Behind behind)
    : graph_(graph), question_(question), behind_(behind), nodes_(graph.output() + std::size_t{1}) {
  graph_.require_finite();
  graph_.require_one_sample(question_.sample_axis);
  prepare_rules();
  prepare_inputs();
  for (const NodeId id : graph_.nodes())
    if (graph_.varies(id) && graph_.node(id).op != nullptr) include(id);
}

// Over all reals what an operation is by itself says most: that it is one map, that it has no constant. Ranges cost a
// sweep, worth its while where something has none: the ranges of its operands may leave it one
// (docs/mathematics/07-autolip.md#ranges-over-the-reals).
void Network::prepare_rules() {
  bool wants_ranges = question_.domain.bounded();
  for (const NodeId id : graph_.nodes()) {
    if (question_.domain.bounded() || !graph_.varies(id) || graph_.node(id).op == nullptr) continue;
    nodes_[id].rule = graph_.rule(id, {});
    wants_ranges = wants_ranges || has_no_constant(*nodes_[id].rule);
  }
  if (!wants_ranges) return;
  std::vector<Range> inputs;
  for (const NodeId id : graph_.inputs()) {
    const Shape& shape = graph_.node(id).value.shape();
    inputs.push_back(question_.domain.bounded() ? question_.domain.range(shape) : Range::box(shape, Interval::reals()));
  }
  ranges_ = graph_.ranges(inputs, question_.domain.bounded() ? OutOfDomain::is_error : OutOfDomain::has_no_value);
}

Rule Network::rule_of(NodeId id) {
  if (question_.domain.bounded()) return graph_.rule(id, ranges_);
  Rule by_itself = *std::move(nodes_[id].rule);
  if (!has_no_constant(by_itself)) return by_itself;
  Rule on_ranges = graph_.rule(id, ranges_);
  return has_no_constant(on_ranges) ? by_itself : on_ranges;
}

void Network::prepare_inputs() {
  Index total = 0, offset = 0;
  for (const NodeId id : graph_.inputs()) total += graph_.node(id).value.size();
  for (const NodeId id : graph_.inputs()) {
    const Shape& shape = graph_.node(id).value.shape();
    nodes_[id].kind = "input";
    nodes_[id].terms.emplace(joint_input, FoldedMap(part_of_joint(total, offset, shape), 0.0));
    offset += shape.size();
  }
}

// A node that is not affine is an anchor of those that follow.
void Network::anchor(NodeId id) {
  nodes_[id].terms.clear();
  nodes_[id].terms.emplace(id, FoldedMap(identity_map(graph_.node(id).value.shape()), 0.0));
}

void Network::include(NodeId id) {
  for (const NodeId operand : graph_.node(id).operands())
    if (graph_.varies(operand)) nodes_[id].operands.push_back(operand);
  Rule rule = rule_of(id);
  if (auto affine = as_affine(id, rule)) {
    nodes_[id].kind = "elementwise, linear here";
    rule = *std::move(affine);
  }
  nodes_[id].rule = std::move(rule);
  std::visit([&](const auto& of_kind) { include(id, of_kind); }, *nodes_[id].rule);
}

// An elementwise operation whose slopes leave one map.
std::optional<rule::Affine> Network::as_affine(NodeId id, const Rule& rule) const {
  const auto* elementwise = std::get_if<rule::Elementwise>(&rule);
  if (elementwise == nullptr || graph_.error_of_operands(id) != 0.0) return std::nullopt;
  const LinearMap map = linear_here(*elementwise, graph_.node(id).value.shape());
  if (!map) return std::nullopt;
  rule::Affine affine{std::vector<LinearMap>(graph_.node(id).operands().size())};
  affine.maps[static_cast<std::size_t>(elementwise->argument)] = map;
  return affine;
}

void Network::include(NodeId id, const rule::Affine& rule) {
  NetworkNode& node = nodes_[id];
  if (node.kind == "constant") node.kind = "affine";
  const double error = graph_.error_of_maps(id, rule);
  const std::span<const NodeId> operands = graph_.node(id).operands();
  int parts = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (!graph_.varies(operands[i])) continue;
    const FoldedMap& map = node.maps.emplace_back(rule.maps[i], error);
    for (const auto& [anchor, inner] : nodes_[operands[i]].terms) {
      FoldedMap folded = FoldedMap::compose(map, inner);
      const auto [place, first] = node.terms.try_emplace(anchor, folded);
      if (!first) place->second = FoldedMap::add(place->second, folded);
    }
  }
  node.apart = write_apart(rule.maps);
  for (const auto& [anchor, map] : node.terms) parts += map.parts();
  if (parts <= most_parts) return;
  node.before = node.terms;
  anchor(id);
}

void Network::include(NodeId id, const rule::Elementwise& rule) {
  nodes_[id].kind = "elementwise";
  nodes_[id].slopes = slopes_of(id, rule);
  anchor(id);
}

std::optional<Slopes> Network::slopes_of(NodeId id, const rule::Elementwise& rule) const {
  const double error = graph_.error_of_operands(id);
  if (!std::isfinite(rule.slope.magnitude()) || !(error < 0.25)) return std::nullopt;
  const Index size = graph_.node(id).value.size();
  Slopes slopes{Tensor::uninitialised({size}, DType::f64), Tensor::uninitialised({size}, DType::f64),
                graph_.node(id).operands()[static_cast<std::size_t>(rule.argument)]};
  const auto lo = slopes.lo.mutable_data<double>(), hi = slopes.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const auto at = static_cast<Index>(i);
    const Slope slope = rule.lo.defined() ? Slope{rule.lo.at(at), rule.hi.at(at)} : rule.slope;
    const Slope outer = error == 0.0 ? slope : slope * Interval{sub_down(1.0, 2.0 * error), add_up(1.0, 2.0 * error)};
    lo[i] = outer.lo;
    hi[i] = outer.hi;
  }
  return slopes;
}

void Network::include(NodeId id, const rule::Selects&) {
  nodes_[id].kind = "selects";
  anchor(id);
}

// A linear map behind a function with gains of its own: others see the function as the anchor.
void Network::include(NodeId id, const rule::Bounded& rule) {
  nodes_[id].kind = "bounded";
  anchor(id);
  has_map_behind_ = has_map_behind_ || rule.after;
  if (rule.after && behind_ == Behind::folds) nodes_[id].terms.insert_or_assign(id, FoldedMap(rule.after, 0.0));
}

void Network::include(NodeId id, const rule::Bilinear& rule) {
  nodes_[id].kind = "bilinear";
  const std::span<const NodeId> operands = graph_.node(id).operands();
  for (std::size_t i = 0; i < operands.size(); ++i)
    if (graph_.varies(operands[i])) nodes_[id].maps.emplace_back(rule.dominating[i], graph_.error_of_operands(id));
  anchor(id);
}

void Network::include(NodeId id, const rule::Unbounded&) {
  nodes_[id].kind = "unbounded";
  anchor(id);
}

}  // namespace taut::detail
