#include "nn/penalty.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "lipschitz/autolip.h"
#include "nn/layers.h"
#include "nn/optimiser.h"
#include "nn/sequential.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

double converged(nn::NetPenalty& penalty, int calls) {
  Tape tape;
  for (int i = 0; i < calls; ++i) {
    penalty(tape);
    tape.rewind();
  }
  return penalty.estimate();
}

nn::Sequential small_cnn(nn::Random& random) {
  return {nn::Conv2d(1, 3, {3, 3}, random, {.stride = {2, 2}, .padding = {1, 1, 1, 1}}),
          nn::BatchNorm2d(3),
          nn::ReLU(),
          nn::Dropout(0.5),
          nn::Flatten(),
          nn::Linear(3 * 4 * 4, 2, random)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(net_penalty)

// In training the batch norm has other numbers and dropout other gains; the bound is that of inference, and neither the
// running statistics nor the modes change.
BOOST_AUTO_TEST_CASE(follows_the_bound_of_the_net_in_inference) {
  nn::Random random(1);
  nn::Sequential net = small_cnn(random);
  auto& norm = net[1].as<nn::BatchNorm2d>();
  norm.running_variance.value = Tensor::of(Shape{3}, {4.0f, 0.25f, 1.0f});
  const Tensor sample = Tensor::zeros(Shape{1, 1, 8, 8}, DType::f32);
  nn::set_training(net, true);
  nn::NetPenalty penalty(net, sample);
  const double estimate = converged(penalty, 1500);
  BOOST_TEST(norm.training);
  BOOST_TEST(norm.running_variance.value.at(0) == 4.0);
  nn::set_training(net, false);
  const double bound = autolip([&](const Var& x) { return net(x); }, sample).bound.value();
  BOOST_TEST(std::fabs(estimate / bound - 1.0) <= 1e-4);
}

// One layer: d log ‖A‖ / dA = u vᵀ / σ, here A = diag(3, 2), u = v = e₁.
BOOST_AUTO_TEST_CASE(has_the_rank_one_gradient) {
  nn::Random random(1);
  nn::Linear layer(2, 2, random, {.dtype = DType::f64});
  layer.weight.value = Tensor::of(Shape{2, 2}, {3.0, 0.0, 0.0, 2.0});
  nn::NetPenalty penalty(layer, Tensor::zeros(Shape{1, 2}, DType::f64));
  converged(penalty, 60);
  Tape tape;
  const Tensor gradient = grad(penalty(tape), layer.weight.on(tape)).value();
  BOOST_TEST(largest_difference(gradient, Tensor::of(Shape{2, 2}, {1.0 / 3.0, 0.0, 0.0, 0.0})) <= 1e-10);
}

// The operator of a convolution and not the reshaped kernel: [−1, 2, −1] on 3 pixels with zero padding has norm 2 + √2,
// not √6.
BOOST_AUTO_TEST_CASE(takes_the_operator_of_a_convolution) {
  nn::Random random(1);
  nn::Conv2d conv(1, 1, {1, 3}, random, {.padding = {0, 0, 1, 1}}, {.dtype = DType::f64});
  conv.weight.value = Tensor::of(Shape{1, 1, 1, 3}, {-1.0, 2.0, -1.0});
  nn::NetPenalty penalty(conv, Tensor::zeros(Shape{1, 1, 1, 3}, DType::f64));
  BOOST_TEST(std::fabs(converged(penalty, 60) - (2.0 + std::sqrt(2.0))) <= 1e-12);
}

BOOST_AUTO_TEST_CASE(follows_weights_that_change_and_makes_them_smaller) {
  nn::Random random(1);
  nn::Sequential net = small_cnn(random);
  const Tensor sample = Tensor::zeros(Shape{1, 1, 8, 8}, DType::f32);
  nn::NetPenalty penalty(net, sample);
  const auto bound = [&] { return autolip([&](const Var& x) { return net(x); }, sample).bound.value(); };
  const double before = bound();
  nn::Sgd sgd(nn::parameters(net), {.learning_rate = 0.01});
  Tape tape;
  for (int i = 0; i < 100; ++i) sgd.step(penalty(tape));
  const double after = bound();
  BOOST_TEST(after < 0.7 * before);
  // From below, and near although descent has pulled the singular values together.
  BOOST_TEST(penalty.estimate() <= 1.05 * after);
  BOOST_TEST(penalty.estimate() >= 0.8 * after);
}

// A training that goes on with the vectors of another object goes on to the same bits.
BOOST_AUTO_TEST_CASE(state_is_all_that_is_kept) {
  nn::Random random(1);
  nn::Sequential net = small_cnn(random);
  const Tensor sample = Tensor::zeros(Shape{1, 1, 8, 8}, DType::f32);
  nn::NetPenalty first(net, sample), second(net, sample);
  converged(first, 7);
  const auto from = first.state(), to = second.state();
  BOOST_TEST_REQUIRE(from.size() == to.size());
  BOOST_TEST_REQUIRE(from.size() == 2U);
  for (std::size_t i = 0; i < from.size(); ++i) *to[i] = from[i]->copy();
  for (int i = 0; i < 3; ++i) BOOST_TEST(converged(first, 1) == converged(second, 1));
}

BOOST_AUTO_TEST_CASE(more_than_one_sample_is_refused) {
  nn::Random random(1);
  nn::Linear layer(2, 2, random);
  TAUT_CHECK_THROWS(UsageError, nn::NetPenalty(layer, Tensor::zeros(Shape{2, 2}, DType::f32)), "per sample", "(2, 2)");
}

BOOST_AUTO_TEST_SUITE_END()
