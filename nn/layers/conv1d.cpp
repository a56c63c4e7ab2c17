#include "nn/conv1d.h"

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

using namespace parts;

Conv1d::Conv1d(Index c_in, Index c_out, Index kernel, Random& random, const Conv1dOptions& geometry,
               const LayerOptions& options, Where where)
    : geometry_(geometry), where_(where) {
  require_groups("conv1d", geometry.groups, c_in, c_out);
  require_positive("conv1d", "the length of the kernel", kernel);
  weight = initialised(Shape{c_out, c_in / geometry.groups, kernel}, options, random);
  bias = zero_bias(c_out, options);
}

ConvTranspose1d::ConvTranspose1d(Index c_in, Index c_out, Index kernel, Random& random,
                                 const ConvTranspose1dOptions& geometry, const LayerOptions& options, Where where)
    : geometry_(geometry), where_(where) {
  const Conv1dOptions& convolution = geometry.convolution;
  require_groups("conv_transpose1d", convolution.groups, c_in, c_out);
  require_positive("conv_transpose1d", "the length of the kernel", kernel);
  require_output_padding("conv_transpose1d", geometry.output_padding, convolution.stride);
  weight = initialised(Shape{c_in, c_out / convolution.groups, kernel}, options, random);
  bias = zero_bias(c_out, options);
}

Var ConvTranspose1d::operator()(const Var& x) const {
  if (x.shape().rank() != 3)
    throw ShapeError(cat("[conv_transpose1d] at ", where_, ": needs sequences (n, c, l), got ", x.shape()));
  const Conv1dOptions& options = geometry_.convolution;
  const Index length = transposed_length(x.shape()[2], weight.value.shape()[2], options.stride, options.dilation,
                                         options.padding[0] + options.padding[1]) +
                       geometry_.output_padding;
  return conv_transpose1d(x, weight.on(x), bias.on(x), options, length, where_);
}

}  // namespace taut::nn
