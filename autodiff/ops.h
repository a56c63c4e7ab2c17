// What users compute with. Every function works on Vars of a tape (recorded) and on plain tensors (values only).
// Operands of one call have one dtype. Axes may be negative (from the end). Errors: ShapeError, DTypeError, UsageError.
// Derivatives at kinks: docs/conventions.md. Lipschitz rules per op: docs/conventions.md and docs/mathematics.md.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "autodiff/linear_map.h"
#include "autodiff/var.h"

namespace taut {

// Operand of an infix operator: carries the line on which it was written.
struct Operand {
  const Var& var;
  Where where;
  Operand(const Var& v, Where w = Where::current()) : var(v), where(w) {}  // NOLINT(google-explicit-constructor)
};

// ---- elementwise, one operand -------------------------------------------------------------------------------------
Var neg(const Var& x, Where where = Where::current());
Var exp(const Var& x, Where where = Where::current());
Var log(const Var& x, Where where = Where::current());
Var sqrt(const Var& x, Where where = Where::current());
Var square(const Var& x, Where where = Where::current());
Var abs(const Var& x, Where where = Where::current());
Var sin(const Var& x, Where where = Where::current());
Var cos(const Var& x, Where where = Where::current());
Var tanh(const Var& x, Where where = Where::current());
Var sigmoid(const Var& x, Where where = Where::current());
Var softplus(const Var& x, Where where = Where::current());  // ln(1 + e^x)
Var relu(const Var& x, Where where = Where::current());
Var leaky_relu(const Var& x, double slope, Where where = Where::current());  // slope·x for x < 0, any real slope
Var step(const Var& x, Where where = Where::current());                      // 1 for x > 0, else 0
Var sign(const Var& x, Where where = Where::current());                      // −1, 0 or 1
Var scale(const Var& x, double factor, Where where = Where::current());
Var shift(const Var& x, double offset, Where where = Where::current());

// ---- elementwise, two operands; NumPy broadcasting is inserted as broadcast_to nodes
// -----------------------------------
Var add(const Var& a, const Var& b, Where where = Where::current());
Var sub(const Var& a, const Var& b, Where where = Where::current());
Var mul(const Var& a, const Var& b, Where where = Where::current());
Var div(const Var& a, const Var& b, Where where = Where::current());
Var maximum(const Var& a, const Var& b, Where where = Where::current());  // ties: the derivative goes to a

inline Var operator-(Operand x) { return neg(x.var, x.where); }
inline Var operator+(Operand a, Operand b) { return add(a.var, b.var, a.where); }
inline Var operator-(Operand a, Operand b) { return sub(a.var, b.var, a.where); }
inline Var operator*(Operand a, Operand b) { return mul(a.var, b.var, a.where); }
inline Var operator/(Operand a, Operand b) { return div(a.var, b.var, a.where); }
inline Var operator+(Operand a, double b) { return shift(a.var, b, a.where); }
inline Var operator+(double a, Operand b) { return shift(b.var, a, b.where); }
inline Var operator-(Operand a, double b) { return shift(a.var, -b, a.where); }
inline Var operator-(double a, Operand b) { return shift(neg(b.var, b.where), a, b.where); }
inline Var operator*(Operand a, double b) { return scale(a.var, b, a.where); }
inline Var operator*(double a, Operand b) { return scale(b.var, a, b.where); }
inline Var operator/(Operand a, double b) { return scale(a.var, 1.0 / b, a.where); }

// ---- reductions. No axes: over all. keep: reduced axes stay with size 1
// ------------------------------------------------
using Axes = std::initializer_list<Index>;
Var sum(const Var& x, Axes axes = {}, bool keep = false, Where where = Where::current());
Var mean(const Var& x, Axes axes = {}, bool keep = false, Where where = Where::current());
Var max(const Var& x, Axes axes = {}, bool keep = false, Where where = Where::current());  // ties: the first
Var logsumexp(const Var& x, Axes axes = {}, bool keep = false, Where where = Where::current());
Var softmax(const Var& x, Index axis = -1, Where where = Where::current());
Var log_softmax(const Var& x, Index axis = -1, Where where = Where::current());

// ---- linear algebra ------------------------------------------------------------------------------------------------
// (…, m, k) · (…, k, n); batch dimensions broadcast, by broadcast_to nodes; transpose_a / transpose_b read an operand
// with its last two axes swapped.
Var matmul(const Var& a, const Var& b, bool transpose_a = false, bool transpose_b = false,
           Where where = Where::current());
// x·Wᵀ + b along the last axis of x: x (…, in), W (out, in), b (out) or undefined.
Var dense(const Var& x, const Var& weight, const Var& bias, Where where = Where::current());
// y[…, i, …] = Σ_j W[i, j] x[…, j, …] along an axis, W (m, n) constant, rounded to the dtype of x. NumericError unless
// W is finite there.
Var matrix_along(const Var& x, const Tensor& matrix, Index axis, Where where = Where::current());
// y_i = Σ_{j ≤ i} x_j along an axis. exclusive: j < i; reverse: from the end.
Var cumsum(const Var& x, Index axis, bool exclusive = false, bool reverse = false, Where where = Where::current());
// Sums of products by named axes: einsum("nij,jk->nik", a, b). The output is explicit, an index is one letter and at
// most once in an operand. UnsupportedError for traces, ellipses and implicit outputs.
Var einsum(std::string_view spec, const Var& a, const Var& b, Where where = Where::current());
Var einsum(std::string_view spec, const Var& a, Where where = Where::current());

// ---- moving numbers ----------------------------------------------------------------------------------------------
Var reshape(const Var& x, const Shape& shape, Where where = Where::current());
Var flatten(const Var& x, Where where = Where::current());  // (n, …) → (n, rest)
Var permute(const Var& x, std::span<const int> order, Where where = Where::current());
Var permute(const Var& x, std::initializer_list<int> order, Where where = Where::current());
Var transpose(const Var& x, Where where = Where::current());  // swaps the last two axes
Var broadcast_to(const Var& x, const Shape& shape, Where where = Where::current());
Var sum_to(const Var& x, const Shape& shape, Where where = Where::current());  // the transpose of broadcast_to
// x[from], x[from + stride], …, before `to`. A negative stride goes down while above `to`; to = −1 reaches element 0.
Var slice(const Var& x, Index axis, Index from, Index to, Index stride = 1, Where where = Where::current());
Var flip(const Var& x, Index axis, Where where = Where::current());  // from the end to the start
// Parts of these sizes one after the other, or so many equal parts: the inverse of concat.
std::vector<Var> split(const Var& x, Index axis, std::span<const Index> sizes, Where where = Where::current());
std::vector<Var> split(const Var& x, Index axis, Index parts, Where where = Where::current());
Var pad(const Var& x, Index axis, Index before, Index after, double value = 0.0, Where where = Where::current());
enum class PadMode : std::uint8_t {
  edge,      // the first and last element again and again
  reflect,   // mirrored at the first and last element, which are not repeated; before, after < length
  circular,  // periodic; before, after ≤ length
};
Var pad(const Var& x, Index axis, Index before, Index after, PadMode mode, Where where = Where::current());
// The whole tensor repeats[a] times along every axis a: abc → abcabc.
Var tile(const Var& x, std::span<const Index> repeats, Where where = Where::current());
Var tile(const Var& x, std::initializer_list<Index> repeats, Where where = Where::current());
// Every element `times` times in a row: abc → aabbcc.
Var repeat(const Var& x, Index axis, Index times, Where where = Where::current());
Var concat(std::span<const Var> parts, Index axis, Where where = Where::current());
Var concat(std::initializer_list<Var> parts, Index axis, Where where = Where::current());
// y[…, i, …] = x[…, indices[i], …] along an axis.
Var gather(const Var& x, Index axis, std::span<const Index> indices, Where where = Where::current());
// y[i] = x[i, indices[i]]: one entry per row, as the loss of a classifier picks its label. x (n, c) → (n).
Var pick(const Var& x, std::span<const Index> indices, Where where = Where::current());

// ---- sorting: ties keep their order, NaN comes last ------------------------------------------------------------
// Every `group` neighbours along an axis in ascending order; the group must divide the length.
Var group_sort(const Var& x, Index group, Index axis = 1, Where where = Where::current());
Var sort(const Var& x, Index axis = -1, bool descending = false, Where where = Where::current());
Var maxmin(const Var& x, Index axis = 1, Where where = Where::current());  // pairs → (larger, smaller)
// The k largest, in descending order.
Var top_k(const Var& x, Index k, Index axis = -1, Where where = Where::current());

// ---- images --------------------------------------------------------------------------------------------------------
// x (n, c_in, h, w) or (c_in, h, w, n) by options.layout; weight (c_out, c_in / groups, kh, kw); bias (c_out) or
// undefined.
Var conv2d(const Var& x, const Var& weight, const Var& bias, const Conv2dOptions& options = {},
           Where where = Where::current());
// The transpose of conv2d with these options: x has c_out channels, the result c_in. `output_size` (h, w) chooses among
// the sizes that conv2d maps to x's; {} the smallest. bias (c_in) or undefined.
Var conv_transpose2d(const Var& x, const Var& weight, const Var& bias, const Conv2dOptions& options = {},
                     std::span<const Index> output_size = {}, Where where = Where::current());

struct Pool2dOptions {
  std::array<Index, 2> window{2, 2};
  std::array<Index, 2> stride{2, 2};
  std::array<Index, 4> padding{0, 0, 0, 0};  // top, bottom, left, right
  std::array<Index, 2> dilation{1, 1};
  Layout layout = Layout::nchw;
  // Sizes are rounded up: a last window may hang over the padded image if it starts before the padding at the end.
  bool ceil_mode = false;
  // Averages: true divides by the positions of the window on the padded image, false by those on the image itself.
  bool count_padding = true;
};
Var max_pool2d(const Var& x, const Pool2dOptions& options, Where where = Where::current());  // ties: the first
Var avg_pool2d(const Var& x, const Pool2dOptions& options, Where where = Where::current());  // padding counts as zeros

// The same on sequences x (n, c, l); weight (c_out, c_in / groups, k).
struct Conv1dOptions {
  Index stride = 1, dilation = 1;
  std::array<Index, 2> padding{0, 0};  // before, after
  Index groups = 1;
};
Var conv1d(const Var& x, const Var& weight, const Var& bias, const Conv1dOptions& options = {},
           Where where = Where::current());
Var conv_transpose1d(const Var& x, const Var& weight, const Var& bias, const Conv1dOptions& options = {},
                     std::optional<Index> output_size = {}, Where where = Where::current());
struct Pool1dOptions {
  Index window = 2, stride = 2;
  std::array<Index, 2> padding{0, 0};  // before, after
  Index dilation = 1;
  bool ceil_mode = false, count_padding = true;
};
Var max_pool1d(const Var& x, const Pool1dOptions& options, Where where = Where::current());
Var avg_pool1d(const Var& x, const Pool1dOptions& options, Where where = Where::current());
// (n, c, spatial axes…) → (n, c, 1, …).
Var global_avg_pool(const Var& x, Where where = Where::current());
Var global_max_pool(const Var& x, Where where = Where::current());  // ties: the first

// x (n, c, h, w) to (n, c, height, width). nearest: pixel ⌊i · h / height⌋ for row i, and so for columns. bilinear:
// centres of pixels are half a pixel inside, positions outside of the outermost centres take these; align_corners: the
// outermost centres are kept.
Var resize_nearest(const Var& x, Index height, Index width, Where where = Where::current());
Var resize_bilinear(const Var& x, Index height, Index width, bool align_corners = false,
                    Where where = Where::current());
// (n, c·r², h, w) → (n, c, h·r, w·r), channel (c, i, j) to the pixels (i, j) of r × r blocks; and back.
Var pixel_shuffle(const Var& x, Index r, Where where = Where::current());
Var pixel_unshuffle(const Var& x, Index r, Where where = Where::current());

// y = x·scale + shift with one scale and shift per index of `axis`.
Var channel_affine(const Var& x, const Var& scale, const Var& shift, Index axis = 1, Where where = Where::current());
// Inference: (x − mean) / sqrt(variance + eps) · gamma + beta per channel.
Var batch_norm(const Var& x, const Var& gamma, const Var& beta, const Var& mean, const Var& variance, double eps,
               Index axis = 1, Where where = Where::current());
// Training: with the batch's own statistics, as a composition. mean and variance (biased) are returned when asked for.
Var batch_norm_training(const Var& x, const Var& gamma, const Var& beta, double eps, Index axis = 1,
                        Var* batch_mean = nullptr, Var* batch_variance = nullptr, Where where = Where::current());

}  // namespace taut
