// Every optimiser against its recursion in long double, and what freezing does to them.
#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "nn/optimiser.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

using Real = long double;
using Recursion = std::function<void(int t, Real g, Real& w)>;  // t counts from 1; keeps the state of one weight

constexpr int steps = 12;
constexpr Index count = 37;  // whole registers and a rest, whatever the width

// A random walk of gradients: step s gives weight i the gradient at(s·count + i), 0 now and then.
Tensor gradients_of_all_steps() {
  nn::Random random(7);
  Tensor all = normal_tensor(Shape{steps * count}, random);
  for (std::size_t i = 0; i < static_cast<std::size_t>(steps * count); i += 11) all.mutable_data<double>()[i] = 0.0;
  return all.to(DType::f32).to(DType::f64);
}

// Gradients are exact in both types; `scale` counts how far one rounding of the update can move a weight.
template <class Optimiser, class Options>
void check(const Options& options, DType dtype, const std::function<Recursion()>& rule, double scale = 1.0) {
  nn::Random random(3);
  const Tensor start = normal_tensor(Shape{count}, random, dtype), all = gradients_of_all_steps();
  nn::Parameter w(start);
  Optimiser optimiser({&w}, options);
  Tape tape;
  for (int s = 0; s < steps; ++s) {
    const Tensor g = slice(all, 0, s * count, (s + 1) * count).value().to(dtype);
    optimiser.step(sum(w.on(tape) * Var(g)));
  }
  const double unit = dtype == DType::f32 ? 0x1p-24 : 0x1p-53;
  double moved = 0.0;
  for (Index i = 0; i < count; ++i) {
    Real expected = start.at(i);
    const Recursion step = rule();
    for (int s = 0; s < steps; ++s) step(s + 1, all.at(s * count + i), expected);
    BOOST_TEST(std::fabs(static_cast<double>(Real(w.value.at(i)) - expected)) <=
                   32.0 * steps * unit * (scale + std::fabs(start.at(i))),
               "weight " << i << ": " << w.value.at(i) << " instead of " << static_cast<double>(expected));
    moved = std::max(moved, std::fabs(w.value.at(i) - start.at(i)));
  }
  BOOST_TEST(moved > 1e-3);
}

Recursion adam_recursion(double coupled, double decoupled) {
  return [=, m = Real(0), v = Real(0)](int t, Real g, Real& w) mutable {
    const Real b1 = 0.8, b2 = 0.95, rate = 0.05;
    g += Real(coupled) * w;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const Real corrected = m / (1 - std::pow(b1, Real(t))), size = std::sqrt(v / (1 - std::pow(b2, Real(t))));
    w = w - rate * Real(decoupled) * w - rate * corrected / (size + Real(1e-3));
  };
}

const DType both[] = {DType::f32, DType::f64};

}  // namespace

BOOST_AUTO_TEST_SUITE(optimisers)

BOOST_AUTO_TEST_CASE(sgd_with_and_without_nesterov) {
  for (const DType dtype : both)
    for (const bool nesterov : {false, true})
      check<nn::Sgd>(nn::SgdOptions{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = nesterov},
                     dtype, [=] {
                       return [=, v = Real(0)](int, Real g, Real& w) mutable {
                         g += Real(0.01) * w;
                         v = Real(0.9) * v + g;
                         w -= Real(0.1) * (nesterov ? g + Real(0.9) * v : v);
                       };
                     });
}

// Gradient 1 for ever: v = 1, 1 + μ, …; w falls by 1 + μ·v.
BOOST_AUTO_TEST_CASE(nesterov_looks_ahead) {
  nn::Parameter w(Tensor::scalar(0.0));
  nn::Sgd sgd({&w}, {.learning_rate = 1.0, .momentum = 0.5, .nesterov = true});
  Tape tape;
  sgd.step(sum(w.on(tape)));
  BOOST_TEST(w.value.item() == -1.5);
  sgd.step(sum(w.on(tape)));
  BOOST_TEST(w.value.item() == -1.5 - 1.75);
}

BOOST_AUTO_TEST_CASE(adam_and_adamw_differ_in_the_decay) {
  for (const DType dtype : both) {
    check<nn::Adam>(
        nn::AdamOptions{.learning_rate = 0.05, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.1},
        dtype, [] { return adam_recursion(0.1, 0.0); });
    check<nn::AdamW>(
        nn::AdamWOptions{.learning_rate = 0.05, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.1},
        dtype, [] { return adam_recursion(0.0, 0.1); });
  }
}

