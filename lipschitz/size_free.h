// Norms of convolutions that hold for every image size.
#pragma once

#include "autodiff/linear_map.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"

#pragma GCC visibility push(default)

namespace taut {

// A certified upper bound in l2 of the convolution by `kernel` (c_out, c_in / groups, kh, kw) with the stride, dilation
// and groups of `conv`, for zero padding of any amount and any image; for circular padding where the stride divides the
// image. Its transpose has the same norm.
//
// The supremum of the symbols over the torus, bounded through their norms on a grid [EhlichZeller1964], at most 1 %
// above it, and unfoldings_bound() where that is smaller:
// docs/mathematics/08-convolutions.md#all-image-sizes. Past the deadline the latter alone.
// Errors: ShapeError, NumericError for kernels that are not finite.
UpperBound size_free_conv_norm(const Tensor& kernel, const Conv2dOptions& conv = {}, const Budget& budget = {});

// The same by four dense norms, √(kh·kw) times the smallest: cheap, and up to √(kh·kw) too large [SinglaFeizi2021].
UpperBound unfoldings_bound(const Tensor& kernel, Index groups = 1, const Budget& budget = {});

}  // namespace taut

#pragma GCC visibility pop
