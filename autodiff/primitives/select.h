// Primitives that move numbers: every output is one input or a constant. Their maps follow from running them on 0, 1,
// 2, ….
#pragma once

#include "autodiff/kernels/strided.h"
#include "autodiff/primitives/define.h"

namespace taut::primitives {

// The Selection of an op that moves numbers: forward() runs on the positions 1, 2, … of its operand, exactly
// representable in f64, so that it tells by itself where each output comes from; 0 marks constants.
LinearMap selection_of(const Primitive& op, const Shape& in, const Shape& out);

// The axis of `out` along which output coordinate i depends only on input coordinate i of `axis`, when output position
// p takes input position source(p), or −1 for none; mixes_samples if there is no such axis.
int carried_axis(const Shape& in, int axis, const Shape& out, const kernels::Source& source);

}  // namespace taut::primitives

namespace taut {

// Along flat positions, used by max, max_pool2d, pick and gather; each is the adjoint of the other.
Var gather_flat(const Var& x, const kernels::Source& source, const Shape& out, Where where = Where::current());
Var scatter_flat(const Var& x, const kernels::Source& target, const Shape& out, Where where = Where::current());

}  // namespace taut
