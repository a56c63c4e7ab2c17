#include "nn/layers/plain_layers.h"

#include "nn/sequential.h"

namespace taut::nn {
namespace {

// The initial numbers are replaced.
LayerOptions unset(const Tensor& weight, const Tensor& bias) { return {bias.defined(), weight.dtype(), constant(0.0)}; }

template <class Layer>
Layer holding(Layer layer, const Tensor& weight, const Tensor& bias) {
  layer.weight = Parameter(weight);
  if (bias.defined()) layer.bias = Parameter(bias);
  return layer;
}

}  // namespace

Linear plain_linear(const Tensor& weight, const Tensor& bias, Where where) {
  Random unused(0);
  return holding(Linear(weight.shape()[1], weight.shape()[0], unused, unset(weight, bias), where), weight, bias);
}

Conv2d plain_conv2d(const Tensor& kernel, const Tensor& bias, const Conv2dOptions& geometry, Where where) {
  Random unused(0);
  const Shape& s = kernel.shape();
  return holding(Conv2d(s[1] * geometry.groups, s[0], {s[2], s[3]}, unused, geometry, unset(kernel, bias), where),
                 kernel, bias);
}

AnyModule plain_convex_step(const Tensor& a, const Tensor& b, const std::optional<Conv2dOptions>& convolution,
                            Where where) {
  const Tensor minus = neg(Var(a)).value();
  if (!convolution)
    return Residual(Sequential{plain_linear(a, b, where), ReLU(where),
                               plain_linear(transpose(Var(minus)).value(), Tensor(), where)},
                    where);
  Random unused(0);
  const Shape& s = a.shape();
  ConvTranspose2d down(s[0], s[1] * convolution->groups, {s[2], s[3]}, unused, {*convolution}, unset(a, Tensor()),
                       where);
  return Residual(
      Sequential{plain_conv2d(a, b, *convolution, where), ReLU(where), holding(std::move(down), minus, Tensor())},
      where);
}

}  // namespace taut::nn
