// Batch normalisation.
#pragma once

#include "autodiff/ops.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // share of a batch in the running statistics
  DType dtype = DType::f32;
};

// Per channel. Training: with mean and variance of the batch, which also enter the running statistics (the variance
// with Bessel's correction). Inference: an affine map with the running statistics [Ioffe2015].
class BatchNorm {
 public:
  void visit(Visitor& visitor);

  Parameter gamma, beta;                     // (c)
  Parameter running_mean, running_variance;  // (c), not trained
  bool training = false;

 protected:
  BatchNorm(const char* layer, Index channels, const BatchNormOptions& options, Where where);
  Var normalise(const Var& x, int channel_axis);

 private:
  void track(const Tensor& mean, const Tensor& variance, Index count);
  BatchNormOptions options_;
  Where where_;
};

// Of vectors (n, c) or sequences (n, c, l).
class BatchNorm1d : public BatchNorm {
 public:
  static constexpr std::string_view type_name = "BatchNorm1d";
  explicit BatchNorm1d(Index channels, const BatchNormOptions& options = {}, Where where = Where::current())
      : BatchNorm("batch_norm1d", channels, options, where) {}

  Var operator()(const Var& x);
};

// Of images (n, c, h, w).
class BatchNorm2d : public BatchNorm {
 public:
  static constexpr std::string_view type_name = "BatchNorm2d";
  explicit BatchNorm2d(Index channels, const BatchNormOptions& options = {}, Where where = Where::current())
      : BatchNorm("batch_norm2d", channels, options, where) {}

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const { return LayoutUse::profits; }
};

}  // namespace taut::nn

#pragma GCC visibility pop
