// Numbers that move by constant indices, branches, bytes and constants, against plain arithmetic.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "autodiff/error.h"
#include "tests/onnx/import/compared.h"

namespace taut::test {
namespace {

BOOST_AUTO_TEST_SUITE(indices_and_branches)

// ---- indices

struct Moved {
  std::string name;
  Shape shape;
  onnx::GraphNode node;
  Constants constants;
  Numbers wanted;  // of 0, 1, 2, …
};
onnx::Array indices(const Shape& shape, const Numbers& list) {
  return {Tensor::from<double>(shape, list), onnx::ElementType::i64};
}

BOOST_AUTO_TEST_CASE(numbers_move_by_constant_indices) {
  const onnx::Array u = floats({2}, {70, 80}), rows = floats({2, 3}, {10, 20, 30, 40, 50, 60});
  const std::vector<Moved> all{
      {"GatherND", {2, 3}, node("GatherND", {"x", "i"}, "y"), {{"i", indices({2, 2}, {0, 2, 1, -3})}}, {2, 3}},
      {"GatherND of rows",
       {2, 3},
       node("GatherND", {"x", "i"}, "y"),
       {{"i", indices({3, 1}, {1, 0, -1})}},
       {3, 4, 5, 0, 1, 2, 3, 4, 5}},
      {"GatherND by batch",
       {2, 3},
       node("GatherND", {"x", "i"}, "y", {{"batch_dims", std::int64_t{1}}}),
       {{"i", indices({2, 1}, {2, 0})}},
       {2, 3}},
      {"GatherND by batch of rows",
       {2, 2, 2},
       node("GatherND", {"x", "i"}, "y", {{"batch_dims", std::int64_t{1}}}),
       {{"i", indices({2, 1}, {1, 0})}},
       {2, 3, 4, 5}},
      {"ScatterElements",
       {1, 5},
       node("ScatterElements", {"x", "i", "u"}, "y", {{"axis", std::int64_t{1}}}),
       {{"i", indices({1, 2}, {1, -1})}, {"u", floats({1, 2}, {70, 80})}},
       {0, 70, 2, 3, 80}},
      {"ScatterElements of columns",
       {3, 2},
       node("ScatterElements", {"x", "i", "u"}, "y"),
       {{"i", indices({1, 2}, {2, 0})}, {"u", floats({1, 2}, {70, 80})}},
       {0, 80, 2, 3, 70, 5}},
      {"ScatterElements that adds",
       {1, 4},
       node("ScatterElements", {"x", "i", "u"}, "y", {{"axis", std::int64_t{1}}, {"reduction", std::string("add")}}),
       {{"i", indices({1, 3}, {1, 1, 3})}, {"u", floats({1, 3}, {10, 20, 30})}},
       {0, 31, 2, 33}},
      {"ScatterND",
       {5},
       node("ScatterND", {"x", "i", "u"}, "y"),
       {{"i", indices({2, 1}, {4, 0})}, {"u", u}},
       {80, 1, 2, 3, 70}},
      {"ScatterND of rows",
       {3, 3},
       node("ScatterND", {"x", "i", "u"}, "y"),
       {{"i", indices({2, 1}, {2, 0})}, {"u", rows}},
       {40, 50, 60, 3, 4, 5, 10, 20, 30}},
      {"ScatterND that adds",
       {3},
       node("ScatterND", {"x", "i", "u"}, "y", {{"reduction", std::string("add")}}),
       {{"i", indices({2, 1}, {1, 1})}, {"u", u}},
       {0, 151, 2}},
      {"OneHot",
       {2, 3},
       node("Mul", {"x", "h"}, "y"),
       {{"h", floats({2, 3}, {0, 0, 1, 1, 0, 0})}},
       {0, 0, 2, 3, 0, 0}}};
  for (const Moved& m : all) {
    onnx::GraphData data = graph(m.shape, {m.node}, m.constants, 18);
    Tensor x = Tensor::uninitialised(m.shape, DType::f64);
    for (Index i = 0; i < x.size(); ++i) x.mutable_data<double>()[static_cast<std::size_t>(i)] = static_cast<double>(i);
    compare(value(data, x), m.wanted, m.name);
    if (m.name.find("OneHot") == std::string::npos) BOOST_TEST(upper(data) <= std::sqrt(3.0) + 1e-9, m.name);
  }
}

BOOST_AUTO_TEST_CASE(one_hot_rows) {
  for (const auto& [axis, wanted] : {std::pair(std::int64_t{-1}, Numbers{5, 5, 7, 7, 5, 5, 5, 5, 5, 7, 5, 5}),
                                     std::pair(std::int64_t{0}, Numbers{5, 7, 5, 7, 5, 5, 5, 5, 7, 5, 5, 5})}) {
    // The third index names no place.
    onnx::GraphData data =
        graph({1}, {node("OneHot", {"i", "depth", "values"}, "h", {{"axis", axis}}), node("Mul", {"x", "h"}, "y")},
              {{"i", indices({4}, {2, 0, 9, -3})}, {"depth", indices({}, {3})}, {"values", floats({2}, {5, 7})}});
    compare(value(data, Tensor::full({1}, DType::f64, 1.0)), wanted, "OneHot");
  }
}

BOOST_AUTO_TEST_CASE(sums_of_products_with_ellipses) {
  const Tensor x = points({2, 3, 4}), w = points({4, 5}, 2), v = points({1, 4, 2}, 3);
  struct Sum {
    const char* equation;
    Tensor other;
    std::function<double(Index b, Index i, Index k)> entry;
    Index last;
  };
  const auto product = [&](const Tensor& other, Index columns, Index offset) {
    return [&, columns, offset](Index b, Index i, Index k) {
      double sum = 0.0;
      for (Index j = 0; j < 4; ++j) sum += x.at((b * 3 + i) * 4 + j) * other.at(offset + j * columns + k);
      return sum;
    };
  };
  for (const Sum& s : {Sum{"...j,jk->...k", w, product(w, 5, 0), 5}, Sum{"...j,jk", w, product(w, 5, 0), 5},
                       Sum{"...ij,...jk->...ik", v, product(v, 2, 0), 2}}) {
    const onnx::GraphData data =
        graph({2, 3, 4}, {node("Einsum", {"x", "w"}, "y", {{"equation", std::string(s.equation)}})},
              {{"w", {s.other, onnx::ElementType::f64}}});
    Numbers wanted;
    for (Index b = 0; b < 2; ++b)
      for (Index i = 0; i < 3; ++i)
        for (Index k = 0; k < s.last; ++k) wanted.push_back(s.entry(b, i, k));
    compare(value(data, x), wanted, s.equation);
  }
  const onnx::GraphData sum = graph({2, 3, 4}, {node("Einsum", {"x"}, "y", {{"equation", std::string("i...->...")}})});
  Numbers wanted;
  for (Index k = 0; k < 12; ++k) wanted.push_back(x.at(k) + x.at(12 + k));
  compare(value(sum, x), wanted, "i...->...");
}

// ---- branches

std::shared_ptr<const onnx::GraphData> branch(std::vector<onnx::GraphNode> nodes, const std::string& output,
                                              Constants constants = {}) {
  onnx::GraphData data;
  data.nodes = std::move(nodes);
  data.initialisers = std::move(constants);
  data.outputs = {{output, onnx::ElementType::f64, std::nullopt}};
  return std::make_shared<const onnx::GraphData>(std::move(data));
}
onnx::GraphData choice(bool truth) {
  // Both use x from outside, a name of their own that the other uses too, and a constant.
  const auto part = [](double factor) {
    return branch({node("Mul", {"x", "k"}, "h"), node("Relu", {"h"}, "out")}, "out", {{"k", number(factor)}});
  };
  return graph(
      {1, 3},
      {node("If", {"c"}, "h", {{"then_branch", part(2.0)}, {"else_branch", part(-3.0)}}), node("Neg", {"h"}, "y")},
      {{"c", {Tensor::scalar(truth ? 1.0 : 0.0, DType::f64), onnx::ElementType::boolean}}});
}

BOOST_AUTO_TEST_CASE(a_constant_condition_takes_its_branch) {
  const Tensor x = Tensor::of<double>(Shape{1, 3}, {1.0, -2.0, 0.5});
  compare(value(choice(true), x), {-2.0, 0.0, -1.0}, "then");
  compare(value(choice(false), x), {0.0, -6.0, 0.0}, "else");
  BOOST_TEST(std::fabs(upper(choice(true)) - 2.0) < 1e-9);
  BOOST_TEST(std::fabs(upper(choice(false)) - 3.0) < 1e-9);
}

BOOST_AUTO_TEST_CASE(computed_conditions_and_branches_within_branches) {
  for (const double size : {1.0, 4.0}) {
    const auto inner = branch({node("If", {"d"}, "z",
                                    {{"then_branch", branch({node("Mul", {"g", "five"}, "o")}, "o")},
                                     {"else_branch", branch({node("Identity", {"g"}, "o")}, "o")}})},
                              "z");
    const auto outer = branch({node("Neg", {"x"}, "g"), inner->nodes[0]}, "z");
    const onnx::GraphData data =
        graph({1, 3},
              {node("Greater", {"a", "b"}, "c"), node("Not", {"c"}, "d"),
               node("If", {"c"}, "y",
                    {{"then_branch", branch({node("Identity", {"x"}, "q")}, "q")}, {"else_branch", outer}})},
              {{"a", number(size)}, {"b", number(2.0)}, {"five", number(5.0)}});
    compare(value(data, Tensor::full({1, 3}, DType::f64, 1.0)), Numbers(3, size > 2.0 ? 1.0 : -5.0), "nested");
  }
}

BOOST_AUTO_TEST_CASE(an_open_condition_is_refused_by_its_node) {
  onnx::GraphData data = choice(true);
  data.initialisers.clear();
  data.nodes.insert(data.nodes.begin(), {node("ReduceSum", {"x"}, "s", {{"keepdims", std::int64_t{0}}}),
                                         node("Greater", {"s", "zero"}, "c")});
  data.initialisers.emplace_back("zero", number(0.0));
  try {
    whole(data);
    BOOST_ERROR("it was imported");
  } catch (const UnsupportedError& error) {
    const std::string text = error.what();
    BOOST_TEST(text.find("(If)") != std::string::npos, text);
  }
}

BOOST_AUTO_TEST_CASE(branches_survive_files) {
  const onnx::GraphData again = onnx::parse_graph(onnx::serialise(choice(false)));
  compare(value(again, Tensor::full({1, 3}, DType::f64, -1.0)), {-3.0, -3.0, -3.0}, "read back");
}

// ---- bytes and constants

BOOST_AUTO_TEST_CASE(pictures_of_bytes) {
  onnx::GraphData data =
      graph({1, 4}, {node("Cast", {"x"}, "f", {{"to", std::int64_t{1}}}), node("Div", {"f", "s"}, "y")},
            {{"s", single(255.0)}}, 13, onnx::ElementType::u8);
  data.outputs[0].type = onnx::ElementType::f32;
  const onnx::Model model = whole(data);
  BOOST_TEST(model.notes().size() >= 1U);
  const double bound = upper(data);
  BOOST_TEST(bound >= 1.0 / 255.0 * (1 - 1e-9));
  BOOST_TEST(bound <= 1.0 / 255.0 * (1 + 1e-6));
}

BOOST_AUTO_TEST_CASE(constant_outputs_have_the_constant_0) {
  const onnx::GraphData data =
      graph({1, 3}, {node("Shape", {"x"}, "s"), node("Cast", {"s"}, "y", {{"to", std::int64_t{11}}})});
  BOOST_TEST(upper(data) == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
