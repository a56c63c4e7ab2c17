// NumPy's array files: "\x93NUMPY", a version, a header such as {'descr': '<f4', 'fortran_order': False, 'shape':
// (60000, 784), } and the entries row by row. Every field is checked; nothing is allocated on the word of a header that
// the size of the file contradicts.
#pragma once

#include <filesystem>

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Floats of 4 bytes as f32 and of 8 as f64, in the byte order of the file; unsigned bytes as f32 from 0 to 1, 255
// being 1. FileError naming the file, what was found and a repair: another type, columns first, more than eight axes,
// truncated, bytes behind the end. Numbers that are not finite are read as they are.
Tensor read_npy(const std::filesystem::path& file);

}  // namespace taut::nn

#pragma GCC visibility pop
