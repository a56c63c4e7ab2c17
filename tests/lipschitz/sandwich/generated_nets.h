// Small networks as data, so that they can be transformed, and transformations that change their Lipschitz constant in
// a known way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/var.h"
#include "tests/support/oracles.h"

namespace taut::testing {

enum class Kind { dense, convolution, residual, relu, leaky_relu, tanh, group_sort, max_pool, flatten, dead_branch };

struct Stage {
  Kind kind;
  Tensor weight, bias;  // f64, numbers of the net's dtype; residual: x + second · relu(weight x + bias)
  Tensor second;
  bool elementwise() const { return kind == Kind::relu || kind == Kind::leaky_relu || kind == Kind::tanh; }
};

struct Net {
  std::string name;
  DType dtype = DType::f64;
  Shape input;  // of one sample, with its axis
  std::vector<Stage> stages;

  Var operator()(const Var& x) const;
  Tensor sample() const { return Tensor::zeros(input, dtype); }
  bool has(Kind kind) const;
  bool homogeneous() const { return !has(Kind::tanh); }  // f(c x) = c f(x) but for biases
  Index inputs() const { return input.size(); }
};

// MLPs, residual ones, convolutions with max-pools, group_sort; relu, leaky_relu, tanh; f32 and f64. Every second one
// has two inputs and is piecewise linear, so that its constant is known.
Net random_net(Random& random, int which);

enum class Relation {
  equal,       // bounds are multiplied by the factor
  not_larger,  // no upper bound is larger than that, the constant is multiplied by it
};

struct Transformed {
  Net net;
  double factor = 1.0;
  Relation relation = Relation::equal;
  bool exact = false;         // to the last bit: by powers of two
  bool l2_only = false;       // else in l1, l2 and linf
  bool same_function = true;  // but for the factor and the basis of inputs and outputs; else bounds by layers alone
  bool same_points = false;   // values and Jacobians at every point are multiplied by the factor: searches see no more
  bool other_search = false;  // the greedy search may end elsewhere
};

struct Transformation {
  const char* name;
  // Nothing where the net has no place for it.
  std::optional<Transformed> (*apply)(Random& random, const Net& net);
};
const std::vector<Transformation>& transformations();

}  // namespace taut::testing
