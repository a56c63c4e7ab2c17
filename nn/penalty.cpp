#include "nn/penalty.h"

#include <cmath>

#include "autodiff/error.h"

namespace taut::nn {
namespace {

// x / ‖x‖₂ in place; false when x is zero.
bool normalise(Tensor& x) {
  return dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto values = x.mutable_data<T>();
    double square = 0.0;
    for (const T value : values) square += static_cast<double>(value) * static_cast<double>(value);
    if (!(square > 0.0)) return false;
    const T factor = static_cast<T>(1.0 / std::sqrt(square));
    for (T& value : values) value *= factor;
    return true;
  });
}

}  // namespace

Var LogNormProduct::Layer::apply(const Var& x, const Var& w) const {
  return convolves ? conv2d(x, w, {}, geometry) : dense(x, w, {});
}

Var LogNormProduct::Layer::apply_transpose(const Var& y) const {
  if (!convolves) return matmul(y, weight->value);
  const std::array<Index, 2> size{v.shape()[2], v.shape()[3]};
  return conv_transpose2d(y, weight->value, {}, geometry, size);
}

void LogNormProduct::Layer::improve(const Tensor& image_of_v) {
  Tensor better = apply_transpose(image_of_v).value();
  if (normalise(better)) v = std::move(better);
}

void LogNormProduct::start(Layer layer, const Shape& input) {
  layer.v = Tensor::uninitialised(input, layer.weight->value.dtype());
  fill_normal(layer.v, 0.0, 1.0, random_);
  normalise(layer.v);
  constexpr int warm_up = 10;  // afterwards a step per call is enough, as weights change slowly
  for (int i = 0; i < warm_up; ++i) layer.improve(layer.apply(layer.v, layer.weight->value).value());
  layers_.push_back(std::move(layer));
}

void LogNormProduct::add(const Parameter& weight) {
  if (!weight.defined() || weight.value.shape().rank() != 2)
    throw ShapeError(cat("[log_norm_product] a dense weight is (out, in), got ",
                         weight.defined() ? weight.value.shape().str() : "an undefined parameter",
                         "; a convolution also needs its geometry and the image it sees"));
  start({&weight, false, {}, {}}, Shape{1, weight.value.shape()[1]});
}

void LogNormProduct::add(const Parameter& kernel, const Conv2dOptions& geometry, std::array<Index, 3> image) {
  Conv2dOptions options = geometry;
  options.layout = Layout::nchw;  // one image: both layouts are the same numbers
  start({&kernel, true, options, {}}, Shape{1, image[0], image[1], image[2]});
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
    const Var y = layer.apply(layer.v, layer.weight->on(tape));
    // log ‖A v‖ = ½ log Σ (A v)²
    const Var log_norm = scale(log(sum(square(y))), 0.5);
    if (!std::isfinite(log_norm.item()))
      throw NumericError(cat("[log_norm_product] layer ", layer.weight->name, " has norm ", std::exp(log_norm.item()),
                             ", whose logarithm is not finite; check its weights"));
    log_estimate += log_norm.item();
    total = total.defined() ? taut::add(total, log_norm) : log_norm;
    layer.improve(y.value());
  }
  estimate_ = std::exp(log_estimate);
  return total;
}

}  // namespace taut::nn
