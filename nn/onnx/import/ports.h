// Which inputs and outputs of a graph are looked at, and the sizes of inputs. Internal to nn/onnx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/onnx/model.h"

namespace taut::nn::onnx {

struct Ports {
  std::vector<GraphPort> looked_at, held;  // held: the outputs depend on them, but they do not vary
  std::vector<std::string> outputs;
  std::vector<std::string> notes;
};

// UsageError: there is no such input or output, or nothing depends on it; UnsupportedError: no floating-point numbers.
Ports choose_ports(const GraphData& graph, const ImportOptions& options, const std::string& file);

// By axis; none where the size is open, which it may be along one axis only.
using Sizes = std::vector<std::optional<Index>>;
// As the file says, or as `wanted` if that is not empty, which may differ from the file along `free`. ShapeError.
Sizes sizes_of(const GraphPort& port, const std::vector<Index>& wanted, int free, const std::string& file);
// With this size where it is open.
Shape with_open(const Sizes& sizes, Index open);

std::vector<std::string> names_of(const std::vector<GraphPort>& ports);
std::string listed(const std::vector<std::string>& names);  // "a, b", "none"

}  // namespace taut::nn::onnx
