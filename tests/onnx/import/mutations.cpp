#include "tests/onnx/import/mutations.h"

#include <algorithm>
#include <set>

#include "autodiff/error.h"

namespace taut::test {
namespace {

using onnx::ElementType;
using onnx::GraphData;
using onnx::GraphNode;
using Numbers = std::vector<std::int64_t>;

std::vector<double> numbers_of(const Tensor& t) {
  std::vector<double> list;
  for (Index i = 0; i < t.size(); ++i) list.push_back(t.at(i));
  return list;
}
onnx::Array of_type(const Shape& shape, const std::vector<double>& numbers, ElementType type) {
  const Tensor t = Tensor::from<double>(shape, numbers);
  return {type == ElementType::f32 ? t.to(DType::f32) : t, type};
}
std::vector<std::pair<std::string, onnx::Array>*> constants(GraphData& graph, bool real) {
  std::vector<std::pair<std::string, onnx::Array>*> list;
  for (auto& constant : graph.initialisers)
    if (onnx::is_float(constant.second.type) == real) list.push_back(&constant);
  return list;
}
double changed(double x, Dice& dice) {
  switch (dice.below(7)) {
    case 0:
      return -x;
    case 1:
      return 0.0;
    case 2:
      return 1.0;
    case 3:
      return x + 1.0;
    case 4:
      return x * (1.0 + dice.real(-1e-3, 1e-3));
    case 5:
      return 100.0 * x;
    default:
      return dice.real(-2.0, 2.0);
  }
}

// ---- constants
// --------------------------------------------------------------------------------------------------------

std::string another_value(GraphData& graph, Dice& dice) {
  const auto list = constants(graph, true);
  if (list.empty()) return "";
  onnx::Array& array = list[dice.below(list.size())]->second;
  std::vector<double> numbers = numbers_of(array.tensor);
  const std::size_t only = dice.below(numbers.size());
  const bool all = dice.once_in(2);
  const double first = changed(numbers[only], dice);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (all || i == only) numbers[i] = all && numbers.size() > 1 ? changed(numbers[i], dice) : first;
  array = of_type(array.tensor.shape(), numbers, array.type);
  return "another value";
}

// A shape that a constant of one number can take: of more axes, of the shape of x, larger than it, or shifted.
Shape some_shape(const Shape& x, Dice& dice) {
  const auto rank = static_cast<std::size_t>(dice.whole(0, x.rank() + 1));
  std::vector<Index> dims(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const int axis = x.rank() - static_cast<int>(rank - i);
    const Index here = axis >= 0 ? x[axis] : 1;
    dims[i] = dice.once_in(2) ? 1 : dice.once_in(3) ? dice.whole(1, 4) : here;
  }
  return Shape(dims);
}
Shape shape_of_input(const GraphData& graph) {
  std::vector<Index> dims;
  for (const onnx::Dimension& d : *graph.inputs[0].shape) dims.push_back(*d.size);
  return Shape(dims);
}

std::string another_shape(GraphData& graph, Dice& dice) {
  const auto list = constants(graph, true);
  if (list.empty()) return "";
  onnx::Array& array = list[dice.below(list.size())]->second;
  if (array.tensor.size() != 1) {
    Shape shape = array.tensor.shape();
    shape = dice.once_in(2) ? shape.inserted(0, 1) : shape.inserted(shape.rank(), 1);
    array.tensor = array.tensor.reshaped(shape);
    return "a constant of another rank";
  }
  const Shape shape = some_shape(shape_of_input(graph), dice);
  std::vector<double> numbers(static_cast<std::size_t>(shape.size()), array.tensor.at(0));
  const bool uneven = dice.once_in(4);
  if (uneven) numbers.back() = changed(numbers.back(), dice);
  array = of_type(shape, numbers, array.type);
  return uneven ? "a constant of another shape with another entry" : "a constant of another shape";
}

// The constant as the result of an operation, of the same value in exact arithmetic or of another.
std::string computed(GraphData& graph, Dice& dice) {
  const auto list = constants(graph, true);
  if (list.empty()) return "";
  const auto& [name, array] = *list[dice.below(list.size())];
  static int count = 0;
  const std::string left = cat("l", ++count), right = cat("r", count), result = cat("d", count);
  const char* const ops[] = {"Div", "Mul", "Add", "Sub"};
  const char* const op = ops[dice.below(4)];
  const bool neutral = dice.once_in(2), product = op[0] == 'D' || op[0] == 'M';
  const double other = neutral ? (product ? 1.0 : 0.0) : dice.once_in(2) ? 3.0 : 0.1;
  const onnx::Array left_array = array;
  const ElementType type = array.type;
  for (GraphNode& n : graph.nodes)
    for (std::string& input : n.inputs)
      if (input == name) input = result;
  graph.nodes.insert(graph.nodes.begin(), node(op, {left, right}, result));
  graph.initialisers.emplace_back(left, left_array);
  graph.initialisers.emplace_back(right, of_type({}, {other}, type));
  return neutral ? "a computed constant" : "another, computed constant";
}

// ---- attributes and axes
// ----------------------------------------------------------------------------------------------

std::string another_attribute(GraphData& graph, Dice& dice) {
  GraphNode& n = dice.of(graph.nodes);
  const std::size_t kind = dice.below(4);
  if (kind == 0) {
    const char* const names[] = {"alpha", "axis",           "axes",      "keepdims", "noop_with_empty_axes",
                                 "beta",  "output_padding", "auto_pad",  "unheard",  "to",
                                 "min",   "perm",           "broadcast", "group"};
    const std::string name = names[dice.below(std::size(names))];
    if (name == "auto_pad")
      n.attributes[name] = std::string(dice.once_in(2) ? "SAME_UPPER" : "NOTSET");
    else if (name == "alpha" || name == "beta" || name == "min")
      n.attributes[name] = static_cast<float>(dice.real(-1.0, 1.0));
    else if (name == "axes" || name == "output_padding" || name == "perm")
      n.attributes[name] = Numbers{dice.whole(0, 1), dice.whole(0, 1)};
    else
      n.attributes[name] = dice.whole(0, 2);
    return cat("a further attribute ", name);
  }
  if (n.attributes.empty()) return "";
  auto at = n.attributes.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(dice.below(n.attributes.size())));
  const std::string name = at->first;
  if (kind == 1) {
    n.attributes.erase(at);
    return cat("without ", name);
  }
  if (auto* const i = std::get_if<std::int64_t>(&at->second)) *i = name == "keepdims" ? 1 - *i : *i + dice.whole(-2, 2);
  if (auto* const f = std::get_if<float>(&at->second)) *f = static_cast<float>(changed(*f, dice));
  if (auto* const list = std::get_if<Numbers>(&at->second)) {
    if (dice.once_in(3) || list->empty())
      list->push_back(dice.whole(-2, 2));
    else
      list->at(dice.below(list->size())) += dice.whole(-2, 2);
  }
  return cat("another ", name);
}

std::string another_axis(GraphData& graph, Dice& dice) {
  const auto list = constants(graph, false);
  if (list.empty()) return "";
  onnx::Array& array = list[dice.below(list.size())]->second;
  std::vector<double> numbers = numbers_of(array.tensor);
  if (dice.once_in(4))
    numbers.push_back(static_cast<double>(dice.whole(-3, 2)));
  else if (!numbers.empty() && dice.once_in(4))
    numbers.pop_back();
  else if (!numbers.empty())
    dice.of(numbers) = static_cast<double>(dice.whole(-3, 2));
  array = {Tensor::from<double>(Shape{static_cast<Index>(numbers.size())}, numbers), array.type};
  return "another axis";
}

// ---- nodes
// ------------------------------------------------------------------------------------------------------------

std::string another_order(GraphData& graph, Dice& dice) {
  GraphNode& n = dice.of(graph.nodes);
  if (n.inputs.size() < 2) return "";
  std::swap(n.inputs[dice.below(n.inputs.size())], n.inputs[dice.below(n.inputs.size())]);
  return "operands in another order";
}

// Values that are known before node i.
std::vector<std::string> values_before(const GraphData& graph, std::size_t i) {
  std::vector<std::string> list{"x"};
  for (std::size_t k = 0; k < i; ++k) list.push_back(graph.nodes[k].outputs[0]);
  for (const auto& [name, array] : graph.initialisers)
    if (onnx::is_float(array.type)) list.push_back(name);
  return list;
}
std::string another_operand(GraphData& graph, Dice& dice) {
  const std::size_t i = dice.below(graph.nodes.size());
  std::vector<std::string> values = values_before(graph, i);
  dice.of(graph.nodes[i].inputs) = dice.of(values);
  return "another operand";
}

std::string another_operator(GraphData& graph, Dice& dice) {
  static const std::vector<std::vector<std::string>> families{
      {"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"},
      {"Greater", "GreaterOrEqual", "Less", "LessOrEqual"},
      {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceL1", "ReduceSumSquare",
       "ReduceLogSumExp"},
      {"Relu", "Abs", "Neg", "Exp", "Softplus", "Softsign", "Sigmoid", "Tanh", "Erf", "Sqrt", "Log", "Reciprocal",
       "Elu", "Identity", "HardSigmoid"},
      {"Softmax", "LogSoftmax"},
      {"Conv", "ConvTranspose"}};
  GraphNode& n = dice.of(graph.nodes);
  for (const auto& family : families)
    if (std::ranges::find(family, n.op) != family.end()) n.op = family[dice.below(family.size())];
  return "another operator";
}

// In front of an operand of a node.
std::string inserted(GraphData& graph, Dice& dice) {
  static int count = 0;
  const std::string name = cat("i", ++count);
  const std::size_t i = dice.below(graph.nodes.size());
  std::string& operand = dice.of(graph.nodes[i].inputs);
  if (operand.empty()) return "";
  GraphNode before = node("Identity", {operand}, name);
  if (!dice.once_in(3)) {
    before.op = "Cast";
    const ElementType types[] = {ElementType::f32, ElementType::f16, ElementType::bf16, ElementType::f64,
                                 ElementType::i64};
    before.attributes["to"] = static_cast<std::int64_t>(types[dice.below(5)]);
  }
  operand = name;
  graph.nodes.insert(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i), std::move(before));
  return "a cast or an identity";
}

