// The one list of primitives. Each is defined in a source file of this folder; primitives/*.cpp instantiates
// describe<P>() for its own, which asserts that P is complete, and registry.cpp asks for all of them, so an op that is
// listed but abstract does not compile and one that is listed but not defined does not link.
#pragma once

#include <concepts>
#include <cstddef>

#pragma GCC visibility push(default)

namespace taut {

struct OpInfo;

template <class... P>
struct PrimitiveList {
  template <class Q>
  static constexpr bool contains = (std::same_as<P, Q> || ...);
  static constexpr std::size_t size = sizeof...(P);
};

// Elementwise, one operand
class Neg;
class Exp;
class Log;
class Sqrt;
class Square;
class Abs;
class Sin;
class Cos;
class Tanh;
class Sigmoid;
class Softplus;
class Relu;
class LeakyRelu;
class Step;
class Sign;
class Scale;
class Shift;
class Pow;
class Reciprocal;
class Rsqrt;
class Log1p;
class Expm1;
class Erf;
class Elu;
class Selu;
class Celu;
class Gelu;
class GeluTanh;
class Silu;
class Mish;
class Softsign;
class Clip;
class HardSigmoid;
class HardSwish;
// Elementwise, two operands
class Add;
class Sub;
class Mul;
class Div;
class Maximum;
class Minimum;
class PRelu;
class Choice;
// Reductions
class Sum;
class Max;
class Min;
class LogSumExp;
class Softmax;
class LogSoftmax;
// Norms
class L2Norm;
class Standardise;
class L2Normalise;
class L2Attention;
// Linear algebra
class MatMul;
class Dense;
// Moving numbers
class Reshape;
class Permute;
class BroadcastTo;
class SumTo;
class Slice;
class SliceGradient;
class Pad;
class Concat;
class Gather;
class Scatter;
class MatrixAlong;
class CumulativeSum;
class GroupSort;
// Images
class Conv2d;
class ConvTranspose2d;
class Conv2dWeightGradient;
class MaxPool2d;
class AvgPool2d;
class AvgPool2dGradient;
class ChannelAffine;

using Primitives =
    PrimitiveList<Neg, Exp, Log, Sqrt, Square, Abs, Sin, Cos, Tanh, Sigmoid, Softplus, Relu, LeakyRelu, Step, Sign,
                  Scale, Shift, Pow, Reciprocal, Rsqrt, Log1p, Expm1, Erf, Elu, Selu, Celu, Gelu, GeluTanh, Silu, Mish,
                  Softsign, Clip, HardSigmoid, HardSwish, Add, Sub, Mul, Div, Maximum, Minimum, PRelu, Choice, Sum, Max,
                  Min, LogSumExp, Softmax, LogSoftmax, L2Norm, Standardise, L2Normalise, L2Attention, MatMul, Dense,
                  Reshape, Permute, BroadcastTo, SumTo, Slice, SliceGradient, Pad, Concat, Gather, Scatter, MatrixAlong,
                  CumulativeSum, GroupSort, Conv2d, ConvTranspose2d, Conv2dWeightGradient, MaxPool2d, AvgPool2d,
                  AvgPool2dGradient, ChannelAffine>;

// What an op is called and what it computes; explicitly instantiated beside each primitive.
template <class P>
const OpInfo& describe();

}  // namespace taut

#pragma GCC visibility pop
