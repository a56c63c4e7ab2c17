// A model made ready to run: nodes in order, constants evaluated, decompositions recognised, shapes known. Internal to
// nn/onnx.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "autodiff/tape.h"
#include "nn/onnx/operators.h"

namespace taut::nn::onnx {

struct Step {
  GraphNode node;
  const Operator* op = nullptr;
  int opset = 0;
  int line = 0;              // the number of the node in the file, from 1
  std::vector<int> in, out;  // values; −1 where there is none
  std::vector<char> in_varies, in_fixed;
  bool varies = false;        // depends on the inputs
  bool fixed = false;         // depends on nothing but constants of the file
  std::vector<Shape> shapes;  // of the outputs, with a batch of 1
};

class Program {
 public:
  // Nodes that `outputs` depend on. `varying` are inputs of the graph by name; other inputs of the graph have values in
  // every run that do not vary.
  Program(const GraphData& graph, const std::string& file, std::span<const std::string> inputs,
          std::span<const std::string> varying, std::span<const std::string> outputs);

  const std::vector<Step>& steps() const { return steps_; }
  DType dtype() const { return context_.dtype; }
  const std::string& file() const { return *context_.file; }
  Index parameter_count() const { return parameters_; }
  void set_declared_batch(Index n) { context_.declared_batch = n; }

  // The inputs of a run, and the number of samples in them.
  struct Run {
    std::vector<Value> inputs;
    Index batch = 1;
  };
  // Replaces decompositions by what they are, where that is proved for the shapes that all values have in all of these
  // runs (equivalence.h). The first run learns shapes, with a batch of 1; a further one that the graph as it is written
  // does not allow says nothing. To be called at most once, before anything runs; without it the graph is as written.
  void recognise(std::span<const Run> runs);

  // The outputs for these inputs, in the orders given to the constructor. Inputs are f64 or whole numbers or of
  // dtype(). On a tape, constants become leaves of it.
  std::vector<Value> run(std::span<const Value> inputs, Tape* tape, Index batch) const;
  // The values, and the derivatives, of this point alone: truth values may depend on the inputs.
  std::vector<Value> run_at_a_point(std::span<const Value> inputs, Tape* tape) const;
  // Runs once with a batch of 1, keeps the shapes of everything, and refuses weights that are not finite.
  std::vector<Value> learn(std::span<const Value> inputs, Tape& tape);
  // One step alone on a tape, its varying operand an input of it. An undefined Var where there is not exactly one.
  Var run_alone(const Step& step, Tape& tape) const;
  const Shape& shape(int value) const { return shapes_[static_cast<std::size_t>(value)]; }

 private:
  class Env;
  friend class Equivalence;
  int id(const std::string& name) const;
  void collect(const GraphData& graph, std::span<const std::string> inputs, std::span<const std::string> outputs);
  void choose_dtype(const GraphData& graph, std::span<const std::string> inputs);
  void number_values();
  void evaluate_constants();
  void mark(std::span<const int> varying);
  std::vector<Value> run_in(const Context& context, std::span<const Value> inputs, Tape* tape) const;
  std::vector<Shape> shapes_as_written(const Run& run);
  Interval enclosure(int value) const;
  std::vector<Value> execute(const Step& step, const Context& context, Env& env) const;
  void require_finite() const;

  Context context_;
  std::vector<Step> steps_;
  std::map<std::string, int> ids_;
  std::vector<std::string> names_;  // of values
  std::vector<Value> constants_;    // of values: what is known from the file, undefined for others
  std::vector<char> exact_;         // of constants: stored in the file, or moved only
  std::vector<int> inputs_, outputs_, varying_;
  std::vector<Shape> shapes_;     // of values, learned
  std::map<int, Value> learned_;  // of values that do not vary but are not known from the file alone
  std::map<std::string, int> opsets_;
  Index parameters_ = 0;
};

// The nodes that the outputs depend on, operands first, each with its number in the file from 1. FileError for cycles,
// names that are missing or given twice. Internal.
std::vector<std::pair<int, const GraphNode*>> ordered_nodes(const GraphData& graph, const std::string& file,
                                                            std::span<const std::string> outputs);

}  // namespace taut::nn::onnx
