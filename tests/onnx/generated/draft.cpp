#include "tests/onnx/generated/draft.h"

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

#include "tests/onnx/generated/interpreter.h"

namespace taut::test::generated {

using onnx::ElementType;

std::int64_t Random::whole(std::int64_t lo, std::int64_t hi) {
  return boost::random::uniform_int_distribution<std::int64_t>(lo, hi)(engine_);
}
double Random::uniform(double lo, double hi) {
  return boost::random::uniform_real_distribution<double>(lo, hi)(engine_);
}
double Random::normal() { return boost::random::normal_distribution<double>()(engine_); }

Draft::Draft(std::uint64_t seed) : random(seed) {
  graph.opsets[""] = random.of({9, 10, 11, 12, 13, 13, 14, 15, 17, 18, 19, 20, 21});
  real = random.coin() ? ElementType::f32 : ElementType::f64;
}

std::string Draft::any() {
  if (live.empty()) throw Invalid("nothing varies");
  if (random.chance(0.65)) return live.back();
  return random.of(live);
}
std::string Draft::any_of_rank(int lowest, int highest) {
  for (int tries = 0; tries < 4; ++tries) {
    const std::string x = any();
    if (rank(x) >= lowest && rank(x) <= highest) return x;
  }
  throw Invalid("no value of this rank");
}
int Draft::any_axis(const std::string& name) {
  if (rank(name) == 0) throw Invalid("a scalar has no axes");
  return static_cast<int>(random.whole(0, rank(name) - 1));
}
std::int64_t Draft::spelled(std::int64_t axis, int rank) { return random.chance(0.3) ? axis - rank : axis; }

std::string Draft::add(const std::string& op, const Names& inputs, const Attributes& attributes, std::size_t outputs) {
  onnx::GraphNode node{op, "", "", inputs, {}, attributes};
  for (std::size_t i = 0; i < outputs; ++i) node.outputs.push_back(name("v"));
  interpret_node(node, opset(), values);
  for (const std::string& output : node.outputs) {
    const Value& y = values.at(output);
    constexpr std::int64_t most = 72;
    if (y.size() > most || y.size() == 0 || y.rank() > 6) throw Invalid("a value that is large or empty");
  }
  graph.nodes.push_back(node);
  for (const std::string& output : node.outputs)
    if (values.at(output).is_float() && values.at(output).varies()) live.push_back(output);
  return node.outputs.front();
}

void Draft::input(const Sizes& shape, bool open) {
  onnx::GraphPort port{name("x"), real, std::vector<onnx::Dimension>{}};
  for (const std::int64_t dim : shape) port.shape->push_back({dim, ""});
  if (open) port.shape->front() = {std::nullopt, "N"};
  graph.inputs.push_back(port);
  Value x = zeros(shape, real);
  for (Dual& e : x.numbers) {
    e.value = random.normal();
    e.slope.assign(1, 1);  // marks what varies
  }
  values[port.name] = std::move(x);
  live.push_back(port.name);
}

double Draft::plain_number() {
  switch (random.whole(0, 4)) {
    case 0:
      return static_cast<double>(random.whole(-2, 3));
    case 1:
      return random.of({0.5, -0.5, 0.25, 1.5, 2.0, 1.0});
    case 2:
      return random.of({0.1, 0.3, -0.7, 1.1, 1.0 / 3.0, 0.01});
    default:
      return random.normal();
  }
}

std::string Draft::store(const Sizes& shape, const std::vector<double>& list, ElementType type) {
  const Shape dims{std::span<const Index>(shape)};
  Tensor tensor = Tensor::from<double>(dims, list);
  if (type == ElementType::f32) tensor = tensor.to(DType::f32);
  const onnx::Array array{tensor, type};
  if (random.chance(0.2)) return add("Constant", {}, {{"value", array}});
  const std::string stored = name("c");
  graph.initialisers.emplace_back(stored, array);
  values[stored] = value_of(array);
  // Moved or computed from what is stored, without a change where numbers are exact.
  if (type == ElementType::i64 || !random.chance(0.12)) return stored;
  switch (random.whole(0, 3)) {
    case 0:
      return add("Identity", {stored});
    case 1:
      return add("Neg", {add("Neg", {stored})});
    case 2:
      return add("Div", {stored, numbers({}, {3.0})});
    default:
      return add("Mul", {stored, numbers({}, {0.7})});
  }
}

std::string Draft::numbers(const Sizes& shape) {
  std::vector<double> list(static_cast<std::size_t>(count(shape)));
  for (double& x : list) x = plain_number();
  return store(shape, list, real);
}
std::string Draft::numbers(const Sizes& shape, std::vector<double> list) {
  const Shape dims{std::span<const Index>(shape)};
  Tensor tensor = Tensor::from<double>(dims, list);
  if (real == ElementType::f32) tensor = tensor.to(DType::f32);
  const std::string stored = name("c");
  graph.initialisers.emplace_back(stored, onnx::Array{tensor, real});
  values[stored] = value_of(graph.initialisers.back().second);
  return stored;
}
std::string Draft::number(double x) { return numbers(random.chance(0.3) ? Sizes{1} : Sizes{}, {x}); }
std::string Draft::number(double x, const std::string& like, double enlarging) {
  if (random.chance(0.6)) return number(x);
  Sizes dims = shape(like);
  const auto shorter = random.whole(0, rank(like));
  dims.erase(dims.begin(), dims.begin() + shorter);
  for (std::int64_t& dim : dims)
    if (random.chance(0.6)) dim = 1;
  if (random.chance(enlarging)) {
    if (!dims.empty() && random.coin())
      for (std::int64_t& dim : dims) dim = dim == 1 ? random.whole(1, 3) : dim;
    else
      dims.insert(dims.begin(), random.whole(1, 3));
  }
  return numbers(dims, std::vector<double>(static_cast<std::size_t>(count(dims)), x));
}
std::string Draft::positive(const Sizes& shape) {
  std::vector<double> list(static_cast<std::size_t>(count(shape)));
  for (double& x : list) x = random.uniform(0.1, 2.0);
  return numbers(shape, list);
}
std::string Draft::wholes(const Sizes& list) {
  return store({static_cast<std::int64_t>(list.size())}, std::vector<double>(list.begin(), list.end()),
               ElementType::i64);
}
std::string Draft::truths(const Sizes& shape) {
  const std::string stored = name("c");
  std::vector<double> list(static_cast<std::size_t>(count(shape)));
  for (double& x : list) x = random.coin() ? 1.0 : 0.0;
  graph.initialisers.emplace_back(
      stored, onnx::Array{Tensor::from<double>(Shape{std::span<const Index>(shape)}, list), ElementType::boolean});
  values[stored] = value_of(graph.initialisers.back().second);
  return stored;
}
void Draft::give_axes(const Sizes& axes, int operand_since, Names& inputs, Attributes& attributes) {
  if (opset() >= operand_since)
    inputs.push_back(wholes(axes));
  else
    attributes["axes"] = axes;
}

std::string Draft::text() const { return text_of(graph); }

}  // namespace taut::test::generated
