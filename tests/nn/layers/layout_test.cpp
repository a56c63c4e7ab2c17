// Sequential computes runs of image modules with the batch innermost. Nobody may see that.
#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "autodiff/ops.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

nn::Sequential image_net() {
  nn::Random random(3);
  const nn::LayerOptions in_f64{.dtype = DType::f64};
  nn::BatchNorm2d norm(4, {.dtype = DType::f64});
  nn::fill_normal(norm.running_mean.value, 0.0, 1.0, random);
  nn::fill_uniform(norm.running_variance.value, 0.5, 2.0, random);
  return nn::Sequential{
      nn::Conv2d(2, 4, {3, 3}, random, {.padding = {1, 1, 1, 1}}, in_f64),
      norm,
      nn::ReLU(),
      nn::MaxPool2d(2),
      nn::Residual(nn::Sequential{nn::Conv2d(4, 4, {3, 3}, random, {.padding = {1, 1, 1, 1}}, in_f64), nn::Tanh()}),
      nn::AvgPool2d(2),
      nn::Flatten(),
      nn::Linear(16, 3, random, in_f64)};
}

Tensor sample(const Tensor& batch, Index n) { return slice(batch, 0, n, n + 1).value(); }

std::size_t permutations(const Tape& tape) {
  std::size_t count = 0;
  for (NodeId id = 0; id < tape.size(); ++id) count += tape.node(id).name() == "permute" ? 1 : 0;
  return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layout)

BOOST_AUTO_TEST_CASE(a_batch_gives_what_its_samples_give) {
  nn::Sequential net = image_net();
  nn::Random random(4);
  const Tensor x = normal_tensor(Shape{5, 2, 8, 8}, random);
  const Tensor together = net(x).value();
  BOOST_TEST(together.shape() == (Shape{5, 3}));
  for (Index n = 0; n < 5; ++n)
    // The same sums of up to 50 terms in another order: a few units of 1e-16.
    BOOST_TEST(largest_difference(net(sample(x, n)).value(), sample(together, n)) <= 1e-14 * largest(together));
}

BOOST_AUTO_TEST_CASE(a_run_that_ends_the_net_gives_images_in_nchw) {
  nn::Random random(3);
  nn::Sequential net{nn::Conv2d(2, 3, {3, 3}, random, {}, {.dtype = DType::f64}), nn::ReLU()};
  const Tensor x = normal_tensor(Shape{4, 2, 5, 6}, random);
  const Tensor together = net(x).value();
  BOOST_TEST(together.shape() == (Shape{4, 3, 3, 4}));
  for (Index n = 0; n < 4; ++n)
    BOOST_TEST(largest_difference(net(sample(x, n)).value(), sample(together, n)) <= 1e-14 * largest(together));
}

BOOST_AUTO_TEST_CASE(gradients_of_a_batch_are_those_of_its_samples) {
  nn::Sequential net = image_net();
  nn::Random random(4);
  const Tensor x = normal_tensor(Shape{3, 2, 8, 8}, random);
  const Tensor c = normal_tensor(Shape{3, 3}, random);
  Tape tape;
  const Var together = tape.input(x);
  const Tensor gradient = vjp(net(together), c, together).value();
  for (Index n = 0; n < 3; ++n) {
    Tape own;
    const Var alone = own.input(sample(x, n));
    const Tensor expected = vjp(net(alone), sample(c, n), alone).value();
    BOOST_TEST(largest_difference(sample(gradient, n), expected) <= 1e-13 * largest(expected));
  }
}

BOOST_AUTO_TEST_CASE(one_transposition_before_and_one_behind_a_run) {
  nn::Sequential net = image_net();
  Tape tape;
  net(tape.input(Tensor::zeros(Shape{2, 2, 8, 8}, DType::f64)));
  BOOST_TEST(permutations(tape) == 2U);
  tape.rewind();
  net(tape.input(Tensor::zeros(Shape{1, 2, 8, 8}, DType::f64)));
  BOOST_TEST(permutations(tape) == 0U);
}

BOOST_AUTO_TEST_CASE(a_module_that_knows_no_layout_splits_the_run) {
  nn::Random random(3);
  const auto per_channel_of_nchw = [](const Var& x) { return x * Var(Tensor::of(Shape{1, 3, 1, 1}, {1.0, 2.0, 3.0})); };
  nn::Sequential net{nn::Conv2d(2, 3, {3, 3}, random, {}, {.dtype = DType::f64}), per_channel_of_nchw,
                     nn::MaxPool2d(2)};
  const Tensor x = normal_tensor(Shape{4, 2, 6, 6}, random);
  const Tensor together = net(x).value();
  for (Index n = 0; n < 4; ++n)
    BOOST_TEST(largest_difference(net(sample(x, n)).value(), sample(together, n)) <= 1e-14 * largest(together));
}

BOOST_AUTO_TEST_CASE(vectors_and_lone_activations_are_left_alone) {
  nn::Random random(3);
  nn::Sequential net{nn::ReLU(), nn::Linear(3, 2, random), nn::Tanh()};
  Tape tape;
  net(tape.input(Tensor::zeros(Shape{4, 3}, DType::f32)));
  BOOST_TEST(permutations(tape) == 0U);
  tape.rewind();
  nn::Sequential activations{nn::ReLU(), nn::Tanh()};
  activations(tape.input(Tensor::zeros(Shape{4, 3, 2, 2}, DType::f32)));
  BOOST_TEST(permutations(tape) == 0U);
}

BOOST_AUTO_TEST_CASE(batch_norm_in_training_sees_the_whole_batch_in_either_layout) {
  nn::Random random(3);
  const Tensor x = normal_tensor(Shape{4, 2, 3, 3}, random);
  nn::BatchNorm2d alone(2, {.dtype = DType::f64});
  nn::Sequential inside{alone};
  alone.training = true;
  nn::set_training(inside, true);
  const Tensor expected = alone(x).value();
  BOOST_TEST(largest_difference(inside(x).value(), expected) <= 1e-14 * largest(expected));
  BOOST_TEST(largest_difference(inside[0].as<nn::BatchNorm2d>().running_variance.value, alone.running_variance.value) <=
             1e-15);
}

BOOST_AUTO_TEST_SUITE_END()
