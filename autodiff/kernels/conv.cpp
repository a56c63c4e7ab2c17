// Convolutions as products of matrices, by patches.
// Long: one kernel and its two gradients, which share how patches are laid out.
#include "autodiff/kernels/conv.h"

#include <algorithm>

#include "autodiff/blas.h"
#include "autodiff/error.h"
#include "autodiff/kernels/transpose.h"
#include "autodiff/memory.h"

namespace taut::kernels {
namespace {

using memory::Buffer;

constexpr Index absurd = Index{1} << 31;

std::size_t entries(Index count) { return static_cast<std::size_t>(count); }

// Output positions [from, to) for which position · stride + offset lies in [0, size).
struct Valid {
  Index from, to;
};
Valid valid(Index outputs, Index stride, Index offset, Index size) {
  const Index from = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const Index to = size - offset <= 0 ? 0 : (size - offset + stride - 1) / stride;
  return {std::min(from, outputs), std::max(std::min(from, outputs), std::min(to, outputs))};
}

// A part of the output: rows [row, row_end), of each the columns [column, column_end). Of whole rows, or of one.
struct Part {
  Index row, row_end, column, column_end;

  Index first(const ConvShape& s) const { return (row * s.out_w + column) * s.batch; }
  Index count(const ConvShape& s) const { return (row_end - row) * (column_end - column) * s.batch; }
};

// Visits the runs of contiguous numbers of which the columns of one group consist. Columns: (taps) × (rows and
// columns of the part, batch). run(column offset, image offset, count, count of steps, image step): `steps` runs of
// `count` numbers, the image advancing by `image step` and the columns by `count` from run to run. zero(column offset,
// count): padding.
template <class Run, class Zero>
void for_columns(const ConvShape& s, Index group, const Part& part, Run&& run, Zero&& zero) {
  const Conv2dOptions& o = s.options;
  const Index channels = s.c_in / o.groups;
  const Index row = (part.column_end - part.column) * s.batch;
  Index at = 0;
  for (Index c = 0; c < channels; ++c) {
    for (Index ky = 0; ky < s.kh; ++ky) {
      for (Index kx = 0; kx < s.kw; ++kx) {
        const Index offset_x = kx * o.dilation[1] - o.padding[2];
        const Valid all = valid(s.out_w, o.stride[1], offset_x, s.w);
        const Valid columns{std::clamp(all.from, part.column, part.column_end),
                            std::clamp(all.to, part.column, part.column_end)};
        for (Index oy = part.row; oy < part.row_end; ++oy, at += row) {
          const Index y = oy * o.stride[0] + ky * o.dilation[0] - o.padding[0];
          if (y < 0 || y >= s.h || columns.from == columns.to) {
            zero(at, row);
            continue;
          }
          const Index before = (columns.from - part.column) * s.batch, after = (part.column_end - columns.to) * s.batch;
          if (before > 0) zero(at, before);
          if (after > 0) zero(at + row - after, after);
          const Index image =
              (((group * channels + c) * s.h + y) * s.w + columns.from * o.stride[1] + offset_x) * s.batch;
          if (o.stride[1] == 1)
            run(at + before, image, (columns.to - columns.from) * s.batch, Index{1}, Index{0});
          else
            run(at + before, image, s.batch, columns.to - columns.from, o.stride[1] * s.batch);
        }
      }
    }
  }
}

template <class T>
void im2col(const ConvShape& s, Index group, const Part& part, const T* x, T* columns) {
  for_columns(
      s, group, part,
      [&](Index at, Index image, Index count, Index steps, Index image_step) {
        T* to = columns + at;
        const T* from = x + image;
        if (count == 1) {
          for (Index i = 0; i < steps; ++i) to[i] = from[i * image_step];
          return;
        }
        for (Index i = 0; i < steps; ++i, to += count, from += image_step) std::copy_n(from, count, to);
      },
      [&](Index at, Index count) { std::fill_n(columns + at, count, T{0}); });
}

template <class T>
void col2im_add(const ConvShape& s, Index group, const Part& part, const T* columns, T* x) {
  for_columns(
      s, group, part,
      [&](Index at, Index image, Index count, Index steps, Index image_step) {
        const T* from = columns + at;
        T* to = x + image;
        for (Index i = 0; i < steps; ++i, from += count, to += image_step)
          for (Index k = 0; k < count; ++k) to[k] += from[k];
      },
      [](Index, Index) {});
}

// f(part) for parts of the output whose columns stay within 4 MiB, as far as one position does.
template <class T, class F>
void for_parts(const ConvShape& s, F&& f) {
  constexpr Index limit = Index{4} << 20;
  const Index position = std::max<Index>(1, s.taps() * s.batch * static_cast<Index>(sizeof(T)));
  const Index most = std::max<Index>(1, limit / position), rows = most / std::max<Index>(1, s.out_w);
  if (rows >= 1)
    for (Index row = 0; row < s.out_h; row += rows) f(Part{row, std::min(s.out_h, row + rows), 0, s.out_w});
  else
    for (Index row = 0; row < s.out_h; ++row)
      for (Index column = 0; column < s.out_w; column += most)
        f(Part{row, row + 1, column, std::min(s.out_w, column + most)});
}
// Numbers in the columns of the largest part.
template <class T>
Index largest_columns(const ConvShape& s) {
  Index largest = 0;
  for_parts<T>(s, [&](const Part& part) { largest = std::max(largest, part.count(s)); });
  return s.taps() * largest;
}

// A 1 × 1 kernel without stride or padding reads the image as it is.
bool columns_are_image(const ConvShape& s) {
  const Conv2dOptions& o = s.options;
  return s.kh == 1 && s.kw == 1 && o.stride == std::array<Index, 2>{1, 1} && o.padding == std::array<Index, 4>{};
}

template <class T>
void add_bias(const T* bias, T* y, Index channels, Index inner) {
  for (Index c = 0; c < channels; ++c, y += inner)
    for (Index i = 0; i < inner; ++i) y[i] += bias[c];
}

// f(group, part, columns of the image x), the image itself where it is its own columns.
template <class T, class F>
void for_unfolded(const ConvShape& s, const T* x, F&& f) {
  const Index groups = s.options.groups;
  if (columns_are_image(s)) {
    const Part all{0, s.out_h, 0, s.out_w};
    for (Index g = 0; g < groups; ++g) f(g, all, x + g * s.taps() * all.count(s));
    return;
  }
  Buffer<T> columns(entries(largest_columns<T>(s)));
  for (Index g = 0; g < groups; ++g)
    for_parts<T>(s, [&](const Part& part) {
      im2col(s, g, part, x, columns.data());
      f(g, part, static_cast<const T*>(columns.data()));
    });
}

template <class T>
void forward_chwn(const ConvShape& s, const T* x, const T* kernel, const T* bias, T* y) {
  const Index outs = s.c_out / s.options.groups, taps = s.taps(), plane = s.out_h * s.out_w * s.batch;
  for_unfolded(s, x, [&](Index g, const Part& part, const T* columns) {
    const Index count = part.count(s);
    gemm(false, false, outs, count, taps, T{1}, kernel + g * outs * taps, taps, columns, count, T{0},
         y + g * outs * plane + part.first(s), plane);
  });
  if (bias != nullptr) add_bias(bias, y, s.c_out, plane);
}

template <class T>
void input_chwn(const ConvShape& s, const T* y, const T* kernel, const T* bias, T* x) {
  const Index groups = s.options.groups, outs = s.c_out / groups, taps = s.taps();
  const Index plane = s.out_h * s.out_w * s.batch, image = s.h * s.w * s.batch;
  if (columns_are_image(s)) {
    for (Index g = 0; g < groups; ++g)
      gemm(true, false, taps, plane, outs, T{1}, kernel + g * outs * taps, taps, y + g * outs * plane, plane, T{0},
           x + g * taps * plane, plane);
  } else {
    Buffer<T> columns(entries(largest_columns<T>(s)));
    std::fill_n(x, s.c_in * image, T{0});
    for (Index g = 0; g < groups; ++g)
      for_parts<T>(s, [&](const Part& part) {
        const Index count = part.count(s);
        gemm(true, false, taps, count, outs, T{1}, kernel + g * outs * taps, taps, y + g * outs * plane + part.first(s),
             plane, T{0}, columns.data(), count);
        col2im_add(s, g, part, columns.data(), x);
      });
  }
  if (bias != nullptr) add_bias(bias, x, s.c_in, image);
}

template <class T>
void kernel_chwn(const ConvShape& s, const T* x, const T* y, T* kernel) {
  const Index outs = s.c_out / s.options.groups, taps = s.taps(), plane = s.out_h * s.out_w * s.batch;
  if (plane == 0) std::fill_n(kernel, s.c_out * taps, T{0});
  for_unfolded(s, x, [&](Index g, const Part& part, const T* columns) {
    const Index count = part.count(s), first = part.first(s);
    gemm(false, true, outs, taps, count, T{1}, y + g * outs * plane + first, plane, columns, count,
         first == 0 ? T{0} : T{1}, kernel + g * outs * taps, taps);
  });
}

// The loops run on batch-innermost data; with one sample both layouts are the same numbers.
bool needs_transposing(const ConvShape& s) { return s.options.layout == Layout::nchw && s.batch > 1; }

void require(bool holds, const char* op, const char* what, Index value, const char* repair) {
  if (!holds) throw ShapeError(cat('[', op, "] ", what, " is ", value, "; ", repair));
}

ConvShape checked_shape(Index batch, std::array<Index, 3> image, const Shape& kernel, const Conv2dOptions& options,
                        const char* op) {
  if (kernel.rank() != 4)
    throw ShapeError(cat('[', op, "] the kernel must have shape (c_out, c_in / groups, kh, kw), got ", kernel));
  for (int a = 0; a < 2; ++a) {
    const auto i = static_cast<std::size_t>(a);
    require(options.stride[i] >= 1 && options.stride[i] < absurd, op, "a stride", options.stride[i], "use 1 or more");
    require(options.dilation[i] >= 1 && options.dilation[i] < absurd, op, "a dilation", options.dilation[i],
            "use 1 or more");
    require(kernel[2 + a] >= 1, op, "a kernel dimension", kernel[2 + a], "a kernel needs at least one tap per axis");
  }
  for (const Index p : options.padding)
    require(p >= 0 && p < absurd, op, "a padding", p, "use 0 or more, and crop with slice");
  require(options.groups >= 1, op, "the number of groups", options.groups, "use 1 or more");
  ConvShape s;
  s.batch = batch;
  s.c_in = image[0];
  s.h = image[1];
  s.w = image[2];
  s.c_out = kernel[0];
  s.kh = kernel[2];
  s.kw = kernel[3];
  s.options = options;
  if (kernel[1] * options.groups != s.c_in || s.c_out % options.groups != 0)
    throw ShapeError(cat('[', op, "] kernel ", kernel, " with ", options.groups, " group(s) needs ",
                         kernel[1] * options.groups,
                         " input channels and a number of output channels divisible by the "
                         "groups; the image has ",
                         s.c_in, " channels"));
  const auto outputs = [&](Index size, Index pads, int axis, Index taps) {
    const auto i = static_cast<std::size_t>(axis);
    const Index reach = options.dilation[i] * (taps - 1) + 1;
    if (size + pads < reach)
      throw ShapeError(cat('[', op, "] the kernel reaches over ", reach, " positions but the padded image has only ",
                           size + pads, " along axis ", axis, "; pad more or use a smaller kernel or dilation"));
    return (size + pads - reach) / options.stride[i] + 1;
  };
  s.out_h = outputs(s.h, options.padding[0] + options.padding[1], 0, s.kh);
  s.out_w = outputs(s.w, options.padding[2] + options.padding[3], 1, s.kw);
  return s;
}

}  // namespace

ConvShape conv_shape(Index batch, std::array<Index, 3> image, const Shape& kernel, const Conv2dOptions& options,
                     const char* op) {
  try {
    return checked_shape(batch, image, kernel, options, op);
  } catch (const ShapeError& error) {
    const auto [c, h, w] = image;
    const Shape given = options.layout == Layout::nchw ? Shape{batch, c, h, w} : Shape{c, h, w, batch};
    throw ShapeError(cat(error.what(), ", for an image ", given, " and a kernel ", kernel));
  }
}

template <Scalar T>
void conv_forward(const ConvShape& s, const T* x, const T* kernel, const T* bias, T* y) {
  if (!needs_transposing(s)) return forward_chwn(s, x, kernel, bias, y);
  const Index in = s.c_in * s.h * s.w, out = s.c_out * s.out_h * s.out_w;
  Buffer<T> x_inner(entries(in * s.batch)), y_inner(entries(out * s.batch));
  transpose(x, in, x_inner.data(), s.batch, s.batch, in);
  forward_chwn(s, x_inner.data(), kernel, bias, y_inner.data());
  transpose(y_inner.data(), s.batch, y, out, out, s.batch);
}

template <Scalar T>
void conv_input_gradient(const ConvShape& s, const T* y, const T* kernel, const T* bias, T* x) {
  if (!needs_transposing(s)) return input_chwn(s, y, kernel, bias, x);
  const Index in = s.c_in * s.h * s.w, out = s.c_out * s.out_h * s.out_w;
  Buffer<T> x_inner(entries(in * s.batch)), y_inner(entries(out * s.batch));
  transpose(y, out, y_inner.data(), s.batch, s.batch, out);
  input_chwn(s, y_inner.data(), kernel, bias, x_inner.data());
  transpose(x_inner.data(), s.batch, x, in, in, s.batch);
}

template <Scalar T>
void conv_kernel_gradient(const ConvShape& s, const T* x, const T* y, T* kernel) {
  if (!needs_transposing(s)) return kernel_chwn(s, x, y, kernel);
  const Index in = s.c_in * s.h * s.w, out = s.c_out * s.out_h * s.out_w;
  Buffer<T> x_inner(entries(in * s.batch)), y_inner(entries(out * s.batch));
  transpose(x, in, x_inner.data(), s.batch, s.batch, in);
  transpose(y, out, y_inner.data(), s.batch, s.batch, out);
  kernel_chwn(s, x_inner.data(), y_inner.data(), kernel);
}

template <Scalar T>
void conv_unfold(const ConvShape& s, Index group, const T* x, T* columns) {
  im2col(s, group, Part{0, s.out_h, 0, s.out_w}, x, columns);
}

template void conv_unfold(const ConvShape&, Index, const float*, float*);
template void conv_unfold(const ConvShape&, Index, const double*, double*);
template void conv_forward(const ConvShape&, const float*, const float*, const float*, float*);
template void conv_forward(const ConvShape&, const double*, const double*, const double*, double*);
template void conv_input_gradient(const ConvShape&, const float*, const float*, const float*, float*);
template void conv_input_gradient(const ConvShape&, const double*, const double*, const double*, double*);
template void conv_kernel_gradient(const ConvShape&, const float*, const float*, float*);
template void conv_kernel_gradient(const ConvShape&, const double*, const double*, double*);

}  // namespace taut::kernels
