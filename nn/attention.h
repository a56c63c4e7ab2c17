// Self-attention on tokens x (n, tokens, dim).
#pragma once

#include "nn/layers.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct AttentionOptions {
  bool causal = false;  // token i sees tokens 0 … i only
  bool bias = true;     // of the dense layers
  DType dtype = DType::f32;
  Initialiser weight = xavier_uniform();
};

// Every head h attends in its own dim / heads numbers of the queries, keys and values; their results side by side go
// through a dense layer [Vaswani2017]. No finite Lipschitz constant over all reals, one on a box.
class MultiHeadAttention {
 public:
  static constexpr std::string_view type_name = "MultiHeadAttention";
  MultiHeadAttention(Index dim, Index heads, Random& random, const AttentionOptions& options = {},
                     Where where = Where::current());

  Var operator()(const Var& x);
  void visit(Visitor& visitor) {
    visitor("query", query);
    visitor("key", key);
    visitor("value", value);
    visitor("output", output);
  }

  Linear query, key, value, output;

 private:
  Index heads_;
  bool causal_;
  Tensor mask_;  // of the last number of tokens, when causal
  Where where_;
};

// Attention by distances, with one weight W_h for queries and keys, which has a finite Lipschitz constant for a given
// number of tokens [Kim2021]: with u = x·W_hᵀ in d = dim / heads numbers and P = softmax_j(−‖u_i − u_j‖² / √d), head h
// is P·u·W_h·V_hᵀ / √d, and the heads side by side go through a dense layer.
class L2SelfAttention {
 public:
  static constexpr std::string_view type_name = "L2SelfAttention";
  // `options.causal` is not supported: UnsupportedError.
  L2SelfAttention(Index dim, Index heads, Random& random, const AttentionOptions& options = {},
                  Where where = Where::current());

  Var operator()(const Var& x);
  void visit(Visitor& visitor) {
    visitor("query", query);
    visitor("value", value);
    visitor("output", output);
  }

  Linear query, value;  // without bias; rows h·d … (h + 1)·d − 1 belong to head h
  Linear output;

 private:
  Index heads_;
  std::vector<Var> outputs_;  // of one call; kept for its memory
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
