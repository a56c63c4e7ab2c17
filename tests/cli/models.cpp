#include "tests/cli/models.h"

#include <stdlib.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace taut::test {
namespace {

using namespace nn::onnx;

GraphPort port(const std::string& name, std::initializer_list<std::int64_t> sizes) {
  GraphPort result{name, ElementType::f64, std::vector<Dimension>{}};
  for (const std::int64_t size : sizes) result.shape->push_back({size, ""});
  return result;
}

GraphNode node(const std::string& op, const std::string& name, std::vector<std::string> inputs,
               const std::string& out) {
  return {op, "", name, std::move(inputs), {out}, {}};
}

}  // namespace

ModelFolder::ModelFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "taut-models-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}
ModelFolder::~ModelFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ModelFolder::write(const std::string& name, const GraphData& graph) const {
  write_graph(graph, path(name));
  return path(name);
}
std::string ModelFolder::write_bytes(const std::string& name, const std::string& bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
  return path(name);
}

GraphData small_network(const std::string& layer, std::int64_t batch) {
  GraphData graph;
  graph.opsets[""] = 13;
  graph.name = "small";
  graph.inputs = {port("x", {batch, 3})};
  graph.outputs = {port("y", {batch, 2})};
  const Tensor weight = Tensor::of(Shape{3, 2}, {3.0, 0.0, 0.0, 4.0, 0.0, 0.0});
  graph.initialisers.emplace_back("w", Array{weight, ElementType::f64});
  graph.nodes = {node("MatMul", layer, {"x", "w"}, "h"), node("Relu", "act", {"h"}, "y")};
  return graph;
}

GraphData two_inputs() {
  GraphData graph;
  graph.opsets[""] = 13;
  graph.name = "two";
  graph.inputs = {port("a", {1, 3}), port("b", {1, 3})};
  graph.outputs = {port("y", {1, 3})};
  graph.initialisers.emplace_back("two", Array{Tensor::of(Shape{1}, {2.0}), ElementType::f64});
  graph.nodes = {node("Mul", "double", {"b", "two"}, "d"), node("Add", "sum", {"a", "d"}, "y")};
  return graph;
}

std::string npy_points(std::size_t count, std::size_t size) {
  const std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(count) + ", " +
                             std::to_string(size) + "), }\n";
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  for (std::size_t i = 0; i < count * size; ++i) {
    const double x = std::fmod(0.618 * static_cast<double>(i + 1), 2.0) - 1.0;
    char raw[sizeof x];
    std::memcpy(raw, &x, sizeof x);
    bytes.append(raw, sizeof x);
  }
  return bytes;
}

}  // namespace taut::test
