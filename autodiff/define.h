// What every source file of primitives includes: the base, the families, and how a primitive is entered in the
// registry.
#pragma once

#include <functional>

#include "autodiff/error.h"
#include "autodiff/families.h"
#include "autodiff/located.h"
#include "autodiff/ops.h"
#include "autodiff/primitive_list.h"
#include "autodiff/tape.h"

#pragma GCC visibility push(default)

namespace taut {

// Instantiated once per listed primitive, in its own file: template const OpInfo& describe<Relu>();
template <class P>
const OpInfo& describe() {
  static_assert(Complete<P>, "a listed primitive must be final and define every member of Primitive");
  static_assert(Primitives::contains<P>, "only listed primitives are entered in the registry");
  return P::static_info;
}

namespace primitives {

using detail::located;

// x itself; UsageError naming the op and the user's line when it is undefined.
const Var& given(const Var& x, const char* op, Where where);
// f(), for user functions that look at their operand x before it is recorded: x is defined, and errors name the line.
template <class F>
Var checked(const Var& x, const char* op, Where where, F&& f) {
  given(x, op, where);
  return located(where, f);
}

// Errors in the house style: "[op] what is required, what was given".
void require_same_dtype(const Operands& in, const char* op);
void require_same_shape(const Operands& in, const char* op);

// The magnitude max(|lo|, |hi|) of every element, f64; infinite ends stay infinite.
Tensor magnitude(const Range& range);
bool all_finite(const Tensor& tensor);

// Range of a bilinear product P(a, b) of which every output sums `terms` products with coefficients 0 or 1, for a and b
// in their ranges, plus a bias of the output's shape where it is defined; holds the exact values and every evaluation
// in `computed_in`, in any order. P computes in f64.
using Product = std::function<Tensor(const Tensor&, const Tensor&)>;
Range bilinear_range(const Product& product, const Range& a, const Range& b, Index terms, DType computed_in,
                     const Range& bias = {});

// a + b elementwise for ranges of the same shape, with one rounding in `computed_in`.
Range add_ranges(const Range& a, const Range& b, DType computed_in);
// A range repeated along the other axes: element c of `channel` for every index of `axis` equal to c.
Range spread(const Range& channel, const Shape& shape, int axis);

// Range of an op of one operand that computes as f does, by the range rules of the ops that f is made of.
Range range_of_composition(const std::function<Var(const Var&)>& f, const RangeSite& site);

// The tensor itself in f64, elementwise |t| in f64.
Tensor widened(const Tensor& t);
Tensor absolute_value(const Tensor& t);

// Constants in attributes are rounded to the dtype that they meet, so that the function the rules speak of is the one
// computed. finite_constant: NumericError unless the result is finite.
double finite_constant(const char* op, double value, DType dtype, Where where);
double rounded_to(DType dtype, double value);

// sample axis of an op that acts on every element alone, with operands of one shape: all that have an axis must agree.
int common_sample_axis(const SampleSite& site);

// No finite constant over all reals, with the proof; on a domain the ranges are outer ones, so nothing is proved.
rule::Unbounded unbounded(const RuleSite& site, std::string why, rule::Escape escape = rule::Escape::unknown);
// Of a product of two varying operands, plus what may be affine in others.
rule::Unbounded unbounded_product(const RuleSite& site, std::string why);

}  // namespace primitives
}  // namespace taut

#pragma GCC visibility pop
