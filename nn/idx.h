// The IDX format, in which MNIST and its relatives are distributed, plain or compressed with gzip:
//   2 zero bytes, 1 byte type, 1 byte rank, rank dimensions as 32-bit big-endian numbers, then the entries row by row.
// Every field is checked; nothing is allocated on the word of a header that the size of the file contradicts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "nn/data.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Entries of type 0x08, unsigned bytes.
struct IdxArray {
  Shape shape;
  std::vector<std::uint8_t> bytes;
};

// FileError naming the file, what was expected, what was found and a repair: missing, empty, truncated, wrong magic
// number, another type or rank, dimensions that contradict the size of the file, bytes behind the end, damaged
// compression.
IdxArray read_idx(const std::filesystem::path& file);

struct IdxOptions {
  DType dtype = DType::f32;
  double scale = 1.0 / 255.0;  // multiplies every byte, so that 255 becomes 1
  Index classes = 10;
};

// Images (n, h, w) as inputs (n, 1, h, w) and labels (n). FileError also when the counts differ or a label is no class.
DataSet load_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                 const IdxOptions& options = {});

struct TrainAndTest {
  DataSet train, test;
};

// A folder with the four files of MNIST, Fashion-MNIST and their like: train-images-idx3-ubyte,
// train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, each with or without ".gz".
TrainAndTest load_mnist(const std::filesystem::path& folder, const IdxOptions& options = {});

}  // namespace taut::nn

#pragma GCC visibility pop
