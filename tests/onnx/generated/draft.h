// A graph that grows by random nodes. Every node is computed as it is added, so that shapes are known and nothing
// invalid stays.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "tests/onnx/generated/value.h"

namespace taut::test::generated {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::int64_t whole(std::int64_t lo, std::int64_t hi);  // both ends included
  double uniform(double lo, double hi);
  double normal();
  bool chance(double probability) { return uniform(0, 1) < probability; }
  bool coin() { return chance(0.5); }
  template <class List>
  const auto& of(const List& list) {
    return *(list.begin() + whole(0, static_cast<std::int64_t>(list.size()) - 1));
  }
  template <class T>
  T of(std::initializer_list<T> list) {
    return *(list.begin() + whole(0, static_cast<std::int64_t>(list.size()) - 1));
  }

 private:
  boost::random::mt19937_64 engine_;
};

using Attributes = std::map<std::string, onnx::Attribute>;
using Names = std::vector<std::string>;

class Draft {
 public:
  explicit Draft(std::uint64_t seed);

  onnx::GraphData graph;
  Random random;
  onnx::ElementType real = onnx::ElementType::f32;  // of the floating-point numbers
  std::map<std::string, Value> values;              // of everything, for one input and, where it is open, two samples
  Names live;                                       // floating-point values that vary, in the order of computation

  int opset() const { return graph.opsets.at(""); }
  const Value& value(const std::string& name) const { return values.at(name); }
  const Sizes& shape(const std::string& name) const { return values.at(name).shape; }
  int rank(const std::string& name) const { return values.at(name).rank(); }

  // A value that varies; recent ones are likely, so that little is left unused.
  std::string any();
  std::string any_of_rank(int lowest, int highest);   // Invalid where there is none
  int any_axis(const std::string& name);              // Invalid for scalars
  std::int64_t spelled(std::int64_t axis, int rank);  // counted from the front or from the end

  // The name of the first output. Invalid, and nothing is added, where the node cannot be computed.
  std::string add(const std::string& op, const Names& inputs, const Attributes& attributes = {},
                  std::size_t outputs = 1);
  void input(const Sizes& shape, bool open);

  // ---- constants, stored, as nodes, or computed by nodes
  std::string numbers(const Sizes& shape);                                         // random
  std::string numbers(const Sizes& shape, std::vector<double> list);               // given
  std::string number(double x);                                                    // a scalar, or shaped like one
  std::string number(double x, const std::string& like, double enlarging = 0.03);  // of a shape that broadcasts to it
  std::string positive(const Sizes& shape);
  std::string wholes(const Sizes& list);
  std::string truths(const Sizes& shape);
  // Axes as this opset wants them: an attribute, or an operand appended to the inputs.
  void give_axes(const Sizes& axes, int operand_since, Names& inputs, Attributes& attributes);
  double plain_number();  // small, often exact

  std::string text() const;  // the graph, one node per line

 private:
  std::string name(const char* kind) { return kind + std::to_string(++count_); }
  std::string store(const Sizes& shape, const std::vector<double>& list, onnx::ElementType type);

  int count_ = 0;
};

std::string text_of(const onnx::GraphData& graph);

// One more node or pattern. Invalid where it does not fit.
using Recipe = void (*)(Draft&);
struct Weighted {
  int weight;
  Recipe recipe;
};
const std::vector<Weighted>& elementwise_recipes();
const std::vector<Weighted>& moving_recipes();
const std::vector<Weighted>& product_recipes();
const std::vector<Weighted>& pattern_recipes();
const std::vector<Weighted>& gate_recipes();

// A change to one constant, attribute, operand or operator; false where none was found that can be computed.
bool mutate(Draft& draft);

// Graph number `seed`.
Draft generate(std::uint64_t seed);

}  // namespace taut::test::generated
