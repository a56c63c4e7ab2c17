#include "nn/idx.h"

#include <algorithm>
#include <array>
#include <string>

#include "autodiff/error.h"
#include "nn/data/byte_source.h"

namespace taut::nn {
namespace {

using Path = std::filesystem::path;

constexpr const char* download_again = "; the file is not what it says, copy or download it again";

template <class... Parts>
[[noreturn]] void fail_idx(const Path& file, const Parts&... parts) {
  throw FileError(cat("[idx] ", file.string(), ": ", parts...));
}

std::uint32_t big_endian(std::span<const std::uint8_t, 4> b) {
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | std::uint32_t{b[3]};
}

std::array<std::uint8_t, 4> read_four(ByteSource& source, const Path& file, const std::string& what) {
  std::array<std::uint8_t, 4> field{};
  if (const std::size_t n = source.read(field); n < field.size())
    fail_idx(file, "expected ", what, ", 4 bytes, but the file ends after ", n, " of them", download_again);
  return field;
}

const char* type_name(std::uint8_t type) {
  switch (type) {
    case 0x09:
      return "signed bytes";
    case 0x0b:
      return "16-bit integers";
    case 0x0c:
      return "32-bit integers";
    case 0x0d:
      return "32-bit floats";
    case 0x0e:
      return "64-bit floats";
    default:
      return "no type of the format";
  }
}

// Rank, after the first two bytes and the type have been found right.
int read_magic(ByteSource& source, const Path& file) {
  const auto magic = read_four(source, file, "the magic number");
  if (magic[0] != 0 || magic[1] != 0)
    fail_idx(file, "an IDX file begins with two zero bytes, this one with ", int{magic[0]}, " and ", int{magic[1]},
             "; give the path of an IDX file, plain or compressed with gzip");
  if (magic[2] != 0x08)
    fail_idx(file, "expected type 8, unsigned bytes, found type ", int{magic[2]}, ", ", type_name(magic[2]),
             "; convert the data to unsigned bytes");
  if (magic[3] < 1 || magic[3] > max_rank)
    fail_idx(file, "expected 1 to ", max_rank, " dimensions, found ", int{magic[3]}, download_again);
  return magic[3];
}

Shape read_dimensions(ByteSource& source, const Path& file, int rank) {
  std::array<Index, max_rank> dims{};
  std::uint64_t size = 1;
  for (int i = 0; i < rank; ++i) {
    const std::uint32_t dim = big_endian(read_four(source, file, cat("dimension ", i)));
    dims[static_cast<std::size_t>(i)] = dim;
    // Stops before the product can overflow: no file is that long.
    if (dim != 0 && size > source.size_limit() / dim)
      fail_idx(file, "the header speaks of ", size, " × ", dim,
               " or more entries, but a file of this size holds at most ", source.size_limit(), download_again);
    size *= dim;
  }
  return Shape(std::span<const Index>(dims.data(), static_cast<std::size_t>(rank)));
}

void require_rank(const Path& file, const IdxArray& array, int rank, const char* what) {
  if (array.shape.rank() != rank)
    fail_idx(file, what, " have ", rank, " dimensions, found shape ", array.shape,
             "; check that images and labels are not interchanged");
}

// The file itself, or its compressed form.
Path plain_or_gz(const Path& folder, const char* name) {
  const Path plain = folder / name;
  Path compressed = plain;
  compressed += ".gz";
  std::error_code error;
  return !std::filesystem::exists(plain, error) && std::filesystem::exists(compressed, error) ? compressed : plain;
}

Tensor scaled(const IdxArray& images, const IdxOptions& options) {
  const Shape& s = images.shape;
  Tensor inputs = Tensor::uninitialised(Shape{s[0], 1, s[1], s[2]}, options.dtype);
  dispatch(options.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::array<T, 256> value;
    for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<T>(static_cast<double>(i) * options.scale);
    std::ranges::transform(images.bytes, inputs.mutable_data<T>().begin(), [&](std::uint8_t b) { return value[b]; });
  });
  return inputs;
}

}  // namespace

IdxArray read_idx(const Path& file) {
  ByteSource source(file);
  IdxArray array;
  array.shape = read_dimensions(source, file, read_magic(source, file));
  array.bytes.resize(static_cast<std::size_t>(array.shape.size()));
  if (const std::size_t n = source.read(array.bytes); n < array.bytes.size())
    fail_idx(file, "the header ", array.shape, " announces ", array.bytes.size(), " entries, but the file ends after ",
             n, download_again);
  std::uint8_t more = 0;
  if (source.read({&more, 1}) > 0)
    fail_idx(file, "the header ", array.shape, " announces ", array.bytes.size(), " entries, but more bytes follow",
             download_again);
  return array;
}

DataSet load_idx(const Path& images_file, const Path& labels_file, const IdxOptions& options) {
  const IdxArray images = read_idx(images_file);
  require_rank(images_file, images, 3, "images");
  const IdxArray labels = read_idx(labels_file);
  require_rank(labels_file, labels, 1, "labels");
  if (images.shape[0] != labels.shape[0])
    fail_idx(labels_file, "holds ", labels.shape[0], " labels, but ", images_file.string(), " holds ", images.shape[0],
             " images; take both from the same set");
  for (std::size_t i = 0; i < labels.bytes.size(); ++i)
    if (labels.bytes[i] >= options.classes)
      fail_idx(labels_file, "label ", int{labels.bytes[i]}, " of sample ", i, " is not in [0, ", options.classes,
               "); check the file or raise the number of classes");
  return DataSet::classification(scaled(images, options), {labels.bytes.begin(), labels.bytes.end()}, options.classes);
}

TrainAndTest load_mnist(const Path& folder, const IdxOptions& options) {
  const auto load = [&](const char* images, const char* labels) {
    return load_idx(plain_or_gz(folder, images), plain_or_gz(folder, labels), options);
  };
  return {load("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
          load("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")};
}

}  // namespace taut::nn
