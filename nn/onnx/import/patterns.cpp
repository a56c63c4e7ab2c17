#include "nn/onnx/import/patterns.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <set>
#include <unordered_map>

#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {

// ---- the graph as patterns see it -----------------------------------------------------------------------------------

const GraphNode* Matcher::made_by(const std::string& value, std::string_view op) const {
  const auto found = producer_.find(resolved(value));
  if (found == producer_.end()) return nullptr;
  const GraphNode& node = steps_[found->second].node;
  if (node.outputs.front() != resolved(value)) return nullptr;
  return node.op == op && (node.domain.empty() || node.domain == recognised_domain) ? &node : nullptr;
}

namespace {

// Roundings of what depends on the input to f16 and wider are left out (Cast), to bf16 are not.
bool changes_nothing(const GraphNode& node) {
  if (node.op == "Identity") return true;
  const auto to = node.op == "Cast" ? node.attributes.find("to") : node.attributes.end();
  const auto* const type = to != node.attributes.end() ? std::get_if<std::int64_t>(&to->second) : nullptr;
  return type != nullptr && is_float(static_cast<ElementType>(*type)) &&
         static_cast<ElementType>(*type) != ElementType::bf16;
}

}  // namespace

const std::string& Matcher::resolved(const std::string& value) const {
  const std::string* name = &value;
  for (int depth = 0; depth < 8; ++depth) {
    const auto found = producer_.find(*name);
    if (found == producer_.end() || constant(*name)) break;
    const GraphNode& node = steps_[found->second].node;
    if (!node.domain.empty() || node.inputs.empty() || !changes_nothing(node)) break;
    name = &node.inputs.front();
  }
  return *name;
}

const Tensor* Matcher::tensor(const std::string& value) const {
  const Known known = constant_(value);
  return known.exact ? known.value : nullptr;
}
std::optional<double> Matcher::number(const std::string& value) const {
  const Tensor* const numbers = tensor(value);
  if (numbers == nullptr || numbers->size() == 0) return std::nullopt;
  const double first = numbers->at(0);
  for (Index i = 1; i < numbers->size(); ++i)
    if (numbers->at(i) != first) return std::nullopt;
  return first;
}
bool Matcher::is(const std::string& value, double wanted) const {
  const auto x = number(value);
  return x && *x == wanted;
}
bool Matcher::near(const std::string& value, double wanted) const {
  const Known known = constant_(value);
  if (known.value == nullptr || known.value->size() == 0) return false;
  const Interval hull = known.hull();
  const double distance = near_enough * std::fabs(wanted);
  return hull.lo >= wanted - distance && hull.hi <= wanted + distance;
}
bool Matcher::at_most(const std::string& value, double largest) const {
  const Known known = constant_(value);
  return known.value != nullptr && known.value->size() > 0 && known.hull().hi <= largest;
}
bool Matcher::one_number(const std::string& value) const {
  const Known known = constant_(value);
  return known.value != nullptr && (known.value->size() == 1 || number(value));
}

std::optional<std::pair<std::string, std::string>> Matcher::with_constant(const std::string& value,
                                                                          std::string_view op) const {
  const GraphNode* node = made_by(value, op);
  if (node == nullptr || node->inputs.size() != 2) return std::nullopt;
  if (constant(node->inputs[1])) return std::pair(node->inputs[0], node->inputs[1]);
  const bool commutes = op == "Add" || op == "Mul" || op == "Max" || op == "Min";
  if (commutes && constant(node->inputs[0])) return std::pair(node->inputs[1], node->inputs[0]);
  return std::nullopt;
}

std::int64_t Matcher::whole(const GraphNode& node, const char* name, std::int64_t otherwise) const {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return otherwise;
  const auto* value = std::get_if<std::int64_t>(&found->second);
  return value != nullptr ? *value : otherwise;
}

std::optional<std::int64_t> Matcher::softmax_axis(const std::string& value, std::int64_t rank) const {
  const GraphNode* const node = made_by(value, "Softmax");
  if (node == nullptr || !node->domain.empty()) return std::nullopt;
  const bool old = steps_[producer_.at(resolved(value))].opset < 13;
  const std::int64_t given = whole(*node, "axis", old ? 1 : -1), axis = given < 0 ? given + rank : given;
  return old && axis != rank - 1 ? std::nullopt : std::optional(axis);
}

std::optional<std::vector<std::int64_t>> Matcher::axes(const GraphNode& node) const {
  if (node.inputs.size() > 1 && !node.inputs[1].empty()) {
    const Tensor* t = tensor(node.inputs[1]);
    if (t == nullptr) return std::nullopt;
    std::vector<std::int64_t> list;
    for (Index i = 0; i < t->size(); ++i) list.push_back(static_cast<std::int64_t>(t->at(i)));
    return list;
  }
  const auto found = node.attributes.find("axes");
  if (found == node.attributes.end()) return std::nullopt;
  const auto* list = std::get_if<std::vector<std::int64_t>>(&found->second);
  return list != nullptr ? std::optional(*list) : std::nullopt;
}

namespace {

constexpr Pattern* families[] = {kink_patterns, norm_patterns, exponential_patterns, attention_patterns,
                                 convex_patterns};

}  // namespace

bool recognise(std::vector<Step>& steps, const ConstantOf& constant, const Accept& accept) {
  Matcher matcher(steps, constant);
  bool any = false;
  const auto replace = [&](Step& step, Pattern* pattern) {
    if (!step.node.domain.empty() || step.node.outputs.size() != 1 || step.fixed) return;
    std::optional<GraphNode> found = pattern(matcher, step.node);
    if (!found || !accept(step.node.outputs[0], *found)) return;
    found->domain = recognised_domain;
    found->name = step.node.name;
    found->outputs = step.node.outputs;
    step.node = std::move(*found);
    step.op = find_operator(recognised_domain, step.node.op);
    any = true;
  };
  // In the order of computation, so that parts are recognised before what is made of them.
  for (Step& step : steps)
    for (Pattern* const pattern : families) replace(step, pattern);
  // Products from the end, so that every factor of one is seen.
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) replace(*step, gate_patterns);
  return any;
}

void remove_unused(std::vector<Step>& steps, const std::vector<std::string>& outputs) {
  std::set<std::string> wanted(outputs.begin(), outputs.end());
  std::vector<Step> kept;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const bool used =
        std::ranges::any_of(step->node.outputs, [&](const std::string& name) { return wanted.contains(name); });
    if (!used) continue;
    for (const std::string& name : step->node.inputs) wanted.insert(name);
    kept.push_back(std::move(*step));
  }
  std::ranges::reverse(kept);
  steps = std::move(kept);
}

}  // namespace taut::nn::onnx
