// ONNX graphs in dual numbers of long doubles: what a model computes in exact arithmetic of its stored numbers, and its
// derivative. Written from the specification of the operators, apart from the library's import, rules and recognition.
#pragma once

#include <map>
#include <string>

#include "tests/onnx/generated/value.h"

namespace taut::test::generated {

bool is_known(const std::string& op);

// All values of the graph by name. Invalid where the specification gives no meaning.
std::map<std::string, Value> interpret(const onnx::GraphData& graph, std::map<std::string, Value> inputs);
// One node more, of these values.
void interpret_node(const onnx::GraphNode& node, int opset, std::map<std::string, Value>& values);

}  // namespace taut::test::generated
