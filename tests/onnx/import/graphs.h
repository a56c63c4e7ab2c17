// Graphs for tests of the import, written down in a few lines.
#pragma once

#include <string>
#include <vector>

#include "nn/onnx/model.h"

namespace taut::test {

namespace onnx = nn::onnx;

inline onnx::Array floats(const Shape& shape, const std::vector<double>& values) {
  return {Tensor::from<double>(shape, values), onnx::ElementType::f64};
}
inline onnx::Array number(double x) { return {Tensor::scalar(x, DType::f64), onnx::ElementType::f64}; }
inline onnx::Array single(double x) { return {Tensor::scalar(x, DType::f32), onnx::ElementType::f32}; }
inline onnx::Array wholes(const std::vector<double>& values) {
  return {Tensor::from<double>(Shape{static_cast<Index>(values.size())}, values), onnx::ElementType::i64};
}

inline onnx::GraphNode node(std::string op, std::vector<std::string> inputs, std::string output,
                            std::map<std::string, onnx::Attribute> attributes = {}) {
  return {std::move(op), "", "", std::move(inputs), {std::move(output)}, std::move(attributes)};
}

using Constants = std::vector<std::pair<std::string, onnx::Array>>;

// x of this shape, f64 unless said otherwise, to y.
inline onnx::GraphData graph(const Shape& shape, std::vector<onnx::GraphNode> nodes, Constants constants = {},
                             int opset = 13, onnx::ElementType type = onnx::ElementType::f64) {
  onnx::GraphData data;
  data.opsets[""] = opset;
  data.nodes = std::move(nodes);
  data.initialisers = std::move(constants);
  onnx::GraphPort x{"x", type, std::vector<onnx::Dimension>{}}, y{"y", type, std::nullopt};
  for (const Index dim : shape.dims()) x.shape->push_back({dim, ""});
  data.inputs.push_back(x);
  data.outputs.push_back(y);
  return data;
}

}  // namespace taut::test
