// Reductions along axes, and softmax.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/error.h"
#include "nn/onnx/import/arithmetic.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

struct Reduction {
  std::vector<Index> axes;  // counted from 0, ascending
  bool keep = true, nothing = false;
};
Reduction reduction(Call& call, int operand_since) {
  Reduction r;
  r.keep = call.i("keepdims", 1) != 0;
  if (call.opset() >= operand_since && call.has("axes"))
    call.fail(cat("its axes are an attribute, which they are before opset ", operand_since,
                  " only; since then they are an operand"));
  std::optional<std::vector<Index>> axes =
      call.opset() >= operand_since ? (call.has(1) ? std::optional(call.whole_numbers(1, "axes")) : std::nullopt)
                                    : call.is("axes");
  const int rank = call.value(0).var.shape().rank();
  if (!axes || axes->empty()) {
    r.nothing = call.i("noop_with_empty_axes", 0) != 0;
    axes.emplace(static_cast<std::size_t>(rank));
    std::iota(axes->begin(), axes->end(), 0);
  }
  for (const Index axis : *axes) r.axes.push_back(call.axis(axis, rank));
  std::ranges::sort(r.axes);
  if (std::ranges::adjacent_find(r.axes) != r.axes.end()) call.fail("an axis is named twice");
  return r;
}

// Every group of numbers along the axes by itself, in f64: whole numbers.
template <class F>
Tensor fold_whole(const Tensor& x, const Reduction& r, double start, F&& f) {
  Shape kept = x.shape();
  for (const Index axis : r.axes) kept = kept.with(static_cast<int>(axis), 1);
  Tensor y = Tensor::full(kept, DType::f64, start);
  double* to = y.mutable_data<double>().data();
  for (Index i = 0; i < x.size(); ++i) {
    Index rest = i, at = 0, stride = 1;
    for (int axis = x.shape().rank() - 1; axis >= 0; --axis) {
      const Index position = rest % x.shape()[axis];
      rest /= x.shape()[axis];
      if (kept[axis] != 1) at += position * stride;
      stride *= kept[axis];
    }
    to[at] = f(to[at], x.at(i));
  }
  if (r.keep) return y;
  Shape dropped = kept;
  for (auto axis = r.axes.rbegin(); axis != r.axes.rend(); ++axis) dropped = dropped.without(static_cast<int>(*axis));
  return y.reshaped(dropped);
}

using Function = Var (*)(const Var&, const Axes&, bool, Where);

Var mean_along(const Var& x, const Axes& axes, bool keep, Where where) {
  Index n = 1;
  for (const Index axis : axes.values()) n *= x.shape()[static_cast<int>(axis)];
  return divided(sum(x, axes, keep, where), n, where);
}
Var sum_of_squares(const Var& x, const Axes& axes, bool keep, Where where) {
  return sum(square(x, where), axes, keep, where);
}
Var log_of_sum(const Var& x, const Axes& axes, bool keep, Where where) { return log(sum(x, axes, keep, where), where); }

// Of what a reduction does beside adding or choosing, ONNX's versions differ on whether it is done where there is
// nothing to be reduced.
template <Function f, int operand_since>
void reduce(Call& call) {
  const Reduction r = reduction(call, operand_since);
  constexpr bool acts_on_each = f == sum_of_squares || f == log_of_sum || f == l1_norm || f == l2_norm;
  if (acts_on_each && r.nothing)
    call.unsupported("noop_with_empty_axes without axes, which versions of ONNX understand in different ways");
  if (r.nothing || r.axes.empty()) return call.out(0, call.value(0));
  call.out(f(call.x(0), Axes(std::span<const Index>(r.axes)), r.keep, call.where()));
}
template <Function f, int operand_since, double (*whole)(double, double), int start>
void reduce_any(Call& call) {
  if (call.is_float(0)) return reduce<f, operand_since>(call);
  const Reduction r = reduction(call, operand_since);
  if (r.nothing || r.axes.empty()) return call.out(0, call.value(0));
  const double from = start == 0 ? 0.0 : start > 0 ? infinity : -infinity;
  call.whole(0, fold_whole(call.value(0).var.value(), r, from, whole), call.value(0).type);
}
void reduce_product(Call& call) {
  if (call.varies(0)) call.unsupported("a product of numbers that depend on the input has no rule");
  const Reduction r = reduction(call, 18);
  if (!call.is_float(0)) return call.whole(0, fold_whole(call.value(0).var.value(), r, 1.0, times), call.value(0).type);
  // Recorded factor by factor, since it rounds.
  Var y = call.x(0);
  for (const Index axis : r.axes) {
    const Index n = y.shape()[static_cast<int>(axis)];
    if (n < 1 || n > 4096) call.unsupported(cat("a product of ", n, " numbers; 1 to 4096 are supported"));
    Var product = slice(y, axis, 0, 1, 1, call.where());
    for (Index i = 1; i < n; ++i) product = mul(product, slice(y, axis, i, i + 1, 1, call.where()), call.where());
    y = product;
  }
  Shape shape = y.shape();
  if (!r.keep)
    for (auto axis = r.axes.rbegin(); axis != r.axes.rend(); ++axis) shape = shape.without(static_cast<int>(*axis));
  call.out(shape == y.shape() ? y : reshape(y, shape, call.where()));
}

