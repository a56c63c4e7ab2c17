// A recorded function taken apart for bounds. Internal to lipschitz.
//
// Chains of affine operations fold into linear maps between *anchors*: the joint input and the outputs of operations
// that are not affine. What methods ask of a network are its rules, these maps, the slopes of its activations, and
// norms, each of which is computed once however many methods ask: copies of a FoldedMap share what is known of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lipschitz/graph.h"
#include "lipschitz/network/folded_map.h"
#include "lipschitz/question.h"

namespace taut::detail {

// A node as a sum of affine images of anchors.
constexpr NodeId joint_input = static_cast<NodeId>(-1);
using Terms = std::map<NodeId, FoldedMap>;

// Do the maps write to different entries, as the parts of a concatenation do? Then results add up in the joint norm.
bool write_apart(const std::vector<LinearMap>& maps);
// The part of the joint input vector that one input is.
LinearMap part_of_joint(Index total, Index offset, const Shape& shape);
// Where every slope is one number the operation is affine on the domain: its map, else empty.
LinearMap linear_here(const rule::Elementwise& rule, const Shape& shape);

// Of an elementwise operation with more than one slope: f64 (size), outer intervals, the constants' rounding included.
struct Slopes {
  Tensor lo, hi;
  NodeId operand = 0;
};

// What one node of the network is.
struct NetworkNode {
  std::string_view kind = "constant";  // "affine", "elementwise", …, "input"
  std::optional<Rule> rule;            // of operations that vary; affine where its slopes leave one map
  std::vector<NodeId> operands;        // that vary
  std::vector<FoldedMap> maps;         // of affine and bilinear operations, one per operand that varies
  bool apart = false;                  // the results of several operands stand in different entries
  Terms terms;
  // An affine node whose terms have too many parts is an anchor: what they were.
  Terms before;
  std::optional<Slopes> slopes;  // where the node is elementwise and an anchor
};

// What becomes of the linear map that rule::Bounded may have behind it.
enum class Behind : std::uint8_t {
  folds,  // it folds with what follows; the anchor is the function before it
  stays,  // the anchor is the whole function
};

class Network {
 public:
  // Errors as by autolip(). The graph must outlive the network.
  Network(const Graph& graph, const Question& question, Behind behind = Behind::folds);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const Graph& graph() const { return graph_; }
  const Question& question() const { return question_; }
  const NetworkNode& node(NodeId id) const { return nodes_[id]; }
  NodeId output() const { return graph_.output(); }
  Behind behind() const { return behind_; }
  bool has_map_behind() const { return has_map_behind_; }  // else both ways of Behind are one network
  // Of every node, by id: over the box, or over all reals where some operation has no constant by itself; else empty.
  std::span<const Range> ranges() const { return ranges_; }

 private:
  void prepare_rules();
  Rule rule_of(NodeId id);
  void prepare_inputs();
  void anchor(NodeId id);
  void include(NodeId id);
  std::optional<rule::Affine> as_affine(NodeId id, const Rule& rule) const;
  void include(NodeId id, const rule::Affine& rule);
  void include(NodeId id, const rule::Elementwise& rule);
  void include(NodeId id, const rule::Selects& rule);
  void include(NodeId id, const rule::Bounded& rule);
  void include(NodeId id, const rule::Bilinear& rule);
  void include(NodeId id, const rule::Unbounded& rule);
  std::optional<Slopes> slopes_of(NodeId id, const rule::Elementwise& rule) const;

  const Graph& graph_;
  Question question_;
  Behind behind_;
  bool has_map_behind_ = false;
  std::vector<NetworkNode> nodes_;  // by node of the graph
  std::vector<Range> ranges_;
};

}  // namespace taut::detail
