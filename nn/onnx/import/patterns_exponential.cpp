// Functions written with exponentials and logarithms.
#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {
namespace {

// e^x + 1 → x
std::optional<std::string> one_plus_exp(const Matcher& m, const std::string& value) {
  const auto sum = m.with_constant(value, "Add");
  if (!sum || !m.is(sum->second, 1.0)) return std::nullopt;
  const GraphNode* exp = m.made_by(sum->first, "Exp");
  return exp != nullptr ? std::optional(m.resolved(exp->inputs[0])) : std::nullopt;
}

// 1 / (1 + e^−x), 1 / (1 + e^x)
std::optional<GraphNode> logistic(const Matcher& m, const std::string& denominator) {
  const auto power = one_plus_exp(m, denominator);
  if (!power) return std::nullopt;
  const GraphNode* negative = m.made_by(*power, "Neg");
  if (negative == nullptr) return recognised("SigmoidOfNegative", {*power});
  return recognised("Sigmoid", {m.resolved(negative->inputs[0])});
}

std::optional<GraphNode> of_quotient(const Matcher& m, const GraphNode& root) {
  if (root.inputs.size() != 2) return std::nullopt;
  const std::string &above = root.inputs[0], &below = root.inputs[1];
  if (m.is(above, 1.0)) return logistic(m, below);
  // x / (1 + |x|)
  if (const auto sum = m.with_constant(below, "Add"); sum && m.is(sum->second, 1.0))
    if (const GraphNode* abs = m.made_by(sum->first, "Abs"); abs != nullptr && m.same(abs->inputs[0], above))
      return recognised("Softsign", {m.resolved(above)});
  // e^x / Σ e^x along one axis; x may have its largest entry taken off.
  const GraphNode *exp = m.made_by(above, "Exp"), *sum = m.made_by(below, "ReduceSum");
  if (exp == nullptr || sum == nullptr || !m.same(sum->inputs[0], above) || !m.keeps_axes(*sum)) return std::nullopt;
  const auto axes = m.axes(*sum);
  if (!axes || axes->size() != 1) return std::nullopt;
  std::string x = m.resolved(exp->inputs[0]);
  if (const GraphNode* difference = m.made_by(x, "Sub")) {
    const GraphNode* largest = m.made_by(difference->inputs[1], "ReduceMax");
    if (largest != nullptr && m.same(largest->inputs[0], difference->inputs[0]) && m.keeps_axes(*largest) &&
        m.axes(*largest) == axes)
      x = m.resolved(difference->inputs[0]);
  }
  return recognised("Softmax", {x}, {{"axis", (*axes)[0]}});
}

std::optional<GraphNode> of_log(const Matcher& m, const GraphNode& root) {
  if (const auto x = one_plus_exp(m, root.inputs[0])) return recognised("Softplus", {*x});
  if (const GraphNode* softmax = m.made_by(root.inputs[0], "Softmax"); softmax != nullptr && !softmax->domain.empty())
    return recognised("LogSoftmax", {m.resolved(softmax->inputs[0])}, softmax->attributes);
  const GraphNode* sum = m.made_by(root.inputs[0], "ReduceSum");
  const GraphNode* exp = sum != nullptr ? m.made_by(sum->inputs[0], "Exp") : nullptr;
  const auto axes = exp != nullptr ? m.axes(*sum) : std::nullopt;
  if (!axes || axes->empty()) return std::nullopt;
  return recognised("LogSumExp", {m.resolved(exp->inputs[0])},
                    {{"axes", *axes}, {"keepdims", m.whole(*sum, "keepdims", 1)}});
}

}  // namespace

std::optional<GraphNode> exponential_patterns(const Matcher& m, const GraphNode& root) {
  if (root.op == "Div") return of_quotient(m, root);
  if (root.op == "Reciprocal" && !root.inputs.empty()) return logistic(m, root.inputs[0]);
  if (root.op == "Log" && !root.inputs.empty()) return of_log(m, root);
  return std::nullopt;
}

}  // namespace taut::nn::onnx
