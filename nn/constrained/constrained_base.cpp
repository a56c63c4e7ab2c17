#include "nn/constrained_base.h"

#include "autodiff/error.h"
#include "nn/constrained/weights.h"
#include "nn/layers/plain_layers.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

using namespace parts;

namespace {

Tensor times(const Tensor& w, double constant) { return constant == 1.0 ? w : scale(w, constant).value(); }
Var times(const Var& w, double constant, Where where) { return constant == 1.0 ? w : scale(w, constant, where); }

}  // namespace

ConstrainedLinear::ConstrainedLinear(const char* layer, Index in, Index out, Random& random,
                                     const ConstrainedOptions& options, Where where)
    : layer_(layer), constant_(options.constant), where_(where) {
  require_positive(layer, "the number of inputs", in);
  require_positive(layer, "the number of outputs", out);
  require_constant(layer, options.constant);
  raw = initialised(Shape{out, in}, layer_options(options), random);
  bias = zero_bias(out, layer_options(options));
}

Var ConstrainedLinear::operator()(const Var& x) {
  const Var w = training ? times(constrained(raw.on(x)), constant_, where_) : stored().on(x);
  return dense(x, w, bias.on(x), where_);
}

const Parameter& ConstrainedLinear::stored() const {
  const auto make = [&] {
    const Tensor w = times(constrained(raw.value.to(DType::f64)), constant_);
    return std::vector{within_norm(w.to(raw.value.dtype()), matrix_map, constant_, layer_)};
  };
  const std::array<const Parameter*, 1> sources{&raw};
  return stored_.of(sources, {0, 0}, make).front();
}

Tensor ConstrainedLinear::weight() const { return stored().value; }

AnyModule ConstrainedLinear::vanilla() const { return plain_linear(stored().value, bias.value, where_); }

void ConstrainedLinear::visit(Visitor& visitor) {
  visitor("raw", raw);
  visitor("bias", bias);
  visitor.training_flag(training);
}

ConstrainedConv2d::ConstrainedConv2d(const char* layer, Index c_in, Index c_out, std::array<Index, 2> kernel,
                                     Random& random, const Conv2dOptions& geometry, const ConstrainedOptions& options,
                                     Where where)
    : layer_(layer), constant_(options.constant), geometry_(geometry), image_(options.image), where_(where) {
  require_groups(layer, geometry.groups, c_in, c_out);
  require_positive(layer, "the height of the kernel", kernel[0]);
  require_positive(layer, "the width of the kernel", kernel[1]);
  require_constant(layer, options.constant);
  geometry_.layout = Layout::nchw;
  raw = initialised(Shape{c_out, c_in / geometry.groups, kernel[0], kernel[1]}, layer_options(options), random);
  bias = zero_bias(c_out, layer_options(options));
}

Var ConstrainedConv2d::run(const Var& x, Layout layout) {
  if (x.shape().rank() != 4)
    throw ShapeError(cat('[', layer_, "] at ", where_, ": needs images (n, c, h, w), got ", x.shape()));
  const int rows = static_cast<int>(axis_in(layout, 2));
  image_ = {x.shape()[rows], x.shape()[rows + 1]};
  const Var w = training ? times(constrained(raw.on(x)), constant_, where_) : stored().on(x);
  Conv2dOptions options = geometry_;
  options.layout = layout;
  return conv2d(x, w, bias.on(x), options, where_);
}

LinearMap ConstrainedConv2d::map_of(const Tensor& kernel) const { return kernel_map(kernel, geometry_, image_); }

const Parameter& ConstrainedConv2d::stored() const {
  if (image_[0] < 1 || image_[1] < 1)
    throw UsageError(cat('[', layer_, "] made at ", where_, ": its weights depend on the size of the images, which is ",
                         "not known yet; call it once or set ConstrainedOptions::image"));
  const auto make = [&] {
    const Tensor w = times(constrained(raw.value.to(DType::f64)), constant_);
    const auto map = [&](const Tensor& kernel) { return map_of(kernel); };
    return std::vector{within_norm(w.to(raw.value.dtype()), map, constant_, layer_)};
  };
  const std::array<const Parameter*, 1> sources{&raw};
  return stored_.of(sources, image_, make).front();
}

Tensor ConstrainedConv2d::weight() const { return stored().value; }

AnyModule ConstrainedConv2d::vanilla() const { return plain_conv2d(stored().value, bias.value, geometry_, where_); }

void ConstrainedConv2d::visit(Visitor& visitor) {
  visitor("raw", raw);
  visitor("bias", bias);
  visitor.training_flag(training);
}

}  // namespace taut::nn
