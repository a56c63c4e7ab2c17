#include "tests/onnx/generated/value.h"

#include <algorithm>

namespace taut::test::generated {

bool Value::varies() const {
  return std::ranges::any_of(numbers, [](const Dual& x) { return x.varies(); });
}

std::int64_t product(const Sizes& shape, int from, int to) {
  std::int64_t n = 1;
  for (int i = from; i < to; ++i) n *= shape[static_cast<std::size_t>(i)];
  return n;
}
std::int64_t count(const Sizes& shape) { return product(shape, 0, static_cast<int>(shape.size())); }

Value zeros(const Sizes& shape, onnx::ElementType type) {
  constexpr std::int64_t most = 1 << 20;
  std::int64_t n = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0 || dim > most || (n *= dim) > most) throw Invalid("a shape that is negative or large");
  }
  return {shape, std::vector<Dual>(static_cast<std::size_t>(n)), type};
}

Value value_of(const onnx::Array& array) {
  const Shape& s = array.tensor.shape();
  Value y = zeros(Sizes(s.dims().begin(), s.dims().end()), array.type);
  for (std::int64_t i = 0; i < y.size(); ++i) y.at(i).value = array.tensor.at(i);
  return y;
}

Value wholes(const Sizes& numbers) {
  Value y = zeros({static_cast<std::int64_t>(numbers.size())}, onnx::ElementType::i64);
  for (std::size_t i = 0; i < numbers.size(); ++i) y.numbers[i].value = static_cast<Real>(numbers[i]);
  return y;
}

Sizes position(std::int64_t flat, const Sizes& shape) {
  Sizes p(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    p[i] = flat % shape[i];
    flat /= shape[i];
  }
  return p;
}
std::int64_t flat(const Sizes& position, const Sizes& shape) {
  std::int64_t at = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) at = at * shape[i] + position[i];
  return at;
}

Sizes broadcast(const Sizes& a, const Sizes& b) {
  const Sizes& longer = a.size() >= b.size() ? a : b;
  const Sizes& shorter = a.size() >= b.size() ? b : a;
  Sizes shape = longer;
  const std::size_t shift = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    std::int64_t& dim = shape[i + shift];
    if (dim == 1)
      dim = shorter[i];
    else if (shorter[i] != 1 && shorter[i] != dim)
      throw Invalid("shapes do not broadcast");
  }
  return shape;
}

Value spread(const Value& x, const Sizes& shape) {
  if (x.shape == shape) return x;
  if (broadcast(x.shape, shape) != shape) throw Invalid("a shape does not broadcast to another");
  const std::size_t shift = shape.size() - x.shape.size();
  return gathered(x, shape, [&](const Sizes& p) {
    Sizes source(x.shape.size());
    for (std::size_t i = 0; i < source.size(); ++i) source[i] = x.shape[i] == 1 ? 0 : p[i + shift];
    return source;
  });
}

Value reshaped(Value x, const Sizes& shape) {
  if (count(shape) != x.size()) throw Invalid("a reshape changes the count of numbers");
  x.shape = shape;
  return x;
}

Value permuted(const Value& x, const std::vector<int>& order) {
  if (order.size() != x.shape.size()) throw Invalid("a permutation of other axes");
  Sizes shape;
  for (const int axis : order) shape.push_back(x.dim(axis));
  return gathered(x, shape, [&](const Sizes& p) {
    Sizes source(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) source[static_cast<std::size_t>(order[i])] = p[i];
    return source;
  });
}

Value gathered(const Value& x, const Sizes& shape, const std::function<Sizes(const Sizes&)>& source,
               const Dual& outside) {
  Value y = zeros(shape, x.type);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const Sizes from = source(position(i, shape));
    y.at(i) = from.empty() && !x.shape.empty() ? outside : x.at(flat(from, x.shape));
  }
  return y;
}

Value along(const Value& x, int axis, const std::function<std::vector<Dual>(const std::vector<Dual>&)>& f) {
  const std::int64_t n = x.dim(axis), inner = product(x.shape, axis + 1, x.rank());
  const std::int64_t outer = product(x.shape, 0, axis);
  Value y;
  for (std::int64_t line = 0; line < outer * inner; ++line) {
    std::vector<Dual> numbers;
    for (std::int64_t i = 0; i < n; ++i) numbers.push_back(x.at((line / inner * n + i) * inner + line % inner));
    std::vector<Dual> result = f(numbers);
    const auto length = static_cast<std::int64_t>(result.size());
    if (line == 0) {
      Sizes shape = x.shape;
      shape[static_cast<std::size_t>(axis)] = length;
      y = zeros(shape, x.type);
    }
    for (std::int64_t i = 0; i < length; ++i)
      y.at((line / inner * length + i) * inner + line % inner) = std::move(result[static_cast<std::size_t>(i)]);
  }
  return y;
}

}  // namespace taut::test::generated
