#include "nn/activations.h"

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {
namespace {

void require_no_samples(const char* layer, Index axis, Where where) {
  if (axis == 0)
    throw ShapeError(cat('[', layer, "] at ", where, ": axis 0 counts the samples; sort along another one"));
}

}  // namespace

PReLU::PReLU(Index channels, double initial, DType dtype, Where where) : where_(where) {
  parts::require_positive("prelu", "the number of channels", channels);
  slope = Parameter(Tensor::full(Shape{channels}, dtype, initial));
}

Var PReLU::run(const Var& x, Layout layout) const {
  const Index channels = slope.value.size();
  if (channels == 1) return prelu(x, slope.on(x), where_);
  const int axis = layout == Layout::nchw ? 1 : 0, rank = static_cast<int>(x.shape().rank());
  if (rank <= axis || x.shape()[axis] != channels)
    throw ShapeError(cat("[prelu] at ", where_, ": axis 1 must have ", channels, " channels, one per slope, got ",
                         x.shape(), "; use PReLU() for one slope"));
  if (axis == rank - 1) return prelu(x, slope.on(x), where_);
  Shape aligned{channels};
  for (int i = axis + 1; i < rank; ++i) aligned = aligned.inserted(aligned.rank(), 1);
  return prelu(x, reshape(slope.on(x), aligned, where_), where_);
}

GroupSort::GroupSort(Index group, Index axis, Where where) : group_(group), axis_(axis), where_(where) {
  parts::require_positive("group_sort", "the group", group);
  require_no_samples("group_sort", axis, where);
}

Var GroupSort::run(const Var& x, Layout layout) const {
  return group_sort(x, group_, parts::axis_in(layout, axis_), where_);
}

MaxMin::MaxMin(Index axis, Where where) : axis_(axis), where_(where) { require_no_samples("maxmin", axis, where); }

Var MaxMin::run(const Var& x, Layout layout) const { return maxmin(x, parts::axis_in(layout, axis_), where_); }

}  // namespace taut::nn
