#include "cli/data.h"

#include <array>
#include <fstream>

#include "autodiff/error.h"
#include "nn/idx.h"
#include "nn/npy.h"

namespace taut::cli {
namespace {

bool begins_as_npy(const std::filesystem::path& file) {
  std::array<char, 6> start{};
  std::ifstream(file, std::ios::binary).read(start.data(), start.size());
  return std::string_view(start.data(), start.size()) == "\x93NUMPY";
}

Tensor points_of_idx(const std::filesystem::path& file, DType dtype) {
  const nn::IdxArray array = nn::read_idx(file);
  Tensor points = Tensor::uninitialised(array.shape, dtype);
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto to = points.mutable_data<T>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<T>(array.bytes[i] / 255.0);
  });
  return points;
}

}  // namespace

Tensor points_of_file(const std::filesystem::path& file, const Tensor& sample) {
  const Tensor points =
      begins_as_npy(file) ? nn::read_npy(file).to(sample.dtype()) : points_of_idx(file, sample.dtype());
  const Shape& shape = points.shape();
  const Index count = shape.rank() > 0 ? shape[0] : 0;
  if (count == 0 || shape.size() / count != sample.size())
    throw FileError(cat("[data] ", file.string(), " holds an array of shape ", shape, "; points of ", sample.size(),
                        " numbers each are needed, one behind the other along the first axis"));
  if (const Index at = points.first_non_finite(); at >= 0)
    throw FileError(cat("[data] ", file.string(), " holds ", points.at(at), " at position ", at, " (row-major) as ",
                        sample.dtype(), "; points must be finite"));
  return points.reshaped(sample.shape().with(0, count));
}

}  // namespace taut::cli
