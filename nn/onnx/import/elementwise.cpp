// Operators that act on every number alone.
// Long: an operator per function and a row per operator.
#include <cmath>
#include <map>
#include <numeric>

#include "autodiff/error.h"
#include "nn/onnx/format/half.h"
#include "nn/onnx/import/arithmetic.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"

namespace taut::nn::onnx {
namespace {

template <Var (*f)(const Var&, Where)>
void unary(Call& call) {
  call.out(f(call.x(0), call.where()));
}
// Of numbers of any type; whole numbers are computed by `whole`.
template <Var (*f)(const Var&, Where), double (*whole)(double)>
void unary_of_any(Call& call) {
  if (call.is_float(0)) return call.out(f(call.x(0), call.where()));
  call.whole(0, whole_map(call.value(0).var.value(), whole), call.value(0).type);
}

// Until opset 6 the second operand was broadcast only when asked for, from an axis on.
Var aligned(Call& call, const Var& a, const Var& b) {
  if (call.opset() >= 7 || call.i("broadcast", 0) == 0 || !call.has("axis")) return b;
  const int from = call.axis(call.i("axis", 0), a.shape().rank());
  Shape shape = b.shape();
  while (shape.rank() < a.shape().rank() - from) shape = shape.inserted(shape.rank(), 1);
  return reshape(b, shape, call.where());
}

using Binary = Var (*)(const Var&, const Var&, Where);
void binary(Call& call, Binary f, double (*whole)(double, double)) {
  if (call.is_float(0) && call.is_float(1))
    return call.out(f(call.x(0), aligned(call, call.x(0), call.x(1)), call.where()));
  if (call.is_float(0) || call.is_float(1)) call.fail("its operands must be of one type");
  call.whole(0,
             whole_map(call.value(0).var.value(), aligned(call, call.value(0).var, call.value(1).var).value(), whole),
             call.value(0).type);
}
// Neither operand may be large enough for the result to be so by broadcasting alone.
void require_moderate_broadcast(Call& call) {
  const Shape shape = broadcast_shapes(call.value(0).var.shape(), call.value(1).var.shape(), call.node().op.c_str());
  call.require_moderate(static_cast<double>(shape.size()));
}
template <Binary f, double (*whole)(double, double)>
void arithmetic(Call& call) {
  if (call.opset() >= 7) require_moderate_broadcast(call);
  binary(call, f, whole);
}

double minus(double a, double b) { return a - b; }
double quotient(double a, double b) { return b != 0.0 ? std::trunc(a / b) : 0.0; }
double positive(double a) { return a > 0.0 ? a : 0.0; }
double negative(double a) { return -a; }
double magnitude(double a) { return std::fabs(a); }
double signum(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : 0.0; }

// One of the operands before operand i is the same value.
bool is_repeated(const Call& call, int i) {
  const Var& x = call.x(i);
  for (int k = 0; k < i; ++k) {
    const Var& other = call.x(k);
    if (x.on_tape() && other.on_tape() && x.id() == other.id()) return true;
  }
  return false;
}

// Sums, largest, smallest of any number of operands; `once`: an operand that is there twice changes nothing.
template <Binary f, double (*whole)(double, double), bool once>
void variadic(Call& call) {
  if (call.count() == 0) call.fail("it needs an operand");
  if (!call.is_float(0)) {
    Tensor y = call.value(0).var.value();
    for (int i = 1; i < call.count(); ++i) y = whole_map(y, call.value(i).var.value(), whole);
    return call.whole(0, y, call.value(0).type);
  }
  Var y = call.x(0);
  for (int i = 1; i < call.count(); ++i) {
    if (once && is_repeated(call, i)) continue;
    call.require_moderate(static_cast<double>(broadcast_shapes(y.shape(), call.x(i).shape(), "broadcast").size()));
    y = f(y, call.x(i), call.where());
  }
  call.out(y);
}
void mean_of_operands(Call& call) {
  if (call.count() == 0) call.fail("it needs an operand");
  Var y = call.x(0);
  for (int i = 1; i < call.count(); ++i) y = add(y, call.x(i), call.where());
  call.out(divided(y, call.count(), call.where()));
}

// Exponents that differ from place to place: every exponent's places together.
Var powers(Call& call, const Var& x, const Tensor& exponents) {
  std::map<double, std::vector<Index>> places;
  for (Index i = 0; i < exponents.size(); ++i) places[exponents.at(i)].push_back(i);
  constexpr std::size_t most = 64;
  if (places.size() > most) call.unsupported(cat("more than ", most, " different exponents"));
  const Var flat = reshape(x, Shape{x.shape().size()}, call.where());
  std::vector<Var> parts;
  std::vector<Index> order(static_cast<std::size_t>(exponents.size()));
  Index position = 0;
  for (const auto& [exponent, at] : places) {
    parts.push_back(pow(gather(flat, 0, at, call.where()), exponent, call.where()));
    for (const Index i : at) order[static_cast<std::size_t>(i)] = position++;
  }
  return reshape(gather(concat(parts, 0, call.where()), 0, order, call.where()), x.shape(), call.where());
}
Var power(Call& call, const Var& x, double exponent) {
  if (exponent == 1.0) return x;
  if (exponent == 2.0) return square(x, call.where());
  if (exponent == 0.5) return sqrt(x, call.where());
  if (exponent == -1.0) return reciprocal(x, call.where());
  return pow(x, exponent, call.where());
}
// a^y = e^(y ln a), and 1 where a is 1.
Var exponential(Call& call, const Var& base, const Var& exponent) {
  const Where where = call.where();
  const auto of = [&](const Var& a) { return exp(mul(exponent, log(a, where), where), where); };
  if (!call.exact(0)) return of(base);
  Tensor ones = base.value().to(DType::f64).copy();
  bool any = false;
  for (double& a : ones.mutable_data<double>()) any |= (a = a == 1.0 ? 1.0 : 0.0) != 0.0;
  if (!any) return of(base);
  const Tensor mask = ones.to(base.dtype()), other = add(Var(base.value()), Var(mask)).value();
  Tape* const tape = Tape::of(exponent);
  const Var one(Tensor::full(base.shape(), base.dtype(), 1.0));
  // Any other base will do where it is 1.
  return taut::where(mask, one, of(tape != nullptr ? tape->constant(other) : Var(other)), where);
}
void pow_operator(Call& call) {
  if (!call.is_float(0)) {
    const Tensor y = whole_map(call.value(0).var.value(), call.constant(1, "exponent").to(DType::f64),
                               [](double a, double b) { return std::trunc(std::pow(a, b)); });
    return call.whole(0, y, call.value(0).type);
  }
  const Var& x = call.x(0);
  if (call.varies(1)) {
    if (call.varies(0)) call.unsupported("a power of which base and exponent both depend on the input");
    return call.out(exponential(call, x, call.x(1)));
  }
  const Shape& s = call.value(1).var.shape();
  if (s.size() == 1 && s.rank() <= x.shape().rank()) {
    const Interval exact = call.enclosed_scalar(1, "exponent");
    if (exact.lo == exact.hi && exact.lo == call.value(1).var.value().at(0)) return call.out(power(call, x, exact.lo));
    return call.out(pow(x, 0.5 * exact.lo + 0.5 * exact.hi, exact, call.where()));
  }
  const Tensor exponent = aligned(call, x, Var(call.constant(1, "exponent"))).value();
  const Shape shape = broadcast_shapes(x.shape(), exponent.shape(), "Pow");
  call.require_moderate(static_cast<double>(shape.size()));
  const Var wide = x.shape() == shape ? x : broadcast_to(x, shape, call.where());
  call.out(powers(call, wide, broadcast_to(Var(exponent), shape).value()));
}

void clip_operator(Call& call) {
  const bool operands = call.opset() >= 11;
  if (operands && (call.has("min") || call.has("max")))
    call.fail("its ends are attributes, which they are before opset 11 only; since then they are operands");
  const auto end = [&](int operand, const char* name, double otherwise) {
    if (operands) return call.has(operand) ? call.scalar(operand, name) : otherwise;
    return call.f(name, otherwise);
  };
  const auto lies = [&](int operand) { return operands && call.has(operand) && call.is_float(operand); };
  if (call.is_float(0) && ((lies(1) && !call.exact(1)) || (lies(2) && !call.exact(2)))) {
    // Ends that were computed take part as operands, so that they are enclosed.
    Var y = call.x(0);
    if (call.has(1)) y = maximum(y, call.x(1), call.where());
    if (call.has(2)) y = minimum(y, call.x(2), call.where());
    return call.out(y);
  }
  const double lo = end(1, "min", -infinity), hi = end(2, "max", infinity);
  if (!call.is_float(0)) {
    Tensor y = whole_map(call.value(0).var.value(), [&](double x) { return std::min(std::max(x, lo), hi); });
    return call.whole(0, std::move(y), call.value(0).type);
  }
  // ONNX's min(max(x, lo), hi) is hi throughout where lo > hi.
  call.out(clip(call.x(0), std::min(lo, hi), hi, call.where()));
}

void leaky_relu_operator(Call& call) { call.out(leaky_relu(call.x(0), call.f("alpha", 0.01F), call.where())); }
void elu_operator(Call& call) { call.out(elu(call.x(0), call.f("alpha", 1.0), call.where())); }
void celu_operator(Call& call) { call.out(celu(call.x(0), call.f("alpha", 1.0), call.where())); }
void selu_operator(Call& call) {
  const bool old = call.opset() < 6;
  const double alpha = call.f("alpha", old ? 1.6732F : 1.67326319217681884765625);
  call.out(selu(call.x(0), alpha, call.f("gamma", old ? 1.0507F : 1.05070102214813232421875), call.where()));
}
void hard_sigmoid_operator(Call& call) {
  call.out(hard_sigmoid(call.x(0), call.f("alpha", 0.2F), call.f("beta", 0.5), call.where()));
}
void gelu_operator(Call& call) {
  const std::string how = call.s("approximate", "none");
  if (how != "none" && how != "tanh") call.fail(cat("approximate must be none or tanh, got '", how, "'"));
  call.out(how == "none" ? gelu(call.x(0), call.where()) : gelu_tanh(call.x(0), call.where()));
}
// The slope is broadcast to x, never x to the slope. Until opset 6 a slope of C numbers was one per channel. Since then
// they lie along the last axis as everywhere; where they cannot, as in (C) for (N, C, L) with L ≠ C, the file is no
// valid ONNX, and the one reading that programs give it is the old one.
void prelu_operator(Call& call) {
  const Var& x = call.x(0);
  Var slope = call.x(1);
  const Shape &s = slope.shape(), &shape = x.shape();
  const bool per_channel = s.rank() == 1 && shape.rank() > 2 && s[0] == shape[1] && s[0] != 1;
  if (per_channel && (call.opset() < 7 || s[0] != shape[shape.rank() - 1])) {
    Shape spread{s[0]};
    while (spread.rank() < shape.rank() - 1) spread = spread.inserted(spread.rank(), 1);
    slope = reshape(slope, spread, call.where());
  }
  if (broadcast_shapes(shape, slope.shape(), "PRelu") != shape)
    call.fail(cat("its slope of shape ", s, " must broadcast to its operand of shape ", shape));
  call.out(prelu(x, slope, call.where()));
}

void where_operator(Call& call) {
  if (call.varies(0) && !call.context().at_a_point)
    call.unsupported(
        "its condition depends on the input of the model; supported are constant conditions and the patterns of ReLU, "
        "LeakyReLU, PReLU and ELU");
  if (call.is_float(1) != call.is_float(2)) call.fail("its operands must be of one type");
  const Shape both = broadcast_shapes(call.value(1).var.shape(), call.value(2).var.shape(), "Where");
  call.require_moderate(static_cast<double>(broadcast_shapes(call.value(0).var.shape(), both, "Where").size()));
  const Tensor condition = call.value(0).var.value().to(call.value(1).var.dtype());
  call.out(0, Value{where(condition, call.value(1).var, call.value(2).var, call.where()), call.value(1).type});
}

void identity(Call& call) { call.out(0, call.value(0)); }
void dropout(Call& call) {
  const bool training = call.opset() < 7 ? call.i("is_test", 0) == 0 && call.has("is_test")
                                         : call.has(2) && call.scalar(2, "training_mode") != 0.0;
  const double ratio = call.opset() >= 12 ? (call.has(1) ? call.scalar(1, "ratio") : 0.5) : call.f("ratio", 0.5);
  if (training && ratio != 0.0)
    call.unsupported("dropout in training is random; export the model in inference mode (model.eval() in PyTorch)");
  call.out(0, call.value(0));
  if (call.wants(1)) call.whole(1, Tensor::full(call.value(0).var.shape(), DType::f64, 1.0), ElementType::boolean);
}

using Rounding = double (*)(double);
Rounding rounding_to(ElementType type) {
  switch (type) {
    case ElementType::f16:
      return [](double x) { return static_cast<double>(rounded_to_half(x)); };
    case ElementType::bf16:
      return [](double x) { return static_cast<double>(rounded_to_bfloat(x)); };
    case ElementType::f32:
      return [](double x) { return static_cast<double>(static_cast<float>(x)); };
    default:
      return [](double x) { return x; };
  }
}
// Numbers f64 of the type `to`, in the type that the model computes in.
void cast_constant(Call& call, ElementType to, const Tensor& numbers) {
  const Tensor y = numbers.to(call.dtype());
  for (Index i = 0; i < y.size(); ++i)
    if (y.at(i) != numbers.at(i))
      call.unsupported(cat("it makes the number ", numbers.at(i), ", which ", call.dtype(),
                           ", the type of the model, does not hold"));
  call.out(0, Value{Var(y), to});
}

void cast_to(Call& call, ElementType to) {
  const Value& v = call.value(0);
  if (to == ElementType::string || to == ElementType::undefined) call.unsupported("a cast to texts");
  if (onnx::is_float(to)) {
    if (call.is_float(0)) {
      const bool narrows = v.type != to && to != ElementType::f64 &&
                           (v.type == ElementType::f64 || to == ElementType::f16 || to == ElementType::bf16);
      if (narrows && !call.varies(0)) return cast_constant(call, to, call.decided(0, rounding_to(to)));
      if (narrows && to == ElementType::bf16)
        call.unsupported(
            "a cast of what depends on the input to bfloat16, of which the rounding, a staircase, is not small");
      // Between other floating-point types nothing changes in exact arithmetic.
      return call.out(0, Value{v.var, to});
    }
    call.require_counted();
    return cast_constant(call, to, whole_map(v.var.value(), rounding_to(to)));
  }
  if (call.is_float(0)) {
    if (call.varies(0))
      call.unsupported(
          cat("a cast of what depends on the input to ", to_string(to), ", a staircase without a Lipschitz constant"));
    if (to == ElementType::boolean)  // an interval that holds 0 decides nothing, unless it is 0
      return call.whole(0, whole_map(call.decided(0, signum), [](double x) { return x != 0.0; }), to);
    return call.whole(0, call.decided(0, [](double x) { return std::trunc(x); }), to);
  }
  if (to == ElementType::boolean)
    return call.whole(0, whole_map(v.var.value(), [](double x) { return x != 0.0 ? 1.0 : 0.0; }), to);
  call.whole(0, v.var.value(), to);
}
void cast(Call& call) {
  if (!call.has("to")) call.fail("its attribute to is missing");
  // Opset 1 to 5 named the type.
  if (std::holds_alternative<std::string>(call.node().attributes.at("to")))
    call.unsupported("a cast of opset 5 or older; convert the model to opset 6 or newer");
  cast_to(call, static_cast<ElementType>(call.i("to", 0)));
}
void cast_like(Call& call) { cast_to(call, call.value(1).type); }

void sign_operator(Call& call) { unary_of_any<taut::sign, signum>(call); }

constexpr Operator elementwise_table[] = {
    {"Abs", Kind::computes, 1, unary_of_any<taut::abs, magnitude>, "abs"},
    {"Add", Kind::computes, 1, arithmetic<add, plus>, "add"},
    {"Cast", Kind::moves, 6, cast, "—",
     "constants are rounded; roundings of what depends on the input are left out, to bf16 and whole numbers refused"},
    {"CastLike", Kind::moves, 15, cast_like, "—", "as Cast"},
    {"Celu", Kind::computes, 12, celu_operator, "celu"},
    {"Clip", Kind::computes, 1, clip_operator, "clip", "constant ends"},
    {"Cos", Kind::computes, 7, unary<taut::cos>, "cos"},
    {"Div", Kind::computes, 1, arithmetic<taut::div, quotient>, "div"},
    {"Dropout", Kind::moves, 1, dropout, "—", "inference"},
    {"Elu", Kind::computes, 1, elu_operator, "elu"},
    {"Erf", Kind::computes, 9, unary<taut::erf>, "erf"},
    {"Exp", Kind::computes, 1, unary<taut::exp>, "exp"},
    {"Gelu", Kind::computes, 20, gelu_operator, "gelu, gelu_tanh"},
    {"HardSigmoid", Kind::computes, 1, hard_sigmoid_operator, "hard_sigmoid"},
    {"HardSwish", Kind::computes, 14, unary<hard_swish>, "hard_swish"},
    {"Identity", Kind::moves, 1, identity, "—"},
    {"LeakyRelu", Kind::computes, 1, leaky_relu_operator, "leaky_relu"},
    {"Log", Kind::computes, 1, unary<taut::log>, "log"},
    {"Max", Kind::computes, 1, variadic<maximum, larger, true>, "maximum"},
    {"Mean", Kind::computes, 1, mean_of_operands, "add, div"},
    {"Min", Kind::computes, 1, variadic<minimum, smaller, true>, "minimum"},
    {"Mish", Kind::computes, 18, unary<mish>, "mish"},
    {"Mul", Kind::computes, 1, arithmetic<mul, times>, "mul"},
    {"Neg", Kind::computes, 1, unary_of_any<neg, negative>, "neg"},
    {"PRelu", Kind::computes, 1, prelu_operator, "prelu"},
    {"Pow", Kind::computes, 1, pow_operator, "pow, square, sqrt, reciprocal", "constant base or exponent"},
    {"Reciprocal", Kind::computes, 1, unary<reciprocal>, "reciprocal"},
    {"Relu", Kind::computes, 1, unary_of_any<relu, positive>, "relu"},
    {"Selu", Kind::computes, 1, selu_operator, "selu"},
    {"Sigmoid", Kind::computes, 1, unary<sigmoid>, "sigmoid"},
    {"Sign", Kind::computes, 9, sign_operator, "sign"},
    {"Sin", Kind::computes, 7, unary<taut::sin>, "sin"},
    {"Softplus", Kind::computes, 1, unary<softplus>, "softplus"},
    {"Softsign", Kind::computes, 1, unary<softsign>, "softsign"},
    {"Sqrt", Kind::computes, 1, unary<taut::sqrt>, "sqrt"},
    {"Sub", Kind::computes, 1, arithmetic<sub, minus>, "sub"},
    {"Sum", Kind::computes, 1, variadic<add, plus, false>, "add"},
    {"Tanh", Kind::computes, 1, unary<taut::tanh>, "tanh"},
    {"Where", Kind::computes, 9, where_operator, "where", "constant condition"},
};

}  // namespace

std::span<const Operator> elementwise_operators() { return elementwise_table; }

}  // namespace taut::nn::onnx
