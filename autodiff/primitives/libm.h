// How far the C library's functions may be off: a hypothesis behind ranges and slopes
// (docs/mathematics/10-rounding.md#elementary-functions), held against MPFR by
// tests/autodiff/primitives/libm_error_test.cpp.
#pragma once

namespace taut::primitives {

// Largest errors in f64, in units in the last place: above what glibc documents (2 for tanh, 5 for erfc, 1 for all
// others) and what was found by search on versions 2.31 to 2.36.
namespace libm_ulps {
inline constexpr double exp = 1.0, expm1 = 1.0, log = 1.0, log1p = 1.0, sin = 1.0, cos = 1.0, pow = 1.0;
inline constexpr double erf = 1.5, tanh = 2.5, erfc = 5.5;
}  // namespace libm_ulps

// Four times that, as a relative error: a unit in the last place is at most 2 u.
constexpr double libm_margin(double ulps) { return 4.0 * ulps * 0x1p-52; }
// Of the functions that are off by less than one unit.
inline constexpr double libm = libm_margin(1.0);

}  // namespace taut::primitives
