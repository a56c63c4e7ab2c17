// Residual layers that are 1-Lipschitz by construction, and activations that keep norms.
//
// In training they are compositions; in inference one node convex_step (nn/convex_step.h), whose gain is 1 because the
// norm of its stored weights is proved to be at most √2.
#pragma once

#include <array>

#include "nn/constrained_weight.h"
#include "nn/convex_step.h"
#include "nn/module.h"
#include "nn/warm_norm.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// y = x − Wᵀ D relu(W x + b), D = diag(f)² such that ‖D^½ W‖² ≤ 2, as x − Aᵀ relu(A x + D^½ b), A = D^½ W: on vectors
// (…, features), or on images (n, channels, h, w) with zeros around them. The constant of the options must be 1.
class ConvexBlock {
 public:
  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const { return shape_.convolution ? LayoutUse::profits : LayoutUse::nchw_only; }
  void visit(Visitor& visitor);
  // x + (a plain net). UsageError for a convolution that has not seen an image yet.
  AnyModule vanilla() const;

  Parameter raw;   // (hidden, features) or (hidden, channels, kh, kw)
  Parameter bias;  // (hidden) or undefined
  bool training = false;

 protected:
  // `input`: (features) or (channels, kh, kw).
  ConvexBlock(const char* layer, const Shape& input, Index hidden, Random& random, const ConstrainedOptions& options,
              Where where);
  virtual ~ConvexBlock() = default;
  ConvexBlock(const ConvexBlock&) = default;
  ConvexBlock& operator=(const ConvexBlock&) = default;

  // f: one number, or one per row, on the tape of W; and from W in f64.
  virtual Var factor(const Var& w) = 0;
  virtual Tensor factor(const Tensor& w) const = 0;
  // What f is made of beside W; undefined: nothing.
  virtual const Parameter* beside() const { return nullptr; }

  const ConvexStepShape& shape() const { return shape_; }
  Shape input() const;  // one sample of the size seen last
  const char* layer() const { return layer_; }
  Where where() const { return where_; }

 private:
  const std::vector<Parameter>& stored() const;  // A, and b where there is one
  const char* layer_;
  ConvexStepShape shape_;
  std::array<Index, 2> image_;
  Where where_;
  parts::StoredWeight stored_;
};

// f = √2 / ‖W‖₂: the convex potential layer [Meunier2022]. In training the norm is that of the power method, as in
// SpectralLinear.
class ConvexPotential : public ConvexBlock {
 public:
  void visit(Visitor& visitor);
  WarmNorm norm;  // shown as "v" once there has been a call in training

 protected:
  ConvexPotential(const char* layer, const Shape& input, Index hidden, Random& random,
                  const ConstrainedOptions& options, Where where);

 private:
  Var factor(const Var& w) override;
  Tensor factor(const Tensor& w) const override;
  std::uint64_t seed_;
};
class CplLinear final : public ConvexPotential {
 public:
  static constexpr std::string_view type_name = "CplLinear";
  CplLinear(Index features, Index hidden, Random& random, const ConstrainedOptions& options = {},
            Where where = Where::current())
      : ConvexPotential("cpl_linear", Shape{features}, hidden, random, options, where) {}
};
// Kernels have odd sizes.
class CplConv2d final : public ConvexPotential {
 public:
  static constexpr std::string_view type_name = "CplConv2d";
  CplConv2d(Index channels, Index hidden, std::array<Index, 2> kernel, Random& random,
            const ConstrainedOptions& options = {}, Where where = Where::current())
      : ConvexPotential("cpl_conv2d", Shape{channels, kernel[0], kernel[1]}, hidden, random, options, where) {}
};

// f_i = √(2 / T_i), T_i = Σ_j |W Wᵀ|_ij q_j / q_i, q = exp(log_q) trained, the sum over all shifts of a kernel: the
// SDP-based Lipschitz layer [Araujo2023]. No power method is needed.
class SdpLipschitz : public ConvexBlock {
 public:
  void visit(Visitor& visitor);
  Parameter log_q;  // (hidden), starts at 0

 protected:
  SdpLipschitz(const char* layer, const Shape& input, Index hidden, Random& random, const ConstrainedOptions& options,
               Where where);

 private:
  Var factor(const Var& w) override;
  Tensor factor(const Tensor& w) const override;
  const Parameter* beside() const override { return &log_q; }
};
class SllLinear final : public SdpLipschitz {
 public:
  static constexpr std::string_view type_name = "SllLinear";
  SllLinear(Index features, Index hidden, Random& random, const ConstrainedOptions& options = {},
            Where where = Where::current())
      : SdpLipschitz("sll_linear", Shape{features}, hidden, random, options, where) {}
};
class SllConv2d final : public SdpLipschitz {
 public:
  static constexpr std::string_view type_name = "SllConv2d";
  SllConv2d(Index channels, Index hidden, std::array<Index, 2> kernel, Random& random,
            const ConstrainedOptions& options = {}, Where where = Where::current())
      : SdpLipschitz("sll_conv2d", Shape{channels, kernel[0], kernel[1]}, hidden, random, options, where) {}
};

}  // namespace taut::nn

#pragma GCC visibility pop
