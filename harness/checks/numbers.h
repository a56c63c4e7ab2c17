// Small numerics on tensors of either dtype, read as f64. For tests: clear, not fast.
#pragma once

#include <span>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/tensor.h"

namespace taut::harness {

double inner(const Tensor& a, const Tensor& b);            // Σ a_i b_i, summed in long double
double inner_magnitude(const Tensor& a, const Tensor& b);  // Σ |a_i b_i|
double norm(const Tensor& x, Norm which);
double max_abs(const Tensor& x);
Tensor plus(const Tensor& x, double h, const Tensor& t);  // x + h t, f64
Tensor minus(const Tensor& a, const Tensor& b);           // a − b, f64
bool same_bits(const Tensor& a, const Tensor& b);         // type, shape and every bit
// Element `i` replaced. x is f64.
Tensor with(const Tensor& x, Index i, double value);
Tensor tensor_of(const Shape& shape, const std::vector<double>& values);
double unit(DType dtype);  // largest relative error of one rounding

std::vector<Tensor> to(std::span<const Tensor> tensors, DType dtype);

}  // namespace taut::harness
