// Where the windows of convolutions and pools lie, by ONNX's attributes. Internal to nn/onnx.
#pragma once

#include <vector>

#include "nn/onnx/import/call.h"

namespace taut::nn::onnx {

// One entry per spatial axis.
struct Windows {
  std::vector<Index> size, window, stride, dilation, before, after;
  bool ceil = false;  // a last window may hang over the end
  std::size_t rank() const { return window.size(); }
  // How many windows there are along axis k.
  Index count(std::size_t k) const;
  Index span(std::size_t k) const { return dilation[k] * (window[k] - 1) + 1; }
};

// Of an image of x's shape (n, c, …), windows of these sizes. Fails for attributes that do not fit.
Windows windows_of(Call& call, const Shape& x, std::vector<Index> window);

// The numbers of every window side by side: x (n, c, spatial…) → (n, c, count of windows, numbers in a window), and
// `outside` (a number, or the position of one within the window) where there is no image.
enum class Outside : std::uint8_t {
  zero,
  repeat,  // a number of the same window again, so that its largest stays what it is
};
Var unfold(Call& call, const Var& x, const Windows& windows, Outside outside);
Shape pooled_shape(const Shape& x, const Windows& windows);
}  // namespace taut::nn::onnx
