// Piecewise functions made of Where, Max, Min and Relu.
#include <algorithm>

#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {
namespace {

// What a branch is of x: slope·x with a constant slope.
struct Line {
  std::string argument;
  std::string slope;  // a constant; "" for 1
};
std::optional<Line> line(const Matcher& m, const std::string& value) {
  if (m.constant(value)) return std::nullopt;
  if (const auto product = m.with_constant(value, "Mul")) return Line{m.resolved(product->first), product->second};
  return Line{m.resolved(value), ""};
}

// Where the condition is x > 0 or x ≥ 0 (true) or the opposite (false).
struct Half {
  std::string argument;
  bool positive = true;
};
std::optional<Half> half(const Matcher& m, const std::string& condition) {
  if (const GraphNode* negation = m.made_by(condition, "Not")) {
    auto of = half(m, negation->inputs[0]);
    if (of) of->positive = !of->positive;
    return of;
  }
  for (const auto& [op, positive] : {std::pair("Greater", true), std::pair("GreaterOrEqual", true),
                                     std::pair("Less", false), std::pair("LessOrEqual", false)}) {
    const GraphNode* node = m.made_by(condition, op);
    if (node == nullptr || node->inputs.size() != 2) continue;
    if (m.is(node->inputs[1], 0.0) && !m.constant(node->inputs[0])) return Half{m.resolved(node->inputs[0]), positive};
    if (m.is(node->inputs[0], 0.0) && !m.constant(node->inputs[1])) return Half{m.resolved(node->inputs[1]), !positive};
  }
  return std::nullopt;
}

// alpha (e^x − 1): its alpha, "" for 1.
std::optional<Line> exponential(const Matcher& m, const std::string& value) {
  std::string inner = value, alpha;
  if (const auto product = m.with_constant(value, "Mul"); product && m.number(product->second)) {
    inner = product->first;
    alpha = product->second;
  }
  std::optional<std::string> power;
  if (const auto difference = m.with_constant(inner, "Sub"); difference && m.is(difference->second, 1.0))
    power = difference->first;
  if (const auto sum = m.with_constant(inner, "Add"); sum && m.is(sum->second, -1.0)) power = sum->first;
  if (!power) return std::nullopt;
  const GraphNode* exp = m.made_by(*power, "Exp");
  return exp != nullptr ? std::optional(Line{m.resolved(exp->inputs[0]), alpha}) : std::nullopt;
}

std::optional<GraphNode> kinked(const Matcher& m, const std::string& x, const std::string& slope) {
  if (slope.empty()) return std::nullopt;
  // Slopes that are computed in the file are recorded as operands, so that their rounding is enclosed.
  if (const auto number = m.number(slope)) return recognised("LeakyRelu", {x}, {{"slope", exact(*number)}});
  return recognised("PRelu", {x, slope});
}

// βx and its β, "" for x itself.
Line scaled(const Matcher& m, const std::string& value) {
  const auto product = m.with_constant(value, "Mul");
  return product && m.number(product->second) ? Line{m.resolved(product->first), product->second}
                                              : Line{m.resolved(value), ""};
}

// softplus(βx)/β: its x and β.
std::optional<Line> softplus(const Matcher& m, const std::string& value) {
  const auto quotient = m.with_constant(value, "Div");
  const GraphNode* node = m.made_by(quotient ? quotient->first : value, "Softplus");
  if (node == nullptr) return std::nullopt;
  Line line = scaled(m, node->inputs[0]);
  if (quotient ? !m.same(quotient->second, line.slope) : !line.slope.empty()) return std::nullopt;
  return line;
}

// Softplus as it is written with a threshold: x above it, softplus below. Both are numbers everywhere, so that the jump
// at the threshold, however small, can be recorded as what it is.
std::optional<GraphNode> threshold(const Matcher& m, const GraphNode& root) {
  for (const auto& [op, above] : {std::pair("Greater", true), std::pair("GreaterOrEqual", true),
                                  std::pair("Less", false), std::pair("LessOrEqual", false)}) {
    const GraphNode* node = m.made_by(root.inputs[0], op);
    if (node == nullptr || node->inputs.size() != 2 || !m.number(node->inputs[1])) continue;
    const auto curve = softplus(m, root.inputs[above ? 2 : 1]);
    const Line compared = scaled(m, node->inputs[0]);
    if (!curve || compared.argument != curve->argument || compared.slope != curve->slope ||
        !m.same(root.inputs[above ? 1 : 2], curve->argument))
      continue;
    std::vector<std::string> inputs{curve->argument, node->inputs[1]};
    if (!curve->slope.empty()) inputs.push_back(curve->slope);
    const bool strict = node->op == "Greater" || node->op == "Less";
    return recognised("Threshold", std::move(inputs), {{"tie", std::int64_t{strict == above ? 0 : 1}}});
  }
  return std::nullopt;
}

std::optional<GraphNode> of_where(const Matcher& m, const GraphNode& root) {
  if (root.inputs.size() != 3) return std::nullopt;
  const auto side = half(m, root.inputs[0]);
  if (!side) return threshold(m, root);
  const std::string& above = root.inputs[side->positive ? 1 : 2];
  const std::string& below = root.inputs[side->positive ? 2 : 1];
  if (!m.same(above, side->argument)) return std::nullopt;
  if (m.is(below, 0.0)) return recognised("Relu", {side->argument});
  if (const auto power = exponential(m, below); power && power->argument == side->argument)
    return recognised("Elu", {side->argument},
                      {{"alpha", exact(power->slope.empty() ? 1.0 : *m.number(power->slope))}});
  const auto part = line(m, below);
  if (!part || part->argument != side->argument) return std::nullopt;
  return kinked(m, side->argument, part->slope);
}

// max(x, slope·x) for slopes of at most 1.
std::optional<GraphNode> of_max(const Matcher& m, const GraphNode& root) {
  if (root.inputs.size() != 2) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    const std::string& x = m.resolved(root.inputs[i]);
    const std::string& other = root.inputs[1 - i];
    if (m.constant(x)) continue;
    if (m.is(other, 0.0)) return recognised("Relu", {x});
    const auto part = line(m, other);
    if (!part || part->slope.empty() || part->argument != x) continue;
    if (m.at_most(part->slope, 1.0)) return kinked(m, x, part->slope);
  }
  return std::nullopt;
}

