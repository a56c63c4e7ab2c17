#include "nn/loss.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/training.h"

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
  TAUT_CHECK_THROWS(ShapeError, nn::cross_entropy(Tensor::zeros(Shape{2, 3, 1}, DType::f32), one), "(2, 3, 1)",
                    "flatten");
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

// Logits (2x₀, 2x₁): the map has l2 norm 2, margins are ±2(x₀ − x₁), so that ε of sample x is |x₀ − x₁| / √2.
BOOST_AUTO_TEST_CASE(certified_accuracy_counts_what_the_bound_proves) {
  nn::Random random(2);
  nn::Sequential net{nn::Linear(2, 2, random)};
  net[0].as<nn::Linear>().weight.value = Tensor::of(Shape{2, 2}, {2.0F, 0.0F, 0.0F, 2.0F});
  const Tensor x = Tensor::of(Shape{4, 2}, {1.0F, 0.0F, 0.0F, 1.0F, 0.25F, 0.0F, 3.0F, 0.0F});
  const nn::DataSet data = nn::DataSet::classification(x, {0, 1, 0, 1}, 2);  // the last one is misclassified
  const UpperBound two = UpperBound::certified(2.0, Norm::l2, "known");
  BOOST_TEST(nn::certified_accuracy(net, data, two, 0.0) == 0.75);
  BOOST_TEST(nn::certified_accuracy(net, data, two, 0.1) == 0.75);  // 0.25 / √2 = 0.177
  BOOST_TEST(nn::certified_accuracy(net, data, two, 0.2) == 0.5);
  BOOST_TEST(nn::certified_accuracy(net, data, two, 0.8) == 0.0);
  // Margins of exact arithmetic are known here.
  const std::vector<double> from_below = nn::margins_from_below(net, data), exact{2.0, 2.0, 0.5, -6.0};
  for (std::size_t i = 0; i < exact.size(); ++i) {
    BOOST_TEST(from_below[i] <= exact[i]);
    BOOST_TEST(from_below[i] >= exact[i] - 1e-12);
  }
  TAUT_CHECK_THROWS(RigourError, nn::certified_accuracy(net, data, UpperBound::estimate(2.0, Norm::l2, "guess"), 0.1),
                    "guess");
  TAUT_CHECK_THROWS(UsageError, nn::certified_accuracy(net, data, UpperBound::certified(2.0, Norm::l1, "known"), 0.1),
                    "l2", "l1");
}

// The rounding of the whole net is enclosed, and of the constants that batch norm computes from its statistics.
BOOST_AUTO_TEST_CASE(margins_from_below_lie_below_those_of_f64_and_near_them) {
  nn::Random random(2);
  nn::BatchNorm2d norm(1, {.eps = 0x1p-16});  // the same number in f32 and f64
  norm.running_variance.value = Tensor::full(Shape{1}, DType::f32, 3.0);
  nn::Sequential net{nn::Conv2d(1, 1, {3, 3}, random), norm, nn::ReLU(), nn::Flatten(), nn::Linear(4, 3, random)};
  const nn::DataSet data = noise_images(20, Shape{1, 4, 4}, 3, 1);
  const std::vector<double> from_below = nn::margins_from_below(net, data, 7);
  nn::Sequential wide = net;
  for (nn::Parameter* p : nn::parameters(wide)) p->value = p->value.to(DType::f64);
  const nn::DataSet wide_data =
      nn::DataSet::classification(data.inputs().to(DType::f64), {data.labels().begin(), data.labels().end()}, 3);
  const std::vector<double> wide_margins = nn::margins(nn::predict(wide, wide_data), data.labels());
  for (std::size_t i = 0; i < from_below.size(); ++i) {
    // The f64 margin itself errs by some 1e-15; an enclosure that took f32's scale of the batch norm for exact would be
    // off by 1e-8.
    BOOST_TEST(from_below[i] <= wide_margins[i] + 1e-14);
    BOOST_TEST(from_below[i] >= wide_margins[i] - 1e-11);
  }
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
