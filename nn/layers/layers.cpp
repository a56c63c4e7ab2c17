#include "nn/layers.h"

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

using namespace parts;

Linear::Linear(Index in, Index out, Random& random, const LayerOptions& options, Where where) : where_(where) {
  require_positive("linear", "the number of inputs", in);
  require_positive("linear", "the number of outputs", out);
  weight = initialised(Shape{out, in}, options, random);
  bias = zero_bias(out, options);
}

Conv2d::Conv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random, const Conv2dOptions& geometry,
               const LayerOptions& options, Where where)
    : geometry_(geometry), where_(where) {
  require_groups("conv2d", geometry.groups, c_in, c_out);
  weight = initialised(Shape{c_out, c_in / geometry.groups, kernel[0], kernel[1]}, options, random);
  bias = zero_bias(c_out, options);
}

Var Conv2d::run(const Var& x, Layout layout) const {
  Conv2dOptions options = geometry_;
  options.layout = layout;
  return conv2d(x, weight.on(x), bias.on(x), options, where_);
}

ConvTranspose2d::ConvTranspose2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                                 const ConvTranspose2dOptions& geometry, const LayerOptions& options, Where where)
    : geometry_(geometry), where_(where) {
  require_groups("conv_transpose2d", geometry.convolution.groups, c_in, c_out);
  for (std::size_t i = 0; i < 2; ++i)
    require_output_padding("conv_transpose2d", geometry.output_padding[i], geometry.convolution.stride[i]);
  weight = initialised(Shape{c_in, c_out / geometry.convolution.groups, kernel[0], kernel[1]}, options, random);
  bias = zero_bias(c_out, options);
}

Var ConvTranspose2d::run(const Var& x, Layout layout) const {
  Conv2dOptions options = geometry_.convolution;
  options.layout = layout;
  if (x.shape().rank() != 4)
    throw ShapeError(cat("[conv_transpose2d] at ", where_, ": needs images (n, c, h, w), got ", x.shape()));
  const int first = layout == Layout::nchw ? 2 : 1;
  std::array<Index, 2> size{};
  for (int i = 0; i < 2; ++i) {
    const auto at = static_cast<std::size_t>(i);
    size[at] = transposed_length(x.shape()[first + i], weight.value.shape()[2 + i], options.stride[at],
                                 options.dilation[at], options.padding[2 * at] + options.padding[2 * at + 1]) +
               geometry_.output_padding[at];
  }
  return conv_transpose2d(x, weight.on(x), bias.on(x), options, size, where_);
}

}  // namespace taut::nn
