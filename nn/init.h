// Initial weights.
#pragma once

#include <functional>

#include "nn/random.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Fills a weight of shape (out, in) or (c_out, c_in / groups, kh, kw).
using Initialiser = std::function<void(Tensor& weight, Random& random)>;

// Inputs that one output sums over, and outputs that one input reaches (at stride 1): (in, out) of a matrix, times
// kh·kw of a kernel. ShapeError below rank 2.
struct Fans {
  Index in = 1, out = 1;
};
Fans fans(const Shape& weight);

// √2, the gain under which ReLU layers keep the mean square of activations [He2015].
inline constexpr double relu_gain = 1.4142135623730951;

// Standard deviation gain / √fan_in [He2015]: uniform on ±gain·√(3 / fan_in), or normal.
Initialiser kaiming_uniform(double gain = relu_gain);
Initialiser kaiming_normal(double gain = relu_gain);
// Standard deviation gain·√(2 / (fan_in + fan_out)) [Glorot2010]: uniform on ±gain·√(6 / (fan_in + fan_out)), or
// normal.
Initialiser xavier_uniform(double gain = 1.0);
Initialiser xavier_normal(double gain = 1.0);
// gain times a matrix (out, in·taps) with orthonormal rows, or columns where those are fewer, uniform among such
// matrices [Saxe2014]: a dense layer keeps the l2 norm of what it does not project away.
Initialiser orthogonal(double gain = 1.0);
Initialiser constant(double value);

}  // namespace taut::nn

#pragma GCC visibility pop
