// What error bounds of piecewise forms leave for their own rounding and for underflow. Internal to lipschitz.
#pragma once

namespace taut::detail {

inline constexpr double tiny = 0x1p-400;        // products of two numbers above it do not underflow
inline constexpr double underflow = 0x1p-900;   // far above what a sum of products can lose by underflow
inline constexpr double slack = 1.0 + 0x1p-20;  // of computing the error bounds themselves

}  // namespace taut::detail
