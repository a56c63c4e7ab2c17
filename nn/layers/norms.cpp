#include "nn/norms.h"

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {
namespace {

double checked_eps(const char* layer, double eps) {
  if (!(eps > 0.0)) throw DomainError(cat('[', layer, "] eps must be positive, got ", eps));
  return eps;
}

Parameter scales(const Shape& shape, const NormOptions& options) {
  return Parameter(Tensor::full(shape, options.dtype, 1.0));
}
Parameter shifts(const Shape& shape, const NormOptions& options) {
  return options.bias ? Parameter(Tensor::zeros(shape, options.dtype)) : Parameter();
}

}  // namespace

LayerNorm::LayerNorm(const Shape& normalised, const NormOptions& options, Where where)
    : gamma(scales(normalised, options)),
      beta(shifts(normalised, options)),
      eps_(checked_eps("layer_norm", options.eps)),
      where_(where) {
  if (normalised.rank() == 0 || normalised.size() == 0)
    throw ShapeError(
        cat("[layer_norm] at ", where, ": the normalised shape must hold numbers along an axis, got ", normalised));
}

GroupNorm::GroupNorm(Index groups, Index channels, const NormOptions& options, Where where)
    : groups_(groups), eps_(checked_eps("group_norm", options.eps)), where_(where) {
  parts::require_groups("group_norm", groups, channels, channels);
  gamma = scales(Shape{channels}, options);
  beta = shifts(Shape{channels}, options);
}

InstanceNorm2d::InstanceNorm2d(Index channels, const NormOptions& options, Where where)
    : eps_(checked_eps("instance_norm2d", options.eps)), where_(where) {
  parts::require_positive("instance_norm2d", "the number of channels", channels);
  gamma = scales(Shape{channels}, options);
  beta = shifts(Shape{channels}, options);
}

Var InstanceNorm2d::operator()(const Var& x) const {
  if (x.shape().rank() != 4)
    throw ShapeError(cat("[instance_norm2d] at ", where_, ": needs images (n, c, h, w), got ", x.shape()));
  return instance_norm(x, gamma.on(x), beta.on(x), eps_, where_);
}

}  // namespace taut::nn
