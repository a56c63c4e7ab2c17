// What the import makes of attributes, constants and batches, and what it refuses.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {
namespace {

std::vector<double> values(const Tensor& t) {
  std::vector<double> list;
  for (Index i = 0; i < t.size(); ++i) list.push_back(t.at(i));
  return list;
}
std::vector<double> outputs(const onnx::GraphData& data, const onnx::Array& x) {
  return values(onnx::evaluate(data, {{"x", x}}, std::vector<std::string>{"x"}).at("y").tensor);
}

template <class E>
void check_refused(const onnx::GraphData& data, std::initializer_list<const char*> parts) {
  try {
    onnx::Model::of(data, {}, "net.onnx");
    BOOST_ERROR("nothing was refused");
  } catch (const E& error) {
    const std::string text = error.what();
    BOOST_TEST(text.starts_with("net.onnx"), text);
    BOOST_TEST(text.find('\n') == std::string::npos, text);
    for (const char* part : parts) BOOST_TEST(text.find(part) != std::string::npos, text << " does not say " << part);
  }
}

BOOST_AUTO_TEST_SUITE(onnx_import)

BOOST_AUTO_TEST_CASE(gemm_takes_all_of_its_attributes) {
  // A = (1 2; 3 4), B = (5 6; 7 8), C = (1 10)
  const Constants constants{{"b", floats({2, 2}, {5, 6, 7, 8})}, {"c", floats({2}, {1, 10})}};
  for (const std::int64_t ta : {0, 1})
    for (const std::int64_t tb : {0, 1})
      for (const float alpha : {1.0F, 0.5F})
        for (const float beta : {1.0F, 2.0F}) {
          const double a[2][2] = {{1, 2}, {3, 4}}, b[2][2] = {{5, 6}, {7, 8}}, c[2] = {1, 10};
          std::vector<double> wanted;
          for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j) {
              double sum = 0;
              for (int k = 0; k < 2; ++k) sum += (ta ? a[k][i] : a[i][k]) * (tb ? b[j][k] : b[k][j]);
              wanted.push_back(alpha * sum + beta * c[j]);
            }
          const auto data = graph(
              {2, 2},
              {node("Gemm", {"x", "b", "c"}, "y", {{"transA", ta}, {"transB", tb}, {"alpha", alpha}, {"beta", beta}})},
              constants);
          BOOST_TEST(outputs(data, floats({2, 2}, {1, 2, 3, 4})) == wanted, boost::test_tools::per_element());
        }
}

BOOST_AUTO_TEST_CASE(softmax_of_old_opsets_counts_all_axes_behind_the_first) {
  const onnx::Array x = floats({1, 2, 2}, {0, 0, std::log(2.0), 0});
  const auto data = [](int opset) { return graph({1, 2, 2}, {node("Softmax", {"x"}, "y")}, {}, opset); };
  const std::vector<double> old = outputs(data(11), x), current = outputs(data(13), x);
  for (const int k : {0, 1, 3}) BOOST_TEST(std::fabs(old[static_cast<std::size_t>(k)] - 0.2) < 1e-12);
  BOOST_TEST(std::fabs(old[2] - 0.4) < 1e-12);
  BOOST_TEST(std::fabs(current[0] - 0.5) < 1e-12);
  BOOST_TEST(std::fabs(current[2] - 2.0 / 3.0) < 1e-12);
}

// One slope per channel until opset 6, or where the last axis cannot take them; else along the last axis.
BOOST_AUTO_TEST_CASE(slopes_of_prelu_are_broadcast_as_onnx_says) {
  const auto run = [](const Shape& shape, int opset, const onnx::Array& slope) {
    const onnx::Array x{Tensor::full(shape, DType::f64, -1.0), onnx::ElementType::f64};
    return outputs(graph(shape, {node("PRelu", {"x", "s"}, "y")}, {{"s", slope}}, opset), x);
  };
  const onnx::Array two = floats({2}, {2, 3});
  BOOST_TEST(run({1, 2, 2}, 17, two) == (std::vector<double>{-2, -3, -2, -3}), boost::test_tools::per_element());
  BOOST_TEST(run({1, 2, 2}, 6, two) == (std::vector<double>{-2, -2, -3, -3}), boost::test_tools::per_element());
  BOOST_TEST(run({1, 2, 1}, 17, two) == (std::vector<double>{-2, -3}), boost::test_tools::per_element());
  BOOST_TEST(run({1, 2, 3}, 17, two) == (std::vector<double>{-2, -2, -2, -3, -3, -3}),
             boost::test_tools::per_element());
  BOOST_TEST(run({2, 2}, 6, two) == (std::vector<double>{-2, -3, -2, -3}), boost::test_tools::per_element());
  BOOST_TEST(run({1, 2, 1, 2}, 17, floats({2, 1, 1}, {2, 3})) == (std::vector<double>{-2, -2, -3, -3}),
             boost::test_tools::per_element());
  check_refused<ShapeError>(graph({1, 1, 2}, {node("PRelu", {"x", "s"}, "y")}, {{"s", floats({2, 1}, {2, 3})}}, 17),
                            {"PRelu", "slope"});
  check_refused<ShapeError>(graph({1, 2}, {node("PRelu", {"x", "s"}, "y")}, {{"s", floats({1, 1, 2}, {2, 3})}}, 17),
                            {"PRelu", "slope"});
}

