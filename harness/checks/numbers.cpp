#include "harness/checks/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace taut::harness {

double inner(const Tensor& a, const Tensor& b) {
  long double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += static_cast<long double>(a.at(i)) * b.at(i);
  return static_cast<double>(sum);
}

double inner_magnitude(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (Index i = 0; i < a.size(); ++i) sum += std::fabs(a.at(i) * b.at(i));
  return sum;
}

double norm(const Tensor& x, Norm which) {
  long double sum = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const long double v = std::fabs(x.at(i));
    if (which == Norm::l1) sum += v;
    if (which == Norm::l2) sum += v * v;
    if (which == Norm::linf) sum = std::max(sum, v);
  }
  return static_cast<double>(which == Norm::l2 ? std::sqrt(sum) : sum);
}

double max_abs(const Tensor& x) { return norm(x, Norm::linf); }

Tensor plus(const Tensor& x, double h, const Tensor& t) {
  Tensor y = Tensor::uninitialised(x.shape(), DType::f64);
  const auto out = y.mutable_data<double>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = x.at(static_cast<Index>(i)) + h * t.at(static_cast<Index>(i));
  return y;
}

Tensor minus(const Tensor& a, const Tensor& b) { return plus(a, -1.0, b); }

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.type() == b.type() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

Tensor with(const Tensor& x, Index i, double value) {
  Tensor y = x;
  y.mutable_data<double>()[static_cast<std::size_t>(i)] = value;
  return y;
}

Tensor tensor_of(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from<double>(shape, std::span<const double>(values));
}

double unit(DType dtype) { return dtype == DType::f32 ? 0x1p-24 : 0x1p-53; }

std::vector<Tensor> to(std::span<const Tensor> tensors, DType dtype) {
  std::vector<Tensor> converted;
  for (const Tensor& t : tensors) converted.push_back(t.to(dtype));
  return converted;
}

}  // namespace taut::harness
