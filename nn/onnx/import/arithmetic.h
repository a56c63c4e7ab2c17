// What is done to numbers themselves, outside of tapes. Internal to nn.
#pragma once

#include <algorithm>

#include "autodiff/tensor.h"

namespace taut::nn::onnx {

// Of whole numbers, which tensors of shapes and indices hold.
inline double plus(double a, double b) { return a + b; }
inline double times(double a, double b) { return a * b; }
inline double larger(double a, double b) { return std::max(a, b); }
inline double smaller(double a, double b) { return std::min(a, b); }

inline bool same_numbers(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return false;
  for (Index i = 0; i < a.size(); ++i)
    if (!(a.at(i) == b.at(i))) return false;
  return true;
}

}  // namespace taut::nn::onnx
