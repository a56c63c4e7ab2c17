// Copies, sums, orders and choices of entries between tensors whose layouts are strides.
// Long: the same loop over strides in the forms that copying, adding and gathering need.
#include "autodiff/kernels/strided.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "autodiff/kernels/softmax.h"
#include "autodiff/kernels/transpose.h"

namespace taut::kernels {
namespace {

// Axes of length 1 dropped and neighbours merged where one stride continues the other.
struct Walk {
  int rank = 0;
  std::array<Index, max_rank> dims{}, strides{};

  Walk(const Shape& shape, std::span<const Index> by_axis) {
    for (int i = 0; i < shape.rank(); ++i) {
      const Index stride = by_axis[static_cast<std::size_t>(i)];
      if (shape[i] == 1) continue;
      const auto last = static_cast<std::size_t>(rank - 1);
      if (rank > 0 && strides[last] == stride * shape[i]) {
        dims[last] *= shape[i];
        strides[last] = stride;
      } else {
        dims[static_cast<std::size_t>(rank)] = shape[i];
        strides[static_cast<std::size_t>(rank++)] = stride;
      }
    }
  }

  // Calls f with the offset of every innermost row.
  template <class F>
  void rows(F&& f) const {
    std::array<Index, max_rank> at{};
    Index offset = 0;
    for (;;) {
      f(offset);
      int axis = rank - 2;
      for (; axis >= 0; --axis) {
        const auto a = static_cast<std::size_t>(axis);
        offset += strides[a];
        if (++at[a] < dims[a]) break;
        offset -= strides[a] * dims[a];
        at[a] = 0;
      }
      if (axis < 0) return;
    }
  }
};

// Where another axis than the innermost has stride 1: every plane of the two is transposed.
template <class T>
void copy_transposing(const T* in, const Walk& walk, int axis, T* out) {
  const auto a = static_cast<std::size_t>(axis), last = static_cast<std::size_t>(walk.rank - 1);
  std::array<Index, max_rank> out_strides{};
  Index step = 1;
  for (std::size_t k = last + 1; k-- > 0; step *= walk.dims[k]) out_strides[k] = step;
  std::array<Index, max_rank> at{};
  Index from = 0, to = 0;
  for (;;) {
    transpose(in + from, walk.strides[last], out + to, out_strides[a], walk.dims[last], walk.dims[a]);
    int k = walk.rank - 2;
    for (; k >= 0; --k) {
      const auto i = static_cast<std::size_t>(k);
      if (k == axis) continue;
      from += walk.strides[i];
      to += out_strides[i];
      if (++at[i] < walk.dims[i]) break;
      from -= walk.strides[i] * walk.dims[i];
      to -= out_strides[i] * walk.dims[i];
      at[i] = 0;
    }
    if (k < 0) return;
  }
}

template <class T>
void copy(const T* in, const Walk& walk, T* out) {
  if (walk.rank == 0) {
    *out = *in;
    return;
  }
  const auto last = static_cast<std::size_t>(walk.rank - 1);
  const Index n = walk.dims[last], stride = walk.strides[last];
  if (stride > 1)
    for (int a = 0; a + 1 < walk.rank; ++a)
      if (walk.strides[static_cast<std::size_t>(a)] == 1) return copy_transposing(in, walk, a, out);
  walk.rows([&](Index offset) {
    const T* from = in + offset;
    if (stride == 1)
      std::memcpy(out, from, static_cast<std::size_t>(n) * sizeof(T));
    else if (stride == 0)
      std::fill_n(out, n, *from);
    else
      for (Index i = 0; i < n; ++i) out[i] = from[i * stride];
    out += n;
  });
}

// Alternating runs of kept and reduced axes of a row-major shape.
struct Reduction {
  Shape shape;
  std::array<Index, max_rank> out_strides{};

  Reduction(const Shape& s, AxisMask mask) : shape(s) {
    Index stride = 1;
    for (int i = s.rank(); i-- > 0;) {
      const bool reduced = (mask >> i & 1U) != 0;
      out_strides[static_cast<std::size_t>(i)] = reduced ? 0 : stride;
      if (!reduced) stride *= s[i];
    }
  }
  // f(x offset, length, out offset, whether the row is reduced) for every innermost run.
  template <class F>
  void rows(F&& f) const {
    const Walk walk(shape, out_strides);
    if (walk.rank == 0) return f(0, Index{1}, Index{0}, false);
    const auto last = static_cast<std::size_t>(walk.rank - 1);
    Index at = 0;
    walk.rows([&](Index out) {
      f(at, walk.dims[last], out, walk.strides[last] == 0);
      at += walk.dims[last];
    });
  }
};

// Sixteen partial sums: vectorisable without reordering by the compiler, and less rounding than one chain.
template <class T>
T total(const T* x, Index n) {
  constexpr Index ways = 16;
  T partial[ways] = {};
  Index i = 0;
  for (; i + ways <= n; i += ways)
    for (Index k = 0; k < ways; ++k) partial[k] += x[i + k];
  for (Index k = 0; i < n; ++i, ++k) partial[k] += x[i];
  for (Index half = ways / 2; half > 0; half /= 2)
    for (Index k = 0; k < half; ++k) partial[k] += partial[k + half];
  return partial[0];
}

}  // namespace

std::array<Index, max_rank> strides_of(const Shape& shape) {
  std::array<Index, max_rank> strides{};
  Index stride = 1;
  for (int i = shape.rank(); i-- > 0;) {
    strides[static_cast<std::size_t>(i)] = stride;
    stride *= shape[i];
  }
  return strides;
}

void strided_copy(const Tensor& in, Index offset, std::span<const Index> strides, Tensor& out) {
  if (out.size() == 0) return;
  const Walk walk(out.shape(), strides);
  dispatch(in.dtype(), [&](auto zero) {
    using T = decltype(zero);
    copy(in.data<T>().data() + offset, walk, out.mutable_data<T>().data());
  });
}

void strided_write(const Tensor& in, Index offset, std::span<const Index> strides, Tensor& out) {
  if (in.size() == 0) return;
  const Walk walk(in.shape(), strides);
  dispatch(in.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = in.data<T>().data();
    T* const to = out.mutable_data<T>().data() + offset;
    if (walk.rank == 0) {
      *to = *from;
      return;
    }
    const auto last = static_cast<std::size_t>(walk.rank - 1);
    const Index n = walk.dims[last], stride = walk.strides[last];
    walk.rows([&](Index row) {
      for (Index i = 0; i < n; ++i) to[row + i * stride] = from[i];
      from += n;
    });
  });
}

