// What comes before or after a convolution and is part of it. Internal to lipschitz.
#pragma once

#include "autodiff/linear_map.h"

namespace taut::detail {

// The map with neighbouring factors merged into its convolutions: a factor per channel on either side (batch norm,
// scales) goes into the kernel, padding before it, with zeros or periodic, into its padding. Adds to `relative_error`
// what rounding the entries of kernels cost. The map itself where there is nothing to merge.
LinearMap merge_into_convolutions(const LinearMap& map, double& relative_error);

}  // namespace taut::detail
