// Build-wide facts that every translation unit must agree on.
#pragma once

#include <cstdint>

// Fast-math lets the compiler drop the rounding terms that certified bounds are made of.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error "Taut must not be compiled with -ffast-math or -ffinite-math-only: its bounds rely on IEEE 754 arithmetic"
#endif

// So does arithmetic in a wider format than the operands', as on the x87.
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0 && __FLT_EVAL_METHOD__ != 16
#error "Taut must not be compiled with extended precision (-mfpmath=387): its bounds rely on IEEE 754 arithmetic in f64"
#endif

#pragma GCC visibility push(default)

namespace taut {

using Index = std::int64_t;  // sizes, axes and offsets of tensors

}  // namespace taut

#pragma GCC visibility pop
