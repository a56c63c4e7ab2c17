// The names of a graph, and an order in which its nodes can be computed.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "autodiff/error.h"
#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {
namespace {

constexpr std::string_view shown(const std::string& name) { return std::string_view(name).substr(0, 80); }

}  // namespace

std::vector<std::pair<int, const GraphNode*>> ordered_nodes(const GraphData& graph, const std::string& file,
                                                            std::span<const std::string> outputs) {
  const auto fail = [&](const std::string& what) { throw FileError(cat(file, ": ", what)); };
  std::unordered_map<std::string_view, std::size_t> producer;  // node
  std::set<std::string_view> given;
  for (const GraphPort& port : graph.inputs) {
    if (port.name.empty()) fail("an input has no name");
    if (!given.insert(port.name).second) fail(cat("there are two inputs '", shown(port.name), "'"));
  }
  std::set<std::string_view> initialisers;
  for (const auto& [name, array] : graph.initialisers) {
    if (name.empty()) fail("an initialiser has no name");
    if (!initialisers.insert(name).second) fail(cat("there are two initialisers '", shown(name), "'"));
    given.insert(name);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const std::string& name : graph.nodes[i].outputs) {
      if (name.empty()) continue;
      if (given.contains(name) || !producer.emplace(name, i).second)
        fail(cat("the value '", shown(name), "' is computed twice, again by node ", i + 1, " (", graph.nodes[i].op,
                 ')'));
    }

  // Depth first without recursion: a node is left when all of its operands have been.
  enum class Mark : char { none, open, done };
  std::vector<Mark> marks(graph.nodes.size(), Mark::none);
  std::vector<std::pair<int, const GraphNode*>> order;
  const auto visit = [&](std::size_t root) {
    struct Frame {
      std::size_t node, next;
    };
    std::vector<Frame> stack;
    if (marks[root] == Mark::none) stack.push_back({root, 0}), marks[root] = Mark::open;
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const GraphNode& node = graph.nodes[frame.node];
      if (frame.next == node.inputs.size()) {
        marks[frame.node] = Mark::done;
        order.emplace_back(static_cast<int>(frame.node) + 1, &node);
        stack.pop_back();
        continue;
      }
      const std::string& name = node.inputs[frame.next++];
      if (name.empty() || given.contains(name)) continue;
      const auto from = producer.find(name);
      if (from == producer.end())
        fail(cat("node ", frame.node + 1, " '", shown(node.name), "' (", node.op, ") takes '", shown(name),
                 "', which nothing computes"));
      if (marks[from->second] == Mark::open)
        fail(cat("the graph has a cycle through node ", from->second + 1, " '", shown(graph.nodes[from->second].name),
                 "' (", graph.nodes[from->second].op, ')'));
      if (marks[from->second] == Mark::none) {
        marks[from->second] = Mark::open;
        stack.push_back({from->second, 0});
      }
    }
  };
  for (const std::string& name : outputs) {
    if (given.contains(name)) continue;
    const auto from = producer.find(name);
    if (from == producer.end()) fail(cat("nothing computes the output '", shown(name), "'"));
    visit(from->second);
  }
  // The place in the file where a node, or the node whose branch it was in, stands.
  const auto with_lines = [](std::vector<std::pair<int, const GraphNode*>> nodes) {
    for (auto& [line, node] : nodes)
      if (node->line > 0) line = node->line;
    return nodes;
  };
  // In the order of the file where that is one of computation, as it should be.
  std::vector<std::pair<int, const GraphNode*>> by_file = order;
  std::ranges::sort(by_file);
  std::set<std::string_view> known(given);
  for (const auto& [line, node] : by_file) {
    for (const std::string& name : node->inputs)
      if (!name.empty() && !known.contains(name)) return with_lines(order);
    known.insert(node->outputs.begin(), node->outputs.end());
  }
  return with_lines(by_file);
}

}  // namespace taut::nn::onnx