std::string another_domain(GraphData& graph, Dice& dice) {
  dice.of(graph.nodes).domain = dice.once_in(2) ? "com.microsoft" : "taut";
  graph.opsets["com.microsoft"] = graph.opsets["taut"] = 1;
  return "another domain";
}

// ---- all of it
// --------------------------------------------------------------------------------------------------------

std::string another_opset(GraphData& graph, Dice& dice) {
  graph.opsets[""] = static_cast<int>(dice.whole(6, 20));
  return "another opset";
}

std::string another_input(GraphData& graph, Dice& dice) {
  auto& dims = *graph.inputs[0].shape;
  switch (dice.below(3)) {
    case 0:
      dims[0].size = dice.whole(1, 3);
      return "another batch";
    case 1:
      dice.of(dims).size = dice.whole(1, 4);
      return "another size of x";
    default:
      if (dims.size() < 5) dims.insert(dims.begin(), onnx::Dimension{dice.whole(1, 2), ""});
      return "an x of another rank";
  }
}

}  // namespace

std::string mutate(GraphData& graph, Dice& dice) {
  constexpr std::string (*kinds[])(GraphData&, Dice&) = {
      another_value,   another_shape,    another_shape,    computed, another_attribute, another_axis,  another_order,
      another_operand, another_operator, another_operator, inserted, another_domain,    another_opset, another_input};
  for (int tries = 0; tries < 20; ++tries) {
    std::string what = kinds[dice.below(std::size(kinds))](graph, dice);
    if (!what.empty()) return what;
  }
  return "nothing";
}

namespace {

GraphData retyped(GraphData graph, ElementType type) {
  const DType dtype = type == ElementType::f64 ? DType::f64 : DType::f32;
  for (auto& [name, array] : graph.initialisers)
    if (onnx::is_float(array.type)) array = {array.tensor.to(dtype), type};
  graph.inputs[0].type = type;
  return graph;
}

}  // namespace

// A cast to the type that the graph computes in changes nothing, in f64 neither.
GraphData in_f64(GraphData graph) {
  if (!graph.inputs.empty() && graph.inputs.front().type == ElementType::f32)
    for (GraphNode& n : graph.nodes) {
      if (n.op != "Cast" || !n.attributes.contains("to")) continue;
      auto* const to = std::get_if<std::int64_t>(&n.attributes.at("to"));
      if (to != nullptr && *to == static_cast<std::int64_t>(ElementType::f32))
        *to = static_cast<std::int64_t>(ElementType::f64);
    }
  return retyped(std::move(graph), ElementType::f64);
}
GraphData in_f32(GraphData graph) { return retyped(std::move(graph), ElementType::f32); }

}  // namespace taut::test
