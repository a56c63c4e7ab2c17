// Graphs within graphs. Internal to nn/onnx.
#pragma once

#include <string>

#include "nn/onnx/graph.h"

namespace taut::nn::onnx {

// The graph with every If whose condition is a constant of the file replaced by the branch that it takes. An If that
// stays names what its branches use of the graph around them as further operands, so that it is seen to depend on that.
// FileError for branches that do not fit.
GraphData with_branches_taken(GraphData graph, const std::string& file);

}  // namespace taut::nn::onnx
