#include "nn/module/layer_parts.h"

#include "autodiff/error.h"

namespace taut::nn::parts {

Parameter initialised(const Shape& shape, const LayerOptions& options, Random& random) {
  Tensor weight = Tensor::zeros(shape, options.dtype);
  options.weight(weight, random);
  return Parameter(std::move(weight));
}

Parameter zero_bias(Index size, const LayerOptions& options) {
  return options.bias ? Parameter(Tensor::zeros(Shape{size}, options.dtype)) : Parameter();
}

void require_positive(const char* layer, const char* what, Index given) {
  if (given < 1) throw ShapeError(cat('[', layer, "] ", what, " must be 1 or more, got ", given));
}

void require_groups(const char* layer, Index groups, Index c_in, Index c_out) {
  require_positive(layer, "the number of input channels", c_in);
  require_positive(layer, "the number of output channels", c_out);
  require_positive(layer, "the number of groups", groups);
  if (c_in % groups != 0 || c_out % groups != 0)
    throw ShapeError(cat('[', layer, "] groups must divide the channels, got ", groups, " groups for ", c_in, " → ",
                         c_out, " channels"));
}

void require_output_padding(const char* layer, Index given, Index stride) {
  if (given < 0 || given >= stride)
    throw ShapeError(cat('[', layer, "] output padding must be in [0, stride), got ", given, " at stride ", stride));
}

}  // namespace taut::nn::parts
