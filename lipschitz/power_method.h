// The paper's Algorithm 1: the norm of an affine function by differentiation only.
#pragma once

#include <vector>

#include "autodiff/diff.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"

#pragma GCC visibility push(default)

namespace taut {

struct PowerOptions {
  Budget budget{};
  int max_iterations = 500;
  double tolerance = 1e-10;  // stops when the relative change of σ stays below it
};

struct PowerResult {
  // ‖f(v) − f(0)‖ for a unit vector v, in l2: from below, and not rounded with an envelope, hence an estimate.
  LowerBound sigma;
  Tensor left, right;           // unit singular vectors: f(right) − f(0) = σ · left
  std::vector<double> history;  // of σ, one per iteration; it never falls (up to rounding)
  bool converged = false;
};

// With g(v) = ½ ‖f(v) − f(0)‖² iterates v ← ∇g(v) / ‖∇g(v)‖, where ∇g(v) = Aᵀ(f(v) − f(0)) is one vjp, from a random
// start by options.seed. f must be affine on tensors of `shape` and dtype; it is recorded on a tape of this call and
// needs no matrix. NumericError when f gives values that are not finite. [ScamanVirmaux2018, Algorithm 1]
PowerResult power_method(const Function& f, const Shape& shape, DType dtype = DType::f64,
                         const PowerOptions& options = {});

}  // namespace taut

#pragma GCC visibility pop
