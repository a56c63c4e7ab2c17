// Orthogonal circular convolutions.
#pragma once

#include <memory>

#include "nn/constrained_weight.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// A circular convolution that is an orthogonal map of the images it sees, by the Cayley transform of its symbol at
// every frequency [Trockman2021]: (n, c_in, h, w) → (n, c_out, h, w). It keeps the norm of images for c_in ≤ c_out, and
// has orthonormal rows otherwise. raw, a small kernel, is where training moves; the kernel of the orthogonal map is as
// large as the image.
//
// In training the map is applied frequency by frequency. In inference it is a circular padding and a Conv2d, h w as
// many multiplications as a kernel 1 × 1: bounds and exports know both. For stride 2 put PixelUnshuffle(2) in front.
class CayleyConv2d {
 public:
  static constexpr std::string_view type_name = "CayleyConv2d";
  // ShapeError when the kernel is larger than the image.
  CayleyConv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
               const ConstrainedOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x);
  void visit(Visitor& visitor);
  // Of inference, (c_out, c_in, h, w): y(p) = Σ_t weight(t) x(p + t), positions counted modulo the size of the image
  // seen last. UsageError when there has been none.
  Tensor weight() const;
  AnyModule vanilla() const;  // CircularPad2d and Conv2d

  Parameter raw;   // (c_out, c_in, kh, kw)
  Parameter bias;  // (c_out) or undefined
  bool training = false;

 private:
  struct Transforms {  // constants for one size of images
    std::array<Index, 2> image;
    Index frequencies;
    Tensor spectrum, inverse, symbol;
  };
  const Transforms& transforms() const;
  Var orthogonal_symbol(const Var& v, const Tensor& symbol, Index frequencies) const;
  Var by_frequencies(const Var& x);
  const Parameter& stored() const;
  std::array<Index, 4> padding() const { return {0, image_[0] - 1, 0, image_[1] - 1}; }

  double constant_;
  std::array<Index, 2> image_;
  Where where_;
  mutable std::shared_ptr<const Transforms> transforms_;
  parts::StoredWeight stored_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
