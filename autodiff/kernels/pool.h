// Pooling kernels on images (channels, h, w, inner): (N·C, h, w, 1) in nchw, (C, h, w, N) in chwn.
#pragma once

#include <functional>

#include "autodiff/kernels/index_list.h"
#include "autodiff/ops.h"

namespace taut::kernels {

struct PoolShape {
  Index channels = 1, h = 1, w = 1, inner = 1;
  Index out_h = 1, out_w = 1;
  Pool2dOptions options;  // without ceil_mode: the padding at the end holds what hangs over
};

// x: rank 4 in options.layout. Throws ShapeError naming `op`; every window must touch the image.
PoolShape pool_shape(const Shape& x, const Pool2dOptions& options, const char* op);

template <Scalar T>
void max_pool(const PoolShape& s, const T* x, T* y);
// Position of the first largest element of every window (NaN counts as largest).
template <Scalar T>
IndexList max_pool_positions(const PoolShape& s, const T* x);
// f(output, position) for every element of every window, in row-major order within a window.
void for_windows(const PoolShape& s, const std::function<void(Index, Index)>& f);
// y = factor · Σ over windows; the adjoint adds factor · y to every element of its window.
template <Scalar T>
void sum_pool(const PoolShape& s, T factor, const T* x, T* y);
template <Scalar T>
void sum_pool_adjoint(const PoolShape& s, T factor, const T* y, T* x);

// How many of the positions that window `o` reads along an axis (0 rows, 1 columns) lie before `end`, and not before
// the image unless `padding` counts.
Index positions_in_window(const PoolShape& s, std::size_t axis, Index o, Index end, bool padding);

// The largest number of windows that share one element.
Index largest_overlap(const PoolShape& s);

}  // namespace taut::kernels
