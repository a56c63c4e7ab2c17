#include "nn/cayley_conv.h"

#include "autodiff/error.h"
#include "nn/constrained/parametrisations.h"
#include "nn/constrained/real_dft.h"
#include "nn/constrained/weights.h"
#include "nn/layers/plain_layers.h"
#include "nn/module/layer_parts.h"
#include "nn/resize.h"
#include "nn/sequential.h"

namespace taut::nn {

using namespace parts;

CayleyConv2d::CayleyConv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                           const ConstrainedOptions& options, Where where)
    : constant_(options.constant), image_(options.image), where_(where) {
  constexpr const char* layer = "cayley_conv2d";
  require_groups(layer, 1, c_in, c_out);
  require_positive(layer, "the height of the kernel", kernel[0]);
  require_positive(layer, "the width of the kernel", kernel[1]);
  require_constant(layer, options.constant);
  raw = initialised(Shape{c_out, c_in, kernel[0], kernel[1]}, layer_options(options), random);
  bias = zero_bias(c_out, layer_options(options));
}

void CayleyConv2d::visit(Visitor& visitor) {
  visitor("raw", raw);
  visitor("bias", bias);
  visitor.training_flag(training);
}

Var CayleyConv2d::operator()(const Var& x) {
  const Shape& s = raw.value.shape();
  if (x.shape().rank() != 4 || x.shape()[1] != s[1] || x.shape()[2] < s[2] || x.shape()[3] < s[3])
    throw ShapeError(cat("[cayley_conv2d] at ", where_, ": needs images (n, ", s[1],
                         ", h, w) no smaller than the kernel ", s[2], " x ", s[3], ", got ", x.shape()));
  image_ = {x.shape()[2], x.shape()[3]};
  if (training) return by_frequencies(x);
  return conv2d(CircularPad2d(padding(), where_)(x), stored().on(x), bias.on(x), {}, where_);
}

const CayleyConv2d::Transforms& CayleyConv2d::transforms() const {
  if (transforms_ == nullptr || transforms_->image != image_ || transforms_->symbol.dtype() != raw.value.dtype()) {
    const RealDft dft(image_);
    const DType dtype = raw.value.dtype();
    const Shape& s = raw.value.shape();
    transforms_ = std::make_shared<Transforms>(Transforms{image_, dft.frequencies(), dft.spectrum(dtype),
                                                          dft.inverse(dtype), dft.symbol({s[2], s[3]}, dtype)});
  }
  return *transforms_;
}

// Per frequency the real form (2 c_out, 2 c_in) of a complex matrix with orthonormal columns or rows. Real and
// imaginary parts alternate, so that the first rows of the real form are those of the first rows of the complex matrix.
Var CayleyConv2d::orthogonal_symbol(const Var& v, const Tensor& symbol, Index frequencies) const {
  const Index m = v.shape()[0], n = v.shape()[1];
  const Var flat = matmul(reshape(v, Shape{m * n, v.shape()[2] * v.shape()[3]}, where_), symbol, false, false, where_);
  const Var pairs = permute(reshape(flat, Shape{m, n, frequencies, 2, 2}, where_), {2, 0, 3, 1, 4}, where_);
  return cayley(reshape(pairs, Shape{frequencies, 2 * m, 2 * n}, where_), where_);
}

Var CayleyConv2d::by_frequencies(const Var& x) {
  const Transforms& t = transforms();
  const Index m = raw.value.shape()[0], n = raw.value.shape()[1], batch = x.shape()[0], pixels = image_[0] * image_[1];
  Var w = orthogonal_symbol(raw.on(x), t.symbol, t.frequencies);
  if (constant_ != 1.0) w = scale(w, constant_, where_);
  const Var flat = matmul(reshape(x, Shape{batch * n, pixels}, where_), t.spectrum, false, false, where_);
  const Var spectrum = permute(reshape(flat, Shape{batch, n, t.frequencies, 2}, where_), {2, 1, 3, 0}, where_);
  const Var y = matmul(w, reshape(spectrum, Shape{t.frequencies, 2 * n, batch}, where_), false, false, where_);
  const Var back = permute(reshape(y, Shape{t.frequencies, m, 2, batch}, where_), {3, 1, 0, 2}, where_);
  const Var images =
      matmul(reshape(back, Shape{batch * m, 2 * t.frequencies}, where_), t.inverse, false, false, where_);
  const Var shaped = reshape(images, Shape{batch, m, image_[0], image_[1]}, where_);
  return bias.defined() ? add(shaped, reshape(bias.on(x), Shape{m, 1, 1}, where_), where_) : shaped;
}

const Parameter& CayleyConv2d::stored() const {
  const Shape& s = raw.value.shape();
  const Index m = s[0], n = s[1];
  if (image_[0] < s[2] || image_[1] < s[3])
    throw UsageError(cat("[cayley_conv2d] made at ", where_,
                         ": its weights depend on the size of the images, which is ",
                         "not known yet; call it once or set ConstrainedOptions::image"));
  const auto make = [&] {
    const RealDft dft(image_);
    const Index count = dft.frequencies();
    const Var symbol = orthogonal_symbol(raw.value.to(DType::f64), dft.symbol({s[2], s[3]}, DType::f64), count);
    // Real and imaginary parts: the first of each pair of columns.
    const Var column = slice(reshape(symbol, Shape{count, m, 2, n, 2}), 4, 0, 1);
    const Var ordered = permute(reshape(column, Shape{count, m, 2, n}), {1, 3, 0, 2});
    const Var kernel = matmul(reshape(ordered, Shape{m * n, 2 * count}), dft.kernel(DType::f64));
    const Tensor w = scale(reshape(kernel, Shape{m, n, image_[0], image_[1]}), constant_).value();
    const auto map = [&](const Tensor& k) {
      return kernel_map(k, Conv2dOptions{.padding = padding()}, image_, Boundary::circular);
    };
    return std::vector{within_norm(w.to(raw.value.dtype()), map, constant_, "cayley_conv2d")};
  };
  const std::array<const Parameter*, 1> sources{&raw};
  return stored_.of(sources, image_, make).front();
}

Tensor CayleyConv2d::weight() const { return stored().value; }

AnyModule CayleyConv2d::vanilla() const {
  const Tensor& w = stored().value;
  return Sequential{CircularPad2d(padding(), where_), plain_conv2d(w, bias.value, {}, where_)};
}

}  // namespace taut::nn
