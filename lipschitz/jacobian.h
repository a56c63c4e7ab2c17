// Enclosures of derivatives over a neighbourhood.
#pragma once

#include <optional>

#include "lipschitz/graph.h"

namespace taut {

// A small box around a point, every side of positive width: |x_i| · 2^-40, at least 2^-60.
Range neighbourhood(const Tensor& point);

// Intervals [lo, hi] of shape (outputs, inputs) such that for all y, z in the box f(y) − f(z) = M (y − z) with some M
// inside, f being what the graph computes from its (joint) input. By interval arithmetic over the rules: affine maps,
// and elementwise slopes over the ranges, so that a piecewise linear function gets one matrix where its activation
// pattern is the same all over the box, proved by the ranges. Nothing where a rule does not determine the derivative
// (max-pool, softmax, products).
std::optional<Range> enclose_jacobian(const Graph& graph, std::span<const Range> box);

}  // namespace taut
