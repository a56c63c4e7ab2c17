// Elementwise kernels: loops compiled once per instruction set (SSE2 … AVX-512) and chosen at run time through Highway.
// All pointers may alias only where said. Sizes are element counts.
//
// Errors of the transcendental functions against the exact value, over all finite arguments, measured against MPFR and
// tested with the bounds given here (units in the last place): see max_error().
#pragma once

#include "autodiff/range.h"
#include "autodiff/tensor.h"

namespace taut::kernels {

enum class Unary : int {
  neg,
  exp,
  log,
  sqrt,
  square,
  abs,
  sin,
  cos,
  tanh,
  sigmoid,
  softplus,
  relu,
  leaky_relu,
  step,
  sign,
  scale,
  shift,
  pow,
  reciprocal,
  rsqrt,
  log1p,
  expm1,
  erf,
  elu,
  selu,
  celu,
  gelu,
  gelu_tanh,
  silu,
  mish,
  softsign,
  clip,
  hard_sigmoid,
  hard_swish,
  count
};
enum class Binary : int { add, sub, mul, div, maximum, minimum, prelu, count };

// The slope, factor, exponent, … of the functions that have some, in the order of their formula's members.
struct Parameters {
  double first = 0.0, second = 0.0;
};

// y = f(x).
void unary(Unary op, const Parameters& p, const Tensor& x, Tensor& y);
// out = c · f'(x), given y = f(x): both directions of differentiation.
void unary_pullback(Unary op, const Parameters& p, const Tensor& c, const Tensor& x, const Tensor& y, Tensor& out);
void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& out);
// The same with a row that repeats along a: its size divides that of a.
void binary_by_rows(Binary op, const Tensor& a, const Tensor& row, Tensor& out);
// c · ∂prelu(x, slope)/∂x and /∂slope.
void prelu_pullback(const Tensor& c, const Tensor& x, const Tensor& slope, Tensor& by_x, Tensor& by_slope);

// out = a where the mask (of the same dtype) is not 0, b elsewhere.
void choose(const Tensor& mask, const Tensor& a, const Tensor& b, Tensor& out);

void add_in_place(Tensor& a, const Tensor& b);  // a += b; a must be unique
// y = x·scale[c] + shift[c] with c = i / inner mod channels; shift may be null (y = x·scale).
template <Scalar T>
void channel_affine(const T* x, const T* scale, const T* shift, T* y, Index outer, Index channels, Index inner);

// dots[c] = Σ a·b over the elements of channel c.
template <Scalar T>
void channel_dots(const T* a, const T* b, T* dots, Index outer, Index channels, Index inner);

// Largest |exponent| of pow for which whole and half powers are multiplied out.
inline constexpr double most_multiplied = 32.0;

// Bound of |computed − exact| of a unary kernel, tested against MPFR. For pow the error of the C library; multiplied
// powers add a unit per factor. For hard_sigmoid of_argument counts in units of its slope.
ForwardError max_error(Unary op);

}  // namespace taut::kernels
