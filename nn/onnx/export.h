// Networks as ONNX files, for other tools and for load_parameters. Opset 13, higher where an operator needs it. [ONNX]
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "autodiff/primitive.h"
#include "nn/module.h"
#include "nn/onnx/graph.h"

#pragma GCC visibility push(default)

namespace taut::nn::onnx {

struct ExportOptions {
  std::string name = "taut";  // of the graph
  // Of the ports. A tape's inputs keep their labels; of several without one, the second is "input_1" and so on.
  std::string input = "input", output = "output";
  // Whether axis 0 of the inputs is written as the axis of samples, of any length; the tape then holds one sample.
  // Unless said otherwise it is for modules, whose axis 0 counts samples, and not for tapes.
  std::optional<bool> symbolic_batch = {};
  int opset = 13;  // 13 to 17, the lowest to write; from 17 on layer norms are one node
};

// Everything that leads from the input leaves to the output. Parameters and constants become initialisers under their
// labels. Numbers that a file cannot hold as f32 attributes, as those of f64 networks, are written as tensors, where
// need be by several operators: what is read back is what was written.
// UnsupportedError, with the op and its line: a primitive without an ONNX form, or one that moves the axis of samples
// out of sight when that is symbolic.
GraphData to_onnx(const Var& output, const ExportOptions& options = {});
// The module on the first sample of a batch, in inference. Initialisers are named by the paths of the parameters.
GraphData to_onnx(ModuleRef module, const Tensor& batch, const ExportOptions& options = {});

// The same as files. FileError when one cannot be written.
void save(const Var& output, const std::filesystem::path& file, const ExportOptions& options = {});
void save(ModuleRef module, const Tensor& batch, const std::filesystem::path& file, const ExportOptions& options = {});

// Gives the parameters of a module those of a file, by name; shapes and types must be the same, and every parameter
// must be there. Nothing is changed on an error (FileError, ShapeError, DTypeError, NumericError).
void load_parameters(ModuleRef module, const std::filesystem::path& file);

// How a primitive is written, "Mul, Sigmoid"; "" when it has no ONNX form.
std::string_view onnx_form(const OpInfo& op);

}  // namespace taut::nn::onnx

#pragma GCC visibility pop
