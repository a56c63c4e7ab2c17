// Clipping of gradients and averages of weights.
#include "nn/clip.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/memory.h"
#include "autodiff/ops.h"
#include "nn/average.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/sequential.h"
#include "nn/trainer.h"
#include "tests/support/allocation_count.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

// Two weights whose gradients are (3, 0) and 4.
struct Two {
  explicit Two(DType dtype = DType::f64, double factor = 1.0)
      : a(Tensor::zeros(Shape{2}, dtype)), b(Tensor::zeros(Shape{}, dtype)) {
    const Tensor of_a = Tensor::of(Shape{2}, {3.0 * factor, 0.0}).to(dtype);
    sgd.backward(sum(a.on(tape) * Var(of_a)) + b.on(tape) * (4.0 * factor));
    tape.rewind();
  }
  std::vector<double> gradients() {
    return {sgd.gradients()[0].value().at(0), sgd.gradients()[0].value().at(1), sgd.gradients()[1].value().at(0)};
  }
  nn::Parameter a, b;
  nn::Sgd sgd{{&a, &b}};
  Tape tape;
};

void check_equal(const std::vector<double>& a, const std::vector<double>& b) {
  BOOST_TEST(a == b, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clip)

BOOST_AUTO_TEST_CASE(the_joint_norm_is_cut_by_one_factor) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Two two(dtype);
    BOOST_TEST(nn::clip_norm(two.sgd, 5.0) == 5.0);
    check_equal(two.gradients(), {3.0, 0.0, 4.0});
    BOOST_TEST(nn::clip_norm(two.sgd, 1.25) == 5.0);
    check_equal(two.gradients(), {0.75, 0.0, 1.0});
    two.sgd.update();
    BOOST_TEST(two.b.value.item() == (dtype == DType::f32 ? -static_cast<double>(0.1F) : -0.1));
  }
}

BOOST_AUTO_TEST_CASE(norms_whose_squares_leave_the_range_are_seen) {
  Two large(DType::f64, 0x1p600), small(DType::f64, 0x1p-600);
  BOOST_TEST(nn::clip_norm(large.sgd, 5.0) == 5.0 * 0x1p600);
  check_equal(large.gradients(), {3.0, 0.0, 4.0});
  BOOST_TEST(nn::clip_norm(small.sgd, 1.25 * 0x1p-600) == 5.0 * 0x1p-600);
  check_equal(small.gradients(), {0.75 * 0x1p-600, 0.0, 0x1p-600});
  Two zero(DType::f64, 0.0);
  BOOST_TEST(nn::clip_norm(zero.sgd, 1.0) == 0.0);
}

BOOST_AUTO_TEST_CASE(entries_are_cut_on_either_side) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Two two(dtype, -1.0);
    nn::clip_value(two.sgd, 3.5);
    check_equal(two.gradients(), {-3.0, 0.0, -3.5});
    nn::clip_value(two.sgd, 1.0);
    check_equal(two.gradients(), {-1.0, 0.0, -1.0});
  }
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  Two two, nan;
  nan.sgd.gradients()[1] = Tensor::scalar(std::nan(""));
  TAUT_CHECK_THROWS(UsageError, nn::clip_norm(two.sgd, 0.0), "[clip_norm]", "positive", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::clip_value(two.sgd, -1.0), "[clip_value]", "positive", "-1");
  TAUT_CHECK_THROWS(NumericError, nn::clip_norm(nan.sgd, 1.0), "[clip_norm]", "finite", "nan", "learning rate");
  two.sgd.update();
  TAUT_CHECK_THROWS(UsageError, nn::clip_norm(two.sgd, 1.0), "2 parameters", "backward()");
  nn::TrainOptions options{.clip_norm = 0.0};
  nn::Random random(1);
  nn::Sequential net{nn::Linear(2, 2, random)};
  nn::Sgd sgd(nn::parameters(net));
  TAUT_CHECK_THROWS(UsageError, nn::train(net, two_halves(4, 1), sgd, options), "[train]", "clip_norm 0");
}

