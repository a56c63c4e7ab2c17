// Layers whose weights are divided by their operator norm.
#pragma once

#include "nn/constrained_base.h"
#include "nn/warm_norm.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// W = V / ‖V‖₂ [Miyato2018]. In training the norm is that of the power method, one step per call, warm from call to
// call, its vector held constant in derivatives; in inference it is the certified one. NumericError when V is zero.
class SpectralLinear final : public ConstrainedLinear {
 public:
  static constexpr std::string_view type_name = "SpectralLinear";
  SpectralLinear(Index in, Index out, Random& random, const ConstrainedOptions& options = {},
                 Where where = Where::current());
  void visit(Visitor& visitor);

  WarmNorm norm;  // shown as "v"

 private:
  Var constrained(const Var& v) override;
  Tensor constrained(const Tensor& v) const override;
};

// K = V / ‖V‖₂, the norm that of the convolution with V as an operator on images of the size it sees, stride and
// padding included, not that of a reshaped kernel. The power method starts anew when the size changes. Where a
// certified norm of a convolution is not tight the weights of inference are smaller than those of training by as much.
class SpectralConv2d final : public ConstrainedConv2d {
 public:
  static constexpr std::string_view type_name = "SpectralConv2d";
  SpectralConv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                 const Conv2dOptions& geometry = {}, const ConstrainedOptions& options = {},
                 Where where = Where::current());
  void visit(Visitor& visitor);

  WarmNorm norm;  // shown as "v" once there has been a call in training

 private:
  Var constrained(const Var& v) override;
  Tensor constrained(const Tensor& v) const override;
  std::uint64_t seed_;  // of the vectors that the power method starts from
};

}  // namespace taut::nn

#pragma GCC visibility pop
