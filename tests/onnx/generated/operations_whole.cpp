// Constants, shapes, comparisons and truth values.
#include <algorithm>

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {
namespace {

using onnx::ElementType;

Results constant(const NodeView& n) {
  if (const onnx::Array* array = n.tensor("value")) return {value_of(*array)};
  if (n.has("value_int")) return {reshaped(wholes({n.whole("value_int", 0)}), {})};
  if (const auto list = n.list("value_ints")) return {wholes(*list)};
  Value y = zeros({}, ElementType::f32);
  if (n.has("value_float")) {
    y.at(0).value = n.real("value_float", 0);
    return {y};
  }
  const auto list = n.reals("value_floats");
  if (!list) n.fail("no value");
  y = zeros({static_cast<std::int64_t>(list->size())}, ElementType::f32);
  for (std::size_t i = 0; i < list->size(); ++i) y.numbers[i].value = (*list)[i];
  return {y};
}
Results constant_of_shape(const NodeView& n) {
  const onnx::Array* array = n.tensor("value");
  Value y = zeros(n.wholes(0), array != nullptr ? array->type : ElementType::f32);
  for (Dual& x : y.numbers) x.value = array != nullptr ? array->tensor.at(0) : 0;
  return {y};
}
Results eye_like(const NodeView& n) {
  if (n[0].rank() != 2) n.fail("a matrix is needed");
  Value y = zeros(n[0].shape, static_cast<ElementType>(n.whole("dtype", static_cast<std::int64_t>(n[0].type))));
  const std::int64_t k = n.whole("k", 0);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i).value = i % y.dim(1) == i / y.dim(1) + k;
  return {y};
}
Results range(const NodeView& n) {
  const Real start = n.number(0), limit = n.number(1), step = n.number(2);
  const Real length = std::max<Real>(0, std::ceil((limit - start) / step));
  if (!(length < 1000)) n.fail("too long");
  Value y = zeros({static_cast<std::int64_t>(length)}, n[0].type);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i).value = start + static_cast<Real>(i) * step;
  return {y};
}
Results shape(const NodeView& n) {
  const std::int64_t rank = n[0].rank();
  const auto inside = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t from = inside(n.whole("start", 0)), to = std::max(from, inside(n.whole("end", rank)));
  return {wholes(Sizes(n[0].shape.begin() + from, n[0].shape.begin() + to))};
}
Results size(const NodeView& n) { return {reshaped(wholes({n[0].size()}), {})}; }

// Derivatives of steps are 0 wherever there are any.
Operation compared(bool (*f)(Real, Real)) {
  return [f](const NodeView& n) -> Results {
    const Sizes both = broadcast(n[0].shape, n[1].shape);
    const Value a = spread(n[0], both), b = spread(n[1], both);
    Value y = zeros(both, ElementType::boolean);
    for (std::int64_t i = 0; i < y.size(); ++i) y.at(i).value = f(a.at(i).value, b.at(i).value) ? 1 : 0;
    return {y};
  };
}
Results negation(const NodeView& n) {
  Value y = zeros(n[0].shape, ElementType::boolean);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i).value = n[0].at(i).value == 0;
  return {y};
}
Operation staircase(Real (*f)(Real)) {
  return [f](const NodeView& n) -> Results {
    if (n[0].varies()) n.fail("a staircase of what varies");
    Value y = n[0];
    for (Dual& x : y.numbers) x.value = f(x.value);
    return {y};
  };
}
Results mod(const NodeView& n) {
  if (n[0].varies() || n[1].varies()) n.fail("a remainder of what varies");
  const Sizes both = broadcast(n[0].shape, n[1].shape);
  const Value b = spread(n[1], both);
  Value y = spread(n[0], both);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    Real& x = y.at(i).value;
    const Real by = b.at(i).value;
    x = n.whole("fmod", 0) != 0 ? std::fmod(x, by) : x - by * std::floor(x / by);
  }
  return {y};
}

}  // namespace

const OperationTable& whole_operations() {
  static const OperationTable table{
      {"And", compared([](Real a, Real b) { return a != 0 && b != 0; })},
      {"Ceil", staircase([](Real x) { return std::ceil(x); })},
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape},
      {"Equal", compared([](Real a, Real b) { return a == b; })},
      {"EyeLike", eye_like},
      {"Floor", staircase([](Real x) { return std::floor(x); })},
      {"Greater", compared([](Real a, Real b) { return a > b; })},
      {"GreaterOrEqual", compared([](Real a, Real b) { return a >= b; })},
      {"Less", compared([](Real a, Real b) { return a < b; })},
      {"LessOrEqual", compared([](Real a, Real b) { return a <= b; })},
      {"Mod", mod},
      {"Not", negation},
      {"Or", compared([](Real a, Real b) { return a != 0 || b != 0; })},
      {"Range", range},
      {"Round", staircase([](Real x) { return std::nearbyint(x); })},
      {"Shape", shape},
      {"Size", size},
      {"Xor", compared([](Real a, Real b) { return (a != 0) != (b != 0); })},
  };
  return table;
}

}  // namespace taut::test::generated
