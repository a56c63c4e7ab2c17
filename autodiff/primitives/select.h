// Primitives that move numbers: every output is one input or a constant. Their maps follow from running them on 0, 1,
// 2, ….
#pragma once

#include "autodiff/define.h"
#include "autodiff/kernels/strided.h"

namespace taut::primitives {

// The Selection of an op that moves numbers: forward() runs on the positions 1, 2, … of its operand, exactly
// representable in f64, so that it tells by itself where each output comes from; 0 marks constants.
LinearMap selection_of(const Primitive& op, const Shape& in, const Shape& out);

// The axis of `out` along which output coordinate i depends only on input coordinate i of `axis`, when output position
// p takes input position source(p), or −1 for none; mixes_samples if there is no such axis.
int carried_axis(const Shape& in, int axis, const Shape& out, const kernels::Source& source);

// Operations that choose entries by their order are selections where the order is the same all over the ranges.
// Positions are those of one operand.
class Ahead {
 public:
  explicit Ahead(const Range& x) : lo_(x.lo.data<double>()), hi_(x.hi.data<double>()) {}
  // x_a ≥ x_b all over the ranges; where they may be equal, a is the one that derivatives take: it comes first.
  bool operator()(Index a, Index b) const { return before(b, a, a < b); }
  // x_a ≤ x_b in the same way.
  bool below(Index a, Index b) const { return before(a, b, a < b); }

 private:
  bool before(Index small, Index large, bool first) const {
    const double top = hi_[static_cast<std::size_t>(small)], bottom = lo_[static_cast<std::size_t>(large)];
    return top < bottom || (first && top == bottom);
  }
  std::span<const double> lo_, hi_;
};
// y_i = x_{source[i]}.
rule::Affine selection_rule(const Shape& in, const Shape& out, std::span<const Index> source);

}  // namespace taut::primitives

namespace taut {

// Along flat positions, used by max, max_pool2d, pick and gather; each is the adjoint of the other.
Var gather_flat(const Var& x, const kernels::Source& source, const Shape& out, Where where = Where::current());
Var scatter_flat(const Var& x, const kernels::Source& target, const Shape& out, Where where = Where::current());

}  // namespace taut
