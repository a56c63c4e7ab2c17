// What decompositions have been recognised as (patterns.h).
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "nn/convex_step.h"
#include "nn/onnx/import/operators.h"

namespace taut::nn::onnx {
namespace {

double exact(Call& call, const char* name) {
  const Array* array = call.tensor(name);
  if (array == nullptr) call.fail(cat("its ", name, " is missing"));
  return array->tensor.at(0);
}

// A constant operand that is computed in the file: it is rounded, and stays an operand, so that analyses enclose it.
bool computed(const Var& constant) {
  const Tape* const tape = constant.on_tape() ? Tape::of(constant) : nullptr;
  return tape != nullptr && tape->node(constant.id()).op != nullptr;
}
// y times, or divided by, a constant of one number throughout.
Var times(Call& call, const Var& y, const Var& constant) {
  if (computed(constant)) return mul(y, constant, call.where());
  return scale(y, constant.value().at(0), call.where());
}
Var over(Call& call, const Var& y, const Var& constant) {
  if (computed(constant)) return div(y, constant, call.where());
  return div(y, Var(Tensor::scalar(constant.value().at(0), call.dtype())), call.where());
}

// y times the constants of the product, one by one, so that each is exact. The function itself holds 1/divisor, as a
// GELU holds 1/2.
Var times_constants(Call& call, Var y, double divisor) {
  const auto divides = call.is("divides").value_or(std::vector<Index>{});
  bool within = divisor != 1.0;
  for (std::size_t k = 0; k < divides.size(); ++k) {
    const Var& constant = call.x(static_cast<int>(k) + 1);
    const double c = constant.value().at(0);
    const bool same = divides[k] != 0 ? c == divisor : c == 1.0 / divisor && c * divisor == 1.0 && divisor == 2.0;
    if (within && same && !computed(constant)) {
      within = false;
      continue;
    }
    y = divides[k] != 0 ? over(call, y, constant) : times(call, y, constant);
  }
  return within ? scale(y, divisor, call.where()) : y;
}

template <Var (*f)(const Var&, Where)>
void gated(Call& call) {
  call.out(times_constants(call, f(call.x(0), call.where()), 1.0));
}
using Near = Var (*)(const Var&, double tolerance, Where);
template <Near f, int divisor>
void near_gated(Call& call) {
  const double tolerance = call.has("tolerance") ? exact(call, "tolerance") : 0.0;
  call.out(times_constants(call, f(call.x(0), tolerance, call.where()), divisor));
}
void sixth_gated(Call& call) { call.out(times_constants(call, hard_swish(call.x(0), call.where()), 6.0)); }
// The last operand, behind those of times_constants, is β, if there is one: x σ(βx) = silu(βx) / β.
void silu_with_slope(Call& call) {
  const int beta = static_cast<int>(call.is("divides").value_or(std::vector<Index>{}).size()) + 1;
  if (!call.has(beta)) return gated<silu>(call);
  const Var& slope = call.x(beta);
  const Var y = slope.value().at(0) == 0.0 && !computed(slope)
                    ? scale(call.x(0), 0.5, call.where())
                    : over(call, silu(times(call, call.x(0), slope), call.where()), slope);
  call.out(times_constants(call, y, 1.0));
}

// The same number everywhere, a constant of the tape.
Var recorded_constant(Call& call, const Shape& shape, double value) {
  const Tensor numbers = Tensor::full(shape, call.dtype(), value);
  Tape* const tape = Tape::of(call.x(0));
  return tape != nullptr ? tape->constant(numbers) : Var(numbers);
}

void identity_again(Call& call) { call.out(call.x(0)); }
void relu_again(Call& call) { call.out(relu(call.x(0), call.where())); }
void leaky_relu_again(Call& call) { call.out(leaky_relu(call.x(0), exact(call, "slope"), call.where())); }
void prelu_again(Call& call) { call.out(prelu(call.x(0), call.x(1), call.where())); }
void elu_again(Call& call) { call.out(elu(call.x(0), exact(call, "alpha"), call.where())); }

// x where βx exceeds the second operand (or equals it, with `tie`), softplus(βx)/β elsewhere.
void threshold_again(Call& call) {
  const Where where = call.where();
  const Var &x = call.x(0), &end = call.x(1);
  const Var scaled = call.has(2) ? times(call, x, call.x(2)) : x;
  const Var curve = call.has(2) ? over(call, softplus(scaled, where), call.x(2)) : softplus(scaled, where);
  const Var above = call.i("tie", 0) != 0 ? shift(neg(step(sub(end, scaled, where), where), where), 1.0, where)
                                          : step(sub(scaled, end, where), where);
  call.out(add(curve, mul(above, sub(x, curve, where), where), where));
}

std::vector<Index> axes(Call& call) {
  std::vector<Index> list = call.is("axes").value_or(std::vector<Index>{});
  for (Index& axis : list) axis = call.axis(axis, call.x(0).shape().rank());
  return list;
}
void standardise_again(Call& call) {
  call.out(standardise(call.x(0), Axes(std::span<const Index>(axes(call))), exact(call, "eps"), call.where()));
}
void l2_normalise_again(Call& call) {
  call.out(l2_normalise(call.x(0), Axes(std::span<const Index>(axes(call))), exact(call, "eps"), call.where()));
}

void l2_attention_again(Call& call) { call.out(l2_attention(call.x(0), exact(call, "scale"), call.where())); }

// x / √(Σ x² + c) is the front part of (x, √c) / ‖(x, √c)‖, whose length is never below √c. The root is recorded, so
// that analyses see its rounding. c = eps · times.
Var smoothly_normalised(Call& call, double eps, double times) {
  const Var& x = call.x(0);
  const int axis = call.axis(axes(call).front(), x.shape().rank());
  const Where where = call.where();
  const Var offset = recorded_constant(call, x.shape().with(axis, 1), eps);
  const Var root =
      sqrt(times == 1.0 ? offset : mul(offset, recorded_constant(call, offset.shape(), times), where), where);
  // Below every length that occurs, so that it never acts.
  const double never = std::sqrt(eps * times) * (1 - 0x1p-21);
  return slice(l2_normalise(concat({x, root}, axis, where), {axis}, never, where), axis, 0, x.shape()[axis], 1, where);
}
void smooth_l2_normalise(Call& call) { call.out(smoothly_normalised(call, exact(call, "eps"), 1.0)); }
// x / √(Σ x²/n + eps) = √n x / √(Σ x² + n eps)
void rms_normalise(Call& call) {
  const Shape& shape = call.x(0).shape();
  const auto n = static_cast<double>(shape[call.axis(axes(call).front(), shape.rank())]);
  const Var y = smoothly_normalised(call, exact(call, "eps"), n);
  call.out(mul(y, sqrt(recorded_constant(call, y.shape(), n), call.where()), call.where()));
}

void softmax_again(Call& call) { call.out(softmax(call.x(0), call.i("axis", -1), call.where())); }
void log_softmax_again(Call& call) { call.out(log_softmax(call.x(0), call.i("axis", -1), call.where())); }
void logsumexp_again(Call& call) {
  call.out(logsumexp(call.x(0), Axes(std::span<const Index>(axes(call))), call.i("keepdims", 1) != 0, call.where()));
}
void sigmoid_of_negative(Call& call) { call.out(sigmoid(neg(call.x(0), call.where()), call.where())); }
void sigmoid_again(Call& call) { call.out(sigmoid(call.x(0), call.where())); }
void softplus_again(Call& call) { call.out(softplus(call.x(0), call.where())); }
void softsign_again(Call& call) { call.out(softsign(call.x(0), call.where())); }

// Kernels come with the attributes of their convolution, all given, with strides 1.
void convex_step_again(Call& call) {
  const Tensor& a = call.constant(1, "its weight");
  const Tensor b = call.has(2) ? call.constant(2, "its offset") : Tensor();
  ConvexStepShape shape;
  if (a.shape().rank() == 4) {
    const auto pads = call.is("pads").value(), dilations = call.is("dilations").value();
    shape.convolution = Conv2dOptions{.dilation = {dilations[0], dilations[1]},
                                      .padding = {pads[0], pads[2], pads[1], pads[3]},
                                      .groups = call.i("group", 1)};
  }
  call.out(convex_step(call.x(0), a, b, shape, call.where()));
}

constexpr Operator recognised_table[] = {
    {"ConvexStep", Kind::computes, 1, convex_step_again, "convex_step"},
    {"Elu", Kind::computes, 1, elu_again, "elu"},
    {"Gelu", Kind::computes, 1, near_gated<near_gelu, 2>, "gelu"},
    {"GeluTanh", Kind::computes, 1, near_gated<near_gelu_tanh, 2>, "gelu_tanh"},
    {"HardSwish", Kind::computes, 1, near_gated<near_hard_swish, 1>, "hard_swish"},
    {"HardSwish6", Kind::computes, 1, sixth_gated, "hard_swish"},
    {"Identity", Kind::computes, 1, identity_again, "identity"},
    {"L2Attention", Kind::computes, 1, l2_attention_again, "l2_attention"},
    {"L2Normalise", Kind::computes, 1, l2_normalise_again, "l2_normalise"},
    {"LeakyRelu", Kind::computes, 1, leaky_relu_again, "leaky_relu"},
    {"LogSoftmax", Kind::computes, 1, log_softmax_again, "log_softmax"},
    {"LogSumExp", Kind::computes, 1, logsumexp_again, "logsumexp"},
    {"Mish", Kind::computes, 1, gated<mish>, "mish"},
    {"PRelu", Kind::computes, 1, prelu_again, "prelu"},
    {"Relu", Kind::computes, 1, relu_again, "relu"},
    {"RmsNormalise", Kind::computes, 1, rms_normalise, "l2_normalise"},
    {"Sigmoid", Kind::computes, 1, sigmoid_again, "sigmoid"},
    {"SigmoidOfNegative", Kind::computes, 1, sigmoid_of_negative, "sigmoid"},
    {"Silu", Kind::computes, 1, silu_with_slope, "silu"},
    {"SmoothL2Normalise", Kind::computes, 1, smooth_l2_normalise, "l2_normalise"},
    {"Softmax", Kind::computes, 1, softmax_again, "softmax"},
    {"Softplus", Kind::computes, 1, softplus_again, "softplus"},
    {"Softsign", Kind::computes, 1, softsign_again, "softsign"},
    {"Standardise", Kind::computes, 1, standardise_again, "standardise"},
    {"Threshold", Kind::computes, 1, threshold_again, "step, mul, add"},
};

}  // namespace

std::span<const Operator> recognised_operators() { return recognised_table; }

}  // namespace taut::nn::onnx
