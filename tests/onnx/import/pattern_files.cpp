#include "tests/onnx/import/pattern_files.h"

#include <cmath>
#include <numbers>

#include "autodiff/error.h"

namespace taut::test {
namespace {

using Names = std::vector<std::string>;
using Attributes = std::map<std::string, onnx::Attribute>;
using Numbers = std::vector<std::int64_t>;

// A graph that is written down from the operands to the result.
class Sketch {
 public:
  explicit Sketch(Shape shape = {1, 2, 3}, int opset = 17) : shape_(shape), opset_(opset) {}

  std::string operator()(const char* op, Names inputs, Attributes attributes = {}) {
    const std::string name = cat("v", nodes_.size());
    nodes_.push_back(node(op, std::move(inputs), name, std::move(attributes)));
    return name;
  }
  std::string tensor(onnx::Array array) {
    constants_.emplace_back(cat("c", constants_.size()), std::move(array));
    return constants_.back().first;
  }
  std::string operator()(double x) { return tensor(number(x)); }
  std::string axes(std::vector<double> list) { return tensor(wholes(list)); }

  onnx::GraphData done(const std::string& result) {
    for (onnx::GraphNode& n : nodes_)
      if (n.outputs[0] == result) n.outputs[0] = "y";
    return graph(shape_, nodes_, constants_, opset_);
  }

