// What newer opsets and other domains have as single operators: gated activations, normalisation by the root of the
// mean square, attention.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

// ---- activations

// x σ(αx) = silu(αx) / α
void gated_by_slope(Call& call, double alpha) {
  const Var& x = call.x(0);
  const Where where = call.where();
  if (alpha == 1.0) return call.out(silu(x, where));
  if (alpha == 0.0) return call.out(scale(x, 0.5, where));
  const Var y = silu(scale(x, alpha, where), where);
  call.out(divided(y, Tensor::scalar(alpha, call.dtype()), where));
}
void swish(Call& call) { gated_by_slope(call, call.f("alpha", 1.0)); }
void quick_gelu(Call& call) { gated_by_slope(call, call.f("alpha", 1.702F)); }
Var with_bias(Call& call) { return call.has(1) ? add(call.x(0), call.x(1), call.where()) : call.x(0); }
void gelu_of_others(Call& call) { call.out(gelu(with_bias(call), call.where())); }
void fast_gelu(Call& call) { call.out(gelu_tanh(with_bias(call), call.where())); }

// x where x > α, else 0: with α = 0 ReLU, else it jumps at α.
void thresholded_relu(Call& call) {
  const Var& x = call.x(0);
  const double alpha = call.f("alpha", 1.0);
  const Where where = call.where();
  if (alpha == 0.0) return call.out(relu(x, where));
  call.out(mul(x, step(shift(x, -alpha, where), where), where));
}
// x − bias above lambd, x + bias below −lambd, 0 between: with bias = lambd it is x − clip(x), else it jumps.
void shrink(Call& call) {
  const Var& x = call.x(0);
  const double lambda = call.f("lambd", 0.5), bias = call.f("bias", 0.0);
  const Where where = call.where();
  if (bias == lambda && lambda >= 0.0) return call.out(sub(x, clip(x, -lambda, lambda, where), where));
  const Var above = step(shift(x, -lambda, where), where), below = step(shift(neg(x, where), -lambda, where), where);
  call.out(add(mul(shift(x, -bias, where), above, where), mul(shift(x, bias, where), below, where), where));
}

// ---- normalisation

// x / √(mean x² + eps) · scale over the last axes. √n x / √(Σ x² + n eps) is the front part of the unit vector of
// (x, √(n eps)).
void rms_normalization(Call& call) {
  const Var& x = call.x(0);
  const Where where = call.where();
  const int axis = call.axis(call.i("axis", -1), x.shape().rank());
  const double eps = call.f("epsilon", 1e-5F);
  const Index n = x.shape().product(axis, x.shape().rank()), rows = x.shape().product(0, axis);
  if (!(eps > 0.0)) call.unsupported(cat("epsilon is ", eps, "; a positive one is needed"));
  Tape* const tape = Tape::of(x);
  const auto constant = [&](const Tensor& t) { return tape != nullptr ? tape->constant(t) : Var(t); };
  const Var count = constant(Tensor::scalar(static_cast<double>(n), call.dtype()));
  const Var root = sqrt(mul(constant(Tensor::scalar(eps, call.dtype())), count, where), where);
  const Var flat = reshape(x, Shape{rows, n}, where);
  const Var longer = concat({flat, broadcast_to(root, Shape{rows, 1}, where)}, 1, where);
  // Below every length that occurs, so that it never acts.
  const double shortest = std::sqrt(eps * static_cast<double>(n)) * (1 - 0x1p-20);
  const Var unit = slice(l2_normalise(longer, {1}, shortest, where), 1, 0, n, 1, where);
  const Var y = reshape(mul(unit, sqrt(count, where), where), x.shape(), where);
  call.out(call.has(1) ? mul(y, call.x(1), where) : y);
}

// ---- attention

// (b, n, heads · d) → (b, heads, n, d)
Var split_heads(Call& call, const Var& x, Index heads) {
  const Shape& s = x.shape();
  if (heads < 1 || s[2] % heads != 0) call.fail(cat(heads, " heads do not divide ", s));
  return permute(reshape(x, Shape{s[0], s[1], heads, s[2] / heads}, call.where()), {0, 2, 1, 3}, call.where());
}

constexpr double never = -1e9;  // what is added to a score that nothing may see

