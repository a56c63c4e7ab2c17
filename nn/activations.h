// Activations: f of every entry, in either layout of images.
#pragma once

#include "autodiff/ops.h"
#include "nn/module.h"

namespace taut::nn {

// What an activation is called in tables.
template <Var (*f)(const Var&, Where)>
inline constexpr std::string_view activation_name = "Activation";

template <Var (*f)(const Var&, Where)>
class Activation {
 public:
  static constexpr std::string_view type_name = activation_name<f>;
  explicit Activation(Where where = Where::current()) : where_(where) {}
  Var operator()(const Var& x) const { return f(x, where_); }
  Var run(const Var& x, Layout) const { return f(x, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Where where_;
};

template <>
inline constexpr std::string_view activation_name<&relu> = "ReLU";
template <>
inline constexpr std::string_view activation_name<&taut::tanh> = "Tanh";
template <>
inline constexpr std::string_view activation_name<&sigmoid> = "Sigmoid";
template <>
inline constexpr std::string_view activation_name<&softplus> = "Softplus";
template <>
inline constexpr std::string_view activation_name<&taut::abs> = "Abs";
using ReLU = Activation<&relu>;
using Tanh = Activation<&taut::tanh>;
using Sigmoid = Activation<&sigmoid>;
using Softplus = Activation<&softplus>;
using Abs = Activation<&taut::abs>;

class LeakyReLU {
 public:
  static constexpr std::string_view type_name = "LeakyReLU";
  explicit LeakyReLU(double slope = 0.01, Where where = Where::current()) : slope_(slope), where_(where) {}
  Var operator()(const Var& x) const { return leaky_relu(x, slope_, where_); }
  Var run(const Var& x, Layout) const { return leaky_relu(x, slope_, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  double slope_;
  Where where_;
};

}  // namespace taut::nn
