// Attention whose scores are distances, as Taut writes it.
#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {
namespace {

// The number of axes, if the last two are swapped and the others stay where they are.
std::optional<std::int64_t> rank_if_last_swapped(const GraphNode& node) {
  const auto found = node.attributes.find("perm");
  const auto* order = found != node.attributes.end() ? std::get_if<std::vector<std::int64_t>>(&found->second) : nullptr;
  if (order == nullptr || order->size() < 2) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(order->size());
  for (std::int64_t i = 0; i < rank; ++i)
    if ((*order)[static_cast<std::size_t>(i)] != (i < rank - 2 ? i : 2 * rank - 3 - i)) return std::nullopt;
  return rank;
}

struct Transposed {
  std::string of;
  std::int64_t rank = 0;
};
std::optional<Transposed> transposed(const Matcher& m, const std::string& value) {
  const GraphNode* node = m.made_by(value, "Transpose");
  const auto rank = node != nullptr ? rank_if_last_swapped(*node) : std::nullopt;
  return rank ? std::optional(Transposed{m.resolved(node->inputs[0]), *rank}) : std::nullopt;
}

bool same_product(const Matcher& m, const GraphNode& product) {
  return product.inputs.size() == 2 && m.same(product.inputs[0], product.inputs[1]);
}

}  // namespace

// softmax(s (2 u uᵀ − ‖u_j‖²)) u, the squares summed along the columns of uᵀ.
std::optional<GraphNode> attention_patterns(const Matcher& m, const GraphNode& root) {
  if (root.op != "MatMul" || root.inputs.size() != 2) return std::nullopt;
  const std::string& u = m.resolved(root.inputs[1]);
  const GraphNode* const weights = m.made_by(root.inputs[0], "Softmax");
  if (weights == nullptr) return std::nullopt;
  const auto logits = m.with_constant(weights->inputs[0], "Mul");
  const auto factor = logits ? m.number(logits->second) : std::nullopt;
  const GraphNode* const near = factor && *factor > 0.0 ? m.made_by(logits->first, "Sub") : nullptr;
  if (near == nullptr) return std::nullopt;
  const auto twice = m.with_constant(near->inputs[0], "Mul");
  const GraphNode* const products = twice && m.is(twice->second, 2.0) ? m.made_by(twice->first, "MatMul") : nullptr;
  const GraphNode* const sums = m.made_by(near->inputs[1], "ReduceSum");
  if (products == nullptr || sums == nullptr || !m.keeps_axes(*sums)) return std::nullopt;
  const GraphNode* const squares = m.made_by(sums->inputs[0], "Mul");
  const auto axes = m.axes(*sums);
  if (squares == nullptr || !axes || *axes != std::vector<std::int64_t>{-2}) return std::nullopt;
  const auto columns = transposed(m, products->inputs[1]);
  if (!columns || columns->of != u || !m.same(products->inputs[0], u) || !same_product(m, *squares))
    return std::nullopt;
  if (m.softmax_axis(root.inputs[0], columns->rank) != columns->rank - 1) return std::nullopt;
  if (const auto again = transposed(m, squares->inputs[0]); !again || again->of != u) return std::nullopt;
  return recognised("L2Attention", {u}, {{"scale", exact(*factor)}});
}

}  // namespace taut::nn::onnx
