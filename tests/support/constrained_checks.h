// What every layer that is 1-Lipschitz by construction is held to.
#pragma once

#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "nn/optimiser.h"
#include "tests/support/module_checks.h"

namespace taut::test {

// A module that is called often on a plain tensor before it is recorded, so that power methods have converged. Their
// vectors then no longer change, and its values are those of the true norm.
template <nn::Module M>
struct Converged {
  M inner;
  Var operator()(const Var& x) {
    for (int i = 0; i < 2000; ++i) (void)inner(x.detached());
    return inner(x);
  }
  void visit(nn::Visitor& v) { v("inner", inner); }
};

inline AutoLipReport report_of(nn::ModuleRef module, const Shape& input, DType dtype, Norm norm = Norm::l2) {
  nn::Random random(7);
  AutoLipOptions options;
  options.question.norm = norm;
  return autolip([&](const Var& x) { return module(x); }, normal_tensor(input, random, dtype), options);
}

// In inference the plain rules of AutoLip prove the constant, exactly.
inline void check_bound(nn::ModuleRef module, const Shape& input, DType dtype, double constant = 1.0,
                        Norm norm = Norm::l2) {
  const AutoLipReport report = report_of(module, input, dtype, norm);
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(report.bound.value() <= constant);
}

// A few steps of f32 training on noise, then inference again.
inline void train_a_little(nn::ModuleRef module, const Shape& batch, double rate = 0.1) {
  nn::Random random(9);
  nn::Sgd optimiser(nn::parameters(module), {.learning_rate = rate});
  nn::set_training(module, true);
  Tape tape;
  for (int i = 0; i < 4; ++i) {
    const Var y = module(tape.input(normal_tensor(batch, random, DType::f32)));
    optimiser.step(mean(square(y - Var(normal_tensor(y.shape(), random, DType::f32)))));
  }
  nn::set_training(module, false);
}

// The same function in training and in inference, to rounding.
template <nn::Module M>
void check_both_modes(M module, const Shape& input, double tolerance, DType dtype = DType::f64) {
  nn::Random random(8);
  const Tensor x = normal_tensor(input, random, dtype);
  nn::set_training(module, true);
  const Tensor trained = module(Var(x)).value();
  nn::set_training(module, false);
  const Tensor plain = module(Var(x)).value();
  BOOST_TEST(largest_difference(trained, plain) <= tolerance * largest(plain));
}

// max |WᵀW − I| or |WWᵀ − I|, whichever is smaller, of a matrix (m, n).
inline double distance_from_orthogonal(const Tensor& weight) {
  const Var w(weight.to(DType::f64));
  const bool wide = w.shape()[0] < w.shape()[1];
  const Tensor gram = matmul(w, w, !wide, wide).value();
  double worst = 0.0;
  for (Index i = 0; i < gram.size(); ++i)
    worst = std::max(worst, std::fabs(gram.at(i) - (i % (gram.shape()[0] + 1) == 0 ? 1.0 : 0.0)));
  return worst;
}

}  // namespace taut::test
