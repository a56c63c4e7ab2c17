// Layers whose weights are orthogonal matrices, or nearly so, by construction.
#pragma once

#include "nn/constrained_base.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Orthonormal rows or columns, whichever are fewer, as the limit of an iteration of matrix products
// [BjorckBowie1971, Anil2019]. Singular values of V that are small beside √(‖V‖₁ ‖V‖_∞) need more iterations: each
// makes them larger by at most 3/2. The scaling is part of the derivative.
class BjorckLinear final : public ConstrainedLinear {
 public:
  static constexpr std::string_view type_name = "BjorckLinear";
  BjorckLinear(Index in, Index out, Random& random, const ConstrainedOptions& options = {}, int iterations = 15,
               Where where = Where::current());

 private:
  Var constrained(const Var& v) override;
  Tensor constrained(const Tensor& v) const override;
  int iterations_;
};

// Orthonormal rows or columns, whichever are fewer, by the Cayley transform [Trockman2021]: exact for every V, at the
// price of a matrix inverse.
class CayleyLinear final : public ConstrainedLinear {
 public:
  static constexpr std::string_view type_name = "CayleyLinear";
  CayleyLinear(Index in, Index out, Random& random, const ConstrainedOptions& options = {},
               Where where = Where::current());

 private:
  Var constrained(const Var& v) override;
  Tensor constrained(const Tensor& v) const override;
};

// Columns scaled such that the norm is at most 1, with equality where VᵀV is diagonal: an almost orthogonal layer
// [Prach2022].
class AolLinear final : public ConstrainedLinear {
 public:
  static constexpr std::string_view type_name = "AolLinear";
  AolLinear(Index in, Index out, Random& random, const ConstrainedOptions& options = {},
            Where where = Where::current());

 private:
  Var constrained(const Var& v) override;
  Tensor constrained(const Tensor& v) const override;
};

// The same for convolutions, by the autocorrelation of the kernel: it holds on images of every size, with every stride,
// dilation and padding. ShapeError for groups.
class AolConv2d final : public ConstrainedConv2d {
 public:
  static constexpr std::string_view type_name = "AolConv2d";
  AolConv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random, const Conv2dOptions& geometry = {},
            const ConstrainedOptions& options = {}, Where where = Where::current());

 private:
  Var constrained(const Var& v) override;
  Tensor constrained(const Tensor& v) const override;
};

}  // namespace taut::nn

#pragma GCC visibility pop
