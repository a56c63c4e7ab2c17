// Decompositions that exporters write, recognised: a GELU made of Erf, Mul and Add would have a product of two values
// that vary in it, which has no finite constant, while a GELU has one. Internal to nn/onnx.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/onnx/program.h"

namespace taut::nn::onnx {

// The domain of the operators that recognised nodes become.
inline constexpr const char* recognised_domain = "taut";

// The tensor of a value that is known from the file, else null.
using ConstantOf = std::function<const Tensor*(const std::string& name)>;

// Replaces the last node of every decomposition by one operator on its argument. What the replaced node alone needed
// stays; see remove_unused. True if there was one.
bool recognise(std::vector<Step>& steps, const ConstantOf& constant);
void remove_unused(std::vector<Step>& steps, const std::vector<std::string>& outputs);

}  // namespace taut::nn::onnx
