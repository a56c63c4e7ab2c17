#include "nn/penalty.h"

#include <cmath>

#include "autodiff/error.h"

namespace taut::nn {

void LogNormProduct::start(Layer layer, const Shape& input) {
  layer.norm.start(layer.weight->value, input, random_);
  layers_.push_back(std::move(layer));
}

void LogNormProduct::add(const Parameter& weight) {
  if (!weight.defined() || weight.value.shape().rank() != 2)
    throw ShapeError(cat("[log_norm_product] a dense weight is (out, in), got ",
                         weight.defined() ? weight.value.shape().str() : "an undefined parameter",
                         "; a convolution also needs its geometry and the image it sees"));
  start({&weight, WarmNorm()}, Shape{1, weight.value.shape()[1]});
}

void LogNormProduct::add(const Parameter& kernel, const Conv2dOptions& geometry, std::array<Index, 3> image) {
  start({&kernel, WarmNorm(geometry)}, Shape{1, image[0], image[1], image[2]});
}

std::vector<Tensor*> LogNormProduct::state() {
  std::vector<Tensor*> all;
  for (Layer& layer : layers_) all.push_back(&layer.v);
  return all;
}

Var LogNormProduct::operator()(Tape& tape) {
  if (layers_.empty()) throw UsageError("[log_norm_product] has no layers; add() those whose norms count");
  Var total;
  double log_estimate = 0.0;
  for (Layer& layer : layers_) {
    const Var y = layer.norm.image(layer.weight->on(tape));
    // log ‖A v‖ = ½ log Σ (A v)²
    const Var log_norm = scale(log(sum(square(y))), 0.5);
    if (!std::isfinite(log_norm.item()))
      throw NumericError(cat("[log_norm_product] layer ", layer.weight->name, " has norm ", std::exp(log_norm.item()),
                             ", whose logarithm is not finite; check its weights"));
    log_estimate += log_norm.item();
    total = total.defined() ? taut::add(total, log_norm) : log_norm;
    layer.norm.improve(layer.weight->value, y.value());
  }
  estimate_ = std::exp(log_estimate);
  return total;
}

}  // namespace taut::nn
