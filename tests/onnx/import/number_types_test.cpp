// What the types of numbers in a file do to them: constants round where they are cast, whole numbers that wrap around
// or that f64 does not count are refused, and what an operator does to a number does not depend on the sample unseen.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {
namespace {

using onnx::ElementType;

onnx::Array of(ElementType type, double x) { return {Tensor::scalar(x, DType::f64), type}; }
onnx::Attribute to(ElementType type) { return static_cast<std::int64_t>(type); }

double upper(const onnx::GraphData& graph) {
  const onnx::Model model = onnx::Model::of(graph);
  AutoLipOptions options;
  options.question.sample_axis = no_sample_axis;
  return autolip(model.function(), model.sample(), options).bound.value();
}

bool refused(const onnx::GraphData& graph, const std::string& reason) {
  try {
    onnx::Model::of(graph);
    return false;
  } catch (const Error& error) {
    BOOST_TEST(std::string(error.what()).find(reason) != std::string::npos, error.what());
    return true;
  }
}

// x times a constant that is cast to one type, and from there to that of x.
onnx::GraphData times_cast(const onnx::Array& constant, ElementType through, ElementType type) {
  return graph({1, 1},
               {node("Cast", {"c"}, "d", {{"to", to(through)}}), node("Cast", {"d"}, "e", {{"to", to(type)}}),
                node("Mul", {"x", "e"}, "y")},
               {{"c", constant}}, 17, type);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(onnx_number_types)

BOOST_AUTO_TEST_CASE(casts_round_constants) {
  for (const double c : {0.1, 1.0 / 3.0, 1e-3, 16777217.0, 3.14159265358979, 0.5})
    BOOST_TEST(upper(times_cast(of(ElementType::f64, c), ElementType::f32, ElementType::f64)) ==
               static_cast<double>(static_cast<float>(c)));
  for (const auto& [c, rounded] : {std::pair(2049.0, 2048.0), std::pair(2051.0, 2052.0), std::pair(2048.0, 2048.0)})
    for (const ElementType type : {ElementType::i64, ElementType::f32, ElementType::f64})
      BOOST_TEST(upper(times_cast(of(type, c), ElementType::f16, ElementType::f64)) == rounded);
  for (const ElementType type : {ElementType::i32, ElementType::f64})
    BOOST_TEST(upper(times_cast(of(type, 257.0), ElementType::bf16, ElementType::f64)) == 256.0);
  BOOST_TEST(upper(times_cast(of(ElementType::i64, 16777217.0), ElementType::f32, ElementType::f64)) == 16777216.0);
  BOOST_TEST(upper(times_cast(of(ElementType::i64, 16777217.0), ElementType::f64, ElementType::f64)) == 16777217.0);
}

BOOST_AUTO_TEST_CASE(numbers_that_the_model_does_not_hold_are_refused) {
  BOOST_TEST(
      refused(times_cast(of(ElementType::i64, 16777217.0), ElementType::f64, ElementType::f32), "does not hold"));
}

BOOST_AUTO_TEST_CASE(whole_numbers_that_wrap_are_refused) {
  struct Case {
    const char* op;
    ElementType type;
    double a, b;
    bool fits;
  };
  for (const Case& c :
       {Case{"Sub", ElementType::u8, 0, 1, false}, Case{"Sub", ElementType::u8, 1, 1, true},
        Case{"Add", ElementType::u8, 200, 55, true}, Case{"Add", ElementType::u8, 200, 56, false},
        Case{"Add", ElementType::i8, 100, 27, true}, Case{"Add", ElementType::i8, 100, 28, false},
        Case{"Mul", ElementType::i32, 65537, 65537, false}, Case{"Mul", ElementType::i64, 65537, 65537, true},
        Case{"Sub", ElementType::u64, 3, 4, false}, Case{"Mul", ElementType::i16, 200, 200, false},
        Case{"Mul", ElementType::i64, 94906267, 94906267, false},
        Case{"Sub", ElementType::i64, 9007199254740992.0, 9007199254740992.0, false}}) {
    const onnx::GraphData data =
        graph({1, 1},
              {node(c.op, {"a", "b"}, "c"), node("Cast", {"c"}, "d", {{"to", to(ElementType::f64)}}),
               node("Mul", {"x", "d"}, "y")},
              {{"a", of(c.type, c.a)}, {"b", of(c.type, c.b)}}, 17);
    const double exact = c.op[0] == 'A' ? c.a + c.b : c.op[0] == 'S' ? c.a - c.b : c.a * c.b;
    if (c.fits)
      BOOST_TEST(upper(data) == std::fabs(exact));
    else
      BOOST_TEST(refused(data, c.a > 9e15 ? "beyond 2^53" : "wrap around"), c.op << ' ' << c.a << ' ' << c.b);
  }
  BOOST_TEST(refused(times_cast(of(ElementType::i64, 300), ElementType::u8, ElementType::f64), "wrap around"));
  BOOST_TEST(refused(times_cast(of(ElementType::i64, -1), ElementType::u8, ElementType::f64), "wrap around"));
  BOOST_TEST(refused(times_cast(of(ElementType::f64, 300), ElementType::i8, ElementType::f64), "wrap around"));
}

BOOST_AUTO_TEST_CASE(means_over_more_numbers_than_f32_counts) {
  for (const double n : {16777217.0, 16777219.0}) {
    const onnx::GraphData data = graph(
        {1, 1},
        {node("Expand", {"x", "s"}, "w"), node("ReduceMean", {"w"}, "y", {{"axes", std::vector<std::int64_t>{1}}})},
        {{"s", wholes({1, n})}}, 13, ElementType::f32);
    const onnx::Model model = onnx::Model::of(data);
    AutoLipOptions options;
    options.question.norm = Norm::linf;
    options.question.sample_axis = no_sample_axis;
    const double bound = autolip(model.function(), model.sample(), options).bound.value();
    BOOST_TEST((bound >= 1.0 && bound <= 1.0 + 1e-14), bound);
  }
}

// √n of a number n of the shape is no machine number, whichever way it is looked at.
BOOST_AUTO_TEST_CASE(what_is_computed_from_shapes_is_enclosed) {
  for (const char* op : {"Mul", "Div"})
    for (const ElementType type : {ElementType::f32, ElementType::f64})
      for (const Index n : {2, 3, 5, 7}) {
        const onnx::GraphData data = graph({n},
                                           {node("Size", {"x"}, "n"), node("Cast", {"n"}, "f", {{"to", to(type)}}),
                                            node("Sqrt", {"f"}, "r"), node(op, {"x", "r"}, "y")},
                                           {}, 13, type);
        const onnx::Model model = onnx::Model::of(data);
        AutoLipOptions options;
        options.question.sample_axis = no_sample_axis;
        const double bound = autolip(model.function(), model.sample(), options).bound.value();
        const long double root = std::sqrt(static_cast<long double>(n)), truth = op[0] == 'M' ? root : 1.0L / root;
        BOOST_TEST((bound >= truth * (1.0L - 1e-18L) && bound <= truth * (1.0L + 1e-12L)), op << ' ' << n);
      }
}

BOOST_AUTO_TEST_CASE(an_order_of_rounded_numbers_decides_nothing) {
  onnx::GraphNode top = node("TopK", {"c", "k"}, "v");
  top.outputs.emplace_back("i");
  const onnx::GraphData data =
      graph({1, 1}, {node("Add", {"a", "b"}, "c"), top, node("Gather", {"w", "i"}, "g"), node("Mul", {"x", "g"}, "y")},
            {{"a", {Tensor::of({2}, {1.0f, 1.0f}), ElementType::f32}},
             {"b", {Tensor::of({2}, {0.0f, 0x1p-25f}), ElementType::f32}},
             {"k", wholes({1})},
             {"w", {Tensor::of({2}, {1.0f, 100.0f}), ElementType::f32}}},
            17, ElementType::f32);
  BOOST_TEST(refused(data, "by arithmetic that rounds"));
}

BOOST_AUTO_TEST_CASE(attributes_of_another_opset_are_refused) {
  const std::vector<std::int64_t> axes{1};
  BOOST_TEST(
      refused(graph({2, 3}, {node("ReduceSum", {"x"}, "y", {{"axes", axes}})}, {}, 13), "its axes are an attribute"));
  BOOST_TEST(refused(graph({2, 3}, {node("Clip", {"x"}, "y", {{"min", 0.5F}})}, {}, 13), "its ends are attributes"));
  onnx::GraphNode split =
      node("Split", {"x"}, "y", {{"axis", std::int64_t{1}}, {"split", std::vector<std::int64_t>{1, 2}}});
  split.outputs.emplace_back("z");
  BOOST_TEST(refused(graph({2, 3}, {split}, {}, 13), "its parts are an attribute"));
  BOOST_TEST(refused(graph({1, 4, 2, 2}, {node("DepthToSpace", {"x"}, "y",
                                               {{"blocksize", std::int64_t{2}}, {"mode", std::string("XYZ")}})}),
                     "its mode"));
  for (const char* op : {"ReduceSumSquare", "ReduceLogSum", "ReduceL1", "ReduceL2"})
    BOOST_TEST(refused(graph({1, 3}, {node(op, {"x"}, "y", {{"noop_with_empty_axes", std::int64_t{1}}})}, {}, 18),
                       "noop_with_empty_axes"));
}

// A mask made from the shape of what it masks has a row for every sample.
BOOST_AUTO_TEST_CASE(masks_along_the_samples_treat_them_differently) {
  BOOST_TEST(upper(graph({2, 2}, {node("Trilu", {"x", "k"}, "y", {{"upper", std::int64_t{0}}})},
                         {{"k", of(ElementType::i64, -1)}}, 17)) == 1.0);
  const onnx::Array w = floats({3}, {1, 1, 5});
  BOOST_TEST(
      upper(graph({3, 3}, {node("Trilu", {"x"}, "u", {{"upper", std::int64_t{0}}}), node("Mul", {"u", "w"}, "y")},
                  {{"w", w}}, 17)) == 5.0);
  // Along other axes it is the same for every sample.
  const onnx::Model apart =
      onnx::Model::of(graph({2, 3, 3}, {node("Trilu", {"x"}, "u"), node("Mul", {"u", "w"}, "y")}, {{"w", w}}, 17));
  BOOST_TEST((apart.sample().shape() == Shape{1, 3, 3}));
}

BOOST_AUTO_TEST_CASE(a_resize_that_keeps_the_length_may_move) {
  const std::map<std::string, onnx::Attribute> nearest{
      {"mode", std::string("nearest")},
      {"nearest_mode", std::string("ceil")},
      {"coordinate_transformation_mode", std::string("tf_half_pixel_for_nn")}};
  // x_i from position i + 1/2, so (x_1, x_1).
  const double bound =
      upper(graph({1, 1, 2}, {node("Resize", {"x", "", "", "s"}, "y", nearest)}, {{"s", wholes({1, 1, 2})}}, 17));
  BOOST_TEST((bound >= std::sqrt(2.0) * (1 - 1e-15) && bound <= std::sqrt(2.0) * (1 + 1e-12)), bound);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
