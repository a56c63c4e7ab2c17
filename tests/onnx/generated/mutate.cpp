// Near misses: one thing in a graph is changed.
#include <algorithm>

#include "tests/onnx/generated/draft.h"
#include "tests/onnx/generated/interpreter.h"

namespace taut::test::generated {
namespace {

using onnx::Array;

void change_number(Random& random, Array& array) {
  Tensor tensor = array.tensor.copy();
  if (tensor.size() == 0) return;
  const auto at = random.whole(0, tensor.size() - 1);
  const bool all = random.coin(), whole = !onnx::is_float(array.type);
  const double factor = random.of({2.0, 0.5, -1.0, 1.001, 1.0 + 1e-5, 0.0}), step = random.of({1.0, -1.0, 0.1});
  const bool adds = whole || random.coin();
  for (Index i = 0; i < tensor.size(); ++i) {
    if (!all && i != at) continue;
    double x = tensor.at(i);
    if (array.type == onnx::ElementType::boolean)
      x = 1.0 - x;
    else
      x = adds ? x + (whole ? random.of({1.0, -1.0}) : step) : x * factor;
    dispatch(tensor.dtype(), [&](auto zero) {
      tensor.mutable_data<decltype(zero)>()[static_cast<std::size_t>(i)] = static_cast<decltype(zero)>(x);
    });
  }
  array.tensor = tensor;
}
void change_shape(Random& random, Array& array) {
  Sizes dims(array.tensor.shape().dims().begin(), array.tensor.shape().dims().end());
  const auto shaped = [](const Sizes& s) { return Shape{std::span<const Index>(s)}; };
  if (random.chance(0.4)) {
    dims.insert(dims.begin() + random.whole(0, static_cast<std::int64_t>(dims.size())), 1);
    array.tensor = array.tensor.reshaped(shaped(dims));
  } else if (random.coin() && array.tensor.size() == 1) {
    dims.assign(static_cast<std::size_t>(random.whole(0, 3)), 1);
    for (std::int64_t& dim : dims) dim = random.whole(1, 3);
    array.tensor = Tensor::full(shaped(dims), array.tensor.dtype(), array.tensor.at(0));
  } else if (!dims.empty()) {
    std::ranges::reverse(dims);
    array.tensor = array.tensor.reshaped(shaped(dims));
  }
}
void change_constant(Random& random, Array& array) {
  if (random.chance(0.6))
    change_number(random, array);
  else
    change_shape(random, array);
}

void change_attribute(Random& random, onnx::GraphNode& node) {
  if (node.attributes.empty()) {
    // One that was left to its default.
    const auto name = random.of({"axis", "keepdims", "transA", "transB", "alpha", "ceil_mode"});
    if (std::string(name) == "alpha")
      node.attributes[name] = 0.5F;
    else
      node.attributes[name] = random.whole(-1, 1);
    return;
  }
  auto found = node.attributes.begin();
  std::advance(found, random.whole(0, static_cast<std::int64_t>(node.attributes.size()) - 1));
  if (random.chance(0.25)) {
    node.attributes.erase(found);
    return;
  }
  onnx::Attribute& value = found->second;
  if (auto* whole = std::get_if<std::int64_t>(&value)) *whole += random.of({1, -1});
  if (auto* real = std::get_if<float>(&value)) *real *= random.of({2.0F, 0.5F, -1.0F, 1.01F});
  if (auto* list = std::get_if<std::vector<std::int64_t>>(&value); list != nullptr && !list->empty()) {
    if (random.chance(0.3))
      std::rotate(list->begin(), list->begin() + 1, list->end());
    else
      (*list)[static_cast<std::size_t>(random.whole(0, static_cast<std::int64_t>(list->size()) - 1))] +=
          random.of({1, -1});
  }
  if (auto* array = std::get_if<Array>(&value)) change_constant(random, *array);
}

void change_operator(Random& random, onnx::GraphNode& node) {
  static const std::vector<Names> families{{"Add", "Sub", "Mul", "Div"},
                                           {"Max", "Min", "Sum", "Mean"},
                                           {"Greater", "Less", "GreaterOrEqual", "LessOrEqual"},
                                           {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ReduceMin"},
                                           {"Relu", "Abs", "Neg", "Sigmoid", "Tanh", "Erf", "Softplus", "Exp"},
                                           {"Sqrt", "Reciprocal", "Identity", "Abs"},
                                           {"AveragePool", "MaxPool", "LpPool"}};
  for (const Names& family : families)
    if (std::ranges::find(family, node.op) != family.end()) {
      node.op = random.of(family);
      return;
    }
}
void change_operand(Draft& draft, onnx::GraphNode& node) {
  if (node.inputs.size() >= 2 && draft.random.coin()) {
    std::swap(node.inputs[0], node.inputs[1]);
    return;
  }
  const auto last = static_cast<std::int64_t>(node.inputs.size()) - 1;
  std::string& operand = node.inputs[static_cast<std::size_t>(draft.random.whole(0, last))];
  operand = draft.random.of(draft.live);
}

void change(Draft& draft) {
  Random& random = draft.random;
  onnx::GraphData& graph = draft.graph;
  const double kind = random.uniform(0, 1);
  if (kind < 0.35 && !graph.initialisers.empty()) {
    auto& [name, array] = graph.initialisers[static_cast<std::size_t>(
        random.whole(0, static_cast<std::int64_t>(graph.initialisers.size()) - 1))];
    change_constant(random, array);
    return;
  }
  onnx::GraphNode& node =
      graph.nodes[static_cast<std::size_t>(random.whole(0, static_cast<std::int64_t>(graph.nodes.size()) - 1))];
  if (kind < 0.65)
    change_attribute(random, node);
  else if (kind < 0.8)
    change_operator(random, node);
  else if (kind < 0.95 && !node.inputs.empty())
    change_operand(draft, node);
  else
    graph.opsets[""] = random.of({9, 11, 12, 13, 17, 18, 21});
}

}  // namespace

bool mutate(Draft& draft) {
  if (draft.graph.nodes.empty()) return false;
  for (int tries = 0; tries < 8; ++tries) {
    const onnx::GraphData before = draft.graph;
    const std::map<std::string, Value> values = draft.values;
    try {
      change(draft);
      std::map<std::string, Value> inputs;
      for (const onnx::GraphPort& port : draft.graph.inputs) inputs[port.name] = values.at(port.name);
      draft.values = interpret(draft.graph, inputs);
      bool small = true;
      for (const auto& [name, value] : draft.values) small = small && value.size() <= 150 && value.size() > 0;
      const auto varies = [&](const std::string& name) {
        return draft.value(name).is_float() && draft.value(name).varies();
      };
      if (small && std::ranges::any_of(draft.live, varies)) {
        std::erase_if(draft.live, [&](const std::string& name) { return !varies(name); });
        return true;
      }
    } catch (const std::exception&) {  // not a graph any more
    }
    draft.graph = before;
    draft.values = values;
  }
  return false;
}

}  // namespace taut::test::generated
