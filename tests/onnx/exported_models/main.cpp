// Writes what the tests export into a folder, for other programs to read: <name>.onnx, its inputs <name>.0.bin, … and
// the output that Taut computes, <name>.out.bin, as plain numbers of the model's type.
#include <exception>
#include <fstream>
#include <iostream>

#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "harness/checks/numbers.h"
#include "nn/init.h"
#include "nn/onnx/export.h"
#include "tests/onnx/export/exported_cases.h"

namespace taut::test {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const Tensor& tensor) {
  std::ofstream out(file, std::ios::binary);
  dispatch(tensor.dtype(), [&](auto zero) {
    const auto numbers = tensor.data<decltype(zero)>();
    out.write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size_bytes()));
  });
  if (!out.flush()) throw FileError(cat(file.string(), ": cannot be written"));
}

void write(const fs::path& folder, const std::string& name, const nn::onnx::GraphData& graph,
           const std::vector<Tensor>& inputs, const Tensor& output) {
  nn::onnx::write_graph(graph, folder / (name + ".onnx"));
  for (std::size_t i = 0; i < inputs.size(); ++i) write(folder / cat(name, '.', i, ".bin"), inputs[i]);
  write(folder / (name + ".out.bin"), output);
}

std::string with_type(const std::string& name, DType dtype) { return cat(name, '.', dtype); }

void write_modules(const fs::path& folder, DType dtype) {
  for (const ModuleCase& c : module_cases()) {
    nn::AnyModule module = c.module(dtype);
    nn::Random random(5);
    Tensor x = Tensor::zeros(c.sample, dtype);
    nn::fill_uniform(x, -1.5, 1.5, random);
    for (const int opset : {13, 17})
      write(folder, with_type(cat("module.", c.name, '.', opset), dtype),
            nn::onnx::to_onnx(module, x, {.opset = opset}), {x}, module(Var(x)).value());
  }
}

void write_primitives(const fs::path& folder, DType dtype) {
  for (const PrimitiveCase& c : primitive_cases()) {
    const harness::Inputs inputs = harness::to(c.inputs, dtype);
    Tape tape;
    std::vector<Var> on_tape;
    for (const Tensor& x : inputs) on_tape.push_back(tape.input(x));
    const Var y = c.sample.f(on_tape);
    write(folder, with_type(c.name, dtype), nn::onnx::to_onnx(y), inputs, y.value());
  }
}

}  // namespace
}  // namespace taut::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: exported_models FOLDER\n";
    return 2;
  }
  try {
    std::filesystem::create_directories(argv[1]);
    for (const taut::DType dtype : {taut::DType::f32, taut::DType::f64}) {
      taut::test::write_modules(argv[1], dtype);
      taut::test::write_primitives(argv[1], dtype);
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
