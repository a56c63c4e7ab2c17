// A target of libFuzzer: whatever the bytes, the import of an ONNX model either gives a function that can be called or
// throws an Error of one line.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "autodiff/error.h"
#include "nn/onnx/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taut;  // NOLINT(google-build-using-namespace)
  try {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const nn::onnx::Model model = nn::onnx::Model::of(nn::onnx::parse_graph(bytes));
    const Tensor y = model(Var(model.sample())).value();
    if (y.shape().rank() < 1 || y.shape()[0] != 1) std::abort();
  } catch (const Error& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  } catch (const std::bad_alloc&) {
  }
  return 0;
}
