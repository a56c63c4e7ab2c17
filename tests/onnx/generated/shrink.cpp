// Smaller graphs on which the library is wrong in the same way.
#include <algorithm>
#include <set>

#include "tests/onnx/generated/claims.h"

namespace taut::test::generated {

void remove_unused(onnx::GraphData& graph) {
  std::set<std::string> wanted;
  for (const onnx::GraphPort& port : graph.outputs) wanted.insert(port.name);
  std::vector<onnx::GraphNode> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool used = std::ranges::any_of(node->outputs, [&](const std::string& o) { return wanted.contains(o); });
    if (!used) continue;
    wanted.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(*node);
  }
  std::ranges::reverse(kept);
  graph.nodes = kept;
  std::erase_if(graph.initialisers, [&](const auto& i) { return !wanted.contains(i.first); });
  std::erase_if(graph.inputs, [&](const onnx::GraphPort& port) { return !wanted.contains(port.name); });
}

namespace {

bool still_wrong(const onnx::GraphData& graph, const Question& question, Kind kind) {
  try {
    const Outcome outcome = check(graph, question);
    return std::ranges::any_of(outcome.findings, [&](const Finding& f) { return f.kind == kind; });
  } catch (const std::exception&) {  // not a graph any more
    return false;
  }
}

void rename(onnx::GraphData& graph, const std::string& from, const std::string& to) {
  for (onnx::GraphNode& node : graph.nodes) std::ranges::replace(node.inputs, from, to);
  for (onnx::GraphPort& port : graph.outputs)
    if (port.name == from) port.name = to;
}

// Ends at another node, or leaves one out.
std::vector<onnx::GraphData> smaller(const onnx::GraphData& graph) {
  std::vector<onnx::GraphData> list;
  if (graph.outputs.size() > 1) {
    list.push_back(graph);
    list.back().outputs.pop_back();
  }
  for (const onnx::GraphNode& node : graph.nodes) {
    if (node.outputs.front() == graph.outputs.front().name) continue;
    list.push_back(graph);
    list.back().outputs.resize(1);
    list.back().outputs.front().name = node.outputs.front();
  }
  for (const onnx::GraphNode& node : graph.nodes)
    for (const std::string& input : node.inputs) {
      if (input.empty()) continue;
      list.push_back(graph);
      rename(list.back(), node.outputs.front(), input);
    }
  for (onnx::GraphData& smaller : list) remove_unused(smaller);
  std::erase_if(list,
                [&](const onnx::GraphData& g) { return g.nodes.size() >= graph.nodes.size() || g.inputs.empty(); });
  std::ranges::stable_sort(list, {}, [](const onnx::GraphData& g) { return g.nodes.size(); });
  return list;
}

}  // namespace

onnx::GraphData shrunk(onnx::GraphData graph, const Question& question, Kind kind) {
  remove_unused(graph);
  for (bool found = true; found;) {
    found = false;
    for (const onnx::GraphData& candidate : smaller(graph))
      if (still_wrong(candidate, question, kind)) {
        graph = candidate;
        found = true;
        break;
      }
  }
  return graph;
}

}  // namespace taut::test::generated
