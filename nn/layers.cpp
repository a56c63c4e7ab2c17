#include "nn/layers.h"

#include "autodiff/error.h"

namespace taut::nn {
namespace {

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

}  // namespace

Linear::Linear(Index in, Index out, Random& random, const LayerOptions& options, Where where) : where_(where) {
  require_positive("linear", "the number of inputs", in);
  require_positive("linear", "the number of outputs", out);
  weight = initialised(Shape{out, in}, options, random);
  bias = zero_bias(out, options);
}

Conv2d::Conv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random, const Conv2dOptions& geometry,
               const LayerOptions& options, Where where)
    : geometry_(geometry), where_(where) {
  require_positive("conv2d", "the number of input channels", c_in);
  require_positive("conv2d", "the number of output channels", c_out);
  require_positive("conv2d", "the number of groups", geometry.groups);
  if (c_in % geometry.groups != 0 || c_out % geometry.groups != 0)
    throw ShapeError(cat("[conv2d] groups must divide the channels, got ", geometry.groups, " groups for ", c_in, " → ",
                         c_out, " channels"));
  weight = initialised(Shape{c_out, c_in / geometry.groups, kernel[0], kernel[1]}, options, random);
  bias = zero_bias(c_out, options);
}

Var Conv2d::run(const Var& x, Layout layout) const {
  Conv2dOptions options = geometry_;
  options.layout = layout;
  return conv2d(x, weight.on(x), bias.on(x), options, where_);
}

BatchNorm2d::BatchNorm2d(Index channels, const BatchNormOptions& options, Where where)
    : options_(options), where_(where) {
  require_positive("batch_norm2d", "the number of channels", channels);
  const Shape shape{channels};
  gamma = Parameter(Tensor::full(shape, options.dtype, 1.0));
  beta = Parameter(Tensor::zeros(shape, options.dtype));
  running_mean = Parameter(Tensor::zeros(shape, options.dtype), false);
  running_variance = Parameter(Tensor::full(shape, options.dtype, 1.0), false);
}

void BatchNorm2d::visit(Visitor& visitor) {
  visitor("gamma", gamma);
  visitor("beta", beta);
  visitor("running_mean", running_mean);
  visitor("running_variance", running_variance);
  visitor.training_flag(training);
}

Var BatchNorm2d::run(const Var& x, Layout layout) {
  if (x.shape().rank() != 4) throw ShapeError(cat("[batch_norm2d] needs images (n, c, h, w), got ", x.shape()));
  const int axis = layout == Layout::nchw ? 1 : 0;
  if (!training)
    return batch_norm(x, gamma.on(x), beta.on(x), running_mean.on(x), running_variance.on(x), options_.eps, axis,
                      where_);
  Var mean, variance;
  Var y = batch_norm_training(x, gamma.on(x), beta.on(x), options_.eps, axis, &mean, &variance, where_);
  track(mean.value(), variance.value(), x.shape().size() / x.shape()[axis]);
  return y;
}

void BatchNorm2d::track(const Tensor& mean, const Tensor& variance, Index count) {
  const double unbiased = count > 1 ? static_cast<double>(count) / static_cast<double>(count - 1) : 1.0;
  const auto blend = [&](Tensor& running, const Tensor& batch, double factor) {
    dispatch(running.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto into = running.mutable_data<T>();
      const auto from = batch.data<T>();
      const T keep = static_cast<T>(1.0 - options_.momentum), take = static_cast<T>(options_.momentum * factor);
      for (std::size_t c = 0; c < into.size(); ++c) into[c] = keep * into[c] + take * from[c];
    });
  };
  blend(running_mean.value, mean, 1.0);
  blend(running_variance.value, variance, unbiased);
}

}  // namespace taut::nn
