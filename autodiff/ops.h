// What users compute with. Every function works on Vars of a tape (recorded) and on plain tensors (values only).
// Operands of one call have one dtype. Axes may be negative (from the end). Errors: ShapeError, DTypeError, UsageError.
// Derivatives at kinks: docs/conventions.md. Lipschitz rules per op: docs/primitives.md, with proofs from
// docs/mathematics/02-linear-maps.md#linear-maps on.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "autodiff/linear_map.h"
#include "autodiff/range.h"
#include "autodiff/var.h"

#pragma GCC visibility push(default)

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
Var scale(const Var& x, double factor, Where where = Where::current());      // the factor rounded to the dtype
// c·x for a factor c that is no machine number: `nearest`, rounded to the dtype, is what values are computed with, and
// `exact` holds c, so that analyses speak of c. DomainError unless the interval is small beside `nearest`.
Var scale(const Var& x, double nearest, const Interval& exact, Where where = Where::current());
Var mean_of_sum(const Var& total, Index n, Where where = Where::current());  // total / n, by such a factor
Var shift(const Var& x, double offset, Where where = Where::current());
// x^exponent, for x ≥ 0 unless the exponent is a whole number.
Var pow(const Var& x, double exponent, Where where = Where::current());
// The same with an exponent that is no machine number: values are computed with `nearest`, rounded to the dtype, and
// rules hold for every exponent in `exact`. For x ≥ 0 unless that is one whole number.
Var pow(const Var& x, double nearest, const Interval& exact, Where where = Where::current());
Var reciprocal(const Var& x, Where where = Where::current());
Var rsqrt(const Var& x, Where where = Where::current());  // 1/√x
Var log1p(const Var& x, Where where = Where::current());  // ln(1 + x)
Var expm1(const Var& x, Where where = Where::current());  // e^x − 1
Var erf(const Var& x, Where where = Where::current());
Var elu(const Var& x, double alpha = 1.0, Where where = Where::current());  // x for x > 0, alpha (e^x − 1) else
// gamma · elu(x, alpha), with the constants of [Klambauer2017].
Var selu(const Var& x, double alpha = 1.6732632423543772, double gamma = 1.0507009873554805,
         Where where = Where::current());
Var celu(const Var& x, double alpha = 1.0, Where where = Where::current());  // alpha · elu(x / alpha, 1), alpha > 0
Var gelu(const Var& x, Where where = Where::current());                      // x Φ(x)
Var gelu_tanh(const Var& x, Where where = Where::current());                 // its approximation through tanh
Var silu(const Var& x, Where where = Where::current());                      // x σ(x), swish
Var mish(const Var& x, Where where = Where::current());                      // x tanh(softplus(x))
Var softsign(const Var& x, Where where = Where::current());                  // x / (1 + |x|)
// min(max(x, lo), hi); an end may be infinite. DomainError unless lo ≤ hi. clip(x, −1, 1) is hardtanh.
Var clip(const Var& x, double lo, double hi, Where where = Where::current());
// min(max(alpha·x + beta, 0), 1)
Var hard_sigmoid(const Var& x, double alpha = 1.0 / 6.0, double beta = 0.5, Where where = Where::current());
Var hard_swish(const Var& x, Where where = Where::current());  // x · min(max(x + 3, 0), 6) / 6
// The same values, of functions whose constants (1/√2; √(2/π) and 0.044715; 1/6 beside a half) are known within a
// relative tolerance only, at most 1e-3: slopes and ranges hold for all of them. For models that hold roundings of
// these.
Var near_gelu(const Var& x, double tolerance, Where where = Where::current());
Var near_gelu_tanh(const Var& x, double tolerance, Where where = Where::current());
Var near_hard_swish(const Var& x, double tolerance, Where where = Where::current());  // x · clip(αx + 1/2, 0, 1)

