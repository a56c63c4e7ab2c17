// The layers of a network. All are values: copy, move and assign them freely. Numbers are f32 unless options say f64.
// Each remembers the line on which it was made, so that errors and explanations name the user's model.
#pragma once

#include <array>

#include "autodiff/ops.h"
#include "nn/init.h"
#include "nn/module.h"

namespace taut::nn {

struct LayerOptions {
  bool bias = true;  // starts at 0
  DType dtype = DType::f32;
  Initialiser weight = kaiming_uniform();
};

// y = x·Wᵀ + b: (n, in) → (n, out).
class Linear {
 public:
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

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // share of a batch in the running statistics
  DType dtype = DType::f32;
};

// Per channel of (n, c, h, w). Training: with mean and variance of the batch, which also enter the running statistics
// (the variance with Bessel's correction). Inference: an affine map with the running statistics [Ioffe2015].
class BatchNorm2d {
 public:
  explicit BatchNorm2d(Index channels, const BatchNormOptions& options = {}, Where where = Where::current());

  Var operator()(const Var& x) { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout);
  LayoutUse layout_use() const { return LayoutUse::profits; }
  void visit(Visitor& visitor);

  Parameter gamma, beta;                     // (c)
  Parameter running_mean, running_variance;  // (c), not trained
  bool training = false;

 private:
  void track(const Tensor& mean, const Tensor& variance, Index count);
  BatchNormOptions options_;
  Where where_;
};

template <Var (*pool)(const Var&, const Pool2dOptions&, Where)>
class Pool2d {
 public:
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
using MaxPool2d = Pool2d<&max_pool2d>;
using AvgPool2d = Pool2d<&avg_pool2d>;

// An activation: f of every entry.
template <Var (*f)(const Var&, Where)>
class Activation {
 public:
  explicit Activation(Where where = Where::current()) : where_(where) {}
  Var operator()(const Var& x) const { return f(x, where_); }
  Var run(const Var& x, Layout) const { return f(x, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Where where_;
};
using ReLU = Activation<&relu>;
using Tanh = Activation<&taut::tanh>;
using Sigmoid = Activation<&sigmoid>;
using Softplus = Activation<&softplus>;
using Abs = Activation<&taut::abs>;

class LeakyReLU {
 public:
  explicit LeakyReLU(double slope = 0.01, Where where = Where::current()) : slope_(slope), where_(where) {}
  Var operator()(const Var& x) const { return leaky_relu(x, slope_, where_); }
  Var run(const Var& x, Layout) const { return leaky_relu(x, slope_, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  double slope_;
  Where where_;
};

// (n, …) → (n, rest).
class Flatten {
 public:
  explicit Flatten(Where where = Where::current()) : where_(where) {}
  Var operator()(const Var& x) const { return flatten(x, where_); }

 private:
  Where where_;
};

}  // namespace taut::nn
