#include "nn/spectral_layers.h"

#include <limits>

#include "nn/constrained/weights.h"
namespace taut::nn {
namespace {

Tensor divided(const Tensor& weight, const LinearMap& map, const char* layer, Where where) {
  return div(weight, Tensor::scalar(parts::norm_to_divide_by(map, layer, where))).value();
}

}  // namespace

SpectralLinear::SpectralLinear(Index in, Index out, Random& random, const ConstrainedOptions& options, Where where)
    : ConstrainedLinear("spectral_linear", in, out, random, options, where) {
  norm.start(raw.value, Shape{1, in}, random);
}

void SpectralLinear::visit(Visitor& visitor) {
  ConstrainedLinear::visit(visitor);
  visitor("v", norm.v);
}

Var SpectralLinear::constrained(const Var& v) { return div(v, norm.step(v, "spectral_linear", where()), where()); }

Tensor SpectralLinear::constrained(const Tensor& v) const {
  return divided(v, parts::matrix_map(v), "spectral_linear", where());
}

SpectralConv2d::SpectralConv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                               const Conv2dOptions& geometry, const ConstrainedOptions& options, Where where)
    : ConstrainedConv2d("spectral_conv2d", c_in, c_out, kernel, random, geometry, options, where),
      norm(geometry),
      seed_(static_cast<std::uint64_t>(random.below(std::numeric_limits<std::int32_t>::max()))) {}

void SpectralConv2d::visit(Visitor& visitor) {
  ConstrainedConv2d::visit(visitor);
  visitor("v", norm.v);
}

Var SpectralConv2d::constrained(const Var& v) {
  norm.start_once(v.value(), Shape{1, v.shape()[1] * geometry().groups, image()[0], image()[1]}, seed_);
  return div(v, norm.step(v, layer(), where()), where());
}

Tensor SpectralConv2d::constrained(const Tensor& v) const { return divided(v, map_of(v), layer(), where()); }

}  // namespace taut::nn
