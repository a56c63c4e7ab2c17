// Layers that hold given numbers, for what stands in for a layer with constrained weights.
#pragma once

#include "nn/layers.h"

namespace taut::nn {

// bias: undefined for none.
Linear plain_linear(const Tensor& weight, const Tensor& bias, Where where);
Conv2d plain_conv2d(const Tensor& kernel, const Tensor& bias, const Conv2dOptions& geometry, Where where);
// x + Bᵀ relu(A x + b), B = −A: the convex step (nn/convex_step.h) as a net of plain layers.
AnyModule plain_convex_step(const Tensor& a, const Tensor& b, const std::optional<Conv2dOptions>& convolution,
                            Where where);

}  // namespace taut::nn
