// Arithmetic on whole numbers and truth values, held in f64, and other small parts of imports. Internal to nn/onnx.
#pragma once

#include "autodiff/ops.h"
#include "autodiff/outward.h"
#include "autodiff/tape.h"
#include "autodiff/tensor.h"

namespace taut::nn::onnx {

template <class F>
Tensor whole_map(const Tensor& x, F&& f) {
  Tensor y = Tensor::uninitialised(x.shape(), DType::f64);
  double* to = y.mutable_data<double>().data();
  for (Index i = 0; i < x.size(); ++i) to[i] = static_cast<double>(f(x.at(i)));
  return y;
}
// With broadcasting.
template <class F>
Tensor whole_map(const Tensor& a, const Tensor& b, F&& f) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), "broadcast");
  const auto wide = [&](const Tensor& t) { return t.shape() == shape ? t : broadcast_to(Var(t), shape).value(); };
  const Tensor left = wide(a), right = wide(b);
  Tensor y = Tensor::uninitialised(shape, DType::f64);
  double* to = y.mutable_data<double>().data();
  for (Index i = 0; i < y.size(); ++i) to[i] = static_cast<double>(f(left.at(i), right.at(i)));
  return y;
}

// x divided by constants, which broadcast. On a tape the reciprocals are recorded: 1/3 is no number of any dtype, and
// so analyses enclose it and the division stays an affine operation that folds.
inline Var divided(const Var& x, const Tensor& by, Where where) {
  Tape* const tape = Tape::of(x);
  return mul(x, reciprocal(tape != nullptr ? tape->constant(by) : Var(by), where), where);
}
inline Var divided(const Var& x, Index n, Where where) {
  if (n == 1) return x;
  if ((n & (n - 1)) == 0) return scale(x, 1.0 / static_cast<double>(n), where);
  const double count = static_cast<double>(n);
  const Tensor held = Tensor::scalar(count, x.dtype());
  if (held.at(0) == count) return divided(x, held, where);
  return scale(x, 1.0 / count, Interval{div_down(1.0, count), div_up(1.0, count)}, where);
}

}  // namespace taut::nn::onnx
