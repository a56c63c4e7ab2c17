// What layers with weights share.
#pragma once

#include "nn/layer_options.h"
#include "nn/parameter.h"

namespace taut::nn::parts {

Parameter initialised(const Shape& shape, const LayerOptions& options, Random& random);
Parameter zero_bias(Index size, const LayerOptions& options);  // undefined when there is none
// ShapeError "[layer] what must be 1 or more, got given".
void require_positive(const char* layer, const char* what, Index given);
void require_groups(const char* layer, Index groups, Index c_in, Index c_out);
// ShapeError unless the size beyond the smallest is in [0, stride).
void require_output_padding(const char* layer, Index given, Index stride);
// The smallest size that a convolution maps to `length`.
constexpr Index transposed_length(Index length, Index kernel, Index stride, Index dilation, Index padding) {
  return (length - 1) * stride + dilation * (kernel - 1) + 1 - padding;
}
}  // namespace taut::nn::parts
