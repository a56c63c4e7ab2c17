// Two-dimensional discrete Fourier transforms of real images as constant matrices, so that they are products of
// matrices on a tape.
#pragma once

#include <array>

#include "autodiff/tensor.h"

namespace taut::nn {

// Frequencies (f, g) of an image (h, w), of which f < h and g ≤ w / 2 say all: the others are complex conjugates.
class RealDft {
 public:
  explicit RealDft(std::array<Index, 2> image) : h_(image[0]), w_(image[1]) {}

  Index frequencies() const { return h_ * (w_ / 2 + 1); }
  // x̂(f) = Σ_p x(p) e^{−iθ}, θ = 2π (f p / h + g q / w): (h·w, frequencies·2), real and imaginary parts.
  Tensor spectrum(DType dtype) const;
  // Its inverse: (frequencies·2, h·w).
  Tensor inverse(DType dtype) const;
  // What a cross-correlation with a kernel (kh, kw), centred, multiplies x̂ by: Σ_t k(t) e^{iθ}, as a real matrix [[Re,
  // −Im], [Im, Re]] per frequency: (kh·kw, frequencies·2·2).
  Tensor symbol(std::array<Index, 2> kernel, DType dtype) const;
  // The kernel (h, w) on a circle, from its upper left corner, with the symbol of these real and imaginary parts:
  // (frequencies·2, h·w).
  Tensor kernel(DType dtype) const;

 private:
  // The angle at frequency number k and a pixel, by whole numbers as long as it can be.
  double angle(Index k, Index row, Index column) const;
  Tensor synthesis(double sign, DType dtype) const;
  Index h_, w_;
};

}  // namespace taut::nn
