#include "nn/onnx/export/writer.h"

#include <algorithm>

namespace taut::nn::onnx {

std::string GraphWriter::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 1; !names_.insert(name).second; ++i) name = cat(wanted, '_', i);
  return name;
}

std::string GraphWriter::add(std::string op, std::vector<std::string> inputs, NodeAttributes attributes,
                             const std::string& wanted, std::size_t outputs) {
  GraphNode node;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  node.attributes = std::move(attributes);
  for (std::size_t i = 0; i < outputs; ++i) node.outputs.push_back(unique(wanted));
  node.name = node.outputs.front();
  data.nodes.push_back(std::move(node));
  return data.nodes.back().name;
}

std::string GraphWriter::initialiser(const std::string& wanted, Array array) {
  data.initialisers.emplace_back(unique(wanted), std::move(array));
  return data.initialisers.back().first;
}

void GraphWriter::rename(std::size_t first_node, const std::string& from, const std::string& to) {
  for (std::size_t i = first_node; i < data.nodes.size(); ++i) {
    GraphNode& node = data.nodes[i];
    if (node.name == from) node.name = to;
    for (std::vector<std::string>* names : {&node.inputs, &node.outputs}) std::ranges::replace(*names, from, to);
  }
}

GraphData GraphWriter::finish(const std::set<std::string>& kept) {
  std::set<std::string> used;
  for (const GraphPort& port : data.outputs) used.insert(port.name);
  std::vector<GraphNode> nodes;
  for (auto node = data.nodes.rbegin(); node != data.nodes.rend(); ++node) {
    if (std::ranges::none_of(node->outputs, [&](const std::string& name) { return used.contains(name); })) continue;
    used.insert(node->inputs.begin(), node->inputs.end());
    nodes.push_back(std::move(*node));
  }
  data.nodes.assign(std::make_move_iterator(nodes.rbegin()), std::make_move_iterator(nodes.rend()));
  std::erase_if(data.initialisers,
                [&](const auto& entry) { return !used.contains(entry.first) && !kept.contains(entry.first); });
  data.opsets[""] = opset_;
  return std::move(data);
}

ElementType element_type(DType dtype) { return dtype == DType::f32 ? ElementType::f32 : ElementType::f64; }

Site::Site(GraphWriter& graph, const Tape& tape, std::span<const Written> written, NodeId id, int axis,
           std::string_view nodes)
    : graph_(graph),
      tape_(tape),
      written_(written),
      node_(tape.node(id)),
      axis_(axis),
      nodes_(nodes),
      name_(cat(node_.name(), '_', id)) {}

Site::Unexpanded Site::unexpanded(int i) const {
  const Node* const wide = made_by<BroadcastTo>(operand_id(i));
  if (wide == nullptr) return {in(i), shape(i)};
  const NodeId narrow = wide->operands()[0];
  return {name_of(narrow), tape_.node(narrow).value.shape()};
}

// Leaves out broadcast_to from the last operand to the first, as long as the others make up for it.
std::vector<std::string> Site::broadcast_operands() const {
  std::vector<std::string> names;
  std::vector<Shape> shapes;
  for (int i = 0; i < count(); ++i) {
    names.push_back(in(i));
    shapes.push_back(shape(i));
  }
  for (int i = count(); i-- > 0;) {
    const auto k = static_cast<std::size_t>(i);
    const Unexpanded narrow = unexpanded(i);
    Shape together = narrow.shape;
    for (std::size_t j = 0; j < shapes.size(); ++j)
      if (j != k) together = broadcast_shapes(together, shapes[j], "onnx");
    if (together != out()) continue;
    names[k] = narrow.name;
    shapes[k] = narrow.shape;
  }
  return names;
}

std::string Site::emit(std::string op, std::vector<std::string> inputs, NodeAttributes attributes,
                       std::size_t outputs) {
  const std::string wanted = cat(name_, '.', op);
  return graph_.add(std::move(op), std::move(inputs), std::move(attributes), wanted, outputs);
}

std::string Site::number(double value) { return numbers(Tensor::scalar(value, dtype())); }

std::string Site::numbers(const Tensor& values) {
  return graph_.initialiser(cat(name_, ".constant"), {values.to(dtype()), element_type(dtype())});
}

std::string Site::whole(std::vector<std::int64_t> values) {
  Tensor tensor = Tensor::uninitialised(Shape{static_cast<Index>(values.size())}, DType::f64);
  std::ranges::transform(values, tensor.mutable_data<double>().begin(),
                         [](std::int64_t value) { return static_cast<double>(value); });
  return graph_.initialiser(cat(name_, ".whole"), {std::move(tensor), ElementType::i64});
}

std::string Site::scalar_whole(std::int64_t value) {
  return graph_.initialiser(cat(name_, ".whole"), {Tensor::scalar(static_cast<double>(value)), ElementType::i64});
}

std::string Site::truths(const Tensor& values) {
  Tensor tensor = values.to(DType::f64).copy();
  for (double& value : tensor.mutable_data<double>()) value = value != 0.0 ? 1.0 : 0.0;
  return graph_.initialiser(cat(name_, ".truth"), {std::move(tensor), ElementType::boolean});
}

// 0: as it was along this axis, −1: whatever is left.
std::string Site::reshape(const std::string& x, const Shape& shape, int axis, bool joined) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  const bool stays = axis == 0 && count() > 0 && this->axis(0) == 0 && !joined;
  if (axis >= 0) dims[static_cast<std::size_t>(axis)] = stays ? 0 : -1;
  return emit("Reshape", {x, whole(std::move(dims))});
}

std::string Site::permute(const std::string& x, std::vector<std::int64_t> order) {
  return emit("Transpose", {x}, {{"perm", std::move(order)}});
}

void Site::refuse(const std::string& why) const {
  throw UnsupportedError(cat("[onnx] ", node_.op->info().name, " at ", node_.where, ' ', why));
}

}  // namespace taut::nn::onnx
