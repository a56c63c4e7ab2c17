#include "nn/spectral_layers.h"

#include <limits>

#include "autodiff/error.h"
#include "lipschitz/spectral.h"

namespace taut::nn {
namespace {

void require_norm(double norm, const char* layer, Where where) {
  if (!(norm > 0.0 && norm < infinity))
    throw NumericError(cat('[', layer, "] at ", where, ": needs weights of a norm above 0 to divide by, got ", norm,
                           "; use another initialiser, or lower the learning rate"));
}

// V / ‖A v‖, and a step of the power method for the next call.
Var divided(const Var& weight, WarmNorm& norm, const char* layer, Where where) {
  const Var image = norm.image(weight);
  const Var size = l2_norm(image, {}, false, where);
  require_norm(size.item(), layer, where);
  norm.improve(weight.value(), image.value());
  return div(weight, size, where);
}

Tensor divided(const Tensor& weight, const LinearMap& map, const char* layer, Where where) {
  const double upper = operator_norm(map, Norm::l2).upper.value();
  require_norm(upper, layer, where);
  return div(weight, Tensor::scalar(upper)).value();
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

Var SpectralLinear::constrained(const Var& v) { return divided(v, norm, "spectral_linear", where()); }

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
  const Shape input{1, v.shape()[1] * geometry().groups, image()[0], image()[1]};
  if (!norm.started_on(input)) {
    Random random(seed_);
    norm.start(v.value(), input, random);
  }
  return divided(v, norm, layer(), where());
}

Tensor SpectralConv2d::constrained(const Tensor& v) const { return divided(v, map_of(v), layer(), where()); }

}  // namespace taut::nn
