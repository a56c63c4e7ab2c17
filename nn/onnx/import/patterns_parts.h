// What patterns are made of. Internal to nn/onnx.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nn/onnx/import/patterns.h"

namespace taut::nn::onnx {

// By so much, relative, may a constant of a file differ from the number that it stands for, such as √2: a rounding to
// f32. The rules of what is recognised hold for all constants within that distance; `near_enough` is less by more than
// the rounding of comparisons and of reciprocals.
inline constexpr double nominal = 0x1p-23, near_enough = nominal * (1 - 0x1p-20);

class Matcher {
 public:
  Matcher(const std::vector<Step>& steps, const ConstantOf& constant) : steps_(steps), constant_(constant) {
    for (std::size_t i = 0; i < steps.size(); ++i)
      for (const std::string& name : steps[i].node.outputs)
        if (!name.empty()) producer_.emplace(name, i);
  }

  // The node of this op that computes the value (as its first output), casts aside; else null.
  const GraphNode* made_by(const std::string& value, std::string_view op) const;
  const std::string& resolved(const std::string& value) const;  // behind casts and identities
  bool same(const std::string& a, const std::string& b) const { return resolved(a) == resolved(b); }

  bool constant(const std::string& value) const { return constant_(value).value != nullptr; }
  // Of a constant, if its numbers are exact: stored in the file or moved only.
  const Tensor* tensor(const std::string& value) const;
  std::optional<double> number(const std::string& value) const;  // if that is one number throughout
  bool is(const std::string& value, double wanted) const;
  // The next hold for constants that are computed in the file too, in exact arithmetic.
  bool near(const std::string& value, double wanted) const;      // every number, up to `near_enough`
  bool at_most(const std::string& value, double largest) const;  // every number
  // One exact number throughout, or a single one.
  bool one_number(const std::string& value) const;

  // (operand, constant) of a node of this op with one constant operand: the second, or either where op commutes.
  std::optional<std::pair<std::string, std::string>> with_constant(const std::string& value, std::string_view op) const;

  std::int64_t whole(const GraphNode& node, const char* name, std::int64_t otherwise) const;
  // Along which the Softmax normalises that computes the value, of this rank; nothing if it is another operator or
  // counts several axes as one, as it did before opset 13.
  std::optional<std::int64_t> softmax_axis(const std::string& value, std::int64_t rank) const;
  // Whether a reduction keeps the axes along which it reduces, with size 1.
  bool keeps_axes(const GraphNode& node) const { return whole(node, "keepdims", 1) != 0; }
  // Of a reduction, by attribute or operand; nothing if they are not known or not given.
  std::optional<std::vector<std::int64_t>> axes(const GraphNode& node) const;

 private:
  const std::vector<Step>& steps_;
  const ConstantOf& constant_;
  std::unordered_map<std::string, std::size_t> producer_;
};

// The operator that the value of this node is, its name and outputs aside; nothing if it is none that is known.
using Pattern = std::optional<GraphNode>(const Matcher& matcher, const GraphNode& root);
Pattern gate_patterns;         // x·g(x): GELU, SiLU, Mish, hard swish
Pattern kink_patterns;         // piecewise: ReLU, leaky ReLU, PReLU, ELU
Pattern norm_patterns;         // layer norm, division by a norm
Pattern exponential_patterns;  // sigmoid, softplus, softmax and others made of Exp and Log
Pattern attention_patterns;    // L2 attention
Pattern convex_patterns;       // convex steps

inline GraphNode recognised(std::string op, std::vector<std::string> inputs,
                            std::map<std::string, Attribute> attributes = {}) {
  GraphNode node;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  return node;
}
// Attributes hold f32 numbers; what must be exact goes as a tensor.
inline Attribute exact(double x) { return Array{Tensor::scalar(x, DType::f64), ElementType::f64}; }

}  // namespace taut::nn::onnx
