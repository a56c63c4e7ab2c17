// The vocabulary of Lipschitz rules: what a primitive declares beside its derivative. Plain data; this folder computes
// no norm. The variant is closed: an analysis that forgets a kind does not compile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "autodiff/linear_map.h"
#include "autodiff/norm.h"
#include "autodiff/outward.h"
#include "autodiff/range.h"
#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut {

// An outer interval of every difference quotient (f(x) − f(y)) / (x − y); contains what vjp returns at kinks.
using Slope = Interval;

// f(x) = value at the breakpoints, linear between them: slopes[i] on (breaks[i−1], breaks[i]).
struct PiecewiseLinear {
  std::vector<double> breaks;  // ascending
  std::vector<double> slopes;  // one more than breaks
  double break_error = 0.0;    // exact breakpoints lie this close to `breaks`, where they are not doubles
};

// Gains of one argument: ‖f(…, x, …) − f(…, y, …)‖ ≤ gain · ‖x − y‖ per norm, rounded up.
struct Gain {
  double l1 = infinity, l2 = infinity, linf = infinity;
  double in(Norm norm) const { return norm == Norm::l1 ? l1 : norm == Norm::l2 ? l2 : linf; }
};

namespace rule {

// y = Σ A_i x_i + b. One map per argument, empty where the argument does not vary.
// Every entry of a map is, up to sign, an entry of an operand that does not vary, or independent of them: analyses rely
// on it to carry relative errors of computed constants (docs/mathematics/07-autolip.md#computed-constants).
// `relative_error`: entries that are no machine numbers (1/n, weights of an interpolation) are given by numbers next to
// them; every exact entry lies within this share of the absolute value of the given one. 0: entries are exact.
struct Affine {
  std::vector<LinearMap> maps;
  double relative_error = 0.0;
};

// y_i = f(x_i), one varying argument. `slope` covers every element; `lo` and `hi` (f64, shape of x) refine it per
// element and are undefined when it is the same for all. `pieces` describes f over all reals where it is piecewise
// linear.
struct Elementwise {
  int argument = 0;
  Slope slope;
  Tensor lo, hi;
  std::optional<PiecewiseLinear> pieces;
};

// y_i is the larger (or the smaller) of the numbers (Σ A_k x_k)_i and (Σ B_k x_k)_i, with maps A_k and
// B_k of entries 0 and 1, one per argument, all of which vary.
struct OfTwo {
  std::vector<LinearMap> first, second;
  bool larger = true;
};

// Every output equals one entry of the varying arguments, which it may choose by their order (max, max-pool, sorting).
// `multiplicity`: the largest number of outputs that follow one entry at one point. `of_two`: where each output has two
// candidates, so that analyses may see which of them other outputs take.
struct Selects {
  Index multiplicity = 1;
  std::optional<OfTwo> of_two = {};
};

// A finite gain per norm and argument (gain 0 where it does not vary). Where the function is `after` ∘ g with a linear
// map and a g of its own gains, analyses may fold the map with what follows.
struct Bounded {
  std::vector<Gain> gains;
  std::string why, reference;
  LinearMap after = {};                 // empty: the identity, g is the function itself
  std::vector<Gain> before_after = {};  // the gains of g
};

// Linear in each varying argument given the others, over a domain on which the ranges are finite: for each varying
// argument a map that dominates, entry by entry, |partial map| over the ranges. Norms l1, l2, linf are monotone,
// so ‖partial map‖ ≤ ‖dominating map‖.
struct Bilinear {
  std::vector<LinearMap> dominating;
};

// How an operation without a finite constant escapes: what it takes to prove that a function made with it has none
// either (docs/mathematics/07-autolip.md#functions-without-a-constant).
enum class Escape : std::uint8_t {
  unknown,
  entries,    // y_i = f(x_i) of the one varying operand; f is not Lipschitz on its domain, a part of the reals
  all_reals,  // the same with f defined on all reals
  // y = Q(u, v) + what is affine in further operands: linear in each of its first two operands; or y = Q(u, u) of one.
  quadratic,
};

// The operation by itself, on all reals, has no finite constant: `proved` with the reason, or (proved = false) none is
// known to this library. Nothing is said of functions in which it occurs: √(x² + 1) has one.
struct Unbounded {
  std::string why;
  bool proved = false;
  Escape escape = Escape::unknown;
};

// Squares but for sign and offset, entry by entry: w_i = b_i + s_i ρ_i² with ρ_i ≥ 0 and s_i = ±1. The numbers ρ may
// have a constant where w has none: ‖x‖ = √w of w = Σ x_i² (docs/mathematics/03-elementwise.md#squares).
struct Squares {
  Range base;   // holds b
  Tensor sign;  // f64
};

// What an operation with one varying operand x makes of squares.
struct OfSquares {
  enum class Makes : std::uint8_t {
    nothing,
    square,   // y_i = x_i², of any x
    scaled,   // y_i = c_i w_i, c_i in `numbers`
    clamped,  // y_i = min(max(w_i, lo_i), hi_i), lo_i at most and hi_i at least the ends of `numbers`
  };
  Makes makes = Makes::nothing;
  Range numbers = {};
  double gain = infinity;  // |y_i − y_i'| ≤ gain · |ρ_i − ρ_i'| where x is squares
};

}  // namespace rule

using Rule =
    std::variant<rule::Affine, rule::Elementwise, rule::Selects, rule::Bounded, rule::Bilinear, rule::Unbounded>;

}  // namespace taut

#pragma GCC visibility pop
