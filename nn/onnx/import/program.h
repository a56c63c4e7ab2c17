// A model made ready to run: nodes in order, constants evaluated, decompositions recognised, shapes known. Internal to
// nn/onnx.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "autodiff/tape.h"
#include "nn/onnx/import/operators.h"

namespace taut::nn::onnx {

struct Step {
  GraphNode node;
  const Operator* op = nullptr;
  int opset = 0;
  int line = 0;                          // the number of the node in the file, from 1
  std::string written_op, written_name;  // as the file has them; a node without a name is called by its first output
  std::vector<int> in, out;              // values; −1 where there is none
  std::vector<char> in_varies, in_fixed;
  bool varies = false;  // depends on the inputs
  bool fixed = false;   // depends on nothing but constants of the file
  // Of operands that do not vary, the axis along which one slice is repeated for every sample; no_sample_axis for
  // operands that all samples share as they are. Empty: no_sample_axis for all.
  std::vector<int> repeats;
};

struct TypedShape {
  Shape shape;
  ElementType type = ElementType::undefined;
};

// Samples in a run: a number of them, or the inputs as they were when shapes were learned.
inline constexpr Index as_learned = 0;

// A step recorded alone, in outline (autodiff/outline.h).
struct Alone {
  std::vector<std::pair<NodeId, int>> inputs;  // leaves of the tape, and the varying values that they stand for
  std::vector<Value> outputs;
};

class Program {
 public:
  // Nodes that `outputs` depend on. `varying` are inputs of the graph by name; other inputs of the graph have values in
  // every run that do not vary.
  Program(const GraphData& graph, const std::string& file, std::span<const std::string> inputs,
          std::span<const std::string> varying, std::span<const std::string> outputs);

  const std::vector<Step>& steps() const { return steps_; }
  std::vector<Step>& steps() { return steps_; }
  std::span<const int> inputs() const { return inputs_; }    // values
  std::span<const int> outputs() const { return outputs_; }  // values
  DType dtype() const { return context_.dtype; }
  Index parameter_count() const { return parameters_; }
  // "node 7 'conv1' (Conv)"
  std::string describe(const Step& step) const;

  // Replaces decompositions by what they are, where that is proved for the shapes that all values have with inputs of
  // these types (equivalence.h). To be called at most once, before anything runs; without it the graph is as written.
  void recognise(std::span<const Value> inputs);

  // Recognises, then runs once in outline with inputs of these types (numbers count of those that do not vary), keeps
  // the shapes of everything and what does not vary, and refuses weights that are not finite.
  void learn(std::span<const Value> inputs);
  // The outputs for these inputs, in the orders given to the constructor. Inputs are f64 or whole numbers or of
  // dtype(). On a tape, constants become leaves of it. What is computed from shapes is what was learned, whatever
  // the number of samples; another number than as_learned needs sample axes.
  std::vector<Value> run(std::span<const Value> inputs, Tape* tape, Index samples) const;
  // The values, and the derivatives, of this point alone: truth values may depend on the inputs.
  std::vector<Value> run_at_a_point(std::span<const Value> inputs, Tape* tape) const;

  // Where samples lie in a value: an axis, no_sample_axis (it does not vary), mixes_samples (not known).
  int sample_axis(int value) const { return sample_axes_[static_cast<std::size_t>(value)]; }
  void set_sample_axis(int value, int axis) { sample_axes_[static_cast<std::size_t>(value)] = axis; }
  // Once learned, with so many samples where they have an axis.
  Shape shape(int value, Index samples = as_learned) const;
  // Does an operand say which shape the result has?
  static bool has_target_shape(const Step& step);
  // Of what does not vary, once learned; null of what varies.
  const Value* constant(int value) const;

  // One step alone on a tape for so many samples, its varying operands inputs of it without numbers.
  Alone run_in_outline(const Step& step, Tape& tape, Index samples) const;
  // One step alone on a tape for one sample, its varying operand an input of it. An undefined Var where there is not
  // exactly one.
  Var run_alone(const Step& step, Tape& tape, Index samples) const;

 private:
  class Env;
  friend class Equivalence;
  int id(const std::string& name) const;
  void collect(const GraphData& graph, std::span<const std::string> inputs, std::span<const std::string> outputs);
  void choose_dtype(const GraphData& graph, std::span<const std::string> inputs);
  void number_values();
  void evaluate_constants();
  void mark(std::span<const int> varying);
  std::vector<Value> execute(const Step& step, const Context& context, Env& env, Index samples = as_learned) const;
  Value for_samples(const Step& step, std::size_t operand, const Value& value, Index samples) const;
  Value standing_for(int value, Tape& tape, Index samples) const;
  std::vector<Value> run_in(const Context& context, std::span<const Value> inputs, Tape* tape, Index samples) const;
  Alone outline_of(const Step& step, Context context, Tape& tape, Index samples) const;
  void learn_shapes(std::span<const Value> inputs, const Context& context);
  Interval enclosure(int value) const;
  void keep(const Step& step, std::vector<Value> values);
  void require_finite() const;

  Context context_;
  std::vector<Step> steps_;
  std::map<std::string, int> ids_;
  std::vector<std::string> names_;  // of values
  std::vector<Value> constants_;    // of values: what is known from the file, undefined for others
  std::vector<char> exact_;         // of constants: stored in the file, or moved only
  std::vector<int> inputs_, outputs_, varying_;
  std::vector<char> input_varies_;
  std::vector<TypedShape> shapes_;  // of values, learned
  std::vector<int> sample_axes_;    // of values
  std::map<int, Value> learned_;    // of values that do not vary but are not known from the file alone
  std::map<std::string, int> opsets_;
  Index parameters_ = 0;
};

// The nodes that the outputs depend on, operands first, each with its number in the file from 1. FileError for cycles,
// names that are missing or given twice. Internal.
std::vector<std::pair<int, const GraphNode*>> ordered_nodes(const GraphData& graph, const std::string& file,
                                                            std::span<const std::string> outputs);

}  // namespace taut::nn::onnx
