#include "nn/norm_keeping.h"

#include <cmath>
#include <numbers>

#include "autodiff/error.h"
#include "nn/constrained/weights.h"
#include "nn/layers/plain_layers.h"

namespace taut::nn {

using namespace parts;

Householder::Householder(Index channels, DType dtype, Where where) : where_(where) {
  if (channels < 2 || channels % 2 != 0)
    throw ShapeError(
        cat("[householder] at ", where, ": needs pairs of channels, got ", channels, " channels; give an even number"));
  angle = Parameter(Tensor::full(Shape{channels / 2}, dtype, -std::numbers::pi / 4.0));
}

ConvexStepShape Householder::shape(Layout layout) const {
  return {Conv2dOptions{.groups = angle.value.size(), .layout = layout}};
}

Var Householder::kernel(const Var& angles) const {
  const Shape column{angles.shape()[0], 1, 1, 1};
  const Var v =
      concat({reshape(cos(angles, where_), column, where_), reshape(sin(angles, where_), column, where_)}, 1, where_);
  return scale(v, -std::numbers::sqrt2, where_);
}

Var Householder::run(const Var& x, Layout layout) {
  const Index channels = 2 * angle.value.size();
  const int rank = x.shape().rank(), axis = static_cast<int>(axis_in(layout, 1));
  if ((rank != 2 && rank != 4) || (rank == 2 ? x.shape()[1] : x.shape()[axis]) != channels)
    throw ShapeError(
        cat("[householder] at ", where_, ": needs (n, ", channels, ") or (n, ", channels, ", h, w), got ", x.shape()));
  if (rank == 2) {
    const Var image = run(reshape(x, Shape{x.shape()[0], channels, 1, 1}, where_), Layout::nchw);
    image_ = {0, 0};
    return reshape(image, x.shape(), where_);
  }
  const int rows = static_cast<int>(axis_in(layout, 2));
  image_ = {x.shape()[rows], x.shape()[rows + 1]};
  if (training) return composed_convex_step(x, kernel(angle.on(x)), Var(), shape(layout), where_);
  return convex_step(x, stored().value, Tensor(), shape(layout), where_);
}

const Parameter& Householder::stored() const {
  const std::array<Index, 2> image{std::max<Index>(image_[0], 1), std::max<Index>(image_[1], 1)};
  const auto make = [&] {
    const Tensor a = kernel(angle.value.to(DType::f64)).value().to(angle.value.dtype());
    const auto map = [&](const Tensor& k) { return kernel_map(k, *shape(Layout::nchw).convolution, image); };
    return std::vector{within_norm(a, map, sqrt_down(2.0), "householder")};
  };
  const std::array<const Parameter*, 1> sources{&angle};
  return stored_.of(sources, image, make).front();
}

AnyModule Householder::vanilla() const {
  const Tensor& a = stored().value;
  if (image_[0] > 0) return plain_convex_step(a, Tensor(), shape(Layout::nchw).convolution, where_);
  const Index pairs = a.shape()[0];
  Tensor matrix = Tensor::zeros(Shape{pairs, 2 * pairs}, a.dtype());
  dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto into = matrix.mutable_data<T>();
    const auto from = a.data<T>();
    for (Index i = 0; i < 2 * pairs; ++i)
      into[static_cast<std::size_t>(i / 2 * 2 * pairs + i)] = from[static_cast<std::size_t>(i)];
  });
  return plain_convex_step(matrix, Tensor(), std::nullopt, where_);
}

FullSort::FullSort(Index axis, Where where) : axis_(axis), where_(where) {
  if (axis == 0) throw ShapeError(cat("[full_sort] at ", where, ": axis 0 counts the samples; sort along another one"));
}

}  // namespace taut::nn
