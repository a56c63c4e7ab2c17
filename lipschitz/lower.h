// Lower bounds of Lipschitz constants: Jacobian norms at points by vjp and jvp, and difference quotients of pairs.
#pragma once

#include <optional>
#include <string>

#include "autodiff/diff.h"
#include "lipschitz/bound.h"
#include "lipschitz/options.h"

namespace taut {

struct LowerOptions : Options {
  Norm norm = Norm::l2;
  Index batch = 64;     // samples recorded at once
  bool certify = true;  // try to prove the value at the best point
};

struct LowerResult {
  // Of the Lipschitz constant over all reals. Certified where the Jacobian could be enclosed around the point, or a
  // difference quotient starting there was; otherwise `plain`.
  LowerBound bound;
  LowerBound plain;                // the floating-point Jacobian norm at the point: an estimate
  Tensor point;                    // one sample, without the axis of samples
  Tensor partner;                  // the second point where `bound` is a difference quotient, else undefined
  Index index = -1;                // of the point in the data
  Status status = Status::finite;  // finite or cut
  double seconds = 0.0;
};

// The largest ‖D_x f‖ over data (count, …) of which f maps batches (b, …) to (b, …) without mixing samples. In l2, when
// outputs and inputs both are many, by power iteration; otherwise from whole Jacobians, one vjp per output (or jvp per
// input) and batch. The derivative at kinks is that of docs/conventions.md, so only the certified value is a statement
// about f itself. Errors: UsageError (no data), NumericError (data not finite), UnsupportedError (samples are mixed).
LowerResult dataset_lower_bound(const Function& f, const Tensor& data, const LowerOptions& options = {});

// A certified lower bound from the Jacobian around one sample (as f takes it, with an axis of samples of size 1 where
// it expects one); nothing where the rules do not determine it.
std::optional<LowerBound> enclosed_jacobian_norm(const Function& f, const Tensor& sample, Norm norm);

// ‖f(x) − f(y)‖ / ‖x − y‖ with f enclosed by its range rules at both points: certified. x and y differ; same type.
LowerBound difference_quotient(const Function& f, const Tensor& x, const Tensor& y, Norm norm);

}  // namespace taut