BOOST_AUTO_TEST_CASE(an_operand_of_max_counts_once) {
  const Constants constants{{"a", floats({2}, {-1, 0})}, {"b", floats({2}, {1, -2})}};
  for (const char* op : {"Max", "Min"}) {
    const onnx::Model model = onnx::Model::of(graph({1, 2}, {node(op, {"x", "a", "x", "b"}, "y")}, constants));
    BOOST_TEST(autolip(model.function(), model.sample()).bound.value() <= 1.0 + 1e-12);
  }
  const onnx::Model sum = onnx::Model::of(graph({1, 2}, {node("Sum", {"x", "a", "x"}, "y")}, constants));
  BOOST_TEST(autolip(sum.function(), sum.sample()).bound.value() >= 2.0);
}

BOOST_AUTO_TEST_CASE(output_padding_of_a_stride_or_more_takes_back_what_padding_cuts_off) {
  const auto numbers = [](std::initializer_list<std::int64_t> list) { return std::vector<std::int64_t>(list); };
  const auto data = [&](std::int64_t after, std::int64_t extra) {
    return graph(
        {1, 1, 2},
        {node("ConvTranspose", {"x", "w"}, "y",
              {{"dilations", numbers({2})}, {"pads", numbers({0, after})}, {"output_padding", numbers({extra})}})},
        {{"w", floats({1, 1, 2}, {1, 10})}});
  };
  const onnx::Array x = floats({1, 1, 2}, {1, 2});
  BOOST_TEST(outputs(data(0, 0), x) == (std::vector<double>{1, 2, 10, 20}), boost::test_tools::per_element());
  BOOST_TEST(outputs(data(1, 0), x) == (std::vector<double>{1, 2, 10}), boost::test_tools::per_element());
  BOOST_TEST(outputs(data(1, 1), x) == (std::vector<double>{1, 2, 10, 20}), boost::test_tools::per_element());
  BOOST_TEST(outputs(data(2, 1), x) == (std::vector<double>{1, 2, 10}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(averages_count_what_they_say) {
  // 1 2 3 4 5 and one place behind them, in windows of 3 at 0, 2 and 4: the last hangs over the end of the padding.
  const auto data = [](std::int64_t count_padding) {
    return graph({1, 1, 5}, {node("AveragePool", {"x"}, "y",
                                  {{"kernel_shape", std::vector<std::int64_t>{3}},
                                   {"strides", std::vector<std::int64_t>{2}},
                                   {"pads", std::vector<std::int64_t>{0, 1}},
                                   {"ceil_mode", std::int64_t{1}},
                                   {"count_include_pad", count_padding}})});
  };
  const onnx::Array x = floats({1, 1, 5}, {1, 2, 3, 4, 5});
  const std::vector<double> without = outputs(data(0), x), with = outputs(data(1), x);
  for (const auto& [got, last] : {std::pair(without, 5.0), std::pair(with, 2.5)}) {
    BOOST_TEST_REQUIRE(got.size() == 3U);
    const double wanted[] = {2.0, 4.0, last};
    for (std::size_t k = 0; k < 3; ++k) BOOST_TEST(std::fabs(got[k] - wanted[k]) < 1e-12);
  }
  // The exact average of nine, also in f32, whose 1/9 is larger than 1/9: the truth lies between the bounds.
  const auto nine =
      graph({1, 1, 3, 3}, {node("AveragePool", {"x"}, "y", {{"kernel_shape", std::vector<std::int64_t>{3, 3}}})}, {},
            13, onnx::ElementType::f32);
  const onnx::Model model = onnx::Model::of(nine);
  const double upper = autolip(model.function(), model.sample()).bound.value();
  BOOST_TEST(upper >= 1.0 / 3.0);
  BOOST_TEST(upper <= (1.0 + 1e-12) / 3.0);
}

BOOST_AUTO_TEST_CASE(arithmetic_on_constants_is_seen_with_its_rounding) {
  // 1 + 2^-30 is 1 in f32; the network in exact arithmetic has the sum.
  const auto data = graph({1, 1}, {node("Add", {"a", "b"}, "w"), node("Mul", {"x", "w"}, "y")},
                          {{"a", single(1.0)}, {"b", single(0x1p-30)}}, 13, onnx::ElementType::f32);
  const onnx::Model model = onnx::Model::of(data);
  const double upper = autolip(model.function(), model.sample()).bound.value();
  BOOST_TEST(upper >= 1.0 + 0x1p-30);
  BOOST_TEST(upper <= 1.0 + 0x1p-29);
}

BOOST_AUTO_TEST_CASE(shapes_for_one_sample_serve_batches) {
  const auto data = graph({1, 2, 2}, {node("Reshape", {"x", "s"}, "f"), node("MatMul", {"f", "w"}, "y")},
                          {{"s", wholes({1, -1})}, {"w", floats({4, 1}, {1, 10, 100, 1000})}});
  const onnx::Model model = onnx::Model::of(data);
  const Tensor y = model(Var(Tensor::of<double>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}))).value();
  BOOST_TEST((y.shape() == Shape{2, 1}));
  BOOST_TEST(y.at(0) == 4321.0);
  BOOST_TEST(y.at(1) == 8765.0);
  // All at once: searches refuse functions in which samples meet.
  BOOST_CHECK_NO_THROW(dataset_lower_bound(model.function(), Tensor::zeros({3, 2, 2}, DType::f64)));
}

BOOST_AUTO_TEST_CASE(a_batch_of_the_file_becomes_one_sample) {
  const auto data = graph({16, 2, 2}, {node("Reshape", {"x", "s"}, "y")}, {{"s", wholes({16, 4})}});
  const onnx::Model model = onnx::Model::of(data);
  BOOST_TEST((model.outputs()[0].shape == Shape{1, 4}));
  BOOST_TEST_REQUIRE(model.notes().size() == 1U);
  BOOST_TEST(model.notes()[0].find("16") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(several_inputs_and_outputs_are_joined) {
  auto data = graph({1, 2}, {node("Sub", {"x", "z"}, "y"), node("Neg", {"z"}, "v")});
  data.inputs.push_back({"z", onnx::ElementType::f64, std::vector<onnx::Dimension>{{1, ""}, {2, ""}}});
  data.outputs.push_back({"v", onnx::ElementType::f64, std::nullopt});
  const onnx::Model both = onnx::Model::of(data);
  const Tensor y = both(Var(Tensor::of<double>({1, 4}, {1, 2, 30, 40}))).value();
  BOOST_TEST(values(y) == (std::vector<double>{-29, -38, -30, -40}), boost::test_tools::per_element());
  onnx::ImportOptions only;
  only.input = "x";
  only.output = "y";
  const onnx::Model one = onnx::Model::of(data, only);
  BOOST_TEST(one.sample().size() == 2);
  BOOST_TEST(one.notes().size() == 1U);
  BOOST_TEST(autolip(one.function(), one.sample()).bound.value() == 1.0);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_graph_is_said) {
  const auto relu = [] { return node("Relu", {"x"}, "y"); };
  check_refused<FileError>(
      graph({1, 2}, {node("Add", {"x", "b"}, "a"), node("Neg", {"a"}, "b"), node("Neg", {"b"}, "y")}),
      {"cycle", "Neg"});
  check_refused<FileError>(graph({1, 2}, {node("Add", {"x", "nowhere"}, "y")}), {"node 1", "nowhere"});
  check_refused<FileError>(graph({1, 2}, {relu(), relu()}), {"'y'", "twice"});
  check_refused<FileError>(graph({1, 2}, {node("Relu", {"x"}, "z")}), {"'y'"});
  check_refused<UnsupportedError>(graph({1, 2}, {node("Softmx", {"x"}, "y")}), {"node 1", "Softmx", "Softmax"});
  auto foreign = graph({1, 2}, {relu()});
  foreign.nodes[0].domain = "taut";
  check_refused<UnsupportedError>(foreign, {"taut.Relu"});
  check_refused<NumericError>(
      graph({1, 1}, {node("Mul", {"x", "w"}, "y")}, {{"w", number(std::numeric_limits<double>::quiet_NaN())}}),
      {"'w'", "nan", "position 0"});
  check_refused<ShapeError>(graph({1, 3}, {node("MatMul", {"x", "w"}, "y")}, {{"w", floats({2, 2}, {1, 2, 3, 4})}}),
                            {"MatMul", "(1, 3)", "(2, 2)"});
  check_refused<UnsupportedError>(graph({1, 1}, {node("Expand", {"x", "s"}, "y")}, {{"s", wholes({1e9, 4})}}),
                                  {"numbers"});
  check_refused<UnsupportedError>(graph({1, 1000000000}, {relu()}), {"1000000000"});
  check_refused<UnsupportedError>(graph({1, 2}, {relu()}, {}, 13, onnx::ElementType::i64), {"input"});
  check_refused<UnsupportedError>(
      graph({1, 2}, {node("Greater", {"x", "z"}, "c"), node("Where", {"c", "x", "z"}, "y")}, {{"z", number(1)}}),
      {"Where", "condition"});
  // What nothing depends on is not looked at.
  BOOST_CHECK_NO_THROW(onnx::Model::of(graph({1, 2}, {relu(), node("Unheard", {"x"}, "z")})));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
