// Random changes of a graph from x to y, most of which make it another function, some of which do not.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

#include "tests/onnx/import/graphs.h"

namespace taut::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return boost::random::uniform_int_distribution<std::size_t>(0, n - 1)(engine_); }
  std::int64_t whole(std::int64_t lo, std::int64_t hi) {
    return boost::random::uniform_int_distribution<std::int64_t>(lo, hi)(engine_);
  }
  double real(double lo, double hi) { return boost::random::uniform_real_distribution<double>(lo, hi)(engine_); }
  bool once_in(std::size_t n) { return below(n) == 0; }
  template <class List>
  auto& of(List& list) {
    return list[below(list.size())];
  }

 private:
  boost::random::mt19937_64 engine_;
};

// Changes one thing: a constant (its value, shape, rank, one entry, stored or computed), an axis, an attribute, the
// order of operands, an operator, the opset, the shape of x, a cast, a domain. Says which.
std::string mutate(onnx::GraphData& graph, Dice& dice);

// The same graph with all numbers and operations in f64, or with all stored numbers rounded to f32.
onnx::GraphData in_f64(onnx::GraphData graph);
onnx::GraphData in_f32(onnx::GraphData graph);

}  // namespace taut::test
