// x − Aᵀ relu(A x + b), as it is exported. Its parts have the constant 1 + ‖A‖², the whole max(1, ‖A‖² − 1).
#include "autodiff/ops.h"
#include "nn/onnx/import/arithmetic.h"
#include "nn/onnx/import/patterns_parts.h"

namespace taut::nn::onnx {
namespace {

// The constant second operand of a node with two, of this rank.
const Tensor* weight_of(const Matcher& m, const GraphNode& node, int rank) {
  const Tensor* w = node.inputs.size() >= 2 ? m.tensor(node.inputs[1]) : nullptr;
  return w != nullptr && w->shape().rank() == rank ? w : nullptr;
}

std::optional<GraphNode> of_matrices(const Matcher& m, const std::string& x, const GraphNode& last) {
  const Tensor* const a = weight_of(m, last, 2);
  const GraphNode* const relu = m.made_by(last.inputs[0], "Relu");
  if (a == nullptr || relu == nullptr) return std::nullopt;
  std::string hidden = relu->inputs[0], bias;
  if (const auto sum = m.with_constant(hidden, "Add")) {
    hidden = sum->first;
    bias = sum->second;
    if (m.tensor(bias) == nullptr || m.tensor(bias)->shape() != Shape{a->shape()[0]}) return std::nullopt;
  }
  const GraphNode* const first = m.made_by(hidden, "MatMul");
  if (first == nullptr || !m.same(first->inputs[0], x)) return std::nullopt;
  const Tensor* const transposed = weight_of(m, *first, 2);
  if (transposed == nullptr || !same_numbers(transpose(Var(*a)).value(), *transposed)) return std::nullopt;
  std::vector<std::string> inputs{m.resolved(x), last.inputs[1]};
  if (!bias.empty()) inputs.push_back(bias);
  return recognised("ConvexStep", std::move(inputs));
}

// Where every attribute is given and strides are 1, so that the image keeps its size.
std::optional<GraphNode> of_kernels(const Matcher& m, const std::string& x, const GraphNode& last) {
  const Tensor* const kernel = weight_of(m, last, 4);
  const GraphNode* const relu = m.made_by(last.inputs[0], "Relu");
  if (kernel == nullptr || relu == nullptr || last.inputs.size() != 2) return std::nullopt;
  const GraphNode* const first = m.made_by(relu->inputs[0], "Conv");
  if (first == nullptr || !m.same(first->inputs[0], x)) return std::nullopt;
  const Tensor* const other = weight_of(m, *first, 4);
  if (other == nullptr || !same_numbers(*kernel, *other)) return std::nullopt;
  using Numbers = std::vector<std::int64_t>;
  const auto list = [](const GraphNode& node, const char* name) {
    const auto found = node.attributes.find(name);
    const Numbers* const numbers = found == node.attributes.end() ? nullptr : std::get_if<Numbers>(&found->second);
    return numbers != nullptr ? *numbers : Numbers{};
  };
  // With "group" that are five, and so there is no other, such as output_padding.
  for (const GraphNode* const node : {first, &last}) {
    if (node->attributes.size() != 5 || list(*node, "strides") != Numbers{1, 1}) return std::nullopt;
    if (list(*node, "pads").size() != 4 || list(*node, "dilations").size() != 2) return std::nullopt;
    if (list(*node, "kernel_shape").size() != 2) return std::nullopt;
  }
  for (const char* const name : {"pads", "dilations", "kernel_shape"})
    if (list(*first, name) != list(last, name)) return std::nullopt;
  if (m.whole(*first, "group", -1) != m.whole(last, "group", -1) || m.whole(last, "group", -1) < 1) return std::nullopt;
  std::vector<std::string> inputs{m.resolved(x), first->inputs[1]};
  if (first->inputs.size() > 2 && !first->inputs[2].empty()) {
    if (m.tensor(first->inputs[2]) == nullptr) return std::nullopt;
    inputs.push_back(first->inputs[2]);
  }
  return recognised("ConvexStep", std::move(inputs), first->attributes);
}

}  // namespace

std::optional<GraphNode> convex_patterns(const Matcher& m, const GraphNode& root) {
  if (root.op != "Sub" || root.inputs.size() != 2 || m.constant(root.inputs[0])) return std::nullopt;
  if (const GraphNode* const last = m.made_by(root.inputs[1], "MatMul")) return of_matrices(m, root.inputs[0], *last);
  if (const GraphNode* const last = m.made_by(root.inputs[1], "ConvTranspose"))
    return of_kernels(m, root.inputs[0], *last);
  return std::nullopt;
}

}  // namespace taut::nn::onnx
