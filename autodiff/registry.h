// The list of primitives as data: for the harness, for generated documentation, and for the link-time check that every
// listed primitive is defined.
#pragma once

#include <span>

#include "autodiff/primitive.h"

#pragma GCC visibility push(default)

namespace taut {

// In the order of primitive_list.h.
std::span<const OpInfo* const> registry();

}  // namespace taut

#pragma GCC visibility pop
