// ONNX models as functions on a tape, to be bounded, differentiated or evaluated. [ONNX]
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/linear_map.h"
#include "nn/onnx/graph.h"

#pragma GCC visibility push(default)

namespace taut::nn::onnx {

inline constexpr int no_batch_axis = -1;

struct ImportOptions {
  // Of several inputs or outputs of the file, the one to look at; "": all of them. Inputs that are not looked at are
  // held at 0, with a note.
  std::string input, output;
  // Of the input that is looked at (of all, if there are several without a name); needed where the file leaves a size
  // open along another axis than that of the samples. Along that axis it may differ from the file's.
  std::vector<Index> input_shape;
  // Along which axis the inputs hold samples. A number: UnsupportedError unless it is proved that they stay apart.
  // no_batch_axis: the whole tensor is one input. Not given: the first axis of inputs that have two or more, if it is
  // proved for it, and no axis otherwise; a note says which.
  std::optional<int> batch_axis = {};
};

struct Port {
  std::string name;
  Shape shape;  // of one sample, with 1 along the axis of samples where there is one
};

// One layer of the file as it stands there, before anything is folded: a Conv, ConvTranspose, Gemm, MatMul or
// BatchNormalization whose weights do not vary.
struct Layer {
  std::string name, op;  // of the node; a node without a name is called by its first output
  Shape in, out;
  LinearMap map;                // empty where the node is not affine in what varies (a product of two activations)
  double relative_error = 0.0;  // by which every entry of the map may be off (weights computed within the file)
};

// A model, ready to run. Copies share what was read. Everything about the file is decided when it is loaded: operators
// without an import, shapes that do not fit and weights that are not finite are errors then.
//
// What is one sample is proved (docs/conventions.md, 8): where the samples of the file stay apart, one of them;
// otherwise the whole tensor of every input. As a function it maps b of these, (b, …), to (b, …) without mixing them,
// whatever axes the file uses:
//   - one input whose first axis holds one sample: (b, …) as the file has it;
//   - otherwise (several inputs, or samples along another axis or none): (b, size), all inputs flattened one behind the
//     other;
//   - outputs likewise.
// The function of one (1, …) is one sample by proof, so analyses take it with sample_axis = no_sample_axis.
// Weights are constants on the tape. Numbers are f64 if the file holds f64 numbers anywhere, else f32.
class Model {
 public:
  // FileError: unreadable, broken; UnsupportedError: an operator or attribute that cannot be imported, with node, op
  // and what is nearest; ShapeError, NumericError, UsageError (no such input) as by operations. All texts are one line
  // and name the file.
  static Model load(const std::filesystem::path& file, const ImportOptions& options = {});
  static Model of(GraphData graph, const ImportOptions& options = {}, const std::string& name = "model");

  Var operator()(const Var& x) const;
  Function function() const;

  Tensor sample() const;  // zeros of what the function takes, one sample
  DType dtype() const;
  std::span<const Port> inputs() const;   // that are looked at
  std::span<const Port> outputs() const;  // that are looked at
  Index parameter_count() const;          // numbers in initialisers and constants that the outputs depend on
  std::span<const std::string> notes() const;
  const std::string& name() const;

  // Nodes of the file in their order. Errors of rules as by lipschitz.
  std::vector<Layer> layers() const;

 private:
  struct State;
  explicit Model(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

// All outputs of a graph for these inputs, by name, shapes as they are: nothing stands for a batch. Floating-point
// inputs named in `varying` lie on a tape, others are constants; for tests of operators.
std::map<std::string, Array> evaluate(const GraphData& graph, const std::map<std::string, Array>& inputs,
                                      std::span<const std::string> varying = {}, const std::string& name = "model");

// The ops that can be imported, sorted: name, the primitives or functions that it becomes, remarks.
struct OperatorRow {
  std::string_view op, becomes, remarks;
};
std::vector<OperatorRow> operators();

}  // namespace taut::nn::onnx

#pragma GCC visibility pop
