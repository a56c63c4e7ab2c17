#include "nn/orthogonal_layers.h"

#include "autodiff/error.h"
#include "nn/matrix_inverse.h"

namespace taut::nn {
namespace parts {
namespace {

// Sums below this count as this: a column of zeros stays zero, and its derivative finite.
constexpr double least_sum = 1e-12;
Var inverse_root(const Var& sums, Where where) {
  return rsqrt(maximum(sums, Tensor::scalar(least_sum, sums.dtype()), where), where);
}

}  // namespace

Var bjorck(const Var& v, int iterations, Where where) {
  const Var size = abs(v, where);
  const Var bound = sqrt(mul(max(sum(size, {0}), {}), max(sum(size, {1}), {}), where), where);
  const bool wide = v.shape()[0] < v.shape()[1];
  Var w = div(v, bound, where);
  for (int i = 0; i < iterations; ++i) {
    const Var cube = wide ? matmul(matmul(w, w, false, true, where), w, false, false, where)
                          : matmul(w, matmul(w, w, true, false, where), false, false, where);
    w = sub(scale(w, 1.5, where), scale(cube, 0.5, where), where);
  }
  return w;
}

Var cayley(const Var& v, Where where) {
  const int rank = v.shape().rank();
  const Index m = v.shape()[rank - 2], n = v.shape()[rank - 1];
  if (m < n) return transpose(cayley(transpose(v, where), where), where);
  const Var one(identity_matrix(n, v.dtype()));
  const Var u = m == n ? v : slice(v, -2, 0, n, 1, where);
  const Var skew = add(sub(u, transpose(u, where), where), one, where);
  if (m == n) return sub(scale(matrix_inverse(skew, where), 2.0, where), one, where);
  const Var x = slice(v, -2, n, m, 1, where);
  const Var twice = scale(matrix_inverse(add(skew, matmul(x, x, true, false, where), where), where), 2.0, where);
  return concat({sub(twice, one, where), matmul(x, twice, false, false, where)}, -2, where);
}

Var almost_orthogonal(const Var& v, Where where) {
  return mul(v, inverse_root(sum(abs(matmul(v, v, true, false, where), where), {0}, false, where), where), where);
}

Var almost_orthogonal_kernel(const Var& v, Where where) {
  const Shape& s = v.shape();
  const Var swapped = permute(v, {1, 0, 2, 3}, where);  // the output channels are what is summed over
  const Conv2dOptions all_shifts{.padding = {s[2] - 1, s[2] - 1, s[3] - 1, s[3] - 1}};
  const Var correlation = conv2d(swapped, swapped, {}, all_shifts, where);  // (c_in, c_in, 2 kh − 1, 2 kw − 1)
  const Var sums = sum(abs(correlation, where), {0, 2, 3}, false, where);
  return mul(v, reshape(inverse_root(sums, where), Shape{s[1], 1, 1}, where), where);
}

}  // namespace parts

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
