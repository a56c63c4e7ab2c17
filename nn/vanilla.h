// From nets with constrained layers to nets of plain ones.
#pragma once

#include "nn/sequential.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// A copy of a net with the function that it computes in inference, in which constrained layers (nn/constrained.h) have
// become plain ones that hold their stored weights: Linear, Conv2d, and Residual for residual layers. Containers of
// nn/sequential.h are gone through; any other module is copied as it is, a module of your own with what it holds,
// unless it has a member `vanilla() const`. What needs the size of images must have been called on one.
//
// Values are bit-identical, except where a convex step (nn/convex_step.h) or a circular convolution is written out:
// there they agree to rounding. Bounds of what is written out are those of its parts: AutoLip no longer sees that a
// convex step has the constant 1. Training does not constrain a plain net.
inline AnyModule vanilla(const AnyModule& net) { return net.vanilla(); }
inline Sequential vanilla(const Sequential& net) { return net.vanilla(); }

}  // namespace taut::nn

#pragma GCC visibility pop
