// Optimisers against steps derived by hand; the numbers are chosen so that most steps are exact in binary.
#include "nn/optimiser.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

// Values of w after every step on the loss ½·w² (gradient w), from w = 1.
template <class Optimiser, class Options>
std::vector<double> on_quadratic(const Options& options, int steps, DType dtype) {
  nn::Parameter w(Tensor::full(Shape{1}, dtype, 1.0));
  Optimiser optimiser({&w}, options);
  Tape tape;
  std::vector<double> values;
  for (int i = 0; i < steps; ++i) {
    optimiser.step(sum(square(w.on(tape))) * 0.5);
    values.push_back(w.value.at(0));
  }
  return values;
}

// The same for a loss with the given gradients, one after the other, from w = 0.
std::vector<double> adam_on(const std::vector<double>& gradients, const nn::AdamOptions& options) {
  nn::Parameter w(Tensor::scalar(0.0));
  nn::Adam adam({&w}, options);
  Tape tape;
  std::vector<double> values;
  for (const double g : gradients) {
    adam.step(w.on(tape) * g);
    values.push_back(w.value.item());
  }
  return values;
}

void check_equal(const std::vector<double>& a, const std::vector<double>& b) {
  BOOST_TEST(a == b, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimiser)

BOOST_AUTO_TEST_CASE(sgd_shrinks_a_quadratic_by_a_factor) {
  for (const DType dtype : {DType::f32, DType::f64})
    check_equal(on_quadratic<nn::Sgd>(nn::SgdOptions{.learning_rate = 0.25}, 3, dtype), {0.75, 0.5625, 0.421875});
}

// v ← v/2 + w, w ← w − v/2: (v, w) = (1, 1/2), (1, 0), (1/2, −1/4), (0, −1/4).
BOOST_AUTO_TEST_CASE(momentum_overshoots) {
  for (const DType dtype : {DType::f32, DType::f64})
    check_equal(on_quadratic<nn::Sgd>(nn::SgdOptions{.learning_rate = 0.5, .momentum = 0.5}, 4, dtype),
                {0.5, 0.0, -0.25, -0.25});
}

// The gradient is (1 + 1)·w.
BOOST_AUTO_TEST_CASE(weight_decay_adds_to_the_gradient) {
  check_equal(on_quadratic<nn::Sgd>(nn::SgdOptions{.learning_rate = 0.25, .weight_decay = 1.0}, 2, DType::f64),
              {0.5, 0.25});
}

// With one gradient g for ever, bias correction gives the means g and g²: every step is η·g / (|g| + ε).
BOOST_AUTO_TEST_CASE(adam_walks_evenly_under_a_constant_gradient) {
  const std::vector<double> walk = adam_on({4.0, 4.0, 4.0}, {.learning_rate = 0.5, .epsilon = 1.0});
  for (std::size_t i = 0; i < walk.size(); ++i)
    BOOST_TEST(std::fabs(walk[i] + 0.5 * 0.8 * static_cast<double>(i + 1)) <= 1e-14);
}

// g = 1, −1: m = 0.1, then 0.09 − 0.1 = −0.01, corrected by 1 − 0.81; v is 1 when corrected.
BOOST_AUTO_TEST_CASE(adam_corrects_its_means) {
  const std::vector<double> walk = adam_on({1.0, -1.0}, {.learning_rate = 1.0, .epsilon = 1e-8});
  BOOST_TEST(std::fabs(walk[0] + 1.0) <= 2e-8);
  BOOST_TEST(std::fabs(walk[1] - (walk[0] + 0.01 / 0.19)) <= 2e-8);
}

// Means that follow at other rates: g = 1, 3 with β₁ = 1/2, β₂ = 3/4, corrected by 3/4 and 7/16:
// m = 1/2 → 7/4 over 3/4 is 7/3; v = 1/4 → 39/16 over 7/16 is 39/7.
BOOST_AUTO_TEST_CASE(adam_has_two_rates) {
  const std::vector<double> walk =
      adam_on({1.0, 3.0}, {.learning_rate = 1.0, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 1e-8});
  BOOST_TEST(std::fabs((walk[0] - walk[1]) - 7.0 / 3.0 / std::sqrt(39.0 / 7.0)) <= 2e-8);
}

BOOST_AUTO_TEST_CASE(adam_takes_weight_decay_and_f32) {
  // First step: η·sign(g + λw), whatever its size.
  check_equal(on_quadratic<nn::Adam>(nn::AdamOptions{.learning_rate = 0.5, .epsilon = 1e-30, .weight_decay = 3.0}, 1,
                                     DType::f32),
              {0.5});
}

BOOST_AUTO_TEST_CASE(frozen_parameters_stay) {
  nn::Parameter w(Tensor::scalar(1.0)), frozen(Tensor::scalar(1.0), false);
  nn::Sgd sgd({&w, &frozen}, {.learning_rate = 0.5});
  Tape tape;
  sgd.step(square(w.on(tape) + frozen.on(tape)));
  BOOST_TEST(w.value.item() == -1.0);
  BOOST_TEST(frozen.value.item() == 1.0);
}

BOOST_AUTO_TEST_CASE(a_parameter_that_the_loss_ignores_has_gradient_zero) {
  nn::Parameter used(Tensor::scalar(1.0)), unused(Tensor::scalar(5.0));
  nn::Sgd sgd({&used, &unused}, {.learning_rate = 0.5});
  Tape tape;
  sgd.step(square(used.on(tape)));
  BOOST_TEST(unused.value.item() == 5.0);
}

BOOST_AUTO_TEST_CASE(gradients_can_be_changed_between_backward_and_update) {
  nn::Parameter w(Tensor::scalar(3.0));
  nn::Sgd sgd({&w}, {.learning_rate = 1.0});
  Tape tape;
  sgd.backward(square(w.on(tape)));
  BOOST_TEST(sgd.gradients()[0].item() == 6.0);
  sgd.gradients()[0] = Tensor::scalar(1.0);
  tape.rewind();
  sgd.update();
  BOOST_TEST(w.value.item() == 2.0);
  sgd.backward(square(w.on(tape)));
  sgd.gradients()[0] = Tensor::zeros(Shape{2}, DType::f64);
  TAUT_CHECK_THROWS(ShapeError, sgd.update(), "gradient", "shape");
}

// The numbers of the parameter are written in place once the tape has let go of them.
BOOST_AUTO_TEST_CASE(a_step_does_not_move_the_numbers) {
  nn::Parameter w(Tensor::zeros(Shape{100}, DType::f32));
  nn::Adam adam({&w});
  Tape tape;
  const void* const place = w.value.raw();
  const Var loss = sum(w.on(tape));
  adam.step(loss);
  BOOST_TEST(w.value.raw() == place);
  BOOST_TEST(w.value.at(0) < 0.0);
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  nn::Parameter w(Tensor::scalar(1.0)), frozen(Tensor::scalar(1.0), false);
  TAUT_CHECK_THROWS(UsageError, nn::Sgd({}), "[sgd]", "at least one trained parameter");
  TAUT_CHECK_THROWS(UsageError, nn::Adam({&frozen}), "[adam]", "got 1 of which none");
  TAUT_CHECK_THROWS(UsageError, nn::Sgd({&w}, {.learning_rate = -1.0}), "learning rate", "-1");
  TAUT_CHECK_THROWS(UsageError, nn::Sgd({&w}, {.momentum = 1.0}), "momentum", "[0, 1)");
  TAUT_CHECK_THROWS(UsageError, nn::Adam({&w}, {.beta2 = 1.5}), "beta2", "1.5");
  nn::Sgd sgd({&w});
  TAUT_CHECK_THROWS(UsageError, sgd.update(), "backward()");
  TAUT_CHECK_THROWS(UsageError, sgd.step(Var(Tensor::scalar(1.0))), "lies on no tape", "Tape::input");
}

BOOST_AUTO_TEST_SUITE_END()
