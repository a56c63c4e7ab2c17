// Convolutions and pooling of sequences (n, c, l).
#pragma once

#include "autodiff/ops.h"
#include "nn/layer_options.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Cross-correlation: (n, c_in, l) → (n, c_out, l').
class Conv1d {
 public:
  static constexpr std::string_view type_name = "Conv1d";
  Conv1d(Index c_in, Index c_out, Index kernel, Random& random, const Conv1dOptions& geometry = {},
         const LayerOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const { return conv1d(x, weight.on(x), bias.on(x), geometry_, where_); }
  void visit(Visitor& visitor) {
    visitor("weight", weight);
    visitor("bias", bias);
  }
  const Conv1dOptions& geometry() const { return geometry_; }

  Parameter weight;  // (c_out, c_in / groups, k)
  Parameter bias;    // (c_out) or undefined

 private:
  Conv1dOptions geometry_;
  Where where_;
};

struct ConvTranspose1dOptions {
  Conv1dOptions convolution{};  // whose transpose it is
  Index output_padding = 0;     // beyond the smallest length, below the stride
};

// The transpose of the convolution with the same kernel and options: (n, c_in, l) → (n, c_out, l') with
// l' = (l − 1)·stride + dilation·(k − 1) + 1 − padding + output_padding.
class ConvTranspose1d {
 public:
  static constexpr std::string_view type_name = "ConvTranspose1d";
  ConvTranspose1d(Index c_in, Index c_out, Index kernel, Random& random, const ConvTranspose1dOptions& geometry = {},
                  const LayerOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const;
  void visit(Visitor& visitor) {
    visitor("weight", weight);
    visitor("bias", bias);
  }
  const ConvTranspose1dOptions& geometry() const { return geometry_; }

  Parameter weight;  // (c_in, c_out / groups, k): the kernel of a convolution of c_out to c_in channels
  Parameter bias;    // (c_out) or undefined

 private:
  ConvTranspose1dOptions geometry_;
  Where where_;
};

template <Var (*pool)(const Var&, const Pool1dOptions&, Where)>
class Pool1d {
 public:
  static constexpr std::string_view type_name = module_name<pool>;
  // A window that moves by its own size.
  explicit Pool1d(Index window, Where where = Where::current())
      : Pool1d(Pool1dOptions{.window = window, .stride = window}, where) {}
  explicit Pool1d(const Pool1dOptions& options, Where where = Where::current()) : options_(options), where_(where) {}

  Var operator()(const Var& x) const { return pool(x, options_, where_); }

 private:
  Pool1dOptions options_;
  Where where_;
};
template <>
inline constexpr std::string_view module_name<&max_pool1d> = "MaxPool1d";
template <>
inline constexpr std::string_view module_name<&avg_pool1d> = "AvgPool1d";
using MaxPool1d = Pool1d<&max_pool1d>;
using AvgPool1d = Pool1d<&avg_pool1d>;

}  // namespace taut::nn

#pragma GCC visibility pop
