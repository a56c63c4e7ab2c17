// Convolutions whose errors name the user function that asked for them.
#pragma once

#include "autodiff/define.h"

namespace taut::primitives {

Var convolution(const char* op, const Var& x, const Var& weight, const Var& bias, const Conv2dOptions& options,
                Where where);
Var transposed_convolution(const char* op, const Var& x, const Var& weight, const Var& bias,
                           const Conv2dOptions& options, std::span<const Index> output_size, Where where);

}  // namespace taut::primitives
