#include "autodiff/error.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample scaling(const Shape& shape, int axis, bool shifted) {
  const Shape channels{shape[axis]};
  Sample s;
  s.name = cat("axis ", axis, " of ", shape, shifted ? " with shift" : "");
  s.operands = {{.shape = shape}, {.shape = channels}};
  if (shifted) s.operands.push_back({.shape = channels});
  s.f = [axis, shifted](std::span<const Var> in) {
    return channel_affine(in[0], in[1], shifted ? in[2] : Var(), axis);
  };
  s.reference = [axis, shifted](std::span<const Tensor> in) {
    return generate(in[0].shape(), [&](const std::vector<Index>& index) {
      const Index c = index[static_cast<std::size_t>(axis)];
      return static_cast<double>(static_cast<Real>(at(in[0], index)) * in[1].at(c) + (shifted ? in[2].at(c) : 0.0));
    });
  };
  s.reference_scale = 6;
  s.weights = 0b110;
  s.batch_axis = axis == 0 ? shape.rank() - 1 : 0;
  s.rules = shape.size() > 0;
  s.unbounded = {3, 7};
  s.witness = product_witness(shapes_of(s));
  s.extremes_at_corners = true;
  return s;
}

}  // namespace

template <>
std::vector<Sample> samples<ChannelAffine>() {
  return {scaling({2, 3}, 1, true),  scaling({1, 2, 2, 2}, 1, true), scaling({3, 2, 2, 1}, 0, true),
          scaling({2, 3}, 1, false), scaling({4, 2}, 0, true),       scaling({1, 2, 19}, 1, true),
          scaling({0, 3}, 1, true),  scaling({2, 0}, 1, false),      scaling({1, 2, 1, 2, 1, 1, 3, 1}, 6, true)};
}

}  // namespace taut::harness
