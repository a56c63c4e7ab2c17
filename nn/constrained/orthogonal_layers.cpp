#include "nn/orthogonal_layers.h"

#include "autodiff/error.h"
#include "nn/constrained/parametrisations.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {
BjorckLinear::BjorckLinear(Index in, Index out, Random& random, const ConstrainedOptions& options, int iterations,
                           Where where)
    : ConstrainedLinear("bjorck_linear", in, out, random, options, where), iterations_(iterations) {
  parts::require_positive("bjorck_linear", "the number of iterations", iterations);
}
Var BjorckLinear::constrained(const Var& v) { return parts::bjorck(v, iterations_, where()); }
Tensor BjorckLinear::constrained(const Tensor& v) const { return parts::bjorck(v, iterations_, where()).value(); }

CayleyLinear::CayleyLinear(Index in, Index out, Random& random, const ConstrainedOptions& options, Where where)
    : ConstrainedLinear("cayley_linear", in, out, random, options, where) {}
Var CayleyLinear::constrained(const Var& v) { return parts::cayley(v, where()); }
Tensor CayleyLinear::constrained(const Tensor& v) const { return parts::cayley(v, where()).value(); }

AolLinear::AolLinear(Index in, Index out, Random& random, const ConstrainedOptions& options, Where where)
    : ConstrainedLinear("aol_linear", in, out, random, options, where) {}
Var AolLinear::constrained(const Var& v) { return parts::almost_orthogonal(v, where()); }
Tensor AolLinear::constrained(const Tensor& v) const { return parts::almost_orthogonal(v, where()).value(); }

AolConv2d::AolConv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                     const Conv2dOptions& geometry, const ConstrainedOptions& options, Where where)
    : ConstrainedConv2d("aol_conv2d", c_in, c_out, kernel, random, geometry, options, where) {
  if (geometry.groups != 1)
    throw ShapeError(
        cat("[aol_conv2d] at ", where, ": takes one group, got ", geometry.groups, "; use SpectralConv2d for groups"));
}
Var AolConv2d::constrained(const Var& v) { return parts::almost_orthogonal_kernel(v, where()); }
Tensor AolConv2d::constrained(const Tensor& v) const { return parts::almost_orthogonal_kernel(v, where()).value(); }

}  // namespace taut::nn
