// The interpreter that generated graphs are held against: its values are those of ONNX's own tests and of the library's
// evaluation, its derivatives are limits of difference quotients.
#include "tests/onnx/generated/interpreter.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "autodiff/error.h"
#include "harness/options.h"
#include "nn/onnx/model.h"
#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {
namespace {

namespace fs = std::filesystem;

bool near(Real a, Real b, Real relative, Real absolute) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= absolute + relative * std::fabs(b);
}

onnx::Array array_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return onnx::parse_array(bytes, file.string()).second;
}
bool is_plain(const onnx::Array& array) {
  return array.type != onnx::ElementType::f16 && array.type != onnx::ElementType::bf16;
}

// What is wrong with a case; "" for nothing. NotKnown for what the interpreter leaves out.
std::string fault(const fs::path& folder) {
  const onnx::GraphData graph = onnx::read_graph(folder / "model.onnx");
  for (const onnx::GraphNode& node : graph.nodes)
    if (!is_known(node.op) || !node.domain.empty()) throw NotKnown(node.op);
  const fs::path set = folder / "test_data_set_0";
  std::map<std::string, Value> inputs;
  for (std::size_t k = 0; k < graph.inputs.size(); ++k) {
    const fs::path file = set / ("input_" + std::to_string(k) + ".pb");
    if (!fs::exists(file)) continue;
    const onnx::Array array = array_of(file);
    if (!is_plain(array)) throw NotKnown("half precision");
    inputs[graph.inputs[k].name] = value_of(array);
  }
  const auto values = interpret(graph, inputs);
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
    const onnx::Array wanted = array_of(set / ("output_" + std::to_string(k) + ".pb"));
    if (!values.contains(graph.outputs[k].name)) throw NotKnown("more outputs");
    const Value& got = values.at(graph.outputs[k].name);
    const Value right = value_of(wanted);
    if (got.shape != right.shape) return "another shape";
    for (std::int64_t i = 0; i < got.size(); ++i)
      if (!near(got.at(i).value, right.at(i).value, 1e-3L, 2e-6L))
        return std::to_string(got.at(i).value) + " for " + std::to_string(right.at(i).value);
  }
  return "";
}

BOOST_AUTO_TEST_SUITE(generated_interpreter)

BOOST_AUTO_TEST_CASE(values_are_those_of_the_tests_of_onnx) {
  int passed = 0;
  for (const char* suite : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    const fs::path folder = fs::path(TAUT_ONNX_TESTDATA) / suite;
    if (!fs::is_directory(folder)) continue;
    for (const fs::path& test : fs::directory_iterator(folder)) try {
        // Statistics of training, random numbers, and types with a rounding of their own.
        const std::string name = test.filename().string();
        if (name.find("training") != std::string::npos || name.find("FLOAT16") != std::string::npos) continue;
        const std::string what = fault(test);
        BOOST_TEST(what == "", name << ": " << what);
        ++passed;
      } catch (const NotKnown&) {  // left out
      } catch (const Invalid& error) {
        BOOST_TEST_MESSAGE(test.filename().string() << " is refused: " << error.what());
      } catch (const Error&) {  // data that are no tensors of numbers
      }
  }
  BOOST_TEST_MESSAGE(passed << " cases");
  if (fs::is_directory(TAUT_ONNX_TESTDATA)) BOOST_TEST(passed >= 400);
}

std::map<std::string, Value> inputs_of(const Draft& draft) {
  std::map<std::string, Value> inputs;
  for (const onnx::GraphPort& port : draft.graph.inputs) inputs[port.name] = draft.value(port.name);
  return inputs;
}

BOOST_AUTO_TEST_CASE(values_are_those_of_the_library) {
  int compared = 0;
  for (int seed = 1; seed <= harness::iterations(250); ++seed) {
    const Draft draft = generate(static_cast<std::uint64_t>(seed));
    if (draft.real != onnx::ElementType::f64) continue;
    std::map<std::string, onnx::Array> arrays;
    for (const auto& [name, value] : inputs_of(draft)) {
      std::vector<double> numbers;
      for (const Dual& e : value.numbers) numbers.push_back(static_cast<double>(e.value));
      arrays[name] = {Tensor::from<double>(Shape{std::span<const Index>(value.shape)}, numbers), value.type};
    }
    std::map<std::string, onnx::Array> given;
    try {
      given = onnx::evaluate(draft.graph, arrays);
    } catch (const Error&) {
      continue;
    }
    ++compared;
    const auto values = interpret(draft.graph, inputs_of(draft));
    for (const onnx::GraphPort& port : draft.graph.outputs) {
      const Value& right = values.at(port.name);
      const Value got = value_of(given.at(port.name));
      BOOST_TEST_REQUIRE((got.shape == right.shape), "seed " << seed << ": another shape\n" << draft.text());
      Real largest = 1;
      for (const Dual& e : right.numbers)
        if (std::isfinite(e.value)) largest = std::max(largest, std::fabs(e.value));
      for (std::int64_t i = 0; i < got.size(); ++i) {
        const Real a = got.at(i).value, b = right.at(i).value;
        const bool agrees = near(a, b, 1e-6L, 1e-6L * largest) || (!std::isfinite(a) && !std::isfinite(b));
        BOOST_TEST(agrees, "seed " << seed << ": " << a << " for " << b << " at " << i << "\n" << draft.text());
        if (!agrees) break;
      }
    }
  }
  BOOST_TEST(compared > 0);
}

BOOST_AUTO_TEST_CASE(derivatives_are_limits_of_quotients) {
  for (int seed = 1; seed <= harness::iterations(150); ++seed) {
    const Draft draft = generate(static_cast<std::uint64_t>(seed));
    const std::string &x = draft.graph.inputs[0].name, &y = draft.graph.outputs[0].name;
    Random random(static_cast<std::uint64_t>(seed));
    std::map<std::string, Value> inputs = inputs_of(draft);
    std::vector<Real> direction;
    for (auto& [name, value] : inputs)
      for (Dual& e : value.numbers) e.slope.clear();
    for (Dual& e : inputs.at(x).numbers) {
      direction.push_back(random.normal());
      e.slope = {direction.back()};
    }
    const Value at = interpret(draft.graph, inputs).at(y);
    const auto moved = [&](Real by) {
      auto shifted = inputs;
      for (std::size_t i = 0; i < direction.size(); ++i) {
        shifted.at(x).numbers[i].value += by * direction[i];
        shifted.at(x).numbers[i].slope.clear();
      }
      return interpret(draft.graph, shifted).at(y);
    };
    const Real h = 1e-6L;
    const Value before = moved(-h), after = moved(h);
    for (std::int64_t i = 0; i < at.size(); ++i) {
      const Real left = (at.at(i).value - before.at(i).value) / h, right = (after.at(i).value - at.at(i).value) / h;
      const Real slope = at.at(i).varies() ? at.at(i).slope[0] : 0;
      // At a kink the two differ.
      if (!std::isfinite(left) || std::fabs(left - right) > 1e-3L * (1 + std::fabs(right))) continue;
      BOOST_TEST(near(slope, (left + right) / 2, 1e-4L, 1e-4L), "seed " << seed << ": " << slope << " for "
                                                                        << (left + right) / 2 << '\n'
                                                                        << draft.text());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test::generated
