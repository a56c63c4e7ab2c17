#include "tests/onnx/generated/interpreter.h"

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {

template <class T>
const T* NodeView::find(const char* name) const {
  const auto found = node_.attributes.find(name);
  if (found == node_.attributes.end()) return nullptr;
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) fail(std::string("the attribute ") + name + " is of another kind");
  return value;
}

std::int64_t NodeView::whole(const char* name, std::int64_t otherwise) const {
  const auto* value = find<std::int64_t>(name);
  return value != nullptr ? *value : otherwise;
}
Real NodeView::real(const char* name, Real otherwise) const {
  const auto* value = find<float>(name);
  return value != nullptr ? *value : otherwise;
}
std::string NodeView::text(const char* name, const char* otherwise) const {
  const auto* value = find<std::string>(name);
  return value != nullptr ? *value : otherwise;
}
std::optional<Sizes> NodeView::list(const char* name) const {
  const auto* value = find<std::vector<std::int64_t>>(name);
  return value != nullptr ? std::optional(*value) : std::nullopt;
}
std::optional<std::vector<Real>> NodeView::reals(const char* name) const {
  const auto* value = find<std::vector<float>>(name);
  return value != nullptr ? std::optional(std::vector<Real>(value->begin(), value->end())) : std::nullopt;
}
const onnx::Array* NodeView::tensor(const char* name) const { return find<onnx::Array>(name); }

std::optional<Sizes> NodeView::list_or_operand(const char* name, std::size_t operand, int since) const {
  if (opset_ < since) return list(name);
  return has(operand) ? std::optional(wholes(operand)) : std::nullopt;
}

Sizes NodeView::wholes(std::size_t i) const {
  const Value& x = (*this)[i];
  if (x.varies() || x.is_float()) fail("whole numbers that do not vary are needed");
  Sizes list;
  for (const Dual& e : x.numbers) list.push_back(static_cast<std::int64_t>(e.value));
  return list;
}
Real NodeView::number(std::size_t i) const {
  const Value& x = (*this)[i];
  if (x.size() != 1 || x.varies()) fail("one number that does not vary is needed");
  return x.at(0).value;
}
int NodeView::axis(std::int64_t given, int rank) const {
  if (given < -rank || given >= rank) fail("there is no such axis");
  return static_cast<int>(given < 0 ? given + rank : given);
}

namespace {

const OperationTable& all_operations() {
  static const OperationTable all = [] {
    OperationTable table;
    for (const OperationTable* part :
         {&elementwise_operations(), &whole_operations(), &moving_operations(), &reducing_operations(),
          &product_operations(), &normalising_operations(), &image_operations(), &resizing_operations()})
      table.insert(part->begin(), part->end());
    return table;
  }();
  return all;
}

}  // namespace

bool is_known(const std::string& op) { return all_operations().contains(op); }

void interpret_node(const onnx::GraphNode& node, int opset, std::map<std::string, Value>& values) {
  const auto found = all_operations().find(node.op);
  if (found == all_operations().end() || !node.domain.empty()) throw NotKnown(node.domain + "." + node.op);
  std::vector<const Value*> operands;
  for (const std::string& name : node.inputs) {
    if (!name.empty() && !values.contains(name)) throw Invalid(node.op + " takes '" + name + "', which is not there");
    operands.push_back(name.empty() ? nullptr : &values.at(name));
  }
  Results results = found->second(NodeView(node, opset, std::move(operands)));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    if (i >= results.size()) throw NotKnown(node.op + " with more outputs");
    // Operators divide by sizes.
    if (results[i].is_float() && results[i].size() == 0) throw NothingLeft(node.op + ": nothing is left");
    values[node.outputs[i]] = std::move(results[i]);
  }
}

std::map<std::string, Value> interpret(const onnx::GraphData& graph, std::map<std::string, Value> inputs) {
  for (const auto& [name, array] : graph.initialisers)
    if (!inputs.contains(name)) inputs.emplace(name, value_of(array));
  const int opset = graph.opsets.contains("") ? graph.opsets.at("") : 13;
  for (const onnx::GraphNode& node : graph.nodes) interpret_node(node, opset, inputs);
  return inputs;
}

}  // namespace taut::test::generated
