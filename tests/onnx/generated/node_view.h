// One node as an operator of the interpreter sees it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/onnx/generated/value.h"

namespace taut::test::generated {

class NodeView {
 public:
  NodeView(const onnx::GraphNode& node, int opset, std::vector<const Value*> operands)
      : node_(node), opset_(opset), operands_(std::move(operands)) {}

  const onnx::GraphNode& node() const { return node_; }
  int opset() const { return opset_; }
  std::size_t count() const { return operands_.size(); }
  std::size_t output_count() const { return node_.outputs.size(); }
  bool has(std::size_t i) const { return i < operands_.size() && operands_[i] != nullptr; }
  const Value& operator[](std::size_t i) const {
    if (!has(i)) fail("an operand is missing");
    return *operands_[i];
  }
  // Operands that are constants.
  Sizes wholes(std::size_t i) const;
  Real number(std::size_t i) const;

  bool has(const char* name) const { return node_.attributes.contains(name); }
  std::int64_t whole(const char* name, std::int64_t otherwise) const;
  Real real(const char* name, Real otherwise) const;
  std::string text(const char* name, const char* otherwise) const;
  std::optional<Sizes> list(const char* name) const;
  std::optional<std::vector<Real>> reals(const char* name) const;
  const onnx::Array* tensor(const char* name) const;
  // An attribute before the opset, an operand since.
  std::optional<Sizes> list_or_operand(const char* name, std::size_t operand, int since) const;

  int axis(std::int64_t given, int rank) const;
  [[noreturn]] void fail(const std::string& what) const { throw Invalid(node_.op + ": " + what); }

 private:
  template <class T>
  const T* find(const char* name) const;

  const onnx::GraphNode& node_;
  int opset_;
  std::vector<const Value*> operands_;
};

using Results = std::vector<Value>;
using Operation = std::function<Results(const NodeView&)>;
using OperationTable = std::map<std::string, Operation>;

// One list per source file.
const OperationTable& elementwise_operations();
const OperationTable& whole_operations();
const OperationTable& moving_operations();
const OperationTable& reducing_operations();
const OperationTable& product_operations();
const OperationTable& normalising_operations();
const OperationTable& image_operations();
const OperationTable& resizing_operations();

}  // namespace taut::test::generated
