// Activations, in either layout of images.
#pragma once

#include "autodiff/ops.h"
#include "nn/module.h"
#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// f of every entry.
template <Var (*f)(const Var&, Where)>
class Activation {
 public:
  static constexpr std::string_view type_name = module_name<f>;
  explicit Activation(Where where = Where::current()) : where_(where) {}
  Var operator()(const Var& x) const { return f(x, where_); }
  Var run(const Var& x, Layout) const { return f(x, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Where where_;
};

template <>
inline constexpr std::string_view module_name<&relu> = "ReLU";
template <>
inline constexpr std::string_view module_name<&taut::tanh> = "Tanh";
template <>
inline constexpr std::string_view module_name<&sigmoid> = "Sigmoid";
template <>
inline constexpr std::string_view module_name<&softplus> = "Softplus";
template <>
inline constexpr std::string_view module_name<&taut::abs> = "Abs";
template <>
inline constexpr std::string_view module_name<&gelu> = "GELU";
template <>
inline constexpr std::string_view module_name<&silu> = "SiLU";
template <>
inline constexpr std::string_view module_name<&mish> = "Mish";
template <>
inline constexpr std::string_view module_name<&softsign> = "Softsign";
template <>
inline constexpr std::string_view module_name<&hard_swish> = "HardSwish";
using ReLU = Activation<&relu>;
using Tanh = Activation<&taut::tanh>;
using Sigmoid = Activation<&sigmoid>;
using Softplus = Activation<&softplus>;
using Abs = Activation<&taut::abs>;
using GELU = Activation<&gelu>;
using SiLU = Activation<&silu>;
using Mish = Activation<&mish>;
using Softsign = Activation<&softsign>;
using HardSwish = Activation<&hard_swish>;

// f of every entry and a number.
template <Var (*f)(const Var&, double, Where)>
class NumberedActivation {
 public:
  NumberedActivation(double number, Where where) : number_(number), where_(where) {}
  Var operator()(const Var& x) const { return f(x, number_, where_); }
  Var run(const Var& x, Layout) const { return f(x, number_, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  double number_;
  Where where_;
};

class LeakyReLU : public NumberedActivation<&leaky_relu> {
 public:
  static constexpr std::string_view type_name = "LeakyReLU";
  explicit LeakyReLU(double slope = 0.01, Where where = Where::current()) : NumberedActivation(slope, where) {}
};
class ELU : public NumberedActivation<&elu> {
 public:
  static constexpr std::string_view type_name = "ELU";
  explicit ELU(double alpha = 1.0, Where where = Where::current()) : NumberedActivation(alpha, where) {}
};
class CELU : public NumberedActivation<&celu> {
 public:
  static constexpr std::string_view type_name = "CELU";
  explicit CELU(double alpha = 1.0, Where where = Where::current()) : NumberedActivation(alpha, where) {}
};

// f of every entry and two numbers.
template <Var (*f)(const Var&, double, double, Where)>
class TwiceNumberedActivation {
 public:
  TwiceNumberedActivation(double first, double second, Where where) : first_(first), second_(second), where_(where) {}
  Var operator()(const Var& x) const { return f(x, first_, second_, where_); }
  Var run(const Var& x, Layout) const { return f(x, first_, second_, where_); }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  double first_, second_;
  Where where_;
};

class SELU : public TwiceNumberedActivation<&selu> {
 public:
  static constexpr std::string_view type_name = "SELU";
  explicit SELU(double alpha = 1.6732632423543772, double gamma = 1.0507009873554805, Where where = Where::current())
      : TwiceNumberedActivation(alpha, gamma, where) {}
};
class HardSigmoid : public TwiceNumberedActivation<&hard_sigmoid> {
 public:
  static constexpr std::string_view type_name = "HardSigmoid";
  explicit HardSigmoid(double alpha = 1.0 / 6.0, double beta = 0.5, Where where = Where::current())
      : TwiceNumberedActivation(alpha, beta, where) {}
};
class Hardtanh : public TwiceNumberedActivation<&clip> {
 public:
  static constexpr std::string_view type_name = "Hardtanh";
  explicit Hardtanh(double lo = -1.0, double hi = 1.0, Where where = Where::current())
      : TwiceNumberedActivation(lo, hi, where) {}
};

// x for x > 0, slope·x else, with trained slopes: one, or one per channel (axis 1) [He2015].
class PReLU {
 public:
  static constexpr std::string_view type_name = "PReLU";
  explicit PReLU(Index channels = 1, double initial = 0.25, DType dtype = DType::f32, Where where = Where::current());

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const;
  LayoutUse layout_use() const { return LayoutUse::indifferent; }
  void visit(Visitor& visitor) { visitor("slope", slope); }

  Parameter slope;  // (1) or (c)

 private:
  Where where_;
};

// Every `group` neighbouring channels (or entries along another axis, not that of samples) in ascending order: it keeps
// the norm of gradients [Anil2019].
class GroupSort {
 public:
  static constexpr std::string_view type_name = "GroupSort";
  explicit GroupSort(Index group, Index axis = 1, Where where = Where::current());

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const;
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Index group_, axis_;
  Where where_;
};

// Pairs of channels as (larger, smaller).
class MaxMin {
 public:
  static constexpr std::string_view type_name = "MaxMin";
  explicit MaxMin(Index axis = 1, Where where = Where::current());

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const;
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Index axis_;
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
