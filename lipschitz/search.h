// Lower bounds of Lipschitz constants by search over inputs x for a large ‖D_x f‖. What is found is proved at the end,
// at the best points (lower.h), so that a search that finds little gives a weak bound, never a wrong one.
//
// Everywhere f maps batches (b, …) to (b, …) without mixing samples, and many points are evaluated at once. `sample`
// says what one point looks like: (1, …) in f's dtype; its numbers do not matter but for being finite and in f's
// domain. A seed fixes every result that was not cut. Past the deadline the best so far is proved and returned, marked
// as cut. Errors: UsageError (shapes, options that make no sense), NumericError (numbers not finite), UnsupportedError
// (samples are mixed).
#pragma once

#include "lipschitz/lower.h"

#pragma GCC visibility push(default)

namespace taut {

struct SearchOptions : LowerOptions {
  // Points (count, …) from which to start, e.g. data; the rest of the starts are standard normal draws, in a box
  // uniform ones.
  Tensor starts{};
};

struct AnnealingOptions : SearchOptions {
  Index chains = 64;          // walked at once
  int steps = 400;            // of every chain
  double step = 1.0;          // first standard deviation of a move, per entry; in a box times half its width
  double shrink = 0.97;       // of that, at every improvement
  double temperature = 0.05;  // a loss of this share is accepted with probability 1/e at first, then ever less
};

// Simulated annealing on x ↦ ‖D_x f‖, many chains, the step shrinking with improvements [ScamanVirmaux2018].
LowerResult annealing_lower_bound(const Function& f, const Tensor& sample, const AnnealingOptions& options = {});

struct GridOptions : LowerOptions {
  Index resolution = 0;  // cells per axis; 0: 256 along one axis, 128² and 32³
  int refinements = 8;   // rounds in which the best cells are divided
  Index refined = 24;    // cells that are divided in each
};

// ‖D_x f‖ at the centres of the cells of a grid over a box of shape (1, …), of which one to three sides have a positive
// length, and of ever smaller cells around the best. The bound is that of the constant over all reals, and of that on
// the box if all its sides have a length. Where options.question.domain is a ball, points outside of it are moved
// into it, and the bound is that of the constant on the ball.
LowerResult grid_lower_bound(const Function& f, const Range& box, DType dtype = DType::f64,
                             const GridOptions& options = {});

struct AscentOptions : SearchOptions {
  Index chains = 32;         // improved at once
  Index evaluations = 0;     // of ‖D_x f‖, in all; 0: from 192 to 2^19, as f is large or small
  double enough = infinity;  // of ‖D_x f‖: the search ends when it is met, as where an upper bound says that it is all
};

// Ascent on ‖D_x f‖ from the best of many starts at several scales, with restarts: the best quality per second. Chains
// move along the gradient of ‖D_x f‖ by second derivatives; where these are zero, as of piecewise linear functions,
// along the difference of two gradients at a distance, which is that of the difference quotient of the two points. Also
// across the next kinks into neighbouring regions, along the direction in which f moves most, along differences of
// chains, along axes and at random, at all scales. With few inputs a quarter of the evaluations walks along lines from
// region to region.
LowerResult ascent_lower_bound(const Function& f, const Tensor& sample, const AscentOptions& options = {});

}  // namespace taut

#pragma GCC visibility pop
