// x·g(x)·constants, in whatever order the product is written.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {
namespace {

// What is multiplied in the end, and the constants among it.
struct Factors {
  std::vector<std::string> values;
  std::vector<std::pair<std::string, bool>> constants;  // name; true: a divisor
};

void flatten(const Matcher& m, const std::string& value, const std::string& stop, int depth, Factors& factors) {
  if (m.constant(value)) {
    factors.constants.emplace_back(value, false);
    return;
  }
  if (depth > 0 && !m.same(value, stop)) {
    if (const GraphNode* product = m.made_by(value, "Mul"); product != nullptr && product->inputs.size() == 2) {
      for (const std::string& operand : product->inputs) flatten(m, operand, stop, depth - 1, factors);
      return;
    }
    if (const auto quotient = m.with_constant(value, "Div")) {
      flatten(m, quotient->first, stop, depth - 1, factors);
      factors.constants.emplace_back(quotient->second, true);
      return;
    }
  }
  factors.values.push_back(m.resolved(value));
}

struct Gate {
  std::string kind, argument;
  std::string slope = "";  // the constant that multiplies the argument (swish's β); "" for 1
  bool rounded = false;    // constants stand for what they are near to
};

std::optional<std::string> added(const Matcher& m, const std::string& value, double constant) {
  const auto sum = m.with_constant(value, "Add");
  return sum && m.is(sum->second, constant) ? std::optional(sum->first) : std::nullopt;
}

// x·c with c = wanted, or x / (1/wanted).
std::optional<std::string> times(const Matcher& m, const std::string& value, double wanted) {
  if (const auto product = m.with_constant(value, "Mul"); product && m.near(product->second, wanted))
    return product->first;
  if (const auto quotient = m.with_constant(value, "Div"); quotient && m.near(quotient->second, 1.0 / wanted))
    return quotient->first;
  return std::nullopt;
}

std::optional<std::string> cube(const Matcher& m, const std::string& value) {
  if (const auto power = m.with_constant(value, "Pow"); power && m.is(power->second, 3.0)) return power->first;
  Factors factors;
  flatten(m, value, "", 2, factors);
  const auto& v = factors.values;
  if (v.size() == 3 && factors.constants.empty() && v[0] == v[1] && v[1] == v[2]) return v[0];
  // x · Pow(x, 2)
  if (v.size() == 2 && factors.constants.empty())
    for (const int i : {0, 1})
      if (const auto square = m.with_constant(v[static_cast<std::size_t>(i)], "Pow");
          square && m.is(square->second, 2.0) && m.same(square->first, v[static_cast<std::size_t>(1 - i)]))
        return v[static_cast<std::size_t>(1 - i)];
  return std::nullopt;
}

// x / √2 with the root taken in the model: exact.
bool by_root_of_two(const Matcher& m, const std::string& value) {
  const GraphNode* quotient = m.made_by(value, "Div");
  const GraphNode* root = quotient != nullptr ? m.made_by(quotient->inputs[1], "Sqrt") : nullptr;
  return root != nullptr && m.is(root->inputs[0], 2.0);
}

// The argument x of √(2/π) (x + 0.044715 x³).
std::optional<std::string> tanh_argument(const Matcher& m, const std::string& value) {
  const double factor = std::sqrt(2.0 / std::numbers::pi);
  constexpr double cubic = 0.044715;
  if (const auto inner = times(m, value, factor)) {
    const GraphNode* sum = m.made_by(*inner, "Add");
    if (sum == nullptr || sum->inputs.size() != 2) return std::nullopt;
    for (const std::size_t i : {0U, 1U}) {
      const auto term = times(m, sum->inputs[1 - i], cubic);
      const auto of = term ? cube(m, *term) : std::nullopt;
      if (of && m.same(*of, sum->inputs[i])) return m.resolved(sum->inputs[i]);
    }
  }
  // √(2/π) · x · (1 + 0.044715 x²)
  Factors factors;
  flatten(m, value, "", 3, factors);
  if (factors.constants.size() != 1 || factors.constants[0].second || !m.near(factors.constants[0].first, factor) ||
      factors.values.size() != 2)
    return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    const auto rest = added(m, factors.values[1 - i], 1.0);
    const auto square = rest ? times(m, *rest, cubic) : std::nullopt;
    if (!square) continue;
    if (const auto power = m.with_constant(*square, "Pow");
        power && m.is(power->second, 2.0) && m.same(power->first, factors.values[i]))
      return factors.values[i];
    if (const GraphNode* product = m.made_by(*square, "Mul"); product != nullptr &&
                                                              m.same(product->inputs[0], factors.values[i]) &&
                                                              m.same(product->inputs[1], factors.values[i]))
      return factors.values[i];
  }
  return std::nullopt;
}

