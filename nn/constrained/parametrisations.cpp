#include "nn/constrained/parametrisations.h"

#include "nn/constrained/matrix_inverse.h"

namespace taut::nn::parts {
namespace {

// Sums below this count as this: a column of zeros stays zero, and its derivative finite.
constexpr double least_sum = 1e-12;
Var inverse_root(const Var& sums, Where where) {
  return rsqrt(maximum(sums, Tensor::scalar(least_sum, sums.dtype()), where), where);
}

// Σ_δ |Σ_kp W_ikp W_jk(p + δ)| of a kernel (m, n, kh, kw), for every pair of its first axis: (m, m).
Var correlations(const Var& w, Where where) {
  const Shape& s = w.shape();
  const Conv2dOptions all_shifts{.padding = {s[2] - 1, s[2] - 1, s[3] - 1, s[3] - 1}};
  return sum(abs(conv2d(w, w, {}, all_shifts, where), where), {2, 3}, false, where);
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
  // The output channels are what is summed over.
  const Var sums = sum(correlations(permute(v, {1, 0, 2, 3}, where), where), {0}, false, where);
  return mul(v, reshape(inverse_root(sums, where), Shape{s[1], 1, 1}, where), where);
}

Var sdp_factor(const Var& w, const Var& log_q, Where where) {
  const Var products = w.shape().rank() == 2 ? abs(matmul(w, w, false, true, where), where) : correlations(w, where);
  const Var q = exp(log_q, where);
  return inverse_root(div(sum(mul(products, q, where), {1}, false, where), q, where), where);
}

}  // namespace taut::nn::parts
