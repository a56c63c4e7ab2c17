// Windows that slide over images: kernels and pools.
#pragma once

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {

struct Window {
  // The node's strides, dilations and explicit pads.
  Window(const NodeView& n, const Sizes& size);
  // The same over an image of this size, with auto_pad and ceil_mode.
  Window(const NodeView& n, const Sizes& image, const Sizes& size);
  // Of a transposed convolution: the size of the result, with the pads that belong to it.
  Sizes transposed(const NodeView& n, const Sizes& windows);

  std::int64_t span(std::size_t i) const { return (kernel[i] - 1) * dilation[i] + 1; }

  Sizes kernel, stride, dilation, before, after;
  Sizes counts;  // of windows
};

}  // namespace taut::test::generated
