// The formulas of the elementwise primitives, each written once. Included, without a guard, by
//   primitives/elementwise.cpp   with T = Var: the derivative rule of differentiable sweeps, and
//   kernels/elementwise.cpp      with T = a SIMD lane, once per instruction set: the fused kernel c · f'(x, y).
// value(x) is f(x); derivative(x, y) is f'(x) in terms of x and y = f(x), with the kink conventions of
// docs/conventions.md.

struct ExpFormula {
  auto value(const auto& x) const { return exp(x); }
  auto derivative(const auto&, const auto& y) const { return y; }
};
struct LogFormula {
  auto value(const auto& x) const { return log(x); }
  auto derivative(const auto& x, const auto&) const { return reciprocal(x); }
};
struct SqrtFormula {
  auto value(const auto& x) const { return sqrt(x); }
  auto derivative(const auto&, const auto& y) const { return reciprocal(y * 2.0); }
};
struct SquareFormula {
  auto value(const auto& x) const { return x * x; }
  auto derivative(const auto& x, const auto&) const { return x * 2.0; }
};
struct AbsFormula {
  auto value(const auto& x) const { return abs(x); }
  auto derivative(const auto& x, const auto&) const { return sign(x); }  // 0 at 0
};
struct SinFormula {
  auto value(const auto& x) const { return sin(x); }
  auto derivative(const auto& x, const auto&) const { return cos(x); }
};
struct CosFormula {
  auto value(const auto& x) const { return cos(x); }
  auto derivative(const auto& x, const auto&) const { return -sin(x); }
};
struct TanhFormula {
  auto value(const auto& x) const { return tanh(x); }
  auto derivative(const auto&, const auto& y) const { return (1.0 - y) * (y + 1.0); }
};
struct SigmoidFormula {
  auto value(const auto& x) const { return sigmoid(x); }
  auto derivative(const auto&, const auto& y) const { return y * (1.0 - y); }
};
struct SoftplusFormula {
  auto value(const auto& x) const { return relu(x) + log1p(exp(-abs(x))); }
  auto derivative(const auto& x, const auto&) const { return sigmoid(x); }
};
struct ReluFormula {
  auto value(const auto& x) const { return relu(x); }
  auto derivative(const auto& x, const auto&) const { return step(x); }  // 0 at 0
};
struct LeakyReluFormula {
  double slope;
  auto value(const auto& x) const { return relu(x) - relu(-x) * slope; }
  auto derivative(const auto& x, const auto&) const {  // slope at 0; step is 0 or 1, so this is exact
    const auto positive = step(x);
    return positive + (1.0 - positive) * slope;
  }
};
struct StepFormula {
  auto value(const auto& x) const { return step(x); }
  auto derivative(const auto& x, const auto&) const { return x * 0.0; }
};
struct SignFormula {
  auto value(const auto& x) const { return sign(x); }
  auto derivative(const auto& x, const auto&) const { return x * 0.0; }
};
