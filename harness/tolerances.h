// Every tolerance of the harness, by quantity, with its reason.
#pragma once

#include "autodiff/range.h"

#pragma GCC visibility push(default)

namespace taut::harness {

struct Tolerances {
  // Step of five-point central differences. With h = 2^-11 and values of order 1: truncation h^4 |f^(5)| / 30 is about
  // 2e-12 for |f^(5)| up to 1000, rounding u / h is about 2e-13.
  double step = 0x1p-11;
  // A derivative against differences, relative to the largest entry: the errors above with a factor of 100 for
  // conditioning.
  double first_order = 2e-9;
  // The same for a derivative of a derivative: one more order of differentiation in the truncation term.
  double second_order = 1e-8;
  // ⟨vjp(c), t⟩ against ⟨c, jvp(t)⟩, relative to the sum of the magnitudes: no step size, only rounding.
  double inner_product = 1e-12;
  // An f32 derivative against the f64 one at the same point, relative to the largest entry: 2^-24 times about 100
  // roundings.
  double single_derivative = 1e-5;
  // Two ways to apply the same linear map in f64, relative to the sum of the magnitudes of the terms.
  double linear = 1e-13;
  double linear_single = 4e-6;
  // Roundings in one elementwise value, in ulps: the documented kernel error (at most 4) and a half for the store.
  double elementwise_ulps = 5.0;
  // Slopes and gains must be attained to this relative accuracy: a looser rule is lazy.
  double attained = 0.01;
  // A gain may be exceeded by rounding of the two norms and of f itself, relative to the distance.
  double gain = 1e-9;
  // Width of a range at a point, in ulps of the largest magnitude that takes part per accumulated term.
  double point_range_ulps = 64.0;
  // A range over a box may exceed the hull of the values by this fraction of it.
  double range_excess = 0.02;
};

inline constexpr Tolerances tolerance;

}  // namespace taut::harness

#pragma GCC visibility pop
