// Convolution kernels: im2col + one GEMM for the whole batch, batch innermost inside. The three functions are the three
// partial gradients of the trilinear form Σ y · (x ⋆ w), so each is the derivative of the others.
#pragma once

#include "autodiff/linear_map.h"

namespace taut::kernels {

struct ConvShape {
  Index batch = 1;
  Index c_in = 1, h = 1, w = 1;
  Index c_out = 1, out_h = 1, out_w = 1;
  Index kh = 1, kw = 1;
  Conv2dOptions options;
  Index taps() const { return c_in / options.groups * kh * kw; }  // products summed up in one output
};

// Checks every field and computes out_h, out_w. image: (c_in, h, w); kernel: (c_out, c_in / groups, kh, kw).
// Throws ShapeError naming `op`.
ConvShape conv_shape(Index batch, std::array<Index, 3> image, const Shape& kernel, const Conv2dOptions& options,
                     const char* op);

// x: batch · c_in · h · w and y: batch · c_out · out_h · out_w numbers in options.layout; bias per channel or null.
template <Scalar T>
void conv_forward(const ConvShape& s, const T* x, const T* kernel, const T* bias, T* y);
template <Scalar T>
void conv_input_gradient(const ConvShape& s, const T* y, const T* kernel, const T* bias, T* x);
template <Scalar T>
void conv_kernel_gradient(const ConvShape& s, const T* x, const T* y, T* kernel);

// The columns of one group for a batch of 1: (taps, out_h · out_w), so that the outputs are kernel · columns.
template <Scalar T>
void conv_unfold(const ConvShape& s, Index group, const T* x, T* columns);

}  // namespace taut::kernels
