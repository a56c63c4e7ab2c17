// Random nodes that act on every number alone.
#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {
namespace {

float small_float(Draft& d) { return static_cast<float>(d.random.of({0.01, 0.1, 0.2, 0.5, 1.0, 1.5, -0.3})); }
float positive_float(Draft& d) { return static_cast<float>(d.random.of({0.1, 0.5, 1.0, 1.3, 2.0})); }

void plain_activation(Draft& d) {
  d.add(d.random.of({"Relu", "Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Sin", "Cos", "Abs", "Neg",
                     "Selu", "Identity"}),
        {d.any()});
}
void shaped_activation(Draft& d) {
  const char* const op = d.random.of({"LeakyRelu", "Elu", "HardSigmoid", "Selu"});
  Attributes attributes;
  const std::string kind = op;
  if (d.random.coin()) attributes["alpha"] = kind == "LeakyRelu" ? small_float(d) : positive_float(d);
  if (kind == "HardSigmoid" && d.random.coin()) attributes["beta"] = small_float(d);
  if (kind == "Selu" && d.random.coin()) attributes["gamma"] = positive_float(d);
  d.add(op, {d.any()}, attributes);
}
void newer_activation(Draft& d) {
  if (d.opset() >= 20 && d.random.coin())
    d.add("Gelu", {d.any()}, {{"approximate", std::string(d.random.of({"none", "tanh"}))}});
  else if (d.opset() >= 18 && d.random.coin())
    d.add("Mish", {d.any()});
  else if (d.opset() >= 14 && d.random.coin())
    d.add("HardSwish", {d.any()});
  else if (d.opset() >= 12 && d.real == onnx::ElementType::f32)
    d.add("Celu", {d.any()}, {{"alpha", positive_float(d)}});
}
// Not Lipschitz on all reals.
void steep(Draft& d) { d.add(d.random.of({"Exp", "Sign", "Reciprocal"}), {d.any()}); }

// A number that stays away from 0 and below.
std::string above_zero(Draft& d, const std::string& x) {
  const char* const op = d.random.of({"Softplus", "Abs", "Exp", "Square", "Relu", "Sigmoid"});
  const std::string kind = op;
  const std::string y = kind == "Square" ? d.add("Mul", {x, x}) : d.add(op, {x});
  return d.add("Add", {y, d.number(d.random.of({1.0, 0.5, 0.01, 1e-3}), x)});
}
void of_positive(Draft& d) {
  const std::string x = above_zero(d, d.any());
  switch (d.random.whole(0, 3)) {
    case 0:
      d.add("Log", {x});
      return;
    case 1:
      d.add("Sqrt", {x});
      return;
    case 2:
      d.add("Reciprocal", {x});
      return;
    default:
      d.add("Pow", {x, d.number(d.random.of({0.5, -0.5, 1.5, -1.0, 0.3}), x)});
  }
}

Sizes broadcastable(Draft& d, const Sizes& shape) {
  Sizes dims = shape;
  if (d.random.chance(0.5)) dims.erase(dims.begin(), dims.begin() + d.random.whole(0, static_cast<int>(dims.size())));
  for (std::int64_t& dim : dims)
    if (d.random.chance(0.3)) dim = dim == 1 && d.random.chance(0.3) ? d.random.whole(1, 3) : 1;
  if (d.random.chance(0.05)) dims.insert(dims.begin(), d.random.whole(1, 2));
  return dims;
}
void with_constant(Draft& d) {
  const std::string x = d.any();
  const std::string op = d.random.of({"Add", "Sub", "Mul", "Div", "Mul", "Max", "Min"});
  const Sizes shape = broadcastable(d, d.shape(x));
  const std::string c = op == "Div" ? d.positive(shape) : d.numbers(shape);
  const bool first = op != "Div" && d.random.coin();
  d.add(op, first ? Names{c, x} : Names{x, c});
}
void of_two(Draft& d) { d.add(d.random.of({"Add", "Sub", "Max", "Min"}), {d.any(), d.any()}); }
// Unbounded on all reals unless both are bounded.
void product_of_two(Draft& d) {
  std::string a = d.any(), b = d.any();
  const auto bounded = {"Tanh", "Sigmoid", "Sin", "Erf"};
  if (d.random.chance(0.7)) a = d.add(d.random.of(bounded), {a});
  if (d.random.chance(0.7)) b = d.add(d.random.of(bounded), {b});
  if (d.random.chance(0.3))
    d.add("Div", {a, above_zero(d, b)});
  else
    d.add("Mul", {a, b});
}
void of_several(Draft& d) {
  Names inputs{d.any()};
  for (std::int64_t k = d.random.whole(1, 3); k > 0; --k)
    inputs.push_back(d.random.chance(0.3) ? d.numbers(broadcastable(d, d.shape(inputs[0]))) : d.any());
  if (d.random.chance(0.3)) inputs.push_back(inputs.front());
  d.add(d.random.of({"Max", "Min", "Sum", "Mean"}), inputs);
}
void clip(Draft& d) {
  const std::string x = d.any();
  const double lo = d.random.uniform(-2, 0.5), hi = lo + d.random.uniform(-0.1, 3);
  if (d.opset() < 11)
    d.add("Clip", {x}, {{"min", static_cast<float>(lo)}, {"max", static_cast<float>(hi)}});
  else
    d.add("Clip", {x, d.random.chance(0.8) ? d.numbers({}, {lo}) : "", d.numbers({}, {hi})});
}
void prelu(Draft& d) {
  const std::string x = d.any();
  Sizes shape = broadcastable(d, d.shape(x));
  // One slope per channel in the way of old exporters, where ONNX takes the last axis.
  if (d.rank(x) > 2 && d.random.chance(0.3)) shape = {d.shape(x)[1]};
  d.add("PRelu", {x, d.numbers(shape)});
}
void where(Draft& d) {
  const std::string x = d.any();
  const std::string other = d.random.coin() ? d.any() : d.numbers(broadcastable(d, d.shape(x)));
  const std::string condition = d.truths(broadcastable(d, d.shape(x)));
  d.add("Where", d.random.coin() ? Names{condition, x, other} : Names{condition, other, x});
}
void power(Draft& d) {
  const std::string x = d.any();
  d.add("Pow", {x, d.random.chance(0.2) ? d.numbers(broadcastable(d, d.shape(x)))
                                        : d.number(d.random.of({1.0, 2.0, 3.0, 1.0, 0.0, -1.0}), x)});
}
// A factor that nodes compute: rounded where it is folded.
void computed_factor(Draft& d) {
  const std::string x = d.any();
  const Sizes shape = broadcastable(d, d.shape(x));
  std::string c = d.positive(shape);
  for (std::int64_t k = d.random.whole(1, 3); k > 0; --k) switch (d.random.whole(0, 3)) {
      case 0:
        c = d.add("Sqrt", {c});
        break;
      case 1:
        c = d.add("Div", {d.number(d.random.of({1.0, 10.0, 0.1})), c});
        break;
      case 2:
        c = d.add("Mul", {c, d.number(d.random.of({3.0, 0.1, 0.7}))});
        break;
      default:
        c = d.add("Add", {c, d.number(d.random.of({1e-9, 1e-3, 1.0}))});
    }
  d.add(d.random.of({"Mul", "Div", "Mul", "Add"}), {x, c});
}
// A count of numbers, taken from a shape.
void counted_factor(Draft& d) {
  const std::string x = d.any();
  std::string n = d.random.coin() || d.rank(x) == 0
                      ? d.add("Size", {x})
                      : d.add("Gather", {d.add("Shape", {x}), d.wholes({d.any_axis(x)})}, {{"axis", std::int64_t{0}}});
  n = d.add("Cast", {n}, {{"to", static_cast<std::int64_t>(d.real)}});
  if (d.random.chance(0.4)) n = d.add("Sqrt", {n});
  d.add(d.random.of({"Mul", "Div"}), {x, n});
}

// Constants that are made from the shape of a value: filled, counted up, the identity.
std::string made_from_shape(Draft& d, const std::string& x) {
  const std::int64_t kind = d.random.whole(0, 2);
  if (kind == 0 && d.rank(x) == 2) return d.add("EyeLike", {x});
  if (kind == 1 && d.rank(x) > 0 && d.opset() >= 11) {
    const std::string axis = d.add("Reshape", {d.wholes({d.any_axis(x)}), d.wholes({})});
    const std::string n = d.add("Gather", {d.add("Shape", {x}), axis}, {{"axis", std::int64_t{0}}});
    const auto end = [&](std::int64_t e) { return d.add("Reshape", {d.wholes({e}), d.wholes({})}); };
    std::string list = d.add("Range", {end(0), n, end(1)});
    if (d.random.coin()) list = d.add("Mod", {list, end(2)});
    return d.add("Cast", {list}, {{"to", static_cast<std::int64_t>(d.real)}});
  }
  const DType dtype = d.real == onnx::ElementType::f32 ? DType::f32 : DType::f64;
  return d.add("ConstantOfShape", {d.add("Shape", {x})},
               {{"value", onnx::Array{Tensor::full(Shape{1}, dtype, d.plain_number()), d.real}}});
}
void with_made(Draft& d) {
  const std::string x = d.any(), c = made_from_shape(d, x);
  d.add(d.random.of({"Add", "Mul", "Sub", "Mul"}), {x, c});
}
// A mask that nodes compute from constants.
void masked(Draft& d) {
  const std::string x = d.any();
  std::string c = d.numbers(broadcastable(d, d.shape(x)));
  if (d.random.coin()) c = d.add(d.random.of({"Floor", "Ceil"}), {c});
  std::string condition = d.add(d.random.of({"Less", "Greater"}), {c, d.number(0.3)});
  if (d.opset() >= 11 && d.random.coin()) condition = d.add("Equal", {c, d.number(1.0)});
  if (d.random.chance(0.3))
    condition = d.add(d.random.of({"And", "Or", "Xor"}), {condition, d.truths(d.value(condition).shape)});
  d.add("Where", {condition, x, d.random.coin() ? d.number(0.0) : d.any()});
}

}  // namespace

const std::vector<Weighted>& elementwise_recipes() {
  static const std::vector<Weighted> list{
      {10, plain_activation},
      {5, shaped_activation},
      {3, newer_activation},
      {1, steep},
      {3, of_positive},
      {8, with_constant},
      {6, of_two},
      {2, product_of_two},
      {3, of_several},
      {3, clip},
      {3, prelu},
      {3, where},
      {1, power},
      {3, computed_factor},
      {2, counted_factor},
      {3, with_made},
      {3, masked},
  };
  return list;
}

}  // namespace taut::test::generated
