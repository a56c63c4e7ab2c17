// The layers of a network. All are values: copy, move and assign them freely. Numbers are f32 unless options say f64.
// Each remembers the line on which it was made, so that errors and explanations name the user's model.
#pragma once

#include <array>

#include "autodiff/ops.h"
#include "nn/activations.h"
#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/layer_options.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// y = x·Wᵀ + b: (n, in) → (n, out).
class Linear {
 public:
  static constexpr std::string_view type_name = "Linear";
  Linear(Index in, Index out, Random& random, const LayerOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const { return dense(x, weight.on(x), bias.on(x), where_); }
  void visit(Visitor& visitor) {
    visitor("weight", weight);
    visitor("bias", bias);
  }

  Parameter weight;  // (out, in)
  Parameter bias;    // (out) or undefined

 private:
  Where where_;
};

// Cross-correlation with stride, dilation, padding and groups: (n, c_in, h, w) → (n, c_out, h', w').
class Conv2d {
 public:
  static constexpr std::string_view type_name = "Conv2d";
  Conv2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random, const Conv2dOptions& geometry = {},
         const LayerOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const;
  LayoutUse layout_use() const { return LayoutUse::profits; }
  void visit(Visitor& visitor) {
    visitor("weight", weight);
    visitor("bias", bias);
  }
  const Conv2dOptions& geometry() const { return geometry_; }

  Parameter weight;  // (c_out, c_in / groups, kh, kw)
  Parameter bias;    // (c_out) or undefined

 private:
  Conv2dOptions geometry_;
  Where where_;
};

struct ConvTranspose2dOptions {
  Conv2dOptions convolution{};                // whose transpose it is
  std::array<Index, 2> output_padding{0, 0};  // rows and columns beyond the smallest size, each below the stride
};

// The transpose of the convolution with the same kernel and options, its inverse in shape: (n, c_in, h, w) →
// (n, c_out, h', w') with h' = (h − 1)·stride + dilation·(kh − 1) + 1 − padding + output_padding.
class ConvTranspose2d {
 public:
  static constexpr std::string_view type_name = "ConvTranspose2d";
  ConvTranspose2d(Index c_in, Index c_out, std::array<Index, 2> kernel, Random& random,
                  const ConvTranspose2dOptions& geometry = {}, const LayerOptions& options = {},
                  Where where = Where::current());

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const;
  LayoutUse layout_use() const { return LayoutUse::profits; }
  void visit(Visitor& visitor) {
    visitor("weight", weight);
    visitor("bias", bias);
  }
  const ConvTranspose2dOptions& geometry() const { return geometry_; }

  Parameter weight;  // (c_in, c_out / groups, kh, kw): the kernel of a convolution of c_out to c_in channels
  Parameter bias;    // (c_out) or undefined

 private:
  ConvTranspose2dOptions geometry_;
  Where where_;
};

template <Var (*pool)(const Var&, const Pool2dOptions&, Where)>
class Pool2d {
 public:
  static constexpr std::string_view type_name = module_name<pool>;
  // A square window that moves by its own size.
  explicit Pool2d(Index window, Where where = Where::current())
      : Pool2d(Pool2dOptions{.window = {window, window}, .stride = {window, window}}, where) {}
  explicit Pool2d(const Pool2dOptions& options, Where where = Where::current()) : options_(options), where_(where) {}

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const {
    Pool2dOptions options = options_;
    options.layout = layout;
    return pool(x, options, where_);
  }
  LayoutUse layout_use() const { return LayoutUse::profits; }

 private:
  Pool2dOptions options_;
  Where where_;
};
template <>
inline constexpr std::string_view module_name<&max_pool2d> = "MaxPool2d";
template <>
inline constexpr std::string_view module_name<&avg_pool2d> = "AvgPool2d";
using MaxPool2d = Pool2d<&max_pool2d>;
using AvgPool2d = Pool2d<&avg_pool2d>;

// (n, …) → (n, rest).
class Flatten {
 public:
  static constexpr std::string_view type_name = "Flatten";
  explicit Flatten(Where where = Where::current()) : where_(where) {}
  Var operator()(const Var& x) const { return flatten(x, where_); }

 private:
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
