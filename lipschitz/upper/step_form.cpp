#include "lipschitz/upper/step_form.h"

#include <algorithm>
#include <set>

#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/norms/same_entries.h"

namespace taut::detail {
namespace {

constexpr NodeId none = joint_input;
// Of nodes between the ends of a step: more are no step that anybody writes.
constexpr std::size_t most_nodes = 48;

using Past = std::optional<FoldedMap>;

void add_to(Past& sum, const FoldedMap& term) { sum = sum ? FoldedMap::add(*sum, term) : term; }

FoldedMap times(double factor, const FoldedMap& map) {
  return FoldedMap::compose(FoldedMap(scale_map(map.map().out_shape(), factor), 0.0), map);
}

bool has_layer(const LinearMap& map) {
  bool found = false;
  for_each_leaf(map, [&](const LinearMap& leaf) { found = found || is_layer(leaf); });
  return found;
}

// What a node between the ends is of the first of them.
struct Form {
  Past past;
  std::map<std::size_t, FoldedMap> after;  // by group of neurons
  bool adds_nothing = false;               // known to be linear, not only affine
};

// Builds the forms of the nodes of a step, operands first.
class Builder {
 public:
  Builder(const Network& network, NodeId from) : network_(network) {
    forms_[from] = {FoldedMap(identity_map(shape(from)), 0.0), {}, true};
  }

  bool add(NodeId id) {
    const NetworkNode& node = network_.node(id);
    if (!node.rule) return false;
    if (std::holds_alternative<rule::Affine>(*node.rule)) return add_affine(id);
    if (node.slopes) return add_elementwise(id);
    const auto* const selects = std::get_if<rule::Selects>(&*node.rule);
    return selects != nullptr && selects->of_two && add_pair(id, *selects->of_two);
  }

  StepForm finish(NodeId from, NodeId end) {
    const Form& form = forms_.at(end);
    StepForm step{from, form.past, {}};
    for (const auto& [group, after] : form.after) {
      Neurons neurons = groups_[group];
      neurons.after = after;
      step.neurons.push_back(std::move(neurons));
    }
    return step;
  }

 private:
  const Shape& shape(NodeId id) const { return network_.graph().node(id).value.shape(); }

  bool add_affine(NodeId id) {
    const NetworkNode& node = network_.node(id);
    Form form;
    bool linear = true;
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      const Form& below = forms_.at(node.operands[i]);
      const FoldedMap& map = node.maps[i];
      linear = linear && below.adds_nothing && !has_layer(map.map());
      if (below.past) add_to(form.past, FoldedMap::compose(map, *below.past));
      for (const auto& [group, after] : below.after) {
        const FoldedMap folded = FoldedMap::compose(map, after);
        const auto [place, first] = form.after.try_emplace(group, folded);
        if (!first) place->second = FoldedMap::add(place->second, folded);
      }
    }
    form.adds_nothing = linear && network_.graph().keeps_zero(id);
    forms_[id] = std::move(form);
    return true;
  }

  bool add_elementwise(NodeId id) {
    const Slopes& slopes = *network_.node(id).slopes;
    const auto& rule = std::get<rule::Elementwise>(*network_.node(id).rule);
    const Form& below = forms_.at(slopes.operand);
    if (!below.after.empty() || !below.past) return false;
    Neurons neurons{*below.past, *below.past, slopes.lo, slopes.hi, std::nullopt, origin(slopes.operand, below)};
    const bool kinked = rule.pieces && rule.pieces->breaks == std::vector<double>{0.0} &&
                        rule.pieces->break_error == 0.0 && network_.graph().error_of_operands(id) == 0.0;
    if (kinked) neurons.kink = {rule.pieces->slopes[0], rule.pieces->slopes[1]};
    Form form;
    form.after.emplace(groups_.size(), FoldedMap(identity_map(shape(id)), 0.0));
    groups_.push_back(std::move(neurons));
    forms_[id] = std::move(form);
    return true;
  }

