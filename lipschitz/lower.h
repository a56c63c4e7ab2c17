// Lower bounds of Lipschitz constants at points: Jacobian norms by vjp and jvp, and difference quotients of pairs, with
// what proves them. Searches over inputs are in search.h.
#pragma once

#include <optional>
#include <string>

#include "autodiff/diff.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"
#include "lipschitz/question.h"

#pragma GCC visibility push(default)

namespace taut {

struct LowerOptions {
  // Points lie in the domain, of finite ends and with an interior, and the bound is that of the constant on it.
  // sample_axis 0: rules say whether f keeps the samples along the first axis apart, and refuse if not. no_sample_axis:
  // f is known to, whatever it does inside.
  Question question{};
  Budget budget{};
  Index batch = 0;      // samples recorded at once; 0: as many as fit into memory well
  bool certify = true;  // try to prove the value at the best points
};

struct LowerResult {
  // Certified where, at `point`, the Jacobian could be enclosed in a direction in which it is largest, or a difference
  // quotient could be, whichever gave more; otherwise `plain`.
  LowerBound bound;
  LowerBound plain;                // the largest floating-point Jacobian norm or quotient that was met: an estimate
  Tensor point;                    // at which `bound` is attained: one sample, without the axis of samples
  Tensor partner;                  // the second point where `bound` is a difference quotient, else undefined
  Index index = -1;                // of the point in the data, where it is one of them
  Index partner_index = -1;        // of the partner
  Status status = Status::finite;  // finite or cut
  double seconds = 0.0;
};

// The largest ‖D_x f‖ over data (count, …) of which f maps batches (b, …) to (b, …) without mixing samples. From whole
// Jacobians, one vjp per output (or jvp per input) and batch; by the power method when outputs and inputs both are
// many. The derivative at kinks is that of docs/conventions.md, so only the certified value is a statement about f
// itself. Errors: UsageError (no data, data outside of the box), NumericError (data not finite), UnsupportedError
// (samples are mixed).
LowerResult dataset_lower_bound(const Function& f, const Tensor& data, const LowerOptions& options = {});

struct PairsOptions : LowerOptions {
  Index most_points = 2048;  // of the data, spread evenly over it, of which all pairs are looked at
  Index near_pairs = 4096;   // of a point of the data and one at a random distance, in a random direction
};

// The largest ‖f(x) − f(y)‖ / ‖x − y‖ over pairs of data and over near pairs. No derivative is taken. Errors as of
// dataset_lower_bound.
LowerResult pairs_lower_bound(const Function& f, const Tensor& data, const PairsOptions& options = {});

// ---- what is proved at given points. One sample as f takes it, with an axis of samples of size 1 where it expects
// one.

// A certified lower bound from the Jacobian around the sample; nothing where the rules do not determine it. One sweep
// of interval arithmetic per output or input, whichever are fewer.
std::optional<LowerBound> enclosed_jacobian_norm(const Function& f, const Tensor& sample, Norm norm);

// ‖D_x f v‖ / ‖v‖, certified, with the derivative in the direction v (shape of the sample) enclosed around it by a
// single sweep; nothing where the rules do not determine it. UsageError unless v is finite and not zero.
std::optional<LowerBound> enclosed_directional_norm(const Function& f, const Tensor& sample, const Tensor& direction,
                                                    Norm norm);

// ‖f(x) − f(y)‖ / ‖x − y‖ with f enclosed by its range rules at both points: certified. x and y differ; same type.
LowerBound difference_quotient(const Function& f, const Tensor& x, const Tensor& y, Norm norm);

}  // namespace taut

#pragma GCC visibility pop
