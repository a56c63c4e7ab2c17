#include "nn/constrained/real_dft.h"

#include <cmath>
#include <numbers>

namespace taut::nn {
namespace {

// A matrix by its entries, computed in f64.
template <class F>
Tensor filled(Index rows, Index columns, DType dtype, F&& entry) {
  Tensor m = Tensor::uninitialised(Shape{rows, columns}, DType::f64);
  const auto numbers = m.mutable_data<double>();
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) numbers[static_cast<std::size_t>(i * columns + j)] = entry(i, j);
  return m.to(dtype);
}

// i mod n in [0, n).
Index modulo(Index i, Index n) { return (i % n + n) % n; }

}  // namespace

double RealDft::angle(Index k, Index row, Index column) const {
  const Index half = w_ / 2 + 1, f = k / half, g = k % half;
  const double turns = static_cast<double>(modulo(f * row, h_)) / static_cast<double>(h_) +
                       static_cast<double>(modulo(g * column, w_)) / static_cast<double>(w_);
  return 2.0 * std::numbers::pi * turns;
}

Tensor RealDft::spectrum(DType dtype) const {
  return filled(h_ * w_, 2 * frequencies(), dtype, [&](Index p, Index j) {
    const double a = angle(j / 2, p / w_, p % w_);
    return j % 2 == 0 ? std::cos(a) : -std::sin(a);
  });
}

// Re(ẑ e^{∓iθ}) / (h w) summed over all frequencies: those that were left out count as conjugates of others.
Tensor RealDft::synthesis(double sign, DType dtype) const {
  const Index half = w_ / 2 + 1;
  return filled(2 * frequencies(), h_ * w_, dtype, [&](Index i, Index p) {
    const Index g = i / 2 % half;
    const bool own_conjugate = g == 0 || 2 * g == w_;
    const double share = (own_conjugate ? 1.0 : 2.0) / static_cast<double>(h_ * w_);
    const double a = angle(i / 2, p / w_, p % w_);
    return share * (i % 2 == 0 ? std::cos(a) : sign * std::sin(a));
  });
}

Tensor RealDft::inverse(DType dtype) const { return synthesis(-1.0, dtype); }
Tensor RealDft::kernel(DType dtype) const { return synthesis(1.0, dtype); }

Tensor RealDft::symbol(std::array<Index, 2> kernel, DType dtype) const {
  return filled(kernel[0] * kernel[1], 4 * frequencies(), dtype, [&](Index t, Index j) {
    const double a = angle(j / 4, t / kernel[1] - kernel[0] / 2, t % kernel[1] - kernel[1] / 2);
    const bool diagonal = j % 4 == 0 || j % 4 == 3;
    return diagonal ? std::cos(a) : (j % 4 == 1 ? -std::sin(a) : std::sin(a));
  });
}

}  // namespace taut::nn
