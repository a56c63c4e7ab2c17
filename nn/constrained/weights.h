// Weights held to a certified norm, and the maps that they are.
#pragma once

#include <functional>

#include "nn/constrained_weight.h"

namespace taut::nn::parts {

// The linear map of a weight, for its norm.
using MapOf = std::function<LinearMap(const Tensor&)>;

// The weight, scaled down where its certified norm exceeds the limit, rounded to its dtype, such that the certified
// norm of the result is at most the limit. `layer` is for messages; NumericError for weights that are not finite.
Tensor within_norm(Tensor weight, const MapOf& map_of, double limit, const char* layer, Norm norm = Norm::l2);

// The map of a matrix (out, in), and that of a kernel on images (h, w) in either way of padding.
LinearMap matrix_map(const Tensor& weight);
LinearMap kernel_map(const Tensor& kernel, const Conv2dOptions& geometry, std::array<Index, 2> image,
                     Boundary boundary = Boundary::zero);

// The certified norm of a map whose weight is to be divided by it. NumericError when it is 0 or not finite.
double norm_to_divide_by(const LinearMap& map, const char* layer, Where where);
void require_divisor(double norm, const char* layer, Where where);
// DomainError unless the constant is finite and above 0.
void require_constant(const char* layer, double constant);
LayerOptions layer_options(const ConstrainedOptions& options);

}  // namespace taut::nn::parts
