// Are two maps made of the same numbers in the same way? Internal to lipschitz.
#pragma once

#include "autodiff/linear_map.h"

namespace taut::detail {

// True only if the maps have one structure and equal numbers in it, so that they are one map. False says nothing: maps
// may be equal that were made in different ways, and of opaque ones nothing is known.
bool same_entries(const LinearMap& a, const LinearMap& b);

}  // namespace taut::detail
