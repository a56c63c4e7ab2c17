// Arrays of dual numbers, and how positions in them are counted.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "nn/onnx/graph.h"
#include "tests/onnx/generated/dual.h"

namespace taut::test::generated {

namespace onnx = nn::onnx;
using Sizes = std::vector<std::int64_t>;

// The graph is not one that the ONNX specification gives a meaning.
class Invalid : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// It leaves a value without entries: allowed, but no Jacobian is there to compare.
class NothingLeft : public Invalid {
 public:
  using Invalid::Invalid;
};

// An operator or attribute that the interpreter leaves out.
class NotKnown : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Value {
  Sizes shape;
  std::vector<Dual> numbers;  // row-major
  onnx::ElementType type = onnx::ElementType::undefined;

  int rank() const { return static_cast<int>(shape.size()); }
  std::int64_t size() const { return static_cast<std::int64_t>(numbers.size()); }
  bool is_float() const { return onnx::is_float(type); }
  bool varies() const;
  std::int64_t dim(int axis) const { return shape[static_cast<std::size_t>(axis)]; }
  Dual& at(std::int64_t i) { return numbers[static_cast<std::size_t>(i)]; }
  const Dual& at(std::int64_t i) const { return numbers[static_cast<std::size_t>(i)]; }
};

std::int64_t count(const Sizes& shape);
std::int64_t product(const Sizes& shape, int from, int to);
// Zeros. Invalid for negative sizes and for more numbers than a test needs.
Value zeros(const Sizes& shape, onnx::ElementType type);
Value value_of(const onnx::Array& array);
Value wholes(const Sizes& numbers);

// Positions of a row-major array, and back.
Sizes position(std::int64_t flat, const Sizes& shape);
std::int64_t flat(const Sizes& position, const Sizes& shape);

Sizes broadcast(const Sizes& a, const Sizes& b);
// x with NumPy's broadcasting.
Value spread(const Value& x, const Sizes& shape);
Value reshaped(Value x, const Sizes& shape);
Value permuted(const Value& x, const std::vector<int>& order);

// y[p] = x[source(p)], or `outside` where source(p) is empty.
Value gathered(const Value& x, const Sizes& shape, const std::function<Sizes(const Sizes&)>& source,
               const Dual& outside = Dual());
// f of every line of x along the axis: a vector for a vector; all results have one length.
Value along(const Value& x, int axis, const std::function<std::vector<Dual>(const std::vector<Dual>&)>& f);

}  // namespace taut::test::generated
