#pragma once

#include <filesystem>

#include "autodiff/tensor.h"

namespace taut::cli {

// The points of an IDX, IDX.gz or NPY file, told apart by their first bytes, as a tensor (count, …) of the shape and
// type of `sample`, one sample. Bytes become numbers from 0 to 1. FileError: broken, or points of another size.
Tensor points_of_file(const std::filesystem::path& file, const Tensor& sample);

}  // namespace taut::cli
