// The formulas of the elementwise primitives, each written once. Included, without a guard, by
//   primitives/elementwise.cpp   with T = Var: the derivative rule of differentiable sweeps, and
//   kernels/elementwise.cpp      with T = a SIMD lane, once per instruction set: the fused kernel c · f'(x, y).
// value(x) is f(x); derivative(x, y) is f'(x) in terms of x and y = f(x), with the kink conventions of
// docs/conventions.md.

struct ExpFormula {
  template <class T>
  T value(const T& x) const {
    return exp(x);
  }
  template <class T>
  T derivative(const T&, const T& y) const {
    return y;
  }
};
struct LogFormula {
  template <class T>
  T value(const T& x) const {
    return log(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return reciprocal(x);
  }
};
struct SqrtFormula {
  template <class T>
  T value(const T& x) const {
    return sqrt(x);
  }
  template <class T>
  T derivative(const T&, const T& y) const {
    return reciprocal(y * 2.0);
  }
};
struct SquareFormula {
  template <class T>
  T value(const T& x) const {
    return x * x;
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return x * 2.0;
  }
};
struct AbsFormula {
  template <class T>
  T value(const T& x) const {
    return abs(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return sign(x);
  }  // 0 at 0
};
struct SinFormula {
  template <class T>
  T value(const T& x) const {
    return sin(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return cos(x);
  }
};
struct CosFormula {
  template <class T>
  T value(const T& x) const {
    return cos(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return -sin(x);
  }
};
struct TanhFormula {
  template <class T>
  T value(const T& x) const {
    return tanh(x);
  }
  template <class T>
  T derivative(const T&, const T& y) const {
    return (1.0 - y) * (y + 1.0);
  }
};
struct SigmoidFormula {
  template <class T>
  T value(const T& x) const {
    return sigmoid(x);
  }
  template <class T>
  T derivative(const T&, const T& y) const {
    return y * (1.0 - y);
  }
};
struct SoftplusFormula {
  template <class T>
  T value(const T& x) const {
    return relu(x) + log1p(exp(-abs(x)));
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return sigmoid(x);
  }
};
struct ReluFormula {
  template <class T>
  T value(const T& x) const {
    return relu(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return step(x);
  }  // 0 at 0
};
struct LeakyReluFormula {
  double slope;
  template <class T>
  T value(const T& x) const {
    return relu(x) - relu(-x) * slope;
  }
  template <class T>
  T derivative(const T& x, const T&) const {  // slope at 0; step is 0 or 1, so this is exact
    const T positive = step(x);
    return positive + (1.0 - positive) * slope;
  }
};
struct StepFormula {
  template <class T>
  T value(const T& x) const {
    return step(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return x * 0.0;
  }
};
struct SignFormula {
  template <class T>
  T value(const T& x) const {
    return sign(x);
  }
  template <class T>
  T derivative(const T& x, const T&) const {
    return x * 0.0;
  }
};
