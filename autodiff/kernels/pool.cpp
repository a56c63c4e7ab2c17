#include "autodiff/kernels/pool.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "autodiff/error.h"

namespace taut::kernels {
namespace {

// Row or column of the image that tap `k` of output position `o` reads; may lie in the padding.
Index tap(const PoolShape& s, std::size_t axis, Index o, Index k) {
  return o * s.options.stride[axis] + k * s.options.dilation[axis] - s.options.padding[2 * axis];
}

// f(output offset, image offset, count, step) for every run of numbers that a tap reads: output k of `count` neighbours
// reads the image at k · step. Along a row of outputs where rows are contiguous, else along the innermost axis. The
// taps of one output come in row-major order.
template <class F>
void for_runs(const PoolShape& s, F&& f) {
  const Index kh = s.options.window[0], kw = s.options.window[1];
  const Index stride = s.options.stride[1];
  for (Index c = 0; c < s.channels; ++c)
    for (Index oy = 0; oy < s.out_h; ++oy) {
      const Index row = (c * s.out_h + oy) * s.out_w;
      const auto for_taps = [&](Index ox, auto&& visit) {  // visit(offset of the row of the image, column)
        for (Index ky = 0; ky < kh; ++ky) {
          const Index y = tap(s, 0, oy, ky);
          if (y < 0 || y >= s.h) continue;
          for (Index kx = 0; kx < kw; ++kx) visit((c * s.h + y) * s.w, tap(s, 1, ox, kx));
        }
      };
      if (s.inner == 1) {
        for_taps(0, [&](Index image, Index x) {
          const Index from = x >= 0 ? 0 : (-x + stride - 1) / stride;
          const Index to = x >= s.w ? 0 : std::min(s.out_w, (s.w - 1 - x) / stride + 1);
          if (from < to) f(row + from, image + x + from * stride, to - from, stride);
        });
        continue;
      }
      for (Index ox = 0; ox < s.out_w; ++ox)
        for_taps(ox, [&](Index image, Index x) {
          if (x >= 0 && x < s.w) f((row + ox) * s.inner, (image + x) * s.inner, s.inner, Index{1});
        });
    }
}

// f(output, image) for the numbers of a run, with the common steps as constants.
template <class F>
void for_run(Index count, Index step, F&& f) {
  if (step == 1)
    for (Index i = 0; i < count; ++i) f(i, i);
  else if (step == 2)
    for (Index i = 0; i < count; ++i) f(i, 2 * i);
  else
    for (Index i = 0; i < count; ++i) f(i, i * step);
}

// Largest number of windows along one axis that read one position.
Index overlap(const PoolShape& s, std::size_t axis, Index size, Index outputs) {
  std::vector<Index> count(static_cast<std::size_t>(size));
  for (Index o = 0; o < outputs; ++o)
    for (Index k = 0; k < s.options.window[axis]; ++k)
      if (const Index at = tap(s, axis, o, k); at >= 0 && at < size) ++count[static_cast<std::size_t>(at)];
  return count.empty() ? 0 : *std::ranges::max_element(count);
}

bool every_window_touches(const PoolShape& s, std::size_t axis, Index size, Index outputs) {
  for (Index o = 0; o < outputs; ++o) {
    bool touches = false;
    for (Index k = 0; k < s.options.window[axis]; ++k)
      touches = touches || (tap(s, axis, o, k) >= 0 && tap(s, axis, o, k) < size);
    if (!touches) return false;
  }
  return true;
}

PoolShape checked_shape(const Shape& x, const Pool2dOptions& options, const char* op) {
  if (x.rank() != 4)
    throw ShapeError(cat('[', op, "] the image must have four axes, ",
                         options.layout == Layout::nchw ? "(n, c, h, w)" : "(c, h, w, n)", ", got ", x,
                         "; reshape it"));
  const bool nchw = options.layout == Layout::nchw;
  PoolShape s;
  s.channels = nchw ? x[0] * x[1] : x[0];
  s.h = x[nchw ? 2 : 1];
  s.w = x[nchw ? 3 : 2];
  s.inner = nchw ? 1 : x[3];
  s.options = options;
  const auto outputs = [&](std::size_t axis, Index size) {
    constexpr Index absurd = Index{1} << 31;
    const Index window = options.window[axis], stride = options.stride[axis], dilation = options.dilation[axis];
    const Index before = options.padding[2 * axis], after = options.padding[2 * axis + 1];
    for (const Index value : {window, stride, dilation})
      if (value < 1 || value >= absurd)
        throw ShapeError(cat('[', op, "] window, stride and dilation must be 1 or more, got ", window, ", ", stride,
                             ", ", dilation));
    if (before < 0 || after < 0 || before >= absurd || after >= absurd)
      throw ShapeError(cat('[', op, "] paddings must be 0 or more, got ", before, " and ", after));
    const Index reach = dilation * (window - 1) + 1, room = size + before + after - reach;
    if (room < 0 && (!options.ceil_mode || room + stride - 1 < 0))
      throw ShapeError(cat('[', op, "] the window reaches over ", reach, " positions but the padded image has only ",
                           size + before + after, " along axis ", axis, "; use a smaller window"));
    if (!options.ceil_mode) return room / stride + 1;
    Index count = (room + stride - 1) / stride + 1;
    if (count > 1 && (count - 1) * stride >= size + before) --count;
    // The same windows without ceil_mode: as much padding at the end as the last one reads.
    if (room < 0 || room / stride + 1 != count)
      s.options.padding[2 * axis + 1] = std::max<Index>(0, (count - 1) * stride + reach - size - before);
    return count;
  };
  s.out_h = outputs(0, s.h);
  s.out_w = outputs(1, s.w);
  s.options.ceil_mode = false;
  if (!every_window_touches(s, 0, s.h, s.out_h) || !every_window_touches(s, 1, s.w, s.out_w))
    throw ShapeError(cat('[', op, "] a window lies wholly in the padding of ", x, "; pad less"));
  return s;
}

}  // namespace

PoolShape pool_shape(const Shape& x, const Pool2dOptions& options, const char* op) {
  try {
    return checked_shape(x, options, op);
  } catch (const ShapeError& error) {
    throw ShapeError(cat(error.what(), ", for an image ", x));
  }
}

template <Scalar T>
void max_pool(const PoolShape& s, const T* x, T* y) {
  std::fill_n(y, s.channels * s.out_h * s.out_w * s.inner, -std::numeric_limits<T>::infinity());
  for_runs(s, [&](Index out, Index in, Index count, Index step) {
    T* const to = y + out;
    const T* const from = x + in;
    for_run(count, step, [=](Index o, Index i) { to[o] = (from[i] <= to[o] || to[o] != to[o]) ? to[o] : from[i]; });
  });
}

template <Scalar T>
IndexList max_pool_positions(const PoolShape& s, const T* x) {
  IndexList positions(s.channels * s.out_h * s.out_w * s.inner);
  Index* const best = positions.writable().data();
  std::ranges::fill(positions.writable(), Index{-1});
  for_runs(s, [&](Index out, Index in, Index count, Index step) {
    for_run(count, step, [=](Index o, Index i) {
      Index& p = best[out + o];
      if (p < 0 || !(x[in + i] <= x[p] || x[p] != x[p])) p = in + i;
    });
  });
  return positions;
}

template <Scalar T>
void sum_pool(const PoolShape& s, T factor, const T* x, T* y) {
  std::fill_n(y, s.channels * s.out_h * s.out_w * s.inner, T{0});
  // Multiplied before it is added, as the map says: the sum alone could overflow where the mean does not.
  for_runs(s, [&](Index out, Index in, Index count, Index step) {
    T* const to = y + out;
    const T* const from = x + in;
    for_run(count, step, [=](Index o, Index i) { to[o] += factor * from[i]; });
  });
}

template <Scalar T>
void sum_pool_adjoint(const PoolShape& s, T factor, const T* y, T* x) {
  std::fill_n(x, s.channels * s.h * s.w * s.inner, T{0});
  for_runs(s, [&](Index out, Index in, Index count, Index step) {
    T* const to = x + in;
    const T* const from = y + out;
    for_run(count, step, [=](Index o, Index i) { to[i] += factor * from[o]; });
  });
}

Index positions_in_window(const PoolShape& s, std::size_t axis, Index o, Index end, bool padding) {
  Index count = 0;
  for (Index k = 0; k < s.options.window[axis]; ++k) {
    const Index at = tap(s, axis, o, k);
    count += at < end && (padding || at >= 0);
  }
  return count;
}

Index largest_overlap(const PoolShape& s) { return overlap(s, 0, s.h, s.out_h) * overlap(s, 1, s.w, s.out_w); }

template void max_pool(const PoolShape&, const float*, float*);
template void max_pool(const PoolShape&, const double*, double*);
void for_windows(const PoolShape& s, const std::function<void(Index, Index)>& f) {
  for_runs(s, [&](Index out, Index in, Index count, Index step) {
    for (Index i = 0; i < count; ++i) f(out + i, in + i * step);
  });
}
template IndexList max_pool_positions(const PoolShape&, const float*);
template IndexList max_pool_positions(const PoolShape&, const double*);
template void sum_pool(const PoolShape&, float, const float*, float*);
template void sum_pool(const PoolShape&, double, const double*, double*);
template void sum_pool_adjoint(const PoolShape&, float, const float*, float*);
template void sum_pool_adjoint(const PoolShape&, double, const double*, double*);

}  // namespace taut::kernels
