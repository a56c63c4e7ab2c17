#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/sequential.h"
#include "tests/nn/support.h"

using namespace taut;
using namespace taut::test;

namespace {
const std::vector<Index> labels{2, 0};
}

BOOST_AUTO_TEST_SUITE(loss)

BOOST_AUTO_TEST_CASE(mse_is_the_mean_of_squares) {
  const Tensor p = Tensor::of(Shape{2, 2}, {1.0, 2.0, 3.0, 4.0}), t = Tensor::of(Shape{2, 2}, {0.0, 2.0, 5.0, 1.0});
  BOOST_TEST(nn::mse(p, t).item() == (1.0 + 0.0 + 4.0 + 9.0) / 4.0);
}

BOOST_AUTO_TEST_CASE(cross_entropy_is_the_mean_of_negative_log_probabilities) {
  const Tensor logits = Tensor::of(Shape{2, 3}, {1.0, 2.0, 3.0, 0.5, 0.0, -0.5});
  const auto probability = [](double a, double b, double c) {
    return std::exp(a) / (std::exp(a) + std::exp(b) + std::exp(c));
  };
  const double expected = -(std::log(probability(3, 2, 1)) + std::log(probability(0.5, 0, -0.5))) / 2.0;
  BOOST_TEST(std::fabs(nn::cross_entropy(logits, labels).item() - expected) <= 1e-15);
}

BOOST_AUTO_TEST_CASE(gradient_of_cross_entropy_is_probability_minus_indicator) {
  const Tensor logits = Tensor::of(Shape{2, 3}, {1.0, 2.0, 3.0, 0.5, 0.0, -0.5});
  Tape tape;
  const Var x = tape.input(logits);
  const Tensor gradient = grad(nn::cross_entropy(x, labels), x).value();
  const Tensor p = softmax(logits).value();
  for (Index i = 0; i < 6; ++i) {
    const double indicator = i % 3 == labels[static_cast<std::size_t>(i / 3)] ? 1.0 : 0.0;
    BOOST_TEST(std::fabs(gradient.at(i) - (p.at(i) - indicator) / 2.0) <= 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(huge_logits_do_not_overflow) {
  const Tensor logits = Tensor::of(Shape{1, 2}, {3e38F, -3e38F});
  const std::vector<Index> right{0};
  BOOST_TEST(nn::cross_entropy(logits, right).item() == 0.0);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const Tensor logits = Tensor::zeros(Shape{2, 3}, DType::f32);
  const std::vector<Index> one{0}, wrong{0, 3};
  TAUT_CHECK_THROWS(ShapeError, nn::cross_entropy(logits, one), "(2, 3)", "1 labels", "loss_test.cpp");
  TAUT_CHECK_THROWS(DomainError, nn::cross_entropy(logits, wrong), "label 3", "sample 1", "[0, 3)");
  TAUT_CHECK_THROWS(ShapeError, nn::cross_entropy(Tensor::zeros(Shape{2, 3, 1}, DType::f32), one), "(2, 3, 1)", "flatten");
  TAUT_CHECK_THROWS(ShapeError, nn::mse(logits, Tensor::zeros(Shape{2}, DType::f32)), "(2, 3)", "(2)", "reshape");
}

BOOST_AUTO_TEST_CASE(accuracy_and_margins_of_known_logits) {
  const Tensor logits = Tensor::of(Shape{4, 3}, {3.0, 1.0, 2.0,    // label 0: right by 1
                                                 0.0, 0.5, 0.0,    // label 2: wrong by 0.5
                                                 1.0, 1.0, 0.0,    // label 0: a tie, the first wins, margin 0
                                                 0.0, 0.0, 9.0});  // label 2: right by 9
  const std::vector<Index> truth{0, 2, 0, 2};
  BOOST_TEST(nn::count_correct(logits, truth) == 3);
  const std::vector<double> expected{1.0, -0.5, 0.0, 9.0}, margins = nn::margins(logits, truth);
  BOOST_TEST(margins == expected, boost::test_tools::per_element());
  // √2·L·ε = 1.41…·0.5 ≈ 0.707, then 1.41….
  BOOST_TEST(nn::accuracy_within(margins, 5.0, 0.1) == 0.5);
  BOOST_TEST(nn::accuracy_within(margins, 10.0, 0.1) == 0.25);
  BOOST_TEST(nn::accuracy_within(margins, INFINITY, 0.1) == 0.0);
  TAUT_CHECK_THROWS(ShapeError, nn::margins(logits, labels), "(4, 3)", "2 labels");
  TAUT_CHECK_THROWS(UsageError, nn::accuracy_within({}, 1.0, 0.1), "at least one sample");
}

BOOST_AUTO_TEST_CASE(prediction_in_batches_is_prediction_at_once) {
  nn::Random random(2);
  nn::Sequential net{nn::BatchNorm2d(1), nn::Flatten(), nn::Linear(4, 3, random)};
  nn::set_training(net, true);
  const nn::DataSet data = noise_images(10, Shape{1, 2, 2}, 3, 1);
  const Tensor in_batches = nn::predict(net, data, 4), at_once = nn::predict(net, data, 10);
  // GEMMs of other sizes may add in another order: four terms of f32.
  BOOST_TEST(largest_difference(in_batches, at_once) <= 1e-6 * largest(at_once));
  // Running statistics must not have moved, and the net is in training again.
  BOOST_TEST(net[0].as<nn::BatchNorm2d>().running_mean.value.at(0) == 0.0);
  BOOST_TEST(net[0].as<nn::BatchNorm2d>().training);
  TAUT_CHECK_THROWS(UsageError, nn::predict(net, nn::DataSet()), "empty");
}

BOOST_AUTO_TEST_SUITE_END()
