#include "nn/onnx/import/branches.h"

#include <algorithm>
#include <optional>
#include <set>

#include "autodiff/error.h"
#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {
namespace {

using Subgraph = std::shared_ptr<const GraphData>;

constexpr std::size_t most_nodes = 1 << 20;

const GraphData* subgraph(const GraphNode& node, const char* name) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return nullptr;
  const auto* graph = std::get_if<Subgraph>(&found->second);
  return graph != nullptr ? graph->get() : nullptr;
}

// Names that a graph uses and does not define, those of graphs within it included.
void add_captured(const GraphData& graph, std::set<std::string>& names) {
  std::set<std::string> own, used;
  for (const GraphPort& port : graph.inputs) own.insert(port.name);
  for (const auto& [name, array] : graph.initialisers) own.insert(name);
  for (const GraphNode& node : graph.nodes) {
    own.insert(node.outputs.begin(), node.outputs.end());
    used.insert(node.inputs.begin(), node.inputs.end());
    for (const auto& [name, attribute] : node.attributes)
      if (const auto* inner = std::get_if<Subgraph>(&attribute)) add_captured(**inner, used);
  }
  for (const GraphPort& port : graph.outputs) used.insert(port.name);
  for (const std::string& name : used)
    if (!name.empty() && !own.contains(name)) names.insert(name);
}

// The truth of a value that depends on nothing but the file, else nothing.
std::optional<bool> constant_truth(const GraphData& graph, const std::string& file, const std::string& name) {
  for (const GraphPort& port : graph.inputs)
    if (port.name == name) return std::nullopt;
  try {
    const Program program(graph, file, {}, {}, {&name, 1});
    const Value* const value = program.constant(program.outputs().front());
    if (value == nullptr || !value->var.defined() || value->var.value().size() != 1) return std::nullopt;
    return value->var.value().at(0) != 0.0;
  } catch (const Error&) {  // it depends on an input, or on what cannot be imported
    return std::nullopt;
  }
}

// A branch in the place of its node, with names of its own.
class Inlined {
 public:
  Inlined(const GraphData& branch, const GraphNode& node, std::string prefix, const std::string& file)
      : prefix_(std::move(prefix)) {
    if (!branch.inputs.empty() || branch.outputs.size() < node.outputs.size())
      throw FileError(cat(file, ": the branches of node '", node.name.substr(0, 80), "' (If) do not fit its outputs"));
    for (const auto& [name, array] : branch.initialisers) own_.insert(name);
    for (const GraphNode& inner : branch.nodes) own_.insert(inner.outputs.begin(), inner.outputs.end());
    own_.erase("");
    for (const GraphNode& inner : branch.nodes) {
      nodes.push_back(renamed(inner));
      nodes.back().line = node.line;
    }
    for (const auto& [name, array] : branch.initialisers) initialisers.emplace_back(renamed(name), array);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      GraphNode identity;
      identity.op = "Identity";
      identity.name = node.name;
      identity.line = node.line;
      identity.inputs = {renamed(branch.outputs[i].name)};
      identity.outputs = {node.outputs[i]};
      nodes.push_back(std::move(identity));
    }
  }

  std::vector<GraphNode> nodes;
  std::vector<std::pair<std::string, Array>> initialisers;

 private:
  std::string renamed(const std::string& name) const { return own_.contains(name) ? prefix_ + name : name; }
  GraphNode renamed(GraphNode node) const {
    if (node.name.empty() && !node.outputs.empty()) node.name = node.outputs.front();
    for (std::string& name : node.inputs) name = renamed(name);
    for (std::string& name : node.outputs) name = renamed(name);
    for (auto& [name, attribute] : node.attributes)
      if (auto* inner = std::get_if<Subgraph>(&attribute))
        *inner = std::make_shared<const GraphData>(captures_renamed(**inner));
    return node;
  }
  // Of a graph within the branch: what it takes of the branch.
  GraphData captures_renamed(GraphData graph) const {
    std::set<std::string> own;
    for (const GraphPort& port : graph.inputs) own.insert(port.name);
    for (const auto& [name, array] : graph.initialisers) own.insert(name);
    for (const GraphNode& node : graph.nodes) own.insert(node.outputs.begin(), node.outputs.end());
    const auto outside = [&](std::string& name) {
      if (!own.contains(name)) name = renamed(name);
    };
    for (GraphNode& node : graph.nodes) {
      for (std::string& name : node.inputs) outside(name);
      for (auto& [name, attribute] : node.attributes)
        if (auto* inner = std::get_if<Subgraph>(&attribute))
          *inner = std::make_shared<const GraphData>(captures_renamed(**inner));
    }
    for (GraphPort& port : graph.outputs) outside(port.name);
    return graph;
  }

  std::string prefix_;
  std::set<std::string> own_;
};

void add_captures(GraphNode& node) {
  std::set<std::string> names;
  for (const auto& [name, attribute] : node.attributes)
    if (const auto* inner = std::get_if<Subgraph>(&attribute)) add_captured(**inner, names);
  for (const std::string& name : names)
    if (std::ranges::find(node.inputs, name) == node.inputs.end()) node.inputs.push_back(name);
}

}  // namespace

GraphData with_branches_taken(GraphData graph, const std::string& file) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < graph.nodes.size();) {
    const GraphNode node = graph.nodes[i];
    const bool chooses = node.domain.empty() && node.op == "If" && node.inputs.size() == 1;
    const auto truth = chooses ? constant_truth(graph, file, node.inputs[0]) : std::nullopt;
    const GraphData* const branch = truth ? subgraph(node, *truth ? "then_branch" : "else_branch") : nullptr;
    if (branch == nullptr) {
      add_captures(graph.nodes[i++]);
      continue;
    }
    Inlined inlined(*branch, node, cat("branch ", ++count, ": "), file);
    const auto at = graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
    graph.nodes.insert(at, inlined.nodes.begin(), inlined.nodes.end());
    graph.initialisers.insert(graph.initialisers.end(), inlined.initialisers.begin(), inlined.initialisers.end());
    if (graph.nodes.size() > most_nodes)
      throw FileError(cat(file, ": its branches have more than ", most_nodes, " nodes"));
  }
  return graph;
}

}  // namespace taut::nn::onnx
