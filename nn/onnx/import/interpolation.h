// Where the pixels of a resized axis come from, and with which weights, in exact arithmetic: scales are the numbers of
// the file, or quotients of whole sizes, and what is no machine number is enclosed. Internal to nn/onnx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/range.h"

namespace taut::nn::onnx {

struct Resizing {
  std::string mode, coordinates, nearest;
  double cubic = -0.75;
  bool exclude_outside = false;
};

// One axis, of `from` and then `to` pixels: positive scale = numerator / denominator. A scale of the file, which may
// leave a rest of a pixel at the end, has the denominator 1; `of_sizes`: to / from.
struct ResizedAxis {
  Index from = 0, to = 0;
  Interval numerator, denominator;
  bool of_sizes = false;
};

// The pixel that each one of the result shows, by mode nearest; nothing where intervals do not decide it.
std::optional<std::vector<Index>> nearest_pixels(const Resizing& r, const ResizedAxis& axis);
// The matrix (to, from) of modes linear and cubic; nothing where intervals do not decide between which pixels one lies.
std::optional<Range> interpolation_weights(const Resizing& r, const ResizedAxis& axis);

// UnsupportedError for others than these functions know.
void require_known(const Resizing& r);

}  // namespace taut::nn::onnx
