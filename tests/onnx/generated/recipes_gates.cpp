// x·g(x): GELU, SiLU, Mish and hard swish, in whatever order the product is written.
#include <cmath>
#include <numbers>

#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {
namespace {

std::string commuted(Draft& d, const char* op, const std::string& a, const std::string& b) {
  return d.add(op, d.random.coin() ? Names{a, b} : Names{b, a});
}
// x·c, or x divided by 1/c.
std::string times(Draft& d, const std::string& x, double c) {
  if (d.random.chance(0.7)) return commuted(d, "Mul", x, d.number(c, x));
  return d.add("Div", {x, d.number(1 / c, x)});
}
// x · gate · constant, in any order; the constant may be left out.
void gated(Draft& d, const std::string& x, const std::string& gate, double constant) {
  std::string left = x, right = gate;
  switch (d.random.whole(0, 3)) {
    case 0:
      left = times(d, left, constant);
      break;
    case 1:
      right = times(d, right, constant);
      break;
    case 2: {
      times(d, commuted(d, "Mul", left, right), constant);
      return;
    }
    default:
      break;
  }
  commuted(d, "Mul", left, right);
}

void gelu(Draft& d) {
  const std::string x = d.any();
  const double root = std::numbers::sqrt2;
  std::string scaled;
  if (d.random.chance(0.3))
    scaled = d.add("Div", {x, d.add("Sqrt", {d.number(2.0, x)})});
  else
    scaled = times(d, x, 1 / root);
  gated(d, x, commuted(d, "Add", d.add("Erf", {scaled}), d.number(1.0, x)), d.random.of({0.5, 0.5, 0.75, 1.0}));
}
std::string cube(Draft& d, const std::string& x) {
  switch (d.random.whole(0, 2)) {
    case 0:
      return d.add("Pow", {x, d.number(3.0, x)});
    case 1:
      return commuted(d, "Mul", x, d.add("Mul", {x, x}));
    default:
      return commuted(d, "Mul", x, d.add("Pow", {x, d.number(2.0, x)}));
  }
}
void gelu_tanh(Draft& d) {
  const std::string x = d.any();
  const double factor = std::sqrt(2 / std::numbers::pi);
  std::string inner;
  if (d.random.chance(0.7)) {
    inner = times(d, commuted(d, "Add", x, times(d, cube(d, x), 0.044715)), factor);
  } else {
    const std::string square = d.random.coin() ? d.add("Mul", {x, x}) : d.add("Pow", {x, d.number(2.0, x)});
    const std::string rest = commuted(d, "Add", commuted(d, "Mul", square, d.number(0.044715, x)), d.number(1.0, x));
    inner = commuted(d, "Mul", commuted(d, "Mul", x, d.number(factor, x)), rest);
  }
  gated(d, x, commuted(d, "Add", d.add("Tanh", {inner}), d.number(1.0, x)), 0.5);
}
void silu(Draft& d) {
  const std::string x = d.any();
  std::string argument = x;
  if (d.random.coin()) {
    std::string beta = d.number(d.random.of({1.702, 2.0, 0.0, -1.0, 0.1}), x);
    if (d.random.chance(0.3)) beta = d.add("Div", {beta, d.number(3.0)});
    argument = commuted(d, "Mul", x, beta);
  }
  gated(d, x, d.add("Sigmoid", {argument}), d.random.of({1.0, 2.0, 0.3}));
}
void mish(Draft& d) {
  const std::string x = d.any();
  gated(d, x, d.add("Tanh", {d.add("Softplus", {x})}), d.random.of({1.0, 0.5}));
}
void hard_swish(Draft& d) {
  const std::string x = d.any();
  if (d.random.coin()) {
    gated(d, x, d.add("HardSigmoid", {x}, {{"alpha", static_cast<float>(1.0 / 6)}, {"beta", 0.5F}}),
          d.random.of({1.0, 2.0}));
    return;
  }
  const std::string shifted = commuted(d, "Add", x, d.number(3.0, x));
  std::string clipped;
  if (d.opset() < 11)
    clipped = d.add("Clip", {shifted}, {{"min", 0.0F}, {"max", 6.0F}});
  else
    clipped = d.add("Clip", {shifted, d.numbers({}, {0.0}), d.numbers({}, {6.0})});
  gated(d, x, clipped, d.random.of({1.0 / 6, 1.0, 0.25}));
}

}  // namespace

const std::vector<Weighted>& gate_recipes() {
  static const std::vector<Weighted> list{{3, gelu}, {3, gelu_tanh}, {4, silu}, {2, mish}, {3, hard_swish}};
  return list;
}

}  // namespace taut::test::generated