// ---- elementwise, two operands; NumPy broadcasting is inserted as broadcast_to nodes
// -----------------------------------
Var add(const Var& a, const Var& b, Where where = Where::current());
Var sub(const Var& a, const Var& b, Where where = Where::current());
Var mul(const Var& a, const Var& b, Where where = Where::current());
Var div(const Var& a, const Var& b, Where where = Where::current());
Var maximum(const Var& a, const Var& b, Where where = Where::current());  // ties: the derivative goes to a
Var minimum(const Var& a, const Var& b, Where where = Where::current());  // ties: the derivative goes to a
// x for x > 0, slope·x else. One slope per channel c of (n, c, h, w): reshape it to (c, 1, 1).
Var prelu(const Var& x, const Var& slope, Where where = Where::current());
// a where the condition is not 0, b elsewhere. The condition is a constant; all three broadcast.
Var where(const Tensor& condition, const Var& a, const Var& b, Where where = Where::current());

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
class Axes {
 public:
  Axes(std::initializer_list<Index> axes) : Axes(std::span<const Index>(axes.begin(), axes.size())) {}
  Axes(std::span<const Index> axes);  // NOLINT(google-explicit-constructor); ShapeError for more than eight
  std::span<const Index> values() const { return {axes_.data(), count_}; }

 private:
  std::array<Index, max_rank> axes_{};
  std::size_t count_ = 0;
};
Var sum(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());
Var mean(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());
Var max(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());  // ties: the first
Var min(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());  // ties: the first
Var logsumexp(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());
Var softmax(const Var& x, Index axis = -1, Where where = Where::current());
Var log_softmax(const Var& x, Index axis = -1, Where where = Where::current());
// Norms of the vectors along the axes. At a zero vector the derivative of l2_norm is 0.
Var l1_norm(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());
Var l2_norm(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());
Var linf_norm(const Var& x, const Axes& axes = {}, bool keep = false, Where where = Where::current());
// Mean square distance from the mean; `unbiased` divides by n − 1.
Var variance(const Var& x, const Axes& axes = {}, bool keep = false, bool unbiased = false,
             Where where = Where::current());

// ---- normalisation -------------------------------------------------------------------------------------------------
// (x − mean) / √(variance + eps) of the groups of numbers along the axes, eps > 0.
Var standardise(const Var& x, const Axes& axes, double eps, Where where = Where::current());
// standardise over the last axes of x, as many as gamma has, then · gamma + beta. Undefined gamma: the last axis alone;
// undefined beta: 0. [Ba2016]
Var layer_norm(const Var& x, const Var& gamma, const Var& beta, double eps = 1e-5, Where where = Where::current());
// x (n, c, …): standardise each of `groups` runs of channels of a sample, then · gamma[c] + beta[c]. [Wu2018]
Var group_norm(const Var& x, Index groups, const Var& gamma, const Var& beta, double eps = 1e-5,
               Where where = Where::current());
// One group per channel. [Ulyanov2016]
Var instance_norm(const Var& x, const Var& gamma, const Var& beta, double eps = 1e-5, Where where = Where::current());
// x / max(‖x‖₂, eps) along the axes, eps > 0. Where ‖x‖₂ = eps the derivative is that of x / eps.
Var l2_normalise(const Var& x, const Axes& axes = {-1}, double eps = 1e-12, Where where = Where::current());

// ---- attention -----------------------------------------------------------------------------------------------------
// softmax(q kᵀ / √d + mask) v for q (…, n, d), k (…, m, d), v (…, m, e); the mask is a constant that broadcasts, −1e9
// or so where nothing may be seen, or undefined. [Vaswani2017] A product of varying operands: no finite constant over
// all reals, one on a box.
Var attention(const Var& q, const Var& k, const Var& v, const Tensor& mask = {}, Where where = Where::current());
// softmax_j(−scale ‖u_i − u_j‖²) u for u (…, n, d), scale > 0: the part of L2 self-attention that is not linear, with a
// finite constant [Kim2021].
Var l2_attention(const Var& u, double scale, Where where = Where::current());

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
// The same with a matrix that is known by intervals, entry by entry: values are computed with the midpoints, rounded to
// the dtype, analyses speak of every matrix in the range. DomainError for an interval that is not small beside its
// midpoint; an entry 0 is a point.
Var matrix_along(const Var& x, const Range& matrix, Index axis, Where where = Where::current());
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

#pragma GCC visibility pop
