// Sequences (n, c, l) as images of one row, and pooling over all of space.
#include "autodiff/kernels/pool.h"
#include "autodiff/primitives/images.h"

namespace taut {
namespace {

using primitives::checked;
using primitives::given;

void require_rank_3(const Shape& shape, const char* op, const char* what) {
  if (shape.rank() != 3)
    throw ShapeError(cat('[', op, "] ", what, " must have three axes, got ", shape, "; reshape it"));
}

Var one_row(const Var& x, Where where) {
  const Shape& s = x.shape();
  return reshape(x, {s[0], s[1], 1, s[2]}, where);
}
Var without_row(const Var& x, Where where) {
  const Shape& s = x.shape();
  return reshape(x, {s[0], s[1], s[3]}, where);
}

Conv2dOptions along_columns(const Conv1dOptions& o) {
  return {{1, o.stride}, {1, o.dilation}, {0, 0, o.padding[0], o.padding[1]}, o.groups, Layout::nchw};
}

Pool2dOptions along_columns(const Pool1dOptions& o) {
  Pool2dOptions options{{1, o.window}, {1, o.stride}, {0, 0, o.padding[0], o.padding[1]}, {1, o.dilation}};
  options.ceil_mode = o.ceil_mode;
  options.count_padding = o.count_padding;
  return options;
}

// What the convolution of one row would say in the words of the other function. `channels` of the result.
void require_sequence(const char* op, const Var& x, const Var& weight, const Var& bias, Where where,
                      const Conv1dOptions& options, bool transposed) {
  require_rank_3(x.shape(), op, "the sequence (n, c, l)");
  const Shape& kernel = given(weight, op, where).shape();
  require_rank_3(kernel, op, "the kernel (c_out, c_in / groups, k)");
  const Tensor* const tensors[] = {&x.value(), &weight.value(), &bias.value()};
  primitives::require_same_dtype(Operands(std::span(tensors).first(bias.defined() ? 3 : 2)), op);
  if (!bias.defined() || options.groups < 1) return;
  const Index channels = transposed ? kernel[1] * options.groups : kernel[0];
  if (bias.shape() != Shape{channels})
    throw ShapeError(cat('[', op, "] the bias must have shape ", Shape{channels}, ", got ", bias.shape()));
}

Var pooled(const char* op, Var (*pool)(const Var&, const Pool2dOptions&, Where), const Var& x,
           const Pool1dOptions& options, Where where) {
  return checked(x, op, where, [&] {
    require_rank_3(x.shape(), op, "the sequence (n, c, l)");
    const Var row = one_row(x, where);
    const Pool2dOptions by_columns = along_columns(options);
    kernels::pool_shape(row.shape(), by_columns, op);  // for its refusals, in the name of this function
    return without_row(pool(row, by_columns, where), where);
  });
}

// f over all spatial positions at once.
template <class F>
Var over_space(const char* op, const Var& x, Where where, F&& f) {
  return checked(x, op, where, [&] {
    const Shape s = x.shape();
    if (s.rank() < 3 || s.product(2, s.rank()) == 0)
      throw ShapeError(
          cat('[', op, "] needs (n, c, spatial axes…) with at least one position, got ", s, "; reshape it"));
    Shape kept = s;
    for (int axis = 2; axis < s.rank(); ++axis) kept = kept.with(axis, 1);
    return reshape(f(reshape(x, {s[0], s[1], s.product(2, s.rank())}, where)), kept, where);
  });
}

}  // namespace

Var conv1d(const Var& x, const Var& weight, const Var& bias, const Conv1dOptions& options, Where where) {
  return checked(x, "conv1d", where, [&] {
    require_sequence("conv1d", x, weight, bias, where, options, false);
    return without_row(primitives::convolution("conv1d", one_row(x, where), one_row(weight, where), bias,
                                               along_columns(options), where),
                       where);
  });
}

Var conv_transpose1d(const Var& x, const Var& weight, const Var& bias, const Conv1dOptions& options,
                     std::optional<Index> output_size, Where where) {
  const char* const op = "conv_transpose1d";
  return checked(x, op, where, [&] {
    require_sequence(op, x, weight, bias, where, options, true);
    const std::array<Index, 2> size{1, output_size.value_or(0)};
    const auto chosen = std::span<const Index>(size).first(output_size ? 2 : 0);
    return without_row(primitives::transposed_convolution(op, one_row(x, where), one_row(weight, where), bias,
                                                          along_columns(options), chosen, where),
                       where);
  });
}

Var max_pool1d(const Var& x, const Pool1dOptions& options, Where where) {
  return pooled("max_pool1d", &max_pool2d, x, options, where);
}
Var avg_pool1d(const Var& x, const Pool1dOptions& options, Where where) {
  return pooled("avg_pool1d", &avg_pool2d, x, options, where);
}

Var global_avg_pool(const Var& x, Where where) {
  return over_space("global_avg_pool", x, where, [&](const Var& flat) { return mean(flat, {2}, true, where); });
}
Var global_max_pool(const Var& x, Where where) {
  return over_space("global_max_pool", x, where, [&](const Var& flat) { return max(flat, {2}, true, where); });
}

}  // namespace taut
