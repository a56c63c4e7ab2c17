// Decompositions: what is recognised has its function's values and a finite constant; what is nearly one keeps its own
// values.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numbers>

#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "tests/onnx/import/graphs.h"

namespace taut::test {
namespace {

using Vector = std::vector<double>;

struct Case {
  const char* name;
  std::vector<onnx::GraphNode> nodes;
  Constants constants;
  std::function<Vector(const Vector&)> f;
  const char* primitive;  // that it becomes; "" for none
  bool bounded = true;
};

std::function<Vector(const Vector&)> each(double (*f)(double)) {
  return [f](const Vector& x) {
    Vector y;
    for (const double e : x) y.push_back(f(e));
    return y;
  };
}
double phi(double x) { return 0.5 * (1 + std::erf(x / std::numbers::sqrt2)); }
double sigma(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<onnx::GraphNode> gelu(const char* erf_argument) {
  return {node(erf_argument, {"x", "c"}, "a"), node("Erf", {"a"}, "e"), node("Add", {"one", "e"}, "g"),
          node("Mul", {"x", "g"}, "p"), node("Mul", {"p", "h"}, "y")};
}
std::vector<onnx::GraphNode> hard_swish(const char* last) {
  return {node("Add", {"x", "three"}, "a"), node("Clip", {"a", "zero", "six"}, "b"), node("Mul", {"b", "x"}, "c"),
          node(last, {"c", "d"}, "y")};
}
std::vector<onnx::GraphNode> where_leaky(const char* comparison, bool swapped) {
  return {node(comparison, {"x", "zero"}, "c"), node("Mul", {"x", "s"}, "l"),
          swapped ? node("Where", {"c", "l", "x"}, "y") : node("Where", {"c", "x", "l"}, "y")};
}
std::vector<onnx::GraphNode> layer_norm(std::vector<std::int64_t> axes_of_variance) {
  const std::vector<std::int64_t> last{-1};
  return {node("ReduceMean", {"x"}, "m", {{"axes", last}}),
          node("Sub", {"x", "m"}, "d"),
          node("Pow", {"d", "two"}, "p"),
          node("ReduceMean", {"p"}, "v", {{"axes", std::move(axes_of_variance)}}),
          node("Add", {"v", "eps"}, "w"),
          node("Sqrt", {"w"}, "s"),
          node("Div", {"d", "s"}, "y")};
}
std::vector<onnx::GraphNode> soft_max(std::int64_t axis_of_largest) {
  return {node("ReduceMax", {"x"}, "m", {{"axes", std::vector<std::int64_t>{axis_of_largest}}}),
          node("Sub", {"x", "m"}, "d"), node("Exp", {"d"}, "e"), node("ReduceSum", {"e", "last"}, "s"),
          node("Div", {"e", "s"}, "y")};
}

Vector standardised(const Vector& x, bool by_row) {  // (2, 3), mean along the last axis
  Vector y = x, square(2, 0.0);
  for (std::size_t i = 0; i < 2; ++i) {
    const double mean = (x[3 * i] + x[3 * i + 1] + x[3 * i + 2]) / 3;
    for (std::size_t j = 0; j < 3; ++j) {
      y[3 * i + j] -= mean;
      square[i] += y[3 * i + j] * y[3 * i + j];
    }
  }
  for (std::size_t k = 0; k < 6; ++k)
    y[k] /= std::sqrt((by_row ? square[k / 3] / 3 : (square[0] + square[1]) / 6) + 0.01);
  return y;
}

std::vector<Case> cases() {
  const double root = 1 / std::numbers::sqrt2;
  const Constants of_gelu{{"c", number(root)}, {"one", number(1)}, {"h", number(0.5)}};
  const Constants of_swish{{"three", number(3)}, {"zero", number(0)}, {"six", number(6)}};
  const auto with = [](Constants a, std::initializer_list<std::pair<std::string, onnx::Array>> more) {
    a.insert(a.end(), more.begin(), more.end());
    return a;
  };
  const auto leaky = [](double x) { return x > 0 ? x : 0.25 * x; };
  return {
      {"gelu", gelu("Mul"), of_gelu, each([](double x) { return x * phi(x); }), "gelu"},
      {"gelu, divided",
       gelu("Div"),
       {{"c", number(std::numbers::sqrt2)}, {"one", number(1)}, {"h", number(0.5)}},
       each([](double x) { return x * phi(x); }),
       "gelu"},
      {"gelu times another constant",
       gelu("Mul"),
       {{"c", number(root)}, {"one", number(1)}, {"h", number(0.75)}},
       each([](double x) { return 1.5 * x * phi(x); }),
       "gelu"},
      {"no gelu: another scale",
       gelu("Mul"),
       {{"c", number(0.8)}, {"one", number(1)}, {"h", number(0.5)}},
       each([](double x) { return x * 0.5 * (1 + std::erf(0.8 * x)); }),
       "",
       false},
      {"silu",
       {node("Sigmoid", {"x"}, "s"), node("Mul", {"s", "x"}, "y")},
       {},
       each([](double x) { return x * sigma(x); }),
       "silu"},
      {"swish",
       {node("Mul", {"x", "b"}, "z"), node("Sigmoid", {"z"}, "s"), node("Mul", {"x", "s"}, "y")},
       {{"b", number(1.702)}},
       each([](double x) { return x * sigma(1.702 * x); }),
       "silu"},
      {"mish",
       {node("Softplus", {"x"}, "s"), node("Tanh", {"s"}, "t"), node("Mul", {"x", "t"}, "y")},
       {},
       each([](double x) { return x * std::tanh(std::log1p(std::exp(x))); }),
       "mish"},
      {"hard swish", hard_swish("Div"), with(of_swish, {{"d", number(6)}}),
       each([](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }), "hard_swish"},
      {"hard swish times a constant", hard_swish("Mul"), with(of_swish, {{"d", number(0.25)}}),
       each([](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 4; }), "hard_swish"},
      {"leaky ReLU",
       where_leaky("Greater", false),
       {{"zero", number(0)}, {"s", number(0.25)}},
       each(leaky),
       "leaky_relu"},
      {"leaky ReLU, the other way round",
       where_leaky("Less", true),
       {{"zero", number(0)}, {"s", number(0.25)}},
       each(leaky),
       "leaky_relu"},
      {"leaky ReLU by Max",
       {node("Mul", {"x", "s"}, "l"), node("Max", {"l", "x"}, "y")},
       {{"s", number(0.25)}},
       each(leaky),
       "leaky_relu"},
      {"Max with a steep line",
       {node("Mul", {"x", "s"}, "l"), node("Max", {"x", "l"}, "y")},
       {{"s", number(1.5)}},
       each([](double x) { return std::max(x, 1.5 * x); }),
       ""},
      {"layer norm",
       layer_norm({-1}),
       {{"two", number(2)}, {"eps", number(0.01)}},
       [](const Vector& x) { return standardised(x, true); },
       "standardise"},
      {"no layer norm: other axes",
       layer_norm({1, 2}),
       {{"two", number(2)}, {"eps", number(0.01)}},
       [](const Vector& x) { return standardised(x, false); },
       "",
       false},
      {"softmax",
       soft_max(-1),
       {{"last", wholes({-1})}},
       [](const Vector& x) {
         Vector y = x;
         for (std::size_t k = 0; k < 6; ++k) {
           const std::size_t row = k / 3 * 3;
           y[k] = std::exp(x[k]) / (std::exp(x[row]) + std::exp(x[row + 1]) + std::exp(x[row + 2]));
         }
         return y;
       },
       "softmax"},
      {"softmax of what has another largest number taken off",
       soft_max(1),
       {{"last", wholes({-1})}},
       [](const Vector& x) {
         Vector y = x;
         for (std::size_t k = 0; k < 6; ++k) y[k] = std::exp(x[k] - std::max(x[k % 3], x[k % 3 + 3]));
         for (const std::size_t row : {0U, 3U}) {
           const double sum = y[row] + y[row + 1] + y[row + 2];
           for (std::size_t j = 0; j < 3; ++j) y[row + j] /= sum;
         }
         return y;
       },
       "softmax"},
      {"division by a norm and a little",
       {node("Mul", {"x", "x"}, "s"), node("ReduceSum", {"s", "last"}, "t"), node("Add", {"t", "eps"}, "u"),
        node("Sqrt", {"u"}, "r"), node("Div", {"x", "r"}, "y")},
       {{"last", wholes({-1})}, {"eps", number(0.01)}},
       [](const Vector& x) {
         Vector y = x;
         for (std::size_t k = 0; k < 6; ++k) {
           const std::size_t row = k / 3 * 3;
           y[k] /= std::sqrt(x[row] * x[row] + x[row + 1] * x[row + 1] + x[row + 2] * x[row + 2] + 0.01);
         }
         return y;
       },
       "l2_normalise"},
      {"division by a norm alone",
       {node("Mul", {"x", "x"}, "s"), node("ReduceSum", {"s", "last"}, "t"), node("Sqrt", {"t"}, "r"),
        node("Div", {"x", "r"}, "y")},
       {{"last", wholes({-1})}},
       [](const Vector& x) {
         Vector y = x;
         for (std::size_t k = 0; k < 6; ++k) {
           const std::size_t row = k / 3 * 3;
           y[k] /= std::sqrt(x[row] * x[row] + x[row + 1] * x[row + 1] + x[row + 2] * x[row + 2]);
         }
         return y;
       },
       "",
       false},
  };
}

BOOST_AUTO_TEST_SUITE(onnx_patterns)

BOOST_AUTO_TEST_CASE(values_and_constants_are_those_of_the_functions) {
  const Vector x{-1.7, 0.4, 2.3, -0.2, 4.1, -3.6};
  for (const Case& c : cases()) {
    const onnx::Model model = onnx::Model::of(graph(Shape{1, 2, 3}, c.nodes, c.constants));
    const Vector wanted = c.f(x);
    const Tensor got = model(Var(Tensor::from<double>(Shape{1, 2, 3}, x))).value();
    for (std::size_t k = 0; k < x.size(); ++k)
      BOOST_TEST(std::fabs(got.at(static_cast<Index>(k)) - wanted[k]) <= 1e-6 * (1 + std::fabs(wanted[k])),
                 c.name << ": " << got.at(static_cast<Index>(k)) << " for " << wanted[k]);
    Tape tape;
    model(tape.input(model.sample()));
    bool there = false;
    for (NodeId id = 0; id < tape.size(); ++id) there = there || tape.node(id).name() == c.primitive;
    BOOST_TEST((there || c.primitive[0] == '\0'), c.name << " is not recognised");
    BOOST_TEST(std::isfinite(autolip(model.function(), model.sample()).bound.value()) == c.bounded, c.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
