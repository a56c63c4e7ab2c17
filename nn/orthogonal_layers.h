// Layers whose weights are orthogonal matrices, or nearly so, by construction.
#pragma once

#include "nn/constrained_base.h"

namespace taut::nn {

// The formulae of the layers below, on a tape or on plain tensors.
namespace parts {
// V (m, n) / √(‖V‖₁ ‖V‖_∞), then `iterations` times W ← W (3I − WᵀW) / 2: singular values go to 1, from below.
Var bjorck(const Var& v, int iterations, Where where = Where::current());
// V (…, m, n), m ≥ n, as U (n, n) over X (m − n, n): with K = (I + U − Uᵀ + XᵀX)⁻¹ the matrix 2K − I over 2XK, whose
// columns are orthonormal; for m < n the transpose of that of Vᵀ.
Var cayley(const Var& v, Where where = Where::current());
// V (m, n) with every column j divided by √Σ_i |VᵀV|_ij.
Var almost_orthogonal(const Var& v, Where where = Where::current());
// A kernel (c_out, c_in, kh, kw) with every input channel j divided by √Σ_iδ |autocorrelation of channels i, j at δ|.
Var almost_orthogonal_kernel(const Var& v, Where where = Where::current());
}  // namespace parts

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