// With one step of SGD at rate 1, the weights move by the clipped gradient.
BOOST_AUTO_TEST_CASE(the_trainer_clips) {
  const auto moved = [](nn::TrainOptions options) {
    nn::Random random(1);
    nn::Sequential net{nn::Linear(2, 2, random, {.dtype = DType::f64})};
    const Tensor before = net[0].as<nn::Linear>().weight.value.copy();
    nn::Sgd sgd(nn::parameters(net), {.learning_rate = 1.0});
    options.epochs = 1;
    nn::train(net, two_halves(8, 1, DType::f64), sgd, options);
    double square = 0.0, most = 0.0;
    const nn::Linear& layer = net[0].as<nn::Linear>();
    for (Index i = 0; i < 4; ++i) {
      const double d = layer.weight.value.at(i) - before.at(i);
      square += d * d;
      most = std::max(most, std::fabs(d));
    }
    for (Index i = 0; i < 2; ++i) {
      square += layer.bias.value.at(i) * layer.bias.value.at(i);
      most = std::max(most, std::fabs(layer.bias.value.at(i)));
    }
    return std::pair(std::sqrt(square), most);
  };
  const auto [norm, most] = moved({});
  BOOST_TEST(norm > 0.02);
  BOOST_TEST(std::fabs(moved({.clip_norm = 0.01}).first - 0.01) <= 1e-15);
  BOOST_TEST(std::fabs(moved({.clip_value = most / 2}).second - most / 2) <= 1e-15);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(weight_average)

// From 1 with decay 1/2, weights 3 and then 7: 2, then 4.5.
BOOST_AUTO_TEST_CASE(follows_the_weights) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    nn::Parameter w(Tensor::full(Shape{3}, dtype, 1.0)), still(Tensor::full(Shape{1}, dtype, 0.1), false);
    nn::WeightAverage average({&w, &still}, 0.5);
    w.value = Tensor::full(Shape{3}, dtype, 3.0);
    average.update();
    BOOST_TEST(average.averages()[0].at(2) == 2.0);
    w.value = Tensor::full(Shape{3}, dtype, 7.0);
    average.update();
    BOOST_TEST(average.averages()[0].at(0) == 4.5);
    BOOST_TEST(average.averages()[1].at(0) == still.value.at(0));
  }
}

BOOST_AUTO_TEST_CASE(takes_the_place_of_the_weights_for_a_scope) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(1, 1, random, {.bias = false, .dtype = DType::f64})};
  nn::Parameter& w = net[0].as<nn::Linear>().weight;
  w.value = Tensor::full(Shape{1, 1}, DType::f64, 2.0);
  nn::WeightAverage average(nn::parameters(net), 0.5);
  w.value = Tensor::full(Shape{1, 1}, DType::f64, 4.0);
  average.update();
  const Tensor one = Tensor::full(Shape{1, 1}, DType::f64, 1.0);
  Tape tape;
  BOOST_TEST(net(tape.input(one)).item() == 4.0);
  {
    const nn::WeightAverage::Scope averaged(average);
    BOOST_TEST(net(tape.input(one)).item() == 3.0);  // on the same tape
    TAUT_CHECK_THROWS(UsageError, average.update(), "[weight_average]", "Scope");
    TAUT_CHECK_THROWS(UsageError, nn::WeightAverage::Scope(average), "one Scope at a time");
  }
  BOOST_TEST(net(one).item() == 4.0);
  average.update();
  BOOST_TEST(average.averages()[0].item() == 3.5);
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  nn::Parameter w(Tensor::zeros(Shape{3}, DType::f64));
  TAUT_CHECK_THROWS(UsageError, nn::WeightAverage({&w}, 1.0), "decay", "[0, 1)", "got 1");
  nn::WeightAverage average({&w});
  w.value = Tensor::zeros(Shape{4}, DType::f64);
  TAUT_CHECK_THROWS(UsageError, average.update(), "(3)", "(4)");
}

BOOST_AUTO_TEST_CASE(a_warm_step_that_clips_and_averages_allocates_nothing) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(64, 32, random), nn::ReLU(), nn::Linear(32, 4, random)};
  nn::AdamW adam(nn::parameters(net));
  nn::WeightAverage average(nn::parameters(net));
  Tensor x = normal_tensor(Shape{8, 64}, random, DType::f32);
  const std::vector<Index> labels{0, 1, 2, 3, 0, 1, 2, 3};
  Tape tape;
  for (int i = 0; i < 8; ++i) {
    const AllocationCount allocations;
    const std::size_t before = memory::stats().system_requests;
    adam.backward(nn::cross_entropy(net(tape.input(x)), labels));
    nn::clip_value(adam, 1e-3);
    nn::clip_norm(adam, 1e-4);
    tape.rewind();
    adam.update();
    average.update();
    if (i < 3) continue;
    BOOST_TEST(memory::stats().system_requests == before);
    if constexpr (counts_allocations) BOOST_TEST(allocations.so_far() == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
