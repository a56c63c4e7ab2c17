// Files of tests/data/cases that were taken for patterns which they are not, and slopes that a file computes.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {
namespace {

// The whole tensor is one input: here samples may be mixed.
double upper_bound(const onnx::Model& model) {
  AutoLipOptions options;
  options.question.sample_axis = no_sample_axis;
  return autolip(model.function(), model.sample(), options).bound.value();
}

BOOST_AUTO_TEST_SUITE(onnx_pattern_cases)

BOOST_AUTO_TEST_CASE(bounds_lie_above_what_is_known) {
  struct Known {
    const char* file;
    double at_least, at_most;
  };
  // Exact values, or the largest slopes that were found.
  const Known cases[] = {{"relu_max_wide", std::sqrt(3.0), std::sqrt(3.0) * (1 + 1e-6)},
                         {"gelu_wide_one", 1.9553, infinity},
                         {"softmax_max_nokeep", 1.118, infinity},
                         {"attention_old_softmax", 15.5, infinity},
                         {"convexstep_output_padding", 2.0 - 1e-7, infinity},
                         {"prelu_ambiguous", 1000.0 - 1e-4, 1000.0 * (1 + 1e-6)},
                         {"where_computed_slope", 10.0 / 3.0, 10.0 / 3.0 * (1 + 1e-6)}};
  for (const Known& c : cases) {
    const onnx::Model model = onnx::Model::load(cat(TAUT_SOURCE_DIR, "/tests/data/cases/", c.file, ".onnx"));
    const double upper = upper_bound(model);
    BOOST_TEST(upper >= c.at_least, c.file << ": " << upper);
    BOOST_TEST(upper <= c.at_most, c.file << ": " << upper);
  }
}

// Slopes, factors and swish's β that the file computes: 10/3 lies between the bounds, also where f32 has less or more.
BOOST_AUTO_TEST_CASE(numbers_that_the_file_computes_are_enclosed) {
  struct Form {
    const char* name;
    std::vector<onnx::GraphNode> nodes;
  };
  const std::vector<Form> forms{
      {"Where",
       {node("Greater", {"x", "zero"}, "c"), node("Mul", {"x", "s"}, "l"), node("Where", {"c", "x", "l"}, "y")}},
      {"sum",
       {node("Relu", {"x"}, "r"), node("Min", {"x", "zero"}, "n"), node("Mul", {"s", "n"}, "l"),
        node("Add", {"r", "l"}, "y")}},
      {"difference",
       {node("Relu", {"x"}, "r"), node("Neg", {"x"}, "m"), node("Relu", {"m"}, "n"), node("Mul", {"n", "s"}, "l"),
        node("Sub", {"r", "l"}, "y")}}};
  for (const Form& form : forms)
    for (const double divisor : {3.0, 7.0, 0.3, 1.1}) {
      std::vector<onnx::GraphNode> nodes = form.nodes;
      nodes.insert(nodes.begin(), node("Div", {"ten", "d"}, "s"));
      const onnx::Model model =
          onnx::Model::of(graph({1, 1}, nodes, {{"ten", single(10)}, {"d", single(divisor)}, {"zero", single(0)}}, 17,
                                onnx::ElementType::f32));
      const double truth = 10.0 / static_cast<double>(static_cast<float>(divisor)), upper = upper_bound(model);
      BOOST_TEST(upper >= truth * (1 - 1e-15), form.name << ' ' << divisor);
      BOOST_TEST(upper <= truth * (1 + 1e-12), form.name << ' ' << divisor);
    }
  // x σ(βx) times a factor has the largest slope 1.0998… times the factor, whatever β is.
  for (const double divisor : {3.0, 7.0}) {
    const onnx::Model model =
        onnx::Model::of(graph({1, 1},
                              {node("Div", {"ten", "d"}, "s"), node("Mul", {"x", "s"}, "z"),
                               node("Sigmoid", {"z"}, "g"), node("Mul", {"x", "g"}, "p"), node("Mul", {"p", "s"}, "y")},
                              {{"ten", single(10)}, {"d", single(divisor)}}, 17, onnx::ElementType::f32));
    const double truth = 1.0998393201288 * 10.0 / divisor, upper = upper_bound(model);
    BOOST_TEST(upper >= truth);
    BOOST_TEST(upper <= truth * (1 + 1e-9));
  }
}

// x σ(0 x) = x/2 with a β of 0 that is computed: silu(βx)/β is 0/0, and nothing is known of it.
BOOST_AUTO_TEST_CASE(enclosures_without_ends_prove_nothing) {
  const onnx::Model model = onnx::Model::of(graph({1, 2},
                                                  {node("Mul", {"a", "b"}, "s"), node("Mul", {"x", "s"}, "z"),
                                                   node("Sigmoid", {"z"}, "g"), node("Mul", {"x", "g"}, "y")},
                                                  {{"a", number(0)}, {"b", number(1)}}));
  BOOST_TEST(upper_bound(model) >= 0.5);
}

// An eps, an α and a power that are computed are no attributes: nothing is certified from their roundings.
BOOST_AUTO_TEST_CASE(attributes_are_exact_or_not_recognised) {
  const std::vector<onnx::GraphNode> norm{
      node("Div", {"a", "b"}, "eps"), node("Mul", {"x", "x"}, "s"), node("ReduceSum", {"s", "last"}, "t"),
      node("Add", {"t", "eps"}, "u"), node("Sqrt", {"u"}, "r"),     node("Div", {"x", "r"}, "y")};
  const Constants constants{{"a", single(0.1)}, {"b", single(3)}, {"last", wholes({-1})}};
  const onnx::Model model = onnx::Model::of(graph({1, 3}, norm, constants, 17, onnx::ElementType::f32));
  Tape tape;
  model(tape.input(model.sample()));
  for (NodeId id = 0; id < tape.size(); ++id) BOOST_TEST(tape.node(id).name() != "l2_normalise");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