 private:
  Shape shape_;
  int opset_;
  std::vector<onnx::GraphNode> nodes_;
  Constants constants_;
};

// A condition x > 0 in one of its spellings; where it is the opposite, the branches change places.
struct Spelling {
  const char* comparison;
  bool zero_first, negated;
  bool positive() const { return (std::string(comparison).starts_with("Greater") != zero_first) != negated; }
};
constexpr Spelling spellings[] = {{"Greater", false, false},        {"Greater", true, true},
                                  {"GreaterOrEqual", false, false}, {"Less", false, false},
                                  {"LessOrEqual", false, true},     {"Less", true, false}};
std::string choice(Sketch& s, const Spelling& how, const std::string& above, const std::string& below) {
  const std::string zero = s(0.0);
  std::string condition = s(how.comparison, how.zero_first ? Names{zero, "x"} : Names{"x", zero});
  if (how.negated) condition = s("Not", {condition});
  return s("Where", how.positive() ? Names{condition, above, below} : Names{condition, below, above});
}

void kinks(std::vector<PatternFile>& list) {
  const auto slopes = [](Sketch& s, bool many) { return many ? s.tensor(floats({3}, {0.25, -0.5, 0.75})) : s(0.3); };
  for (const Spelling& how : spellings) {
    Sketch relu;
    list.push_back({"Relu", relu.done(choice(relu, how, "x", relu(0.0)))});
    for (const bool many : {false, true}) {
      Sketch s;
      list.push_back({many ? "PRelu" : "LeakyRelu", s.done(choice(s, how, "x", s("Mul", {"x", slopes(s, many)})))});
    }
    for (const bool shifted : {false, true}) {
      Sketch s;
      const std::string e = s("Exp", {"x"}), m = shifted ? s("Add", {e, s(-1.0)}) : s("Sub", {e, s(1.0)});
      list.push_back({"Elu", s.done(choice(s, how, "x", shifted ? m : s("Mul", {m, s(0.7)})))});
    }
  }
  for (const bool swapped : {false, true}) {
    Sketch s;
    const std::string zero = s(0.0);
    list.push_back({"Relu", s.done(s("Max", swapped ? Names{zero, "x"} : Names{"x", zero}))});
    for (const bool many : {false, true}) {
      Sketch max, sum, difference;
      const std::string l = max("Mul", {"x", slopes(max, many)});
      list.push_back({many ? "PRelu" : "LeakyRelu", max.done(max("Max", swapped ? Names{l, "x"} : Names{"x", l}))});
      const std::string r = sum("Relu", {"x"}), b = sum("Mul", {sum("Min", {"x", sum(0.0)}), slopes(sum, many)});
      list.push_back({many ? "PRelu" : "LeakyRelu", sum.done(sum("Add", swapped ? Names{b, r} : Names{r, b}))});
      const std::string p = difference("Relu", {"x"}), n = difference("Relu", {difference("Neg", {"x"})});
      const std::string c = slopes(difference, many);
      list.push_back({many ? "PRelu" : "LeakyRelu",
                      difference.done(difference("Sub", {p, difference("Mul", swapped ? Names{c, n} : Names{n, c})}))});
    }
  }
}

// x, its gate and constants, multiplied in several orders.
std::string product(Sketch& s, int order, const std::string& gate, const std::string& constant) {
  if (order == 0) return s("Mul", {s("Mul", {"x", gate}), constant});
  if (order == 1) return s("Mul", {s("Mul", {constant, "x"}), gate});
  return s("Mul", {"x", s("Mul", {gate, constant})});
}

void gelus(std::vector<PatternFile>& list) {
  const double root = std::numbers::sqrt2;
  for (int order = 0; order < 3; ++order) {
    for (const char* how : {"Mul", "Div", "Sqrt"}) {
      Sketch s;
      const std::string scaled = std::string(how) == "Mul"   ? s("Mul", {"x", s(1 / root)})
                                 : std::string(how) == "Div" ? s("Div", {"x", s(root)})
                                                             : s("Div", {"x", s("Sqrt", {s(2.0)})});
      list.push_back({"Gelu", s.done(product(s, order, s("Add", {s("Erf", {scaled}), s(1.0)}), s(0.5)))});
    }
    for (int cube = 0; cube < 4; ++cube) {
      Sketch s;
      const double factor = std::sqrt(2 / std::numbers::pi);
      std::string inner;
      if (cube < 3) {
        const std::string third = cube == 0   ? s("Pow", {"x", s(3.0)})
                                  : cube == 1 ? s("Mul", {"x", s("Mul", {"x", "x"})})
                                              : s("Mul", {s("Pow", {"x", s(2.0)}), "x"});
        inner = s("Mul", {s("Add", {"x", s("Mul", {third, s(0.044715)})}), s(factor)});
      } else {
        const std::string square = s("Mul", {"x", "x"});
        const std::string rest = s("Add", {s("Mul", {square, s(0.044715)}), s(1.0)});
        inner = s("Mul", {s("Mul", {"x", s(factor)}), rest});
      }
      list.push_back({"GeluTanh", s.done(product(s, order, s("Add", {s("Tanh", {inner}), s(1.0)}), s(0.5)))});
    }
  }
}

void other_gates(std::vector<PatternFile>& list) {
  for (const bool swapped : {false, true}) {
    const auto times_x = [&](Sketch& s, const std::string& g) {
      return s("Mul", swapped ? Names{g, "x"} : Names{"x", g});
    };
    Sketch silu, swish, mish, hard;
    list.push_back({"Silu", silu.done(times_x(silu, silu("Sigmoid", {"x"})))});
    list.push_back({"Silu", swish.done(times_x(swish, swish("Sigmoid", {swish("Mul", {"x", swish(1.702)})})))});
    list.push_back({"Mish", mish.done(times_x(mish, mish("Tanh", {mish("Softplus", {"x"})})))});
    list.push_back(
        {"HardSwish", hard.done(times_x(hard, hard("HardSigmoid", {"x"}, {{"alpha", 1.0F / 6.0F}, {"beta", 0.5F}})))});
    for (const char* last : {"Div", "Mul"}) {
      Sketch s, old({1, 2, 3}, 10);
      const double factor = last[0] == 'D' ? 6.0 : 1.0 / 6.0;
      const std::string clipped = s("Clip", {s("Add", {"x", s(3.0)}), s(0.0), s(6.0)});
      list.push_back({"HardSwish6", s.done(s(last, {times_x(s, clipped), s(factor)}))});
      const std::string before = old("Clip", {old("Add", {"x", old(3.0)})}, {{"min", 0.0F}, {"max", 6.0F}});
      list.push_back({"HardSwish6", old.done(times_x(old, old(last, {before, old(factor)})))});
    }
  }
}

void exponentials(std::vector<PatternFile>& list) {
  for (const bool inverse : {false, true}) {
    Sketch s;
    const std::string below = s("Add", {s("Exp", {s("Neg", {"x"})}), s(1.0)});
    list.push_back({"Sigmoid", s.done(inverse ? s("Reciprocal", {below}) : s("Div", {s(1.0), below}))});
  }
  Sketch plus, sign;
  list.push_back({"Softplus", plus.done(plus("Log", {plus("Add", {plus(1.0), plus("Exp", {"x"})})}))});
  list.push_back({"Softsign", sign.done(sign("Div", {"x", sign("Add", {sign("Abs", {"x"}), sign(1.0)})}))});
  for (const std::int64_t axis : {-1, 1})
    for (const bool shifted : {false, true}) {
      const auto soft = [&](Sketch& s) {
        const std::string z =
            shifted ? s("Sub", {"x", s("ReduceMax", {"x"}, {{"axes", Numbers{axis}}, {"keepdims", std::int64_t{1}}})})
                    : "x";
        const std::string e = s("Exp", {z});
        return s("Div", {e, s("ReduceSum", {e, s.axes({static_cast<double>(axis)})}, {{"keepdims", std::int64_t{1}}})});
      };
      Sketch s, log;
      list.push_back({"Softmax", s.done(soft(s))});
      list.push_back({"LogSoftmax", log.done(log("Log", {soft(log)}))});
    }
  for (const std::int64_t keep : {0, 1}) {
    Sketch s;
    list.push_back(
        {"LogSumExp", s.done(s("Log", {s("ReduceSum", {s("Exp", {"x"}), s.axes({-1})}, {{"keepdims", keep}})}))});
  }
}

std::string square(Sketch& s, const std::string& x, bool power) {
  return power ? s("Pow", {x, s(2.0)}) : s("Mul", {x, x});
}
std::string quotient(Sketch& s, const std::string& above, const std::string& below, bool inverse) {
  return inverse ? s("Mul", {above, s("Reciprocal", {below})}) : s("Div", {above, below});
}
std::string root(Sketch& s, const std::string& x, bool power) { return power ? s("Pow", {x, s(0.5)}) : s("Sqrt", {x}); }

void norms(std::vector<PatternFile>& list) {
  const Attributes last{{"axes", Numbers{-1}}};
  for (const bool power : {false, true})
    for (const bool inverse : {false, true}) {
      Sketch layer, smooth;
      const std::string d = layer("Sub", {"x", layer("ReduceMean", {"x"}, last)});
      const std::string v = layer("ReduceMean", {square(layer, d, power)}, last);
      list.push_back(
          {"Standardise", layer.done(quotient(layer, d, root(layer, layer("Add", {v, layer(0.01)}), power), inverse))});
      const std::string sum = smooth("ReduceSum", {square(smooth, "x", power), smooth.axes({-1})});
      list.push_back(
          {"SmoothL2Normalise",
           smooth.done(quotient(smooth, "x", root(smooth, smooth("Add", {sum, smooth(0.01)}), power), inverse))});
      Sketch rms;
      const std::string mean = rms("ReduceMean", {square(rms, "x", power)}, last);
      const std::string length = root(rms, rms("Add", {mean, rms(0.01)}), power);
      const std::string divided =
          inverse ? rms("Mul", {"x", rms("Div", {rms(1.0), length})}) : rms("Div", {"x", length});
      list.push_back({"RmsNormalise", rms.done(divided)});
      for (const bool composed : {false, true})
        for (const bool spread : {false, true}) {
          Sketch s;
          std::string norm = composed ? root(s, s("ReduceSum", {square(s, "x", power), s.axes({-1})}), power)
                                      : s("ReduceL2", {"x"}, {{"axes", Numbers{-1}}, {"keepdims", std::int64_t{1}}});
          norm = inverse ? s("Max", {norm, s(0.1)}) : s("Clip", {norm, s(0.1)});
          if (spread) norm = s("Expand", {norm, s("Shape", {"x"})});
          list.push_back({"L2Normalise", s.done(quotient(s, "x", norm, inverse))});
        }
    }
}

// sign(x)·|x|, as LpPool is written; 1/(1 + eˣ).
void left_over(std::vector<PatternFile>& list) {
  for (const bool first : {false, true})
    for (const bool behind_relu : {false, true}) {
      Sketch s;
      const std::string sign = s("Sign", {"x"}), abs = s("Abs", {"x"}), size = behind_relu ? s("Relu", {abs}) : abs;
      list.push_back({"Identity", s.done(first ? s("Mul", {sign, size}) : s("Mul", {size, sign}))});
    }
  for (const bool inverse : {false, true}) {
    Sketch s;
    const std::string sum = s("Add", {s("Exp", {"x"}), s(1.0)});
    list.push_back({"SigmoidOfNegative", s.done(inverse ? s("Reciprocal", {sum}) : s("Div", {s(1.0), sum}))});
  }
}

void attentions_and_steps(std::vector<PatternFile>& list) {
  const auto attention = [](Sketch& s, Attributes of_softmax) {
    const std::string t = s("Transpose", {"x"}, {{"perm", Numbers{0, 2, 1}}});
    const std::string products = s("Mul", {s("MatMul", {"x", t}), s(2.0)});
    const std::string sums = s("ReduceSum", {s("Mul", {t, t}), s.axes({-2})}, {{"keepdims", std::int64_t{1}}});
    const std::string logits = s("Mul", {s("Sub", {products, sums}), s(0.4)});
    return s("MatMul", {s("Softmax", {logits}, std::move(of_softmax)), "x"});
  };
  Sketch last, plain, old({1, 2, 3}, 13);
  list.push_back({"L2Attention", last.done(attention(last, {{"axis", std::int64_t{-1}}}))});
  list.push_back({"L2Attention", plain.done(attention(plain, {}))});
  list.push_back({"L2Attention", old.done(attention(old, {{"axis", std::int64_t{2}}}))});
  for (const bool offset : {false, true}) {
    Sketch dense({1, 3}), image({1, 1, 3, 3});
    std::string h = dense("MatMul", {"x", dense.tensor(floats({3, 2}, {1, -0.5, 0.25, 1, 0.5, 0.75}))});
    if (offset) h = dense("Add", {h, dense.tensor(floats({2}, {0.25, -0.5}))});
    const std::string back =
        dense("MatMul", {dense("Relu", {h}), dense.tensor(floats({2, 3}, {1, 0.25, 0.5, -0.5, 1, 0.75}))});
    list.push_back({"ConvexStep", dense.done(dense("Sub", {"x", back}))});
    const Attributes window{{"kernel_shape", Numbers{2, 2}},
                            {"strides", Numbers{1, 1}},
                            {"dilations", Numbers{1, 1}},
                            {"pads", Numbers{1, 0, 0, 1}},
                            {"group", std::int64_t{1}}};
    const std::string kernel = image.tensor(floats({2, 1, 2, 2}, {0.5, -1, 0.25, 0.75, 1, 0.5, -0.25, 0.125}));
    Names operands{"x", kernel};
    if (offset) operands.push_back(image.tensor(floats({2}, {0.25, -0.5})));
    const std::string r = image("Relu", {image("Conv", operands, window)});
    list.push_back({"ConvexStep", image.done(image("Sub", {"x", image("ConvTranspose", {r, kernel}, window)}))});
  }
}

}  // namespace

std::vector<PatternFile> pattern_files() {
  std::vector<PatternFile> list;
  kinks(list);
  gelus(list);
  other_gates(list);
  exponentials(list);
  norms(list);
  left_over(list);
  attentions_and_steps(list);
  return list;
}

}  // namespace taut::test
