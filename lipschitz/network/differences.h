// Enclosures of derivatives over a neighbourhood.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "lipschitz/graph.h"

namespace taut {

// A small box around a point, every side of positive width: |x_i| · 2^-40, at least 2^-60.
Range neighbourhood(const Tensor& point);

// What f, the function that the graph computes from its (joint) input, does to differences over a box: for all y, z in
// it f(y) − f(z) = M (y − z) with a matrix M of which every operation contributes an interval factor: affine maps, and
// elementwise slopes over the ranges, so that a piecewise linear function gets one matrix where its activation pattern
// is the same all over the box, proved by the ranges. No M is formed: it acts on vectors, one sweep each, by interval
// arithmetic with directed rounding (docs/mathematics/09-lower-bounds.md#corollary-one-direction).
class Differences {
 public:
  // Nothing where a rule does not determine what happens to differences (softmax, products, a maximum whose winner may
  // change within the box). The graph must outlive the result.
  static std::optional<Differences> over(const Graph& graph, std::span<const Range> box);

  // Encloses M v for every such M: shape of the output. v: one range per input, of its shape.
  Range forward(std::span<const Range> direction) const;
  // Encloses Mᵀ u: one range per input. u: shape of the output.
  std::vector<Range> backward(const Range& cotangent) const;
  // Intervals that hold the entries of every M, (outputs, inputs): one sweep per row or column, whichever are fewer.
  Range matrix() const;

 private:
  // What one operation does to differences of its varying operands: affine maps, or one diagonal of slopes.
  struct Local {
    std::vector<LinearMap> maps;  // by operand, empty where it does not vary
    Range slopes;                 // of an elementwise operation, of its shape
    std::size_t argument = 0;     // the operand that slopes belong to
    double relative_error = 0.0;  // of the entries of maps
  };
  struct OfRule;
  Differences(const Graph& graph, std::vector<std::optional<Local>> locals)
      : graph_(&graph), locals_(std::move(locals)) {}

  const Graph* graph_;
  std::vector<std::optional<Local>> locals_;  // by node; none for leaves and constants
};

// Differences::matrix, or nothing.
std::optional<Range> enclose_jacobian(const Graph& graph, std::span<const Range> box);

}  // namespace taut
