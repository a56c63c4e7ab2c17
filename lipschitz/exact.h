// The exact Lipschitz constant of piecewise linear networks of one or two numbers, by going through their linear
// regions [Hanin2019].
#pragma once

#include <optional>
#include <string>

#include "autodiff/diff.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"
#include "lipschitz/question.h"

#pragma GCC visibility push(default)

namespace taut {

struct ExactOptions {
  Question question{};
  Budget budget{};
  Index max_regions = 1000000;  // beyond about that many it stops as at a deadline; each takes some hundred bytes
};

struct ExactResult {
  // Certified, and equal up to rounding unless `status` or `note` says otherwise.
  LowerBound lower;
  UpperBound upper;
  Tensor point;  // of the input's shape, dtype f64, inside the region of `lower`, up to rounding; (2) of two inputs
  Index regions = 0;  // activation patterns that occur on an open set, each counted once; those seen when cut
  Status status = Status::finite;  // finite or cut
  std::string note;                // when cut, or when a region could not be told from its neighbour
  double seconds = 0.0;
};

// sup ‖f(x) − f(y)‖ / ‖x − y‖ of the function f that computes `output` from the tape's input leaves, which hold one or
// two numbers in all; the same norm on both sides, parameters fixed, over all reals or over a box. Any tape whose
// operations are affine or piecewise linear entry by entry (relu, leaky_relu, abs, clip, hard_sigmoid): sequences,
// sums of branches, several outputs.
//
// The plane is cut along the kinks of one operation after the other. On which side of a line a corner lies is decided
// in rounded arithmetic where that proves it, and otherwise without rounding, so that no region is missed and none is
// invented: docs/mathematics/12-linear-regions.md#cells-as-cones.
// Weights that the tape computed (a normalised weight) are known by enclosures only, as are kinks of hard_sigmoid; what
// these leave undecided is bounded instead of cut, and `note` says so.
//
// Errors: UsageError (no tape, no input, more than one sample), NumericError (weights not finite),
// UnsupportedError (more than two numbers, an operation that is not piecewise linear, samples mixed), DomainError (a
// box with lo > hi). When cut, `upper` holds AutoLip's bound of what remains, and is never above autolip().
ExactResult exact_constant(const Var& output, const ExactOptions& options = {});

// Of a function, recorded at `sample` (one sample, with a first axis of size 1 where the function expects a batch).
ExactResult exact_constant(const Function& f, const Tensor& sample, const ExactOptions& options = {},
                           Where where = Where::current());

}  // namespace taut

#pragma GCC visibility pop
