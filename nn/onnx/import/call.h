// What the import of one operator sees: its operands and attributes, checked as they are asked for. Internal to
// nn/onnx.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/ops.h"
#include "autodiff/outward.h"
#include "autodiff/tape.h"
#include "nn/onnx/graph.h"

namespace taut::nn::onnx {

// A value within a model. Floating-point numbers have the dtype of the whole model and may lie on a tape; whole numbers
// and truth values are plain f64 tensors.
struct Value {
  Var var;
  ElementType type = ElementType::undefined;
};

// What all operators of a run share.
struct Context {
  // The model, for messages. Shared, since nodes on a tape point to it.
  std::shared_ptr<const std::string> file;
  DType dtype = DType::f32;
  Index batch = 1;  // samples in this run, so many times may a value be as large
  // The values of this run, and derivatives at it, are asked for alone: truth values that depend on the input are those
  // at this point. No rule holds for what is recorded then.
  bool at_a_point = false;
};

class Call {
 public:
  // `where`: of the node in the file. `varies`: per operand.
  Call(const Context& context, const GraphNode& node, int opset, Where where, std::vector<const Value*> operands,
       std::span<const char> varies);

  const GraphNode& node() const { return node_; }
  int opset() const { return opset_; }
  DType dtype() const { return context_.dtype; }
  const Context& context() const { return context_; }
  Where where() const { return where_; }

  int count() const { return static_cast<int>(operands_.size()); }
  int output_count() const { return static_cast<int>(node_.outputs.size()); }
  bool wants(int output) const;  // somebody may use it
  bool has(int i) const { return i < count() && operands_[static_cast<std::size_t>(i)] != nullptr; }
  bool varies(int i) const { return has(i) && varies_[static_cast<std::size_t>(i)] != 0; }

  const Value& value(int i) const;  // fails when the operand is missing
  const Var& x(int i) const;        // a floating-point operand
  Var optional_x(int i) const { return has(i) ? x(i) : Var(); }
  bool is_float(int i) const { return onnx::is_float(value(i).type); }
  // Numbers that do not depend on the input, and are exact: stored in the file or moved, or computed without rounding.
  // What was computed with rounding is refused: it is recorded (x), or known by intervals (enclosed).
  const Tensor& constant(int i, const char* what) const;
  double scalar(int i, const char* what) const;  // exactly one number
  // Intervals that hold the exact numbers; points where no tape is recorded, as nothing is then proved.
  Range enclosed(int i, const char* what) const;
  Interval enclosed_scalar(int i, const char* what) const;
  bool exact(int i) const;  // constant(i) is not refused for having been computed
  // f, monotone, of every number of a constant, f64. UnsupportedError where an interval's ends have different values.
  template <class F>
  Tensor decided(int i, F&& f) const {
    const Range range = enclosed(i, "operand");
    Tensor y = Tensor::uninitialised(range.shape(), DType::f64);
    const auto to = y.mutable_data<double>();
    for (std::size_t k = 0; k < to.size(); ++k) {
      const Interval x = range.at(static_cast<Index>(k));
      to[k] = static_cast<double>(f(x.lo));
      if (to[k] != static_cast<double>(f(x.hi))) inexact(i, "operand");
    }
    return y;
  }
  // Every operand that was computed with rounding has been recorded, from node `first` of the tape on, or enclosed.
  // UnsupportedError else: its numbers would count as exact.
  void require_enclosed(const Tape& tape, std::size_t first, std::span<const Value> outputs) const;
  std::vector<Index> whole_numbers(int i, const char* what) const;

  // Attributes
  bool has(std::string_view name) const { return attribute(name) != nullptr; }
  Index i(std::string_view name, Index otherwise) const;
  double f(std::string_view name, double otherwise) const;
  std::string s(std::string_view name, const std::string& otherwise) const;
  std::optional<std::vector<Index>> is(std::string_view name) const;
  std::optional<std::vector<double>> fs(std::string_view name) const;
  const Array* tensor(std::string_view name) const;

  // An axis of a tensor of this rank, counted from 0; fails when there is none.
  int axis(Index given, int rank) const;
  // Whole numbers that were an attribute before some opset and are an operand since.
  std::optional<std::vector<Index>> is_or_operand(std::string_view name, int operand) const;

  void out(Var y) { out(0, std::move(y)); }  // of the type of the first floating-point operand
  void out(int k, Var y);
  void out(int k, Value value);
  // Whole numbers and truth values that were computed. UnsupportedError where they, or the operands, are not counted
  // exactly or leave the type, in which machines wrap around.
  void whole(int k, Tensor f64, ElementType type);
  // Of operands of whole numbers: none is beyond what f64 counts.
  void require_counted() const;
  std::vector<Value> take() { return std::move(outputs_); }

  // A result of this many numbers must be worth its memory.
  void require_moderate(double count) const;
  [[noreturn]] void fail(const std::string& what) const;         // the model is not valid
  [[noreturn]] void unsupported(const std::string& what) const;  // it is, but cannot be imported
  std::string title() const;                                     // "model.onnx, node 7 'conv1' (Conv)"

 private:
  const Attribute* attribute(std::string_view name) const;
  const Tensor& given(int i, const char* what) const;
  bool computed(int i) const;  // on a tape, by arithmetic
  [[noreturn]] void inexact(int i, const char* what) const;
  template <class T>
  const T* typed(std::string_view name, const char* kind) const;

  const Context& context_;
  const GraphNode& node_;
  int opset_;
  Where where_;
  std::vector<const Value*> operands_;
  std::span<const char> varies_;
  std::vector<Value> outputs_;
  mutable std::vector<char> enclosed_;  // per operand: asked for by intervals
};

}  // namespace taut::nn::onnx
