// Moving and summing numbers along axes.
#pragma once

#include <span>

#include "autodiff/kernels/index_list.h"
#include "autodiff/tensor.h"

namespace taut::kernels {

// Bit i set: axis i is reduced.
using AxisMask = std::uint32_t;

// out[i_0, i_1, …] = in[offset + Σ i_k · strides[k]]: permutations, broadcasting (stride 0), slices.
void strided_copy(const Tensor& in, Index offset, std::span<const Index> strides, Tensor& out);
// out[offset + Σ i_k · strides[k]] = in[i_0, i_1, …]; the rest of out is left as it is.
void strided_write(const Tensor& in, Index offset, std::span<const Index> strides, Tensor& out);

// out (the shape of x without the masked axes, or with 1 in their place) = Σ over the masked axes of x.
void sum(const Tensor& x, AxisMask mask, Tensor& out);
// y_i = Σ_{j ≤ i} x_j along an axis; exclusive: j < i; reverse: from the end.
void cumulative_sum(const Tensor& x, int axis, bool exclusive, bool reverse, Tensor& y);
// Position of the first largest element of every group (NaN counts as largest), in the order of sum's output.
// Groups must not be empty.
IndexList arg_max(const Tensor& x, AxisMask mask);
IndexList arg_min(const Tensor& x, AxisMask mask);  // the first smallest; NaN counts as smallest

// Where the numbers of a gather come from. Runs of `inner` numbers: run i of the result is run source[i] of the
// operand, or zeros where source[i] < 0; so in each of `outer` parts, which have `length` runs in the operand. A list
// of single positions is one part with runs of one number.
struct Source {
  IndexList runs;
  Index outer = 1, length = 0, inner = 1;

  Index size() const { return outer * static_cast<Index>(runs.size()) * inner; }
  Index operator[](Index i) const {  // the position in the operand of number i of the result
    const Index count = static_cast<Index>(runs.size()), run = runs[i / inner % count];
    return run < 0 ? -1 : (i / inner / count * length + run) * inner + i % inner;
  }
};
void gather(const Tensor& in, const Source& source, Tensor& out);
// The transpose: what gather takes from a position is added there, on zeros.
void scatter(const Tensor& in, const Source& target, Tensor& out);

// Row-major strides of a shape.
std::array<Index, max_rank> strides_of(const Shape& shape);

}  // namespace taut::kernels
