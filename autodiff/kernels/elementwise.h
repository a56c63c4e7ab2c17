// Elementwise kernels: loops compiled once per instruction set (SSE2 … AVX-512) and chosen at run time through Highway.
// All pointers may alias only where said. Sizes are element counts.
//
// Errors of the transcendental functions against the exact value, over all finite arguments, measured against MPFR and
// tested with the bounds given here (units in the last place): see max_ulp().
#pragma once

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
  count
};
enum class Binary : int { add, sub, mul, div, maximum, count };

// y = f(x). `parameter`: the slope, factor or offset of the functions that have one.
void unary(Unary op, double parameter, const Tensor& x, Tensor& y);
// out = c · f'(x), given y = f(x): both directions of differentiation.
void unary_pullback(Unary op, double parameter, const Tensor& c, const Tensor& x, const Tensor& y, Tensor& out);
void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& out);

void add_in_place(Tensor& a, const Tensor& b);  // a += b; a must be unique
// y = x·scale[c] + shift[c] with c = i / inner mod channels; shift may be null (y = x·scale).
template <Scalar T>
void channel_affine(const T* x, const T* scale, const T* shift, T* y, Index outer, Index channels, Index inner);

// Bound, in units in the last place of the result's type, on |computed − exact| of a unary kernel.
double max_ulp(Unary op);

}  // namespace taut::kernels