// What is added to the scores, or undefined: a constant.
Tensor mask_of(Call& call, Index n, Index m) {
  Tensor mask;
  if (call.has(3)) {
    const Tensor& given = call.constant(3, "mask");
    mask = call.value(3).type == ElementType::boolean
               ? whole_map(given, [](double seen) { return seen != 0.0 ? 0.0 : never; })
               : whole_map(given, [](double x) { return std::max(x, never); });
  }
  if (call.i("is_causal", 0) != 0) {
    Tensor causal = Tensor::zeros(Shape{n, m}, DType::f64);
    for (Index i = 0; i < n; ++i)
      for (Index j = i + 1; j < m; ++j) causal.mutable_data<double>()[static_cast<std::size_t>(i * m + j)] = never;
    mask = mask.defined() ? whole_map(mask, causal, [](double a, double b) { return std::min(a, b); }) : causal;
  }
  return mask.defined() ? mask.to(call.dtype()) : mask;
}

void attention_operator(Call& call) {
  if (call.has(4) || call.has(5) || call.has(6) || call.wants(1) || call.wants(3))
    call.unsupported("past keys and values, and outputs besides the first");
  const Where where = call.where();
  Var q = call.x(0), k = call.x(1), v = call.x(2);
  const bool flat = q.shape().rank() == 3;
  if (flat) {
    q = split_heads(call, q, call.i("q_num_heads", 0));
    k = split_heads(call, k, call.i("kv_num_heads", 0));
    v = split_heads(call, v, call.i("kv_num_heads", 0));
  }
  if (q.shape().rank() != 4 || k.shape().rank() != 4 || v.shape().rank() != 4)
    call.fail("its operands must all have three or four axes");
  if (k.shape()[1] < 1 || q.shape()[1] % k.shape()[1] != 0) call.fail("its heads do not fit");
  if (const Index group = q.shape()[1] / k.shape()[1]; group > 1) {
    k = repeat(k, 1, group, where);
    v = repeat(v, 1, group, where);
  }
  const Tensor mask = mask_of(call, q.shape()[2], k.shape()[2]);
  const double cap = call.f("softcap", 0.0);
  Var y;
  if (!call.has("scale") && cap == 0.0) {
    y = attention(q, k, v, mask, where);
  } else {
    Var scores = matmul(q, k, false, true, where);
    scores =
        call.has("scale")
            ? scale(scores, call.f("scale", 1.0), where)
            : mul(scores, rsqrt(Var(Tensor::scalar(static_cast<double>(q.shape()[3]), call.dtype())), where), where);
    if (cap != 0.0) scores = scale(tanh(divided(scores, Tensor::scalar(cap, call.dtype()), where), where), cap, where);
    if (mask.defined()) scores = add(scores, Var(mask), where);
    y = matmul(softmax(scores, -1, where), v, false, false, where);
  }
  if (flat)
    y = reshape(permute(y, {0, 2, 1, 3}, where), Shape{y.shape()[0], y.shape()[2], y.shape()[1] * y.shape()[3]}, where);
  call.out(y);
}

constexpr Operator transformer_table[] = {
    {"Attention", Kind::computes, 23, attention_operator, "attention", "a constant on a box only; no past"},
    {"RMSNormalization", Kind::computes, 23, rms_normalization, "concat, l2_normalise, mul"},
    {"Shrink", Kind::computes, 9, shrink, "clip, sub", "a constant where bias = lambd"},
    {"Swish", Kind::computes, 24, swish, "silu"},
    {"ThresholdedRelu", Kind::computes, 10, thresholded_relu, "relu", "a constant where alpha = 0"},
};
constexpr Operator others[] = {
    {"com.microsoft.BiasGelu", Kind::computes, 1, gelu_of_others, "gelu"},
    {"com.microsoft.FastGelu", Kind::computes, 1, fast_gelu, "gelu_tanh"},
    {"com.microsoft.Gelu", Kind::computes, 1, gelu_of_others, "gelu"},
    {"com.microsoft.QuickGelu", Kind::computes, 1, quick_gelu, "silu"},
};

}  // namespace

std::span<const Operator> transformer_operators() { return transformer_table; }
std::span<const Operator> microsoft_operators() { return others; }

}  // namespace taut::nn::onnx
