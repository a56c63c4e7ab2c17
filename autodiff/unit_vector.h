// Unit vectors of power methods. Internal to lipschitz and nn.
#pragma once

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::detail {

// x / ‖x‖₂ in place. False, and x as it was, where the norm is 0 or not finite.
bool normalise(Tensor& x);

}  // namespace taut::detail

#pragma GCC visibility pop
