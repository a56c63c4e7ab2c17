// The parts of an export: a graph that grows, and what the ONNX form of a primitive sees of its node. Internal to
// nn/onnx.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "nn/onnx/graph.h"

namespace taut::nn::onnx {

using NodeAttributes = std::map<std::string, Attribute>;

// A graph that is being written. Every name in it is given once.
class GraphWriter {
 public:
  explicit GraphWriter(int opset) : opset_(opset) {}

  std::string unique(const std::string& wanted);
  // Adds a node; the name of its first output, which is the node's own name too.
  std::string add(std::string op, std::vector<std::string> inputs, NodeAttributes attributes, const std::string& wanted,
                  std::size_t outputs = 1);
  std::string initialiser(const std::string& wanted, Array array);
  void rename(std::size_t first_node, const std::string& from, const std::string& to);

  int opset() const { return opset_; }
  void require_opset(int opset) { opset_ = std::max(opset_, opset); }
  // Without what no output depends on, except for initialisers in `kept`.
  GraphData finish(const std::set<std::string>& kept);

  GraphData data;

 private:
  std::set<std::string> names_;
  int opset_;
};

ElementType element_type(DType dtype);

// What is known of a node of the tape while it is written.
struct Written {
  std::string name;
  int axis = no_sample_axis;  // of the samples where that is symbolic
  bool varies = false;        // depends on an input
};

// One node of the tape on its way into the graph.
class Site {
 public:
  Site(GraphWriter& graph, const Tape& tape, std::span<const Written> written, NodeId id, int axis,
       std::string_view nodes);

  const Node& node() const { return node_; }
  int count() const { return static_cast<int>(node_.operand_count); }
  const Node& operand(int i) const { return tape_.node(operand_id(i)); }
  const Shape& shape(int i) const { return operand(i).value.shape(); }
  const Shape& out() const { return node_.value.shape(); }
  DType dtype() const { return node_.value.dtype(); }
  bool varies(int i) const { return written_[operand_id(i)].varies; }
  // Axes of samples, where that is symbolic.
  int axis(int i) const { return written_[operand_id(i)].axis; }
  int axis() const { return axis_; }

  // The primitive's attributes; UsageError when it does not say.
  template <class T>
  T get(std::string_view name) const;

  const std::string& in(int i) const { return written_[operand_id(i)].name; }
  const std::string& name_of(NodeId id) const { return written_[id].name; }
  // What a node of the tape computes, when it is a P.
  template <class P>
  const Node* made_by(NodeId id) const {
    const Node& node = tape_.node(id);
    return node.op != nullptr && &node.op->info() == &describe<P>() ? &node : nullptr;
  }
  // All operands for an operator that broadcasts them itself.
  std::vector<std::string> broadcast_operands() const;
  struct Unexpanded {
    const std::string& name;
    const Shape& shape;
  };
  // An operand before broadcast_to.
  Unexpanded unexpanded(int i) const;

  // The operators of the table's row.
  std::string_view nodes() const { return nodes_; }
  std::string emit(std::string op, std::vector<std::string> inputs, NodeAttributes attributes = {},
                   std::size_t outputs = 1);
  std::string number(double value);  // a scalar of the node's type
  std::string numbers(const Tensor& values);
  std::string whole(std::vector<std::int64_t> values);  // a vector
  std::string scalar_whole(std::int64_t value);         // a scalar
  std::string truths(const Tensor& values);
  // A float attribute holds this number of the node's type.
  static bool is_float(double value) { return static_cast<double>(static_cast<float>(value)) == value; }
  // The numbers of `x` in another shape; the axis of samples, where there is one, takes whatever is there. joined: rows
  // of several samples are counted along it, before or behind.
  std::string reshape(const std::string& x, const Shape& shape, int axis, bool joined = false);
  std::string permute(const std::string& x, std::vector<std::int64_t> order);

  GraphWriter& graph() { return graph_; }
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  NodeId operand_id(int i) const { return node_.operands()[static_cast<std::size_t>(i)]; }

  GraphWriter& graph_;
  const Tape& tape_;
  std::span<const Written> written_;
  const Node& node_;
  int axis_;
  std::string_view nodes_;
  std::string name_;
};

template <class T>
T Site::get(std::string_view name) const {
  for (const taut::Attribute& attribute : node_.op->attributes())
    if (attribute.name == name) return std::get<T>(attribute.value);
  throw UsageError(cat("[onnx] ", node_.op->info().name, " does not say its attribute '", name, '\''));
}

}  // namespace taut::nn::onnx
