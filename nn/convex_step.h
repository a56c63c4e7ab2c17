// y = x − Aᵀ relu(A x + b): a step down a convex potential, as one primitive with a gain that its parts do not show.
#pragma once

#include <optional>

#include "autodiff/ops.h"
#include "autodiff/primitive.h"
#include "lipschitz/enclosure.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// A: a matrix (h, n) along the last axis of x, or a kernel (h, c / groups, kh, kw) of a convolution of images with c
// channels, in the layout of the options. b: (h), or undefined.
struct ConvexStepShape {
  std::optional<Conv2dOptions> convolution = {};

  Var apply(const Var& x, const Var& a, const Var& b, Where where) const;        // A x + b, b may be undefined
  Var transpose(const Var& h, const Var& a, const Shape& x, Where where) const;  // Aᵀ h, of the shape of x
  LinearMap map(const Tensor& a, const Shape& x) const;                          // A, for one sample x
};

// The formula as a composition, differentiable in A and b. As bounds see it, its constant is 1 + ‖A‖².
Var composed_convex_step(const Var& x, const Var& a, const Var& b, const ConvexStepShape& shape,
                         Where where = Where::current());

// The same value as one node, A and b constants. The Jacobian I − AᵀSA, slopes S in [0, 1], is symmetric with
// eigenvalues in [1 − γ, 1], γ = ‖A‖₂², so the gain in l2 is max(1, γ − 1): 1 for γ ≤ 2 [Meunier2022]. Gains in l1 and
// linf are 1 + ‖A‖₁ ‖A‖_∞. Weights with factors, x − Wᵀ D relu(W x + c), D = diag(d) ≥ 0, are of this form with A = √D
// W, b = √D c. See docs/mathematics/14-constrained-layers.md#convex-steps. ShapeError, DTypeError when the operands do
// not fit.
Var convex_step(const Var& x, const Tensor& a, const Tensor& b, const ConvexStepShape& shape = {},
                Where where = Where::current());

class ConvexStep final : public Primitive {
 public:
  static constexpr OpInfo static_info{"convex_step", "x − Aᵀ relu(A x + b)", "derivative of relu 0 at 0",
                                      "Meunier2022"};
  ConvexStep(Tensor a, Tensor b, const ConvexStepShape& shape) : a_(std::move(a)), b_(std::move(b)), shape_(shape) {}

  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override;
  Tensor forward(const Operands& in, const TensorType& out) const override;
  void vjp(VjpSite& site) const override;
  Var jvp(const JvpSite& site) const override;
  Rule lipschitz(const RuleSite& site) const override;
  Range range(const RangeSite& site) const override;
  int sample_axis(const SampleSite& site) const override;
  Attributes attributes() const override;

 private:
  Var derivative(const Var& x, const Var& c) const;  // (I − AᵀSA) c, symmetric: for both directions
  Tensor a_, b_;
  ConvexStepShape shape_;
};

}  // namespace taut::nn

#pragma GCC visibility pop

template <>
inline constexpr bool taut::is_listed<taut::nn::ConvexStep> = true;
