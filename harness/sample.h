// A sample: one way to call a primitive, and what mathematics says about it that the primitive does not.
//
// Every primitive of Taut's list has samples in tests/samples; a primitive without them does not link. Users run the
// same checks over their own primitives: fill samples, then run_checks({"my_op", samples}) (check.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/outward.h"
#include "autodiff/var.h"
#include "harness/random.h"

#pragma GCC visibility push(default)

namespace taut::harness {

using Inputs = std::vector<Tensor>;

// How values of one operand are chosen.
struct Operand {
  Shape shape = {};
  Interval domain{-2.0, 2.0};            // where derivatives are tried and boxes are drawn
  Interval defined = Interval::reals();  // slopes over all reals and ranges are tried up to here
  std::vector<double> kinks = {};        // no derivative there: avoided by differences, probed by rules and ranges
  std::vector<double> probes = {};       // where slopes attain their ends; extremes
  bool distinct = false;                 // entries (of all such operands together) keep a distance: their order matters
};

// A pair of operand lists at which a gain of one argument is attained.
struct AttainedGain {
  Norm norm;
  int argument;
  Inputs x, y;
};

struct Sample {
  std::string name;
  std::vector<Operand> operands;
  // Calls the user's function; its result must be a node of the primitive. Given plain tensors it returns one.
  std::function<Var(std::span<const Var>)> f;

  // The value by another route, f64 in and out; absent where mathematics gives none shorter than the primitive.
  std::function<Tensor(std::span<const Tensor>)> reference = nullptr;
  // |value − reference| ≤ reference_ulps · u · (|reference| + reference_scale). The scale bounds the terms of a sum.
  double reference_ulps = 5.0;
  double reference_scale = 0.0;

  // Rules are per sample. False for a sample with a larger batch, which shows values and derivatives only.
  bool rules = true;
  // The op has operands of one rank only, so no sample of rank 8 is asked for.
  bool fixed_rank = false;
  // The op cannot have an empty operand (a maximum of nothing).
  bool never_empty = false;

  // Pairs that attain the gains of a Bounded rule. Norms in `not_attained` are exempt, with the reason beside the
  // sample.
  std::vector<AttainedGain> attained = {};
  std::vector<Norm> not_attained = {};

  // Sets of varying arguments (bit masks) for which no constant exists over all reals, and for each a pair of operand
  // lists whose difference quotient in l2 exceeds `growth`.
  std::vector<std::uint32_t> unbounded = {};
  std::function<std::pair<Inputs, Inputs>(std::uint32_t varying, double growth)> witness = nullptr;
  // Boxes do not help either (step over a box that holds 0).
  bool unbounded_on_boxes = false;

  // Where samples lie in practice: this axis of every operand that is no weight (bit mask). An op may refuse samples
  // elsewhere without a witness that it mixes them.
  int batch_axis = 0;
  std::uint32_t weights = 0;

  // Over a box every output takes its extremes at corners of the box, so that the range rule can be held to them.
  bool extremes_at_corners = false;
};

// Taut's own samples: specialised for every P of taut::Primitives in tests/samples.
template <class P>
std::vector<Sample> samples();

// Values at which f is differentiable, at a distance from every kink and tie. f64.
Inputs draw_smooth(const Sample& sample, Random& random);
// Values in the domain, kinks and probes included. f64.
Inputs draw_any(const Sample& sample, Random& random);
// One number for a slope or range check: kinks, probes, their f32 neighbours, the domain, and every scale up to
// `defined`.
double draw_anywhere(const Operand& operand, Random& random);

std::vector<Shape> shapes_of(const Sample& sample);
Index total_size(std::span<const Tensor> tensors);

}  // namespace taut::harness

#pragma GCC visibility pop
