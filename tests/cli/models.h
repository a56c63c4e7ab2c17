// Models that tests write themselves, in a folder that is removed at the end of a test.
#pragma once

#include <filesystem>
#include <string>

#include "nn/onnx/graph.h"

namespace taut::test {

class ModelFolder {
 public:
  ModelFolder();
  ~ModelFolder();
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const nn::onnx::GraphData& graph) const;
  std::string write_bytes(const std::string& name, const std::string& bytes) const;

 private:
  std::filesystem::path path_;
};

// relu(W x): 3 numbers to 2, the nodes called `layer` and "act"; `batch` samples.
nn::onnx::GraphData small_network(const std::string& layer = "layer", std::int64_t batch = 1);
// x + 2 y of two inputs of 3 numbers.
nn::onnx::GraphData two_inputs();
// NPY file of f64 points (count, size), evenly spread over [-1, 1].
std::string npy_points(std::size_t count, std::size_t size);

}  // namespace taut::test