  // max(a, b) = b + max(a − b, 0), min(a, b) = a − max(a − b, 0).
  bool add_pair(NodeId id, const rule::OfTwo& two) {
    const std::vector<NodeId>& operands = network_.node(id).operands;
    if (operands.size() != two.first.size()) return false;
    Past first, second;
    bool linear = true;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const Form& below = forms_.at(operands[k]);
      if (!below.after.empty() || !below.past) return false;
      add_to(first, FoldedMap::compose(FoldedMap(two.first[k], 0.0), *below.past));
      add_to(second, FoldedMap::compose(FoldedMap(two.second[k], 0.0), *below.past));
      linear = linear && below.adds_nothing;
    }
    const FoldedMap difference = FoldedMap::add(*first, times(-1.0, *second));
    const Index size = shape(id).size();
    const Origin at = linear ? Origin{} : Origin{Added::of_pair, number_of({operands, two.first, two.second})};
    groups_.push_back({difference, difference, Tensor::zeros({size}, DType::f64), Tensor::full({size}, DType::f64, 1.0),
                       std::pair{0.0, 1.0}, at});
    Form form{two.larger ? second : first, {}, false};
    form.after.emplace(groups_.size() - 1, FoldedMap(scale_map(shape(id), two.larger ? 1.0 : -1.0), 0.0));
    forms_[id] = std::move(form);
    return true;
  }

  static Origin origin(NodeId operand, const Form& form) {
    return form.adds_nothing ? Origin{} : Origin{Added::of_operand, operand};
  }

  // Two candidates each: a maximum and a minimum of the same two have the same.
  struct Pair {
    std::vector<NodeId> operands;
    std::vector<LinearMap> first, second;
  };
  std::size_t number_of(const Pair& pair) {
    const auto same = [&](const Pair& other) {
      return other.operands == pair.operands && std::ranges::equal(other.first, pair.first, same_entries) &&
             std::ranges::equal(other.second, pair.second, same_entries);
    };
    const auto known = std::ranges::find_if(pairs_, same);
    if (known == pairs_.end()) return pairs_.push_back(pair), pairs_.size() - 1;
    return static_cast<std::size_t>(known - pairs_.begin());
  }

  const Network& network_;
  std::map<NodeId, Form> forms_;
  std::vector<Neurons> groups_;
  std::vector<Pair> pairs_;
};

}  // namespace

StepFinder::StepFinder(const Network& network)
    : network_(network), dominator_(network.output() + std::size_t{1}, none) {
  for (const NodeId id : network.graph().nodes()) {
    const std::vector<NodeId>& operands = network.node(id).operands;
    if (operands.empty()) continue;
    NodeId common = operands.front();
    for (const NodeId operand : operands) {
      NodeId other = operand;
      while (common != other && common != none && other != none)
        (common > other ? common : other) = dominator_[std::max(common, other)];
      if (common != other) common = none;
    }
    dominator_[id] = common;
  }
}

// Nodes that the second end depends on, down to the first; nothing where they are too many.
std::optional<std::vector<NodeId>> StepFinder::between(NodeId from, NodeId to) const {
  std::set<NodeId> found{to};
  std::vector<NodeId> open{to};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    for (const NodeId operand : network_.node(id).operands)
      if (operand != from && found.insert(operand).second) open.push_back(operand);
    if (found.size() > most_nodes) return std::nullopt;
  }
  return std::vector<NodeId>(found.begin(), found.end());
}

std::optional<StepForm> StepFinder::step_to(NodeId end) const {
  if (network_.node(end).operands.size() < 2 || dominator_[end] == none) return std::nullopt;
  const NodeId from = dominator_[end];
  const auto nodes = between(from, end);
  if (!nodes) return std::nullopt;
  Builder builder(network_, from);
  if (!std::ranges::all_of(*nodes, [&](NodeId id) { return builder.add(id); })) return std::nullopt;
  StepForm step = builder.finish(from, end);
  return step.neurons.empty() ? std::nullopt : std::optional(std::move(step));
}

}  // namespace taut::detail