// relu(x) + slope·min(x, 0), relu(x) − slope·relu(−x)
std::optional<GraphNode> of_sum(const Matcher& m, const GraphNode& root) {
  if (root.inputs.size() != 2) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    if (root.op == "Sub" && i == 1) break;
    const GraphNode* relu = m.made_by(root.inputs[i], "Relu");
    const auto part = line(m, root.inputs[1 - i]);
    if (relu == nullptr || !part || part->slope.empty()) continue;
    const std::string& x = m.resolved(relu->inputs[0]);
    if (root.op == "Add") {
      const auto low = m.with_constant(part->argument, "Min");
      if (low && m.is(low->second, 0.0) && m.same(low->first, x)) return kinked(m, x, part->slope);
    } else if (const GraphNode* other = m.made_by(part->argument, "Relu")) {
      const GraphNode* negative = m.made_by(other->inputs[0], "Neg");
      if (negative != nullptr && m.same(negative->inputs[0], x)) return kinked(m, x, part->slope);
    }
  }
  return std::nullopt;
}

// sign(x)·|x|, also behind a ReLU, as LpPool is written.
std::optional<GraphNode> of_product(const Matcher& m, const GraphNode& root) {
  if (root.inputs.size() != 2) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    const GraphNode* const sign = m.made_by(root.inputs[i], "Sign");
    if (sign == nullptr) continue;
    const GraphNode* const relu = m.made_by(root.inputs[1 - i], "Relu");
    const GraphNode* const abs = m.made_by(relu != nullptr ? relu->inputs[0] : root.inputs[1 - i], "Abs");
    if (abs != nullptr && m.same(abs->inputs[0], sign->inputs[0]))
      return recognised("Identity", {m.resolved(sign->inputs[0])});
  }
  return std::nullopt;
}

}  // namespace

std::optional<GraphNode> kink_patterns(const Matcher& m, const GraphNode& root) {
  if (root.op == "Where") return of_where(m, root);
  if (root.op == "Max") return of_max(m, root);
  if (root.op == "Mul") return of_product(m, root);
  if (root.op == "Add" || root.op == "Sub") return of_sum(m, root);
  return std::nullopt;
}

}  // namespace taut::nn::onnx
