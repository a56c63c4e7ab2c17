// Options that layers with weights share.
#pragma once

#include "autodiff/linear_map.h"
#include "nn/init.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct LayerOptions {
  bool bias = true;  // starts at 0
  DType dtype = DType::f32;
  Initialiser weight = kaiming_uniform();
};

namespace parts {

// An axis of (n, …) or (n, c, h, w) as an axis of what the layout holds.
constexpr Index axis_in(Layout layout, Index axis) {
  return layout == Layout::nchw ? axis : ((axis < 0 ? axis + 4 : axis) + 3) % 4;
}

}  // namespace parts
}  // namespace taut::nn

#pragma GCC visibility pop
