// Operators of newer opsets and other domains, and quantised weights, against plain arithmetic.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "autodiff/error.h"
#include "tests/onnx/import/compared.h"

namespace taut::test {
namespace {

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

struct Function1 {
  std::string name;
  onnx::GraphNode node;
  std::function<double(double)> f;
  double slope;  // at most; infinity: it jumps
};
std::vector<Function1> functions() {
  const auto of = [](const char* op, std::map<std::string, onnx::Attribute> attributes = {}) {
    return node(op, {"x"}, "y", std::move(attributes));
  };
  const auto contributed = [&](const char* op, std::map<std::string, onnx::Attribute> attributes = {}) {
    onnx::GraphNode n = of(op, std::move(attributes));
    n.domain = "com.microsoft";
    return n;
  };
  const auto gelu = [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); };
  const auto fast = [](double x) {
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  };
  return {
      {"Swish", of("Swish"), [](double x) { return x * logistic(x); }, 1.1},
      {"Swish 0.5", of("Swish", {{"alpha", 0.5F}}), [](double x) { return x * logistic(0.5 * x); }, 1.1},
      {"Swish 0", of("Swish", {{"alpha", 0.0F}}), [](double x) { return 0.5 * x; }, 0.5},
      {"QuickGelu", contributed("QuickGelu"), [](double x) { return x * logistic(double{1.702F} * x); }, 1.1},
      {"Gelu", contributed("Gelu"), gelu, 1.13},
      {"FastGelu", contributed("FastGelu"), fast, 1.13},
      {"ThresholdedRelu 0", of("ThresholdedRelu", {{"alpha", 0.0F}}), [](double x) { return std::max(x, 0.0); }, 1.0},
      {"ThresholdedRelu", of("ThresholdedRelu"), [](double x) { return x > 1.0 ? x : 0.0; }, infinity},
      {"ThresholdedRelu -1", of("ThresholdedRelu", {{"alpha", -1.0F}}), [](double x) { return x > -1.0 ? x : 0.0; },
       infinity},
      {"Shrink soft", of("Shrink", {{"lambd", 0.5F}, {"bias", 0.5F}}),
       [](double x) { return x > 0.5    ? x - 0.5
                             : x < -0.5 ? x + 0.5
                                        : 0.0; }, 1.0},
      {"Shrink hard", of("Shrink", {{"lambd", 0.75F}}), [](double x) { return std::fabs(x) > 0.75 ? x : 0.0; },
       infinity}};
}

BOOST_AUTO_TEST_SUITE(newer_operators)

BOOST_AUTO_TEST_CASE(functions_of_one_number) {
  const Tensor x = points({1, 40});
  for (const Function1& f : functions()) {
    onnx::GraphData data = graph({1, 40}, {f.node}, {}, 24);
    data.opsets["com.microsoft"] = 1;
    Numbers wanted;
    for (const double t : numbers_of(x)) wanted.push_back(f.f(t));
    compare(value(data, x), wanted, f.name);
    const double bound = upper(data);
    BOOST_TEST((std::isinf(f.slope) ? std::isinf(bound) : bound <= f.slope * (1 + 1e-12)), f.name << ": " << bound);
    if (std::isfinite(f.slope)) BOOST_TEST(bound >= 0.9 * f.slope, f.name << ": " << bound);
  }
}

// As exporters write softplus: x above a threshold, where it jumps by ln(1 + e^−20).
BOOST_AUTO_TEST_CASE(softplus_with_a_threshold) {
  struct Variant {
    const char* op;
    bool line_first;
    double at_threshold_is_line, beta;
  };
  for (const Variant& v :
       {Variant{"Greater", true, 0, 1}, Variant{"GreaterOrEqual", true, 1, 1}, Variant{"Less", false, 1, 1},
        Variant{"LessOrEqual", false, 0, 1}, Variant{"Greater", true, 0, 2}}) {
    std::vector<onnx::GraphNode> nodes;
    const std::string scaled = v.beta == 1 ? "x" : "b";
    if (v.beta != 1) nodes.push_back(node("Mul", {"x", "beta"}, "b"));
    nodes.push_back(node(v.op, {scaled, "c"}, "above"));
    nodes.push_back(node("Exp", {scaled}, "e"));
    nodes.push_back(node("Add", {"e", "one"}, "s"));
    nodes.push_back(node("Log", {"s"}, v.beta == 1 ? "curve" : "l"));
    if (v.beta != 1) nodes.push_back(node("Div", {"l", "beta"}, "curve"));
    nodes.push_back(v.line_first ? node("Where", {"above", "x", "curve"}, "y")
                                 : node("Where", {"above", "curve", "x"}, "y"));
    const onnx::GraphData data =
        graph({1, 5}, nodes, {{"c", number(3.0)}, {"one", number(1.0)}, {"beta", number(v.beta)}});
    const Tensor x = Tensor::of<double>(Shape{1, 5}, {-2.0, 0.0, 3.0, 3.5, 1.5});
    Numbers wanted;
    for (const double t : numbers_of(x)) {
      const bool line = v.beta * t > 3.0 || (v.beta * t == 3.0 && v.at_threshold_is_line != 0);
      wanted.push_back(line ? t : std::log1p(std::exp(v.beta * t)) / v.beta);
    }
    compare(value(data, x), wanted, v.op);
    BOOST_TEST(std::isinf(upper(data)), v.op);
    const onnx::Model model = whole(data);
    AutoLipOptions options;
    options.question.sample_axis = no_sample_axis;
    options.question.domain = Domain::box(Interval{-2.0, 1.0});
    BOOST_TEST(autolip(model.function(), model.sample(), options).bound.value() <= 1.0 + 1e-9, v.op);
  }
}

BOOST_AUTO_TEST_CASE(normalisation_by_the_root_of_the_mean_square) {
  for (const Index n : {1, 2, 3, 5, 8, 16})
    for (const bool scaled : {false, true}) {
      const Tensor x = points({3, n}, static_cast<std::uint64_t>(n)), gamma = points({n}, 9);
      onnx::GraphData data =
          graph({3, n}, {node("RMSNormalization", {"x", "g"}, "y", {{"epsilon", 0.01F}})},
                {{"g", {scaled ? gamma : Tensor::full({n}, DType::f64, 1.0), onnx::ElementType::f64}}}, 23);
      Numbers wanted;
      for (Index row = 0; row < 3; ++row) {
        double mean = 0.0;
        for (Index j = 0; j < n; ++j) mean += x.at(row * n + j) * x.at(row * n + j) / static_cast<double>(n);
        for (Index j = 0; j < n; ++j)
          wanted.push_back(x.at(row * n + j) / std::sqrt(mean + double{0.01F}) * (scaled ? gamma.at(j) : 1.0));
      }
      compare(value(data, x), wanted, "RMSNormalization");
      // d/dx of x/√(x² + eps) at 0, as for every n.
      if (!scaled) {
        const double bound = upper(data), sharp = 1.0 / std::sqrt(double{0.01F});
        BOOST_TEST(bound >= sharp * (1 - 1e-9));
        BOOST_TEST(bound <= 2.0 * sharp);
      }
    }
}

// softmax(scale · softcap(q kᵀ) + mask) v by loops; (b, heads, n, d).
BOOST_AUTO_TEST_CASE(attention_of_one_operator) {
  struct Variant {
    Index heads, kv_heads;
    bool flat, causal;
    double scale, cap;
  };
  const Index n = 3, d = 4;
  for (const Variant& v :
       {Variant{2, 2, false, false, 0, 0}, Variant{2, 1, false, true, 0, 0}, Variant{2, 2, true, false, 0, 0},
        Variant{4, 2, true, true, 0, 0}, Variant{2, 2, false, false, 0.3, 0}, Variant{2, 1, true, false, 0.3, 0},
        Variant{2, 2, false, true, 0, 1.5}, Variant{1, 1, true, true, 0.7, 2.0}}) {
    const Shape qs = v.flat ? Shape{1, n, v.heads * d} : Shape{1, v.heads, n, d},
                ks = v.flat ? Shape{1, n, v.kv_heads * d} : Shape{1, v.kv_heads, n, d};
    std::map<std::string, onnx::Attribute> attributes{{"is_causal", std::int64_t{v.causal}}};
    if (v.flat) attributes.insert({{"q_num_heads", std::int64_t{v.heads}}, {"kv_num_heads", std::int64_t{v.kv_heads}}});
    if (v.scale > 0) attributes.emplace("scale", static_cast<float>(v.scale));
    if (v.cap > 0) attributes.emplace("softcap", static_cast<float>(v.cap));
    const Tensor q = points(qs, 1), k = points(ks, 2), values = points(ks, 3);
    const onnx::GraphData data =
        graph(qs, {node("Attention", {"x", "k", "v"}, "y", attributes)},
              {{"k", {k, onnx::ElementType::f64}}, {"v", {values, onnx::ElementType::f64}}}, 23);
    const auto place = [&](Index heads, Index h, Index i, Index j) {
      return v.flat ? (i * heads + h) * d + j : (h * n + i) * d + j;
    };
    Numbers wanted(static_cast<std::size_t>(q.size()));
    for (Index h = 0; h < v.heads; ++h)
      for (Index i = 0; i < n; ++i) {
        const Index g = h / (v.heads / v.kv_heads);
        Numbers weights;
        double total = 0.0;
        for (Index m = 0; m < n; ++m) {
          double score = 0.0;
          for (Index j = 0; j < d; ++j) score += q.at(place(v.heads, h, i, j)) * k.at(place(v.kv_heads, g, m, j));
          score *=
              v.scale > 0 ? static_cast<double>(static_cast<float>(v.scale)) : 1.0 / std::sqrt(static_cast<double>(d));
          if (v.cap > 0) score = v.cap * std::tanh(score / v.cap);
          weights.push_back(v.causal && m > i ? 0.0 : std::exp(score));
          total += weights.back();
        }
        for (Index j = 0; j < d; ++j) {
          double sum = 0.0;
          for (Index m = 0; m < n; ++m)
            sum += weights[static_cast<std::size_t>(m)] / total * values.at(place(v.kv_heads, g, m, j));
          wanted[static_cast<std::size_t>(place(v.heads, h, i, j))] = sum;
        }
      }
    compare(value(data, q), wanted, "Attention");
  }
}

// ---- quantised weights

onnx::Array bytes(const Shape& shape, const Numbers& list, onnx::ElementType type) {
  return {Tensor::from<double>(shape, list), type};
}

BOOST_AUTO_TEST_CASE(quantised_weights_are_exact) {
  struct Variant {
    onnx::ElementType type;
    Numbers scale, zero;
    std::int64_t axis, block;
  };
  const Numbers w{-7, 5, 120, 3, 0, 9, 33, -128};
  for (const Variant& v :
       {Variant{onnx::ElementType::i8, {0.013}, {3}, 1, 0}, Variant{onnx::ElementType::i8, {0.1, 0.3}, {1, -2}, 0, 0},
        Variant{onnx::ElementType::i8, {0.1, 0.3, 0.7, 0.9}, {1, 0, 2, -5}, 1, 0},
        Variant{onnx::ElementType::i32, {0.25}, {}, 1, 0},
        Variant{onnx::ElementType::i8, {0.5, 0.25, 0.1, 0.2}, {}, 1, 2}}) {
    const Shape spread = v.scale.size() == 1 ? Shape{}
                         : v.block > 0       ? Shape{2, 2}
                                             : Shape{static_cast<Index>(v.scale.size())};
    Constants constants{{"w", bytes({2, 4}, w, v.type)}, {"s", floats(spread, v.scale)}};
    if (!v.zero.empty()) constants.emplace_back("z", bytes(spread, v.zero, v.type));
    std::map<std::string, onnx::Attribute> attributes{{"axis", v.axis}};
    if (v.block > 0) attributes.emplace("block_size", v.block);
    const onnx::GraphData data =
        graph({1, 4},
              {node("DequantizeLinear", {"w", "s", v.zero.empty() ? "" : "z"}, "d", attributes),
               node("Gemm", {"x", "d"}, "y", {{"transB", std::int64_t{1}}})},
              constants, 21);
    const Tensor x = points({1, 4});
    Numbers wanted(2, 0.0);
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 4; ++j) {
        const std::size_t at = v.scale.size() == 1 ? 0 : v.block > 0 ? i * 2 + j / 2 : v.axis == 0 ? i : j;
        wanted[i] += (w[i * 4 + j] - (v.zero.empty() ? 0.0 : v.zero[at])) * v.scale[at] * x.at(static_cast<Index>(j));
      }
    compare(value(data, x), wanted, "DequantizeLinear");
  }
}

BOOST_AUTO_TEST_CASE(quantised_activations_are_staircases) {
  onnx::GraphData data =
      graph({1, 4}, {node("QuantizeLinear", {"x", "s"}, "q"), node("DequantizeLinear", {"q", "s"}, "y")},
            {{"s", number(0.1)}});
  try {
    whole(data);
    BOOST_ERROR("it was imported");
  } catch (const UnsupportedError& error) {
    BOOST_TEST(std::string(error.what()).find("staircase") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(constants_are_quantised_to_the_nearest_step) {
  const Numbers stored{0.4, -0.26, 100.0, -100.0, 0.05, 0.0};
  const onnx::GraphData data =
      graph({1, 6},
            {node("QuantizeLinear", {"w", "s", "z"}, "q"), node("DequantizeLinear", {"q", "s", "z"}, "d"),
             node("Mul", {"x", "d"}, "y")},
            {{"w", floats({1, 6}, stored)}, {"s", number(0.125)}, {"z", bytes({}, {2}, onnx::ElementType::i8)}});
  compare(value(data, Tensor::full({1, 6}, DType::f64, 1.0)), {0.375, -0.25, 125 * 0.125, -130 * 0.125, 0.0, 0.0},
          "QuantizeLinear");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut::test