BOOST_AUTO_TEST_CASE(rms_prop_with_momentum_and_centred) {
  for (const DType dtype : both)
    for (const bool centred : {false, true})
      for (const double momentum : {0.0, 0.7})
        check<nn::RmsProp>(
            nn::RmsPropOptions{.learning_rate = 0.05,
                               .alpha = 0.9,
                               .epsilon = 0.01,
                               .momentum = momentum,
                               .weight_decay = 0.02,
                               .centred = centred},
            dtype,
            [=] {
              return [=, s = Real(0), m = Real(0), v = Real(0)](int, Real g, Real& w) mutable {
                g += Real(0.02) * w;
                s = Real(0.9) * s + Real(0.1) * g * g;
                m = Real(0.9) * m + Real(0.1) * g;
                v = Real(momentum) * v + g / (std::sqrt(centred ? s - m * m : s) + Real(0.01));
                w -= Real(0.05) * v;
              };
            },
            10.0);  // a gradient of 0 beside large ones is divided by little
}

// Signs hang on rounding only where the average is 0, and then it is exactly 0.
BOOST_AUTO_TEST_CASE(lion_steps_by_signs) {
  for (const DType dtype : both)
    check<nn::Lion>(nn::LionOptions{.learning_rate = 0.05, .beta1 = 0.75, .beta2 = 0.5, .weight_decay = 0.1}, dtype,
                    [] {
                      return [m = Real(0)](int, Real g, Real& w) mutable {
                        const Real u = Real(0.75) * m + Real(0.25) * g;
                        w -= Real(0.05) * (Real(u > 0 ? 1 : u < 0 ? -1 : 0) + Real(0.1) * w);
                        m = (m + g) / 2;
                      };
                    });
}

BOOST_AUTO_TEST_CASE(lion_shows_what_is_no_number) {
  nn::Parameter w(Tensor::zeros(Shape{2}, DType::f32));
  nn::Lion lion({&w});
  Tape tape;
  lion.step(sum(w.on(tape) * Var(Tensor::of(Shape{2}, {std::nanf(""), 1.0F}))));
  BOOST_TEST(std::isnan(w.value.at(0)));
  BOOST_TEST(w.value.at(1) < 0.0);
}

BOOST_AUTO_TEST_CASE(centred_rms_prop_survives_a_constant_gradient) {
  nn::Parameter w(Tensor::zeros(Shape{1}, DType::f32));
  nn::RmsProp optimiser({&w}, {.learning_rate = 1e-3, .alpha = 0.5, .centred = true});
  Tape tape;
  for (int i = 0; i < 200; ++i) optimiser.step(sum(w.on(tape)) * (1.0 / 3.0));
  BOOST_TEST(std::isfinite(w.value.at(0)));
}

BOOST_AUTO_TEST_CASE(a_parameter_frozen_later_stays) {
  nn::Parameter w(Tensor::scalar(1.0)), other(Tensor::scalar(1.0));
  nn::Sgd sgd({&w, &other}, {.learning_rate = 0.5});
  other.trained = false;
  Tape tape;
  sgd.step(square(w.on(tape) + other.on(tape)));
  BOOST_TEST(w.value.item() == -1.0);
  BOOST_TEST(other.value.item() == 1.0);
}

BOOST_AUTO_TEST_CASE(wrong_options_are_refused) {
  nn::Parameter w(Tensor::scalar(1.0));
  TAUT_CHECK_THROWS(UsageError, nn::Sgd({&w}, {.nesterov = true}), "[sgd]", "nesterov needs momentum", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::AdamW({&w}, {.weight_decay = -1.0}), "[adamw]", "weight decay", "-1");
  TAUT_CHECK_THROWS(UsageError, nn::AdamW({&w}, {.beta1 = 1.0}), "[adamw]", "beta1");
  TAUT_CHECK_THROWS(UsageError, nn::RmsProp({&w}, {.alpha = 1.0}), "[rms_prop]", "alpha", "[0, 1)");
  TAUT_CHECK_THROWS(UsageError, nn::RmsProp({&w}, {.epsilon = 0.0}), "[rms_prop]", "epsilon");
  TAUT_CHECK_THROWS(UsageError, nn::Lion({&w}, {.beta2 = -0.5}), "[lion]", "beta2", "-0.5");
}

BOOST_AUTO_TEST_SUITE_END()
