// An ONNX model as plain data: what is read from a file and what is written to one. Knows the format, and nothing of
// what operators mean. [ONNX]
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::nn::onnx {

// ONNX's numbering of TensorProto.DataType.
enum class ElementType : std::uint8_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
};
std::string_view to_string(ElementType type);
bool is_float(ElementType type);  // f16, bf16, f32, f64

// Numbers of an ONNX type. f16 and bf16 are widened to f32, exactly; whole numbers and booleans are held in f64, exact
// up to 2^53 (beyond that the nearest double, which only "to the end" of slices uses).
struct Array {
  Tensor tensor;
  ElementType type = ElementType::undefined;
};

struct GraphData;
using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Array, std::shared_ptr<const GraphData>>;

struct GraphNode {
  std::string op, domain;  // the domain "" is ONNX's own
  std::string name;
  std::vector<std::string> inputs, outputs;  // "" where an optional one is left out
  std::map<std::string, Attribute> attributes;
  int line = 0;  // the number of the node in its file, from 1; 0: its place in the graph
};

struct Dimension {
  std::optional<std::int64_t> size;  // none: symbolic or not given
  std::string symbol;
};
struct GraphPort {
  std::string name;
  ElementType type = ElementType::undefined;
  std::optional<std::vector<Dimension>> shape;  // none: of any rank
};

struct GraphData {
  std::string producer;
  std::map<std::string, int> opsets;  // version by domain
  std::string name;
  std::vector<GraphPort> inputs, outputs;
  std::vector<std::pair<std::string, Array>> initialisers;
  std::vector<GraphNode> nodes;
};

// Reads a model. External data are read from the folder of the file alone. FileError says what is broken and where.
GraphData read_graph(const std::filesystem::path& file);
// The same of bytes in memory. `folder` is where external data are looked for; empty: there are none.
// `name` stands for the file in messages.
GraphData parse_graph(std::string_view bytes, const std::string& name = "model",
                      const std::filesystem::path& folder = {});
// A tensor as the test data of ONNX hold it, a TensorProto alone.
std::pair<std::string, Array> parse_array(std::string_view bytes, const std::string& name);

std::string serialise(const GraphData& graph);
void write_graph(const GraphData& graph, const std::filesystem::path& file);

}  // namespace taut::nn::onnx

#pragma GCC visibility pop
