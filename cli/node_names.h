#pragma once

#include <string>

#include "nn/onnx/model.h"

namespace taut::cli {

// Texts of analyses call nodes "node 7 (mul, model.onnx:3)", 3 being the number of the node in the file; this puts what
// the file calls it: "node 7 (Mul 'scores')".
std::string with_node_names(const std::string& text, const nn::onnx::Model& model);

}  // namespace taut::cli
