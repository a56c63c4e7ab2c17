// 16-bit floating-point numbers, widened exactly.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace taut::nn::onnx {

// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
inline float float_from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
  float magnitude = 0.0F;
  if (exponent == 0x1F)
    magnitude = fraction != 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  else
    magnitude = std::ldexp(static_cast<float>(fraction | 0x400), exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

// bfloat16: the upper half of a binary32.
inline float float_from_bfloat(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// The nearest number with this many bits of fraction and this smallest exponent of normal numbers, ties to even.
inline double rounded_to_bits(double x, int fraction, int least_exponent, double largest) {
  if (x == 0.0 || !std::isfinite(x)) return x;
  const double step = std::ldexp(1.0, std::max(std::ilogb(x), least_exponent) - fraction);
  const double y = std::nearbyint(x / step) * step;
  return std::fabs(y) > largest ? std::copysign(std::numeric_limits<double>::infinity(), x) : y;
}
inline double rounded_to_half(double x) { return rounded_to_bits(x, 10, -14, 65504.0); }
inline double rounded_to_bfloat(double x) { return rounded_to_bits(x, 7, -126, 0x1.FEp127); }

}  // namespace taut::nn::onnx
