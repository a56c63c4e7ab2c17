#include "nn/attention.h"

#include <cmath>

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {
namespace {

LayerOptions dense_options(const AttentionOptions& options, bool bias) {
  return {.bias = bias, .dtype = options.dtype, .weight = options.weight};
}

Index checked_dim(const char* layer, Index dim, Index heads) {
  parts::require_positive(layer, "the dimension", dim);
  parts::require_positive(layer, "the number of heads", heads);
  if (dim % heads != 0)
    throw ShapeError(
        cat('[', layer, "] the number of heads must divide the dimension, got ", heads, " heads for dimension ", dim));
  return dim;
}

void require_tokens(const char* layer, const Var& x, Index dim, Where where) {
  if (x.shape().rank() != 3 || x.shape()[2] != dim)
    throw ShapeError(cat('[', layer, "] at ", where, ": needs tokens (n, tokens, ", dim, "), got ", x.shape()));
}

// (n, tokens, dim) → (n, heads, tokens, dim / heads), and back.
Var split_heads(const Var& x, Index heads, Where where) {
  const Shape& s = x.shape();
  return permute(reshape(x, Shape{s[0], s[1], heads, s[2] / heads}, where), {0, 2, 1, 3}, where);
}
Var join_heads(const Var& x, Where where) {
  const Shape& s = x.shape();
  return reshape(permute(x, {0, 2, 1, 3}, where), Shape{s[0], s[2], s[1] * s[3]}, where);
}

// −1e9 where token i must not see token j: its share is e^−1e9 = 0.
Tensor causal_mask(Index tokens, DType dtype) {
  Tensor mask = Tensor::zeros(Shape{tokens, tokens}, dtype);
  dispatch(dtype, [&](auto zero) {
    const auto entries = mask.mutable_data<decltype(zero)>();
    for (Index i = 0; i < tokens; ++i)
      for (Index j = i + 1; j < tokens; ++j)
        entries[static_cast<std::size_t>(i * tokens + j)] = static_cast<decltype(zero)>(-1e9);
  });
  return mask;
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(Index dim, Index heads, Random& random, const AttentionOptions& options,
                                       Where where)
    : query(checked_dim("multi_head_attention", dim, heads), dim, random, dense_options(options, options.bias), where),
      key(dim, dim, random, dense_options(options, options.bias), where),
      value(dim, dim, random, dense_options(options, options.bias), where),
      output(dim, dim, random, dense_options(options, options.bias), where),
      heads_(heads),
      causal_(options.causal),
      where_(where) {}

Var MultiHeadAttention::operator()(const Var& x) {
  require_tokens("multi_head_attention", x, query.weight.value.shape()[1], where_);
  const Index tokens = x.shape()[1];
  if (causal_ && (!mask_.defined() || mask_.type() != TensorType{Shape{tokens, tokens}, x.dtype()}))
    mask_ = causal_mask(tokens, x.dtype());
  const Var q = split_heads(query(x), heads_, where_), k = split_heads(key(x), heads_, where_),
            v = split_heads(value(x), heads_, where_);
  return output(join_heads(attention(q, k, v, mask_, where_), where_));
}

L2SelfAttention::L2SelfAttention(Index dim, Index heads, Random& random, const AttentionOptions& options, Where where)
    : query(checked_dim("l2_self_attention", dim, heads), dim, random, dense_options(options, false), where),
      value(dim, dim, random, dense_options(options, false), where),
      output(dim, dim, random, dense_options(options, options.bias), where),
      heads_(heads),
      where_(where) {
  if (options.causal)
    throw UnsupportedError("[l2_self_attention] masks are not supported, got causal = true; use MultiHeadAttention");
}

Var L2SelfAttention::operator()(const Var& x) {
  const Index dim = query.weight.value.shape()[1], size = dim / heads_;
  require_tokens("l2_self_attention", x, dim, where_);
  const double scaling = 1.0 / std::sqrt(static_cast<double>(size));
  const Var w = query.weight.on(x), v = value.weight.on(x);
  outputs_.clear();
  for (Index h = 0; h < heads_; ++h) {
    const Var w_h = slice(w, 0, h * size, (h + 1) * size, 1, where_),
              v_h = slice(v, 0, h * size, (h + 1) * size, 1, where_);
    const Var attended = l2_attention(dense(x, w_h, Var(), where_), scaling, where_);
    // (P·u)·(W_h V_hᵀ / √d): one d × d matrix made of weights alone.
    const Var mixed = scale(matmul(v_h, w_h, false, true, where_), scaling, where_);
    outputs_.push_back(dense(attended, mixed, Var(), where_));
  }
  const Var heads = concat(outputs_, -1, where_);
  outputs_.clear();
  return output(heads);
}

}  // namespace taut::nn
