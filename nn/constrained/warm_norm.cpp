#include "nn/warm_norm.h"

#include <array>

#include "autodiff/unit_vector.h"
#include "nn/constrained/weights.h"

namespace taut::nn {

using taut::detail::normalise;

void WarmNorm::start(const Tensor& weight, const Shape& input, Random& random) {
  Tensor first = Tensor::uninitialised(input, weight.dtype());
  fill_normal(first, 0.0, 1.0, random);
  normalise(first);
  v = Parameter(std::move(first), false);
  constexpr int warm_up = 10;  // afterwards a step per call is enough, as weights change slowly
  for (int i = 0; i < warm_up; ++i) improve(weight, image(weight).value());
}

void WarmNorm::start_once(const Tensor& weight, const Shape& input, std::uint64_t seed) {
  if (v.defined() && v.value.shape() == input) return;
  Random random(seed);
  start(weight, input, random);
}

Var WarmNorm::step(const Var& weight, const char* layer, Where where) {
  const Var y = image(weight), size = l2_norm(y, {}, false, where);
  parts::require_divisor(size.item(), layer, where);
  improve(weight.value(), y.value());
  return size;
}

Var WarmNorm::image(const Var& weight) const {
  return convolves_ ? conv2d(v.value, weight, {}, geometry_) : dense(v.value, weight, {});
}

void WarmNorm::improve(const Tensor& weight, const Tensor& image) {
  const auto transposed = [&]() -> Var {
    if (!convolves_) return matmul(image, weight);
    const std::array<Index, 2> size{v.value.shape()[2], v.value.shape()[3]};
    return conv_transpose2d(image, weight, {}, geometry_, size);
  };
  Tensor better = transposed().value();
  if (normalise(better)) v.value = std::move(better);
}

}  // namespace taut::nn
