#include "nn/batch_norm.h"

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

BatchNorm::BatchNorm(const char* layer, Index channels, const BatchNormOptions& options, Where where)
    : options_(options), where_(where) {
  parts::require_positive(layer, "the number of channels", channels);
  const Shape shape{channels};
  gamma = Parameter(Tensor::full(shape, options.dtype, 1.0));
  beta = Parameter(Tensor::zeros(shape, options.dtype));
  running_mean = Parameter(Tensor::zeros(shape, options.dtype), false);
  running_variance = Parameter(Tensor::full(shape, options.dtype, 1.0), false);
}

void BatchNorm::visit(Visitor& visitor) {
  visitor("gamma", gamma);
  visitor("beta", beta);
  visitor("running_mean", running_mean);
  visitor("running_variance", running_variance);
  visitor.training_flag(training);
}

Var BatchNorm::normalise(const Var& x, int axis) {
  if (!training)
    return batch_norm(x, gamma.on(x), beta.on(x), running_mean.on(x), running_variance.on(x), options_.eps, axis,
                      where_);
  Var mean, variance;
  Var y = batch_norm_training(x, gamma.on(x), beta.on(x), options_.eps, axis, &mean, &variance, where_);
  track(mean.value(), variance.value(), x.shape().size() / x.shape()[axis]);
  return y;
}

void BatchNorm::track(const Tensor& mean, const Tensor& variance, Index count) {
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

Var BatchNorm1d::operator()(const Var& x) {
  if (x.shape().rank() != 2 && x.shape().rank() != 3)
    throw ShapeError(cat("[batch_norm1d] needs vectors (n, c) or sequences (n, c, l), got ", x.shape(),
                         "; images take BatchNorm2d"));
  return normalise(x, 1);
}

Var BatchNorm2d::run(const Var& x, Layout layout) {
  if (x.shape().rank() != 4) throw ShapeError(cat("[batch_norm2d] needs images (n, c, h, w), got ", x.shape()));
  return normalise(x, layout == Layout::nchw ? 1 : 0);
}

}  // namespace taut::nn
