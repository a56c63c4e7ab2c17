// What layers with constrained weights have in common. In training (as batch norms are switched, nn/module.h) the
// weights are a function of `raw` on the tape; in inference they are plain numbers whose norm is proved to be at most
// the constant of the options, `raw` is not on the tape, and no gradient reaches it.
#pragma once

#include "autodiff/ops.h"
#include "nn/constrained_weight.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// y = x·Wᵀ + b, ‖W‖₂ ≤ constant: (n, in) → (n, out).
class ConstrainedLinear {
 public:
  Var operator()(const Var& x);
  void visit(Visitor& visitor);
  Tensor weight() const;      // of inference, (out, in)
  AnyModule vanilla() const;  // the Linear that it is in inference

  Parameter raw;   // (out, in)
  Parameter bias;  // (out) or undefined
  bool training = false;

 protected:
  ConstrainedLinear(const char* layer, Index in, Index out, Random& random, const ConstrainedOptions& options,
                    Where where);
  virtual ~ConstrainedLinear() = default;
  ConstrainedLinear(const ConstrainedLinear&) = default;
  ConstrainedLinear& operator=(const ConstrainedLinear&) = default;

  // W for the constant 1: on the tape of raw, and from raw numbers in f64.
  virtual Var constrained(const Var& v) = 0;
  virtual Tensor constrained(const Tensor& v) const = 0;
  Where where() const { return where_; }

 private:
  const Parameter& stored() const;
  const char* layer_;
  double constant_;
  Where where_;
  parts::StoredWeight stored_;
};

// A convolution whose operator on the images that it sees has a norm of at most the constant:
// (n, c_in, h, w) → (n, c_out, h', w'). The norm depends on the size (h, w), which the options give or the latest call
// showed; the weights of inference are made anew when it changes.
class ConstrainedConv2d {
 public:
  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const { return LayoutUse::profits; }
  void visit(Visitor& visitor);
  // Of inference, (c_out, c_in / groups, kh, kw), on images of the size seen last. UsageError when none is known.
  Tensor weight() const;
  AnyModule vanilla() const;  // the Conv2d that it is in inference
  const Conv2dOptions& geometry() const { return geometry_; }

  Parameter raw;   // (c_out, c_in / groups, kh, kw)
  Parameter bias;  // (c_out) or undefined
  bool training = false;

 protected:
  ConstrainedConv2d(const char* layer, Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                    const Conv2dOptions& geometry, const ConstrainedOptions& options, Where where);
  virtual ~ConstrainedConv2d() = default;
  ConstrainedConv2d(const ConstrainedConv2d&) = default;
  ConstrainedConv2d& operator=(const ConstrainedConv2d&) = default;

  virtual Var constrained(const Var& v) = 0;
  virtual Tensor constrained(const Tensor& v) const = 0;
  const char* layer() const { return layer_; }
  std::array<Index, 2> image() const { return image_; }
  LinearMap map_of(const Tensor& kernel) const;
  Where where() const { return where_; }

 private:
  const Parameter& stored() const;
  const char* layer_;
  double constant_;
  Conv2dOptions geometry_;
  std::array<Index, 2> image_;
  Where where_;
  parts::StoredWeight stored_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