// Before opset 13 everything from the axis on counted as one axis.
template <Var (*f)(const Var&, Index, Where)>
void softmax_like(Call& call) {
  const Var& x = call.x(0);
  const bool old = call.opset() < 13;
  const int rank = x.shape().rank();
  if (rank == 0) call.fail("it needs an axis");
  const int axis = call.axis(call.i("axis", old ? std::min(1, rank - 1) : -1), rank);
  if (!old || axis == rank - 1) return call.out(f(x, axis, call.where()));
  std::vector<Index> dims(x.shape().dims().begin(), x.shape().dims().begin() + axis);
  dims.push_back(x.shape().product(axis, rank));
  const Var flat = reshape(x, Shape(dims), call.where());
  call.out(reshape(f(flat, axis, call.where()), x.shape(), call.where()));
}

template <bool largest>
void arg_extreme(Call& call) {
  const Tensor x = (call.varies(0) ? call.value(0).var.value() : call.constant(0, "operand")).to(DType::f64);
  const int axis = call.axis(call.i("axis", 0), x.shape().rank());
  const bool last = call.i("select_last_index", 0) != 0;
  const Index n = x.shape()[axis], inner = x.shape().product(axis + 1, x.shape().rank());
  Tensor y = Tensor::zeros(x.shape().with(axis, 1), DType::f64);
  double* to = y.mutable_data<double>().data();
  for (Index k = 0; k < y.size(); ++k) {
    const Index base = k / inner * n * inner + k % inner;
    Index best = 0;
    for (Index i = 1; i < n; ++i) {
      const double a = x.at(base + i * inner), b = x.at(base + best * inner);
      if ((largest ? a > b : a < b) || (last && a == b)) best = i;
    }
    to[k] = static_cast<double>(best);
  }
  call.whole(0, call.i("keepdims", 1) != 0 ? y : y.reshaped(y.shape().without(axis)), ElementType::i64);
}

constexpr Operator reduction_table[] = {
    {"ArgMax", Kind::computes, 1, arg_extreme<true>, "—", "its result may be an output, nothing may use it"},
    {"ArgMin", Kind::computes, 1, arg_extreme<false>, "—", "its result may be an output, nothing may use it"},
    {"LogSoftmax", Kind::computes, 1, softmax_like<log_softmax>, "log_softmax"},
    {"ReduceL1", Kind::computes, 1, reduce<l1_norm, 18>, "l1_norm"},
    {"ReduceL2", Kind::computes, 1, reduce<l2_norm, 18>, "l2_norm"},
    {"ReduceLogSum", Kind::computes, 1, reduce<log_of_sum, 18>, "sum, log"},
    {"ReduceLogSumExp", Kind::computes, 1, reduce<logsumexp, 18>, "logsumexp"},
    {"ReduceMax", Kind::computes, 1, reduce_any<taut::max, 18, larger, -1>, "max"},
    {"ReduceMean", Kind::computes, 1, reduce<mean_along, 18>, "sum, div"},
    {"ReduceMin", Kind::computes, 1, reduce_any<taut::min, 18, smaller, 1>, "min"},
    {"ReduceProd", Kind::computes, 1, reduce_product, "—", "constants only"},
    {"ReduceSum", Kind::computes, 1, reduce_any<sum, 13, plus, 0>, "sum"},
    {"ReduceSumSquare", Kind::computes, 1, reduce<sum_of_squares, 18>, "square, sum", "a constant on a box only"},
    {"Softmax", Kind::computes, 1, softmax_like<softmax>, "softmax"},
};

}  // namespace

std::span<const Operator> reduction_operators() { return reduction_table; }

}  // namespace taut::nn::onnx
