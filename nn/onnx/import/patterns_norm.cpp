// Divisions by norms and standard deviations.
#include <algorithm>

#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {
namespace {

using AxisList = std::vector<std::int64_t>;
struct Reduced {
  std::string argument;
  AxisList axes;
};

std::optional<Reduced> reduced(const Matcher& m, const std::string& value, std::string_view op) {
  const GraphNode* node = m.made_by(value, op);
  if (node == nullptr || !m.keeps_axes(*node)) return std::nullopt;
  auto axes = m.axes(*node);
  if (!axes || axes->empty()) return std::nullopt;
  std::ranges::sort(*axes);
  return Reduced{m.resolved(node->inputs[0]), std::move(*axes)};
}

// What is squared: Pow(x, 2) or Mul(x, x).
std::optional<std::string> squared(const Matcher& m, const std::string& value) {
  if (const auto power = m.with_constant(value, "Pow"); power && m.is(power->second, 2.0))
    return m.resolved(power->first);
  if (const GraphNode* product = m.made_by(value, "Mul");
      product != nullptr && product->inputs.size() == 2 && m.same(product->inputs[0], product->inputs[1]))
    return m.resolved(product->inputs[0]);
  return std::nullopt;
}

// x − mean(x)
std::optional<Reduced> centred(const Matcher& m, const std::string& value) {
  const GraphNode* difference = m.made_by(value, "Sub");
  if (difference == nullptr) return std::nullopt;
  auto mean = reduced(m, difference->inputs[1], "ReduceMean");
  return mean && m.same(difference->inputs[0], mean->argument) ? mean : std::nullopt;
}

struct Root {
  std::string argument;
  double eps = 0.0;
};
// √(v + eps)
std::optional<Root> root_of(const Matcher& m, const std::string& value) {
  std::string inner;
  if (const GraphNode* root = m.made_by(value, "Sqrt"))
    inner = root->inputs[0];
  else if (const auto power = m.with_constant(value, "Pow"); power && m.is(power->second, 0.5))
    inner = power->first;
  else
    return std::nullopt;
  if (const auto sum = m.with_constant(inner, "Add"))
    if (const auto eps = m.number(sum->second); eps && *eps > 0.0) return Root{sum->first, *eps};
  return Root{inner, 0.0};
}

// x of 1/x
std::optional<std::string> inverted(const Matcher& m, const std::string& value) {
  if (const GraphNode* inverse = m.made_by(value, "Reciprocal")) return inverse->inputs[0];
  const GraphNode* quotient = m.made_by(value, "Div");
  if (quotient == nullptr || quotient->inputs.size() != 2 || !m.is(quotient->inputs[0], 1.0)) return std::nullopt;
  return quotient->inputs[1];
}

// What a node divides by what.
std::optional<std::pair<std::string, std::string>> quotient(const Matcher& m, const GraphNode& node) {
  if (node.inputs.size() != 2) return std::nullopt;
  if (node.op == "Div") return std::pair(node.inputs[0], node.inputs[1]);
  if (node.op != "Mul") return std::nullopt;
  for (const std::size_t i : {0U, 1U})
    if (const auto inverse = inverted(m, node.inputs[i])) return std::pair(node.inputs[1 - i], *inverse);
  return std::nullopt;
}

GraphNode with_axes(const char* op, const std::string& x, const AxisList& axes, double eps) {
  return recognised(op, {x}, {{"axes", axes}, {"eps", exact(eps)}});
}

// max(‖x‖₂, eps), also spread to the shape of x
std::optional<std::pair<Reduced, double>> norm_or_eps(const Matcher& m, const std::string& value) {
  std::string inner = m.resolved(value);
  if (const GraphNode* spread = m.made_by(inner, "Expand")) inner = m.resolved(spread->inputs[0]);
  std::optional<double> eps;
  if (const GraphNode* clip = m.made_by(inner, "Clip")) {
    const bool open = clip->inputs.size() < 3 || clip->inputs[2].empty();
    if (clip->inputs.size() >= 2 && open && !clip->inputs[1].empty()) eps = m.number(clip->inputs[1]);
    if (const auto found = clip->attributes.find("min");
        clip->inputs.size() == 1 && found != clip->attributes.end() && !clip->attributes.contains("max"))
      if (const auto* x = std::get_if<float>(&found->second)) eps = *x;
    inner = m.resolved(clip->inputs[0]);
  } else if (const auto larger = m.with_constant(inner, "Max")) {
    eps = m.number(larger->second);
    inner = m.resolved(larger->first);
  }
  if (!eps || !(*eps > 0.0)) return std::nullopt;
  if (auto norm = reduced(m, inner, "ReduceL2")) return std::pair(std::move(*norm), *eps);
  const auto root = root_of(m, inner);
  if (!root || root->eps != 0.0) return std::nullopt;
  auto sum = reduced(m, root->argument, "ReduceSum");
  const auto x = sum ? squared(m, sum->argument) : std::nullopt;
  if (!x) return std::nullopt;
  return std::pair(Reduced{*x, sum->axes}, *eps);
}

}  // namespace

std::optional<GraphNode> norm_patterns(const Matcher& m, const GraphNode& root) {
  const auto parts = quotient(m, root);
  if (!parts) return std::nullopt;
  const auto& [above, below] = *parts;
  if (const auto norm = norm_or_eps(m, below); norm && m.same(above, norm->first.argument))
    return with_axes("L2Normalise", norm->first.argument, norm->first.axes, norm->second);
  const auto deviation = root_of(m, below);
  if (!deviation || deviation->eps == 0.0) return std::nullopt;
  // (x − mean) / √(mean of squares + eps)
  if (const auto numerator = centred(m, above)) {
    const auto variance = reduced(m, deviation->argument, "ReduceMean");
    const auto base = variance ? squared(m, variance->argument) : std::nullopt;
    const auto again = base ? centred(m, *base) : std::nullopt;
    if (again && again->argument == numerator->argument && again->axes == numerator->axes &&
        variance->axes == numerator->axes)
      return with_axes("Standardise", numerator->argument, numerator->axes, deviation->eps);
  }
  // x / √(Σ x² + eps), x / √(mean of x² + eps)
  for (const auto& [reduction, op] : {std::pair("ReduceSum", "SmoothL2Normalise"), {"ReduceMean", "RmsNormalise"}}) {
    const auto sum = reduced(m, deviation->argument, reduction);
    const auto base = sum ? squared(m, sum->argument) : std::nullopt;
    if (base && sum->axes.size() == 1 && m.same(above, *base)) return with_axes(op, *base, sum->axes, deviation->eps);
  }
  return std::nullopt;
}

}  // namespace taut::nn::onnx
