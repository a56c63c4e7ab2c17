// Build-wide facts that every translation unit must agree on.
#pragma once

#include <cstdint>

// Fast-math lets the compiler drop the rounding terms that certified bounds are made of.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error "Taut must not be compiled with -ffast-math or -ffinite-math-only: its bounds rely on IEEE 754 arithmetic"
#endif

namespace taut {

using Index = std::int64_t;  // sizes, axes and offsets of tensors

}  // namespace taut
