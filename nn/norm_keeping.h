// Activations that keep the norm of gradients, beside GroupSort and MaxMin of nn/activations.h.
#pragma once

#include <array>

#include "nn/constrained_weight.h"
#include "nn/convex_step.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Pairs of neighbouring channels z, with a trained angle each [Singla2022]: z is reflected at the line orthogonal to
// v = (cos angle, sin angle) where vᵀz < 0, z − 2 v min(vᵀz, 0). Every piece is orthogonal. On vectors (n, c) and
// images (n, c, h, w), c even. It is the convex step with A = −√2 vᵀ for every pair; at the first angle, −π/4, it is
// MaxMin.
class Householder {
 public:
  static constexpr std::string_view type_name = "Householder";
  explicit Householder(Index channels, DType dtype = DType::f32, Where where = Where::current());

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const { return LayoutUse::profits; }
  void visit(Visitor& visitor) {
    visitor("angle", angle);
    visitor.training_flag(training);
  }
  AnyModule vanilla() const;  // x + (a plain net), on what it saw last: vectors or images

  Parameter angle;  // (c / 2)
  bool training = false;

 private:
  Var kernel(const Var& angles) const;  // A
  const Parameter& stored() const;
  ConvexStepShape shape(Layout layout) const;
  std::array<Index, 2> image_{0, 0};  // {0, 0}: vectors
  Where where_;
  parts::StoredWeight stored_;
};

// All channels in ascending order (or entries along another axis, not that of samples) [Anil2019].
class FullSort {
 public:
  static constexpr std::string_view type_name = "FullSort";
  explicit FullSort(Index axis = 1, Where where = Where::current());

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const { return sort(x, parts::axis_in(layout, axis_), false, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Index axis_;
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