void cumulative_sum(const Tensor& x, int axis, bool exclusive, bool reverse, Tensor& y) {
  const Shape& shape = x.shape();
  const Index n = shape[axis], inner = shape.product(axis + 1, shape.rank());
  if (x.size() == 0) return;
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = x.data<T>().data();
    T* to = y.mutable_data<T>().data();
    for (Index o = shape.product(0, axis); o > 0; --o, from += n * inner, to += n * inner) {
      if (inner == 1) {  // the sum stays in a register
        T sum{0};
        for (Index k = 0; k < n; ++k) {
          const Index i = reverse ? n - 1 - k : k;
          const T before = sum;
          sum += from[i];
          to[i] = exclusive ? before : sum;
        }
        continue;
      }
      for (Index k = 0; k < n; ++k) {
        const Index own = (reverse ? n - 1 - k : k) * inner, before = reverse ? own + inner : own - inner;
        if (k > 0) {
          const T *const sums = to + before, *const terms = from + (exclusive ? before : own);
          for (Index i = 0; i < inner; ++i) to[own + i] = sums[i] + terms[i];
        } else if (exclusive) {
          std::fill_n(to + own, inner, T{0});
        } else {
          std::copy_n(from + own, inner, to + own);
        }
      }
    }
  });
}

void sum(const Tensor& x, AxisMask mask, Tensor& out) {
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x.data<T>().data();
    const auto sums = out.mutable_data<T>();
    std::ranges::fill(sums, T{0});
    if (x.size() == 0) return;
    Reduction(x.shape(), mask).rows([&](Index at, Index n, Index to, bool reduced) {
      if (reduced) {
        sums[static_cast<std::size_t>(to)] += total(in + at, n);
      } else {
        T* const line = sums.data() + to;
        for (Index i = 0; i < n; ++i) line[i] += in[at + i];
      }
    });
  });
}

namespace {

// Position of the first element of every group that is ahead of the others; NaN is ahead of all numbers. first(x, n)
// finds it in a row.
template <class First, class Ahead>
IndexList arg_extreme(const Tensor& x, AxisMask mask, First first, Ahead ahead) {
  Index groups = 1;
  for (int i = 0; i < x.shape().rank(); ++i)
    if ((mask >> i & 1U) == 0) groups *= x.shape()[i];
  IndexList best(groups);
  std::ranges::fill(best.writable(), Index{-1});
  if (x.size() == 0) return best;
  dispatch(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x.data<T>().data();
    Index* const position = best.writable().data();
    const auto visit = [&](Index to, Index at) {
      Index& p = position[to];
      if (p < 0 || ahead(in[at], in[p]) || (in[at] != in[at] && in[p] == in[p])) p = at;
    };
    Reduction(x.shape(), mask).rows([&](Index at, Index n, Index to, bool reduced) {
      if (reduced) return visit(to, at + first(in + at, n));
      for (Index i = 0; i < n; ++i) visit(to + i, at + i);
    });
  });
  return best;
}

}  // namespace

IndexList arg_max(const Tensor& x, AxisMask mask) {
  return arg_extreme(
      x, mask, [](const auto* row, Index n) { return first_largest(row, n); }, std::greater<>());
}
IndexList arg_min(const Tensor& x, AxisMask mask) {
  return arg_extreme(
      x, mask, [](const auto* row, Index n) { return first_smallest(row, n); }, std::less<>());
}

void gather(const Tensor& in, const Source& source, Tensor& out) {
  const auto runs = source.runs.values();
  const Index inner = source.inner;
  dispatch(in.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = in.data<T>().data();
    T* to = out.mutable_data<T>().data();
    for (Index o = 0; o < source.outer; ++o, from += source.length * inner) {
      if (inner == 1) {
        for (const Index run : runs) *to++ = run < 0 ? T{0} : from[run];
        continue;
      }
      for (const Index run : runs)
        to = run < 0 ? std::fill_n(to, inner, T{0}) : std::copy_n(from + run * inner, inner, to);
    }
  });
}

void scatter(const Tensor& in, const Source& target, Tensor& out) {
  const auto runs = target.runs.values();
  const Index inner = target.inner;
  dispatch(in.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = in.data<T>().data();
    const auto sums = out.mutable_data<T>();
    std::ranges::fill(sums, T{0});
    T* to = sums.data();
    for (Index o = 0; o < target.outer; ++o, to += target.length * inner)
      for (const Index run : runs) {
        if (run >= 0)
          for (Index k = 0; k < inner; ++k) to[run * inner + k] += from[k];
        from += inner;
      }
  });
}

}  // namespace taut::kernels
