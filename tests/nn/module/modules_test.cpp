// Every module against central differences, and what each computes against a definition.
#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/module_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::LayerOptions in_f64{.dtype = DType::f64};

}  // namespace

BOOST_AUTO_TEST_SUITE(modules)

BOOST_AUTO_TEST_CASE(gradients_are_those_of_differences) {
  nn::Random random(5);
  const Shape images{3, 4, 6, 6};
  check_gradients(nn::Linear(5, 3, random, in_f64), Shape{4, 5});
  check_gradients(nn::Linear(5, 3, random, {.bias = false, .dtype = DType::f64}), Shape{4, 5});
  check_gradients(nn::Conv2d(4, 6, {3, 2}, random, {.stride = {2, 1}, .padding = {1, 0, 2, 1}, .groups = 2}, in_f64),
                  images);
  check_gradients(nn::MaxPool2d(2), images);
  check_gradients(nn::MaxPool2d(Pool2dOptions{.window = {3, 2}, .stride = {1, 2}}), images);
  check_gradients(nn::AvgPool2d(3), images);
  check_gradients(nn::ReLU(), images);
  check_gradients(nn::LeakyReLU(-0.3), images);
  check_gradients(nn::Tanh(), images);
  check_gradients(nn::Sigmoid(), images);
  check_gradients(nn::Softplus(), images);
  check_gradients(nn::Abs(), images);
  check_gradients(nn::Flatten(), images);
  check_gradients(nn::BatchNorm2d(4, {.dtype = DType::f64}), images);
  nn::BatchNorm2d training(4, {.dtype = DType::f64});
  training.training = true;
  check_gradients(training, images);
  check_gradients(nn::Residual(nn::Conv2d(4, 4, {3, 3}, random, {.padding = {1, 1, 1, 1}}, in_f64)), images);
  check_gradients(
      nn::Residual(nn::Conv2d(4, 2, {3, 3}, random, {}, in_f64), nn::Conv2d(4, 2, {3, 3}, random, {}, in_f64)), images);
  check_gradients(nn::Sequential{nn::Conv2d(4, 3, {3, 3}, random, {}, in_f64), nn::Tanh(), nn::Flatten(),
                                 nn::Linear(48, 2, random, in_f64)},
                  images);
}

BOOST_AUTO_TEST_CASE(linear_is_x_times_transposed_weight_plus_bias) {
  nn::Random random(5);
  nn::Linear layer(2, 2, random, in_f64);
  layer.weight.value = Tensor::of(Shape{2, 2}, {1.0, 2.0, 3.0, 4.0});
  layer.bias.value = Tensor::of(Shape{2}, {10.0, 20.0});
  const Tensor y = layer(Tensor::of(Shape{1, 2}, {5.0, 7.0})).value();
  BOOST_TEST(y.at(0) == 29.0);
  BOOST_TEST(y.at(1) == 63.0);
}

BOOST_AUTO_TEST_CASE(batch_norm_normalises_in_training_and_tracks_its_statistics) {
  nn::Random random(5);
  nn::BatchNorm2d norm(2, {.eps = 0.0, .momentum = 0.25, .dtype = DType::f64});
  Tensor x = normal_tensor(Shape{3, 2, 2, 2}, random);
  norm.training = true;
  const Tensor y = norm(x).value();
  for (Index c = 0; c < 2; ++c) {
    double mean_x = 0.0, square_x = 0.0, mean_y = 0.0, square_y = 0.0;
    constexpr double count = 12.0;
    for (Index n = 0; n < 3; ++n)
      for (Index i = 0; i < 4; ++i) {
        const Index at = (n * 2 + c) * 4 + i;
        mean_x += x.at(at) / count;
        square_x += x.at(at) * x.at(at) / count;
        mean_y += y.at(at) / count;
        square_y += y.at(at) * y.at(at) / count;
      }
    // Sums of 12 numbers of size 1 in f64.
    BOOST_TEST(std::fabs(mean_y) <= 1e-14);
    BOOST_TEST(std::fabs(square_y - 1.0) <= 1e-13);
    const double unbiased = (square_x - mean_x * mean_x) * count / (count - 1.0);
    BOOST_TEST(std::fabs(norm.running_mean.value.at(c) - 0.25 * mean_x) <= 1e-14);
    BOOST_TEST(std::fabs(norm.running_variance.value.at(c) - (0.75 + 0.25 * unbiased)) <= 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(batch_norm_in_inference_is_the_affine_map_of_its_statistics) {
  nn::Random random(5);
  nn::BatchNorm2d norm(1, {.eps = 0.5, .dtype = DType::f64});
  norm.gamma.value = Tensor::of(Shape{1}, {3.0});
  norm.beta.value = Tensor::of(Shape{1}, {-1.0});
  norm.running_mean.value = Tensor::of(Shape{1}, {2.0});
  norm.running_variance.value = Tensor::of(Shape{1}, {3.5});  // √(3.5 + 0.5) = 2
  const Tensor y = norm(Tensor::of(Shape{2, 1, 1, 1}, {2.0, 6.0})).value();
  BOOST_TEST(y.at(0) == -1.0);
  BOOST_TEST(y.at(1) == 5.0);
  BOOST_TEST(norm.running_mean.value.at(0) == 2.0);
}

BOOST_AUTO_TEST_CASE(training_mode_reaches_nested_modules_and_inference_restores_it) {
  nn::Sequential net{nn::Residual(nn::Sequential{nn::BatchNorm2d(1)}), nn::BatchNorm2d(1)};
  nn::set_training(net, true);
  const nn::BatchNorm2d& last = net[1].as<nn::BatchNorm2d>();
  BOOST_TEST(last.training);
  {
    const nn::InferenceScope inference(net);
    BOOST_TEST(!last.training);
  }
  BOOST_TEST(last.training);
  nn::set_training(net, false);
  { const nn::InferenceScope inference(net); }
  BOOST_TEST(!last.training);
}

BOOST_AUTO_TEST_CASE(nodes_name_the_line_of_the_model) {
  nn::Random random(5);
  const int line = __LINE__ + 1;
  nn::Linear layer(2, 2, random);
  Tape tape;
  const Var y = layer(tape.input(Tensor::zeros(Shape{1, 2}, DType::f32)));
  BOOST_TEST(std::string(tape.node(y.id()).where.basename()) == "modules_test.cpp");
  BOOST_TEST(tape.node(y.id()).where.line == line);
}

BOOST_AUTO_TEST_CASE(wrong_sizes_are_refused) {
  nn::Random random(5);
  TAUT_CHECK_THROWS(ShapeError, nn::Linear(0, 2, random), "[linear]", "inputs", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::Conv2d(3, 4, {3, 3}, random, {.groups = 2}), "[conv2d]", "groups", "3 → 4");
  TAUT_CHECK_THROWS(ShapeError, nn::BatchNorm2d(2)(Tensor::zeros(Shape{2, 2}, DType::f32)), "(n, c, h, w)", "(2, 2)");
  TAUT_CHECK_THROWS(ShapeError, nn::Linear(3, 2, random)(Tensor::zeros(Shape{1, 4}, DType::f32)), "(1, 4)", "(2, 3)");
  TAUT_CHECK_THROWS(DTypeError, nn::Linear(3, 2, random)(Tensor::zeros(Shape{1, 3}, DType::f64)), "f64", "f32");
}

BOOST_AUTO_TEST_SUITE_END()
