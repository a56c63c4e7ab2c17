// The conditions under which a structure is a map between two shapes.
#pragma once

#include "autodiff/linear_map.h"

namespace taut::detail {

// Throws ShapeError naming the structure, what it needs and what it was given.
void check_structure(const Shape& in, const Shape& out, const Structure& structure);

}  // namespace taut::detail
