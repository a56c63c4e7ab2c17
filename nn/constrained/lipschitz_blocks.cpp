#include "nn/lipschitz_blocks.h"

#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "nn/constrained/parametrisations.h"
#include "nn/constrained/weights.h"
#include "nn/layers/plain_layers.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

using namespace parts;

namespace {

ConvexStepShape shape_for(const char* layer, const Shape& input) {
  if (input.rank() == 1) return {};
  for (int a = 1; a < 3; ++a)
    if (input[a] < 1 || input[a] % 2 == 0)
      throw ShapeError(
          cat('[', layer, "] the kernel must have odd sizes, as images keep theirs, got ", input[1], " x ", input[2]));
  const Index rows = input[1] / 2, columns = input[2] / 2;
  return {Conv2dOptions{.padding = {rows, rows, columns, columns}}};
}

// One number, or one per row of w, as a factor of w.
Var spread(const Var& f, const Var& w) {
  if (f.shape().rank() == 0) return f;
  return reshape(f, w.shape().rank() == 2 ? Shape{f.shape()[0], 1} : Shape{f.shape()[0], 1, 1, 1});
}

}  // namespace

ConvexBlock::ConvexBlock(const char* layer, const Shape& input, Index hidden, Random& random,
                         const ConstrainedOptions& options, Where where)
    : layer_(layer), shape_(shape_for(layer, input)), image_(options.image), where_(where) {
  require_positive(layer, input.rank() == 1 ? "the number of features" : "the number of channels", input[0]);
  require_positive(layer, "the number of hidden units", hidden);
  if (options.constant != 1.0)
    throw DomainError(cat('[', layer, "] at ", where, ": has the constant 1, got ", options.constant,
                          "; put a layer of another constant behind it"));
  raw = initialised(input.inserted(0, hidden), layer_options(options), random);
  bias = zero_bias(hidden, layer_options(options));
}

Shape ConvexBlock::input() const {
  const Index features = raw.value.shape()[1];
  return shape_.convolution ? Shape{1, features, image_[0], image_[1]} : Shape{1, features};
}

Var ConvexBlock::run(const Var& x, Layout layout) {
  ConvexStepShape shape = shape_;
  if (shape.convolution) {
    if (x.shape().rank() != 4)
      throw ShapeError(cat('[', layer_, "] at ", where_, ": needs images (n, c, h, w), got ", x.shape()));
    shape.convolution->layout = layout;
    const int rows = static_cast<int>(axis_in(layout, 2));
    image_ = {x.shape()[rows], x.shape()[rows + 1]};
  }
  if (!training) {
    const std::vector<Parameter>& plain = stored();
    return convex_step(x, plain[0].value, plain.size() > 1 ? plain[1].value : Tensor(), shape, where_);
  }
  const Var w = raw.on(x), f = factor(w);
  const Var b = bias.defined() ? mul(bias.on(x), f, where_) : Var();
  return composed_convex_step(x, mul(w, spread(f, w), where_), b, shape, where_);
}

const std::vector<Parameter>& ConvexBlock::stored() const {
  if (shape_.convolution && (image_[0] < 1 || image_[1] < 1))
    throw UsageError(cat('[', layer_, "] made at ", where_, ": its weights depend on the size of the images, which is ",
                         "not known yet; call it once or set ConstrainedOptions::image"));
  const auto make = [&] {
    const DType dtype = raw.value.dtype();
    const Tensor w = raw.value.to(DType::f64), f = factor(w);
    const Tensor a = mul(w, spread(f, w)).value();
    const auto map = [&](const Tensor& weight) { return shape_.map(weight, input()); };
    std::vector made{within_norm(a.to(dtype), map, sqrt_down(2.0), layer_)};
    if (bias.defined()) made.push_back(mul(bias.value.to(DType::f64), f).value().to(dtype));
    return made;
  };
  std::array<const Parameter*, 3> sources{&raw};
  std::size_t count = 1;
  if (bias.defined()) sources[count++] = &bias;
  if (beside() != nullptr) sources[count++] = beside();
  return stored_.of(std::span(sources.data(), count), image_, make);
}

AnyModule ConvexBlock::vanilla() const {
  const std::vector<Parameter>& plain = stored();
  return plain_convex_step(plain[0].value, plain.size() > 1 ? plain[1].value : Tensor(), shape_.convolution, where_);
}

void ConvexBlock::visit(Visitor& visitor) {
  visitor("raw", raw);
  visitor("bias", bias);
  visitor.training_flag(training);
}

ConvexPotential::ConvexPotential(const char* layer, const Shape& input, Index hidden, Random& random,
                                 const ConstrainedOptions& options, Where where)
    : ConvexBlock(layer, input, hidden, random, options, where),
      norm(shape().convolution ? WarmNorm(*shape().convolution) : WarmNorm()),
      seed_(static_cast<std::uint64_t>(random.below(std::numeric_limits<std::int32_t>::max()))) {}

void ConvexPotential::visit(Visitor& visitor) {
  ConvexBlock::visit(visitor);
  visitor("v", norm.v);
}

Var ConvexPotential::factor(const Var& w) {
  norm.start_once(w.value(), input(), seed_);
  return scale(reciprocal(norm.step(w, layer(), where()), where()), std::sqrt(2.0), where());
}

Tensor ConvexPotential::factor(const Tensor& w) const {
  return Tensor::scalar(std::sqrt(2.0) / norm_to_divide_by(shape().map(w, input()), layer(), where()));
}

SdpLipschitz::SdpLipschitz(const char* layer, const Shape& input, Index hidden, Random& random,
                           const ConstrainedOptions& options, Where where)
    : ConvexBlock(layer, input, hidden, random, options, where), log_q(Tensor::zeros(Shape{hidden}, options.dtype)) {}

void SdpLipschitz::visit(Visitor& visitor) {
  ConvexBlock::visit(visitor);
  visitor("log_q", log_q);
}

Var SdpLipschitz::factor(const Var& w) { return scale(sdp_factor(w, log_q.on(w), where()), std::sqrt(2.0), where()); }
Tensor SdpLipschitz::factor(const Tensor& w) const {
  return scale(sdp_factor(w, log_q.value.to(DType::f64), where()), std::sqrt(2.0), where()).value();
}

}  // namespace taut::nn
