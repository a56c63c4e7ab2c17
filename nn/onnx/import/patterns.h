// Decompositions that exporters write, recognised: a GELU made of Erf, Mul and Add would have a product of two values
// that vary in it, which has no finite constant, while a GELU has one. Internal to nn/onnx.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/outward.h"
#include "nn/onnx/import/program.h"

namespace taut::nn::onnx {

// The domain of the operators that recognised nodes become.
inline constexpr const char* recognised_domain = "taut";

// What the file alone says of a value.
struct Known {
  const Tensor* value = nullptr;  // null: nothing
  bool exact = false;             // these numbers are stored in the file, or moved only; else they are rounded
  // Of all of its numbers, in exact arithmetic.
  std::function<Interval()> hull = nullptr;
};
using ConstantOf = std::function<Known(const std::string& name)>;
// Whether a node, its name and outputs aside, may stand where the value `output` is computed.
using Accept = std::function<bool(const std::string& output, const GraphNode& replacement)>;

// Replaces the last node of every decomposition by one operator on its argument, where that is accepted. What the
// replaced node alone needed stays; see remove_unused. True if there was one.
bool recognise(std::vector<Step>& steps, const ConstantOf& constant, const Accept& accept);
void remove_unused(std::vector<Step>& steps, const std::vector<std::string>& outputs);

}  // namespace taut::nn::onnx
