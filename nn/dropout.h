// Dropout.
#pragma once

#include "autodiff/ops.h"
#include "nn/module.h"
#include "nn/random.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Training: every entry is 0 with probability p and multiplied by 1 / (1 − p) otherwise, by a mask that is a constant
// of the tape [Srivastava2014]. Inference: the identity. The k-th mask is a function of the seed and k, so that a count
// is all that a checkpoint has to keep. A copy draws the same masks as what it was copied from.
class Dropout {
 public:
  static constexpr std::string_view type_name = "Dropout";
  // p in [0, 1). Layers of one net take different seeds.
  explicit Dropout(double p = 0.5, std::uint64_t seed = 0, Where where = Where::current());

  Var operator()(const Var& x);
  Var run(const Var& x, Layout) { return (*this)(x); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }
  void visit(Visitor& visitor) {
    visitor.training_flag(training);
    visitor.draw_count(masks_);
  }

  bool training = false;

 private:
  double p_;
  std::uint64_t seed_;
  std::int64_t masks_ = 0;  // drawn so far
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
