// Derivatives of a sample's function by the library, and of any function by differences.
#pragma once

#include <functional>
#include <span>

#include "harness/sample.h"

namespace taut::harness {

// Operand lists to operand lists: whatever is to be differentiated by differences.
using Field = std::function<Inputs(std::span<const Tensor>)>;

Tensor jvp_of(const Sample& sample, std::span<const Tensor> in, std::span<const Tensor> tangents);
Inputs vjp_of(const Sample& sample, std::span<const Tensor> in, const Tensor& cotangent);

// Directional derivative of the field at x along t by five-point central differences, of error O(h^4).
Inputs differences(const Field& field, std::span<const Tensor> x, std::span<const Tensor> t);

// Entries in [−1, 1], one tensor like each of these.
Inputs random_like(std::span<const Tensor> tensors, Random& random);

double inner(std::span<const Tensor> a, std::span<const Tensor> b);
double inner_magnitude(std::span<const Tensor> a, std::span<const Tensor> b);
double max_abs(std::span<const Tensor> tensors);

}  // namespace taut::harness
