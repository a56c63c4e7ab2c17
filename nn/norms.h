// Normalisation within a sample, the same in training and inference.
#pragma once

#include "autodiff/ops.h"
#include "nn/module.h"
#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct NormOptions {
  double eps = 1e-5;
  bool bias = true;  // beta, which starts at 0
  DType dtype = DType::f32;
};

// Over the last axes, of this shape: (x − mean) / √(variance + eps) · gamma + beta [Ba2016].
class LayerNorm {
 public:
  static constexpr std::string_view type_name = "LayerNorm";
  explicit LayerNorm(const Shape& normalised, const NormOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const { return layer_norm(x, gamma.on(x), beta.on(x), eps_, where_); }
  void visit(Visitor& visitor) {
    visitor("gamma", gamma);
    visitor("beta", beta);
  }

  Parameter gamma;  // of the normalised shape
  Parameter beta;   // the same, or undefined

 private:
  double eps_;
  Where where_;
};

// Over runs of channels: x (n, c, …), `groups` runs of c / groups channels each, gamma and beta per channel [Wu2018].
class GroupNorm {
 public:
  static constexpr std::string_view type_name = "GroupNorm";
  GroupNorm(Index groups, Index channels, const NormOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const { return group_norm(x, groups_, gamma.on(x), beta.on(x), eps_, where_); }
  void visit(Visitor& visitor) {
    visitor("gamma", gamma);
    visitor("beta", beta);
  }

  Parameter gamma;  // (c)
  Parameter beta;   // (c) or undefined

 private:
  Index groups_;
  double eps_;
  Where where_;
};

// Over every channel of an image (n, c, h, w) alone [Ulyanov2016].
class InstanceNorm2d {
 public:
  static constexpr std::string_view type_name = "InstanceNorm2d";
  explicit InstanceNorm2d(Index channels, const NormOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const;
  void visit(Visitor& visitor) {
    visitor("gamma", gamma);
    visitor("beta", beta);
  }

  Parameter gamma;  // (c)
  Parameter beta;   // (c) or undefined

 private:
  double eps_;
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