// Clip(x, 0, 6), as Clip of either form or as Min and Max.
std::optional<std::string> relu6(const Matcher& m, const std::string& value) {
  const GraphNode* clip = m.made_by(value, "Clip");
  if (clip == nullptr || clip->inputs.empty()) return std::nullopt;
  if (clip->inputs.size() == 3 && m.is(clip->inputs[1], 0.0) && m.is(clip->inputs[2], 6.0)) return clip->inputs[0];
  const auto end = [&](const char* name) -> std::optional<float> {
    const auto found = clip->attributes.find(name);
    if (found == clip->attributes.end()) return std::nullopt;
    const auto* x = std::get_if<float>(&found->second);
    return x != nullptr ? std::optional(*x) : std::nullopt;
  };
  if (clip->inputs.size() == 1 && end("min") == 0.0F && end("max") == 6.0F) return clip->inputs[0];
  return std::nullopt;
}

std::optional<Gate> gate(const Matcher& m, const std::string& value) {
  if (const GraphNode* sigmoid = m.made_by(value, "Sigmoid")) {
    Gate g{"Silu", m.resolved(sigmoid->inputs[0])};
    if (const auto product = m.with_constant(g.argument, "Mul"); product && m.one_number(product->second))
      return Gate{"Silu", m.resolved(product->first), product->second};
    return g;
  }
  if (const GraphNode* hard = m.made_by(value, "HardSigmoid")) {
    const auto attribute = [&](const char* name, float otherwise) {
      const auto found = hard->attributes.find(name);
      const auto* x = found != hard->attributes.end() ? std::get_if<float>(&found->second) : nullptr;
      return x != nullptr ? *x : otherwise;
    };
    const double alpha = attribute("alpha", 0.2F);
    if (std::fabs(alpha - 1.0 / 6.0) <= near_enough / 6.0 && attribute("beta", 0.5F) == 0.5F)
      return Gate{"HardSwish", m.resolved(hard->inputs[0]), "", true};
  }
  if (const GraphNode* tanh = m.made_by(value, "Tanh"))
    if (const GraphNode* softplus = m.made_by(tanh->inputs[0], "Softplus"))
      return Gate{"Mish", m.resolved(softplus->inputs[0])};
  if (const auto inner = added(m, value, 1.0)) {
    if (const GraphNode* erf = m.made_by(*inner, "Erf"))
      if (const auto x = times(m, erf->inputs[0], 1.0 / std::numbers::sqrt2))
        return Gate{"Gelu", m.resolved(*x), "", !by_root_of_two(m, erf->inputs[0])};
    if (const GraphNode* tanh = m.made_by(*inner, "Tanh"))
      if (const auto x = tanh_argument(m, tanh->inputs[0])) return Gate{"GeluTanh", m.resolved(*x), "", true};
  }
  if (const auto clipped = relu6(m, value))
    if (const auto x = added(m, *clipped, 3.0)) return Gate{"HardSwish6", m.resolved(*x)};
  return std::nullopt;
}

// Candidates for gates: what is multiplied, to a small depth.
void candidates(const Matcher& m, const std::string& value, int depth, std::vector<std::string>& list) {
  list.push_back(value);
  if (depth == 0) return;
  if (const GraphNode* product = m.made_by(value, "Mul"))
    for (const std::string& operand : product->inputs) candidates(m, operand, depth - 1, list);
  if (const auto quotient = m.with_constant(value, "Div")) candidates(m, quotient->first, depth - 1, list);
}

}  // namespace

std::optional<GraphNode> gate_patterns(const Matcher& m, const GraphNode& root) {
  if (root.op != "Mul" && root.op != "Div") return std::nullopt;
  constexpr int depth = 4;
  std::vector<std::string> list;
  candidates(m, root.outputs[0], depth, list);
  for (const std::string& candidate : list) {
    const std::optional<Gate> g = gate(m, candidate);
    if (!g) continue;
    Factors factors;
    flatten(m, root.outputs[0], g->argument, depth, factors);
    std::vector<std::string> wanted{g->argument, m.resolved(candidate)};
    std::ranges::sort(wanted);
    std::ranges::sort(factors.values);
    if (factors.values != wanted) continue;
    // Constants of one number each: the factor may be exact only as a product and quotient of them.
    std::vector<std::string> inputs{g->argument};
    std::vector<std::int64_t> divisors;
    bool numbers = true;
    for (const auto& [name, divides] : factors.constants) {
      numbers = numbers && m.one_number(name);
      inputs.push_back(name);
      divisors.push_back(divides ? 1 : 0);
    }
    if (!numbers) continue;
    std::map<std::string, Attribute> attributes{{"divides", divisors}};
    if (g->rounded) attributes.emplace("tolerance", exact(nominal));
    if (!g->slope.empty()) inputs.push_back(g->slope);
    return recognised(g->kind, std::move(inputs), std::move(attributes));
  }
  return std::nullopt;
}

}  // namespace taut::nn::onnx
