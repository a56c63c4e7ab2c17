#include "tests/support/training.h"

#include <boost/test/unit_test.hpp>
#include <limits>
#include <sstream>

#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/progress.h"
#include "nn/sequential.h"
#include "nn/trainer.h"

using namespace taut;
using namespace taut::test;

namespace {

nn::Sequential small_net(std::uint64_t seed, DType dtype = DType::f32) {
  nn::Random random(seed);
  return nn::Sequential{nn::Linear(2, 16, random, {.dtype = dtype}), nn::ReLU(),
                        nn::Linear(16, 2, random, {.dtype = dtype})};
}

struct Run {
  nn::Sequential net;
  nn::TrainResult result;
};

Run trained(std::uint64_t weights, std::uint64_t order, DType dtype = DType::f32) {
  Run run{small_net(weights, dtype), {}};
  const nn::DataSet data = two_halves(400, 1, dtype);
  nn::Adam adam(nn::parameters(run.net), {.learning_rate = 1e-2});
  nn::TrainOptions options{.epochs = 6, .batch_size = 32};
  options.budget.seed = order;
  run.result = nn::train(run.net, data, adam, options);
  return run;
}

bool same_weights(nn::Sequential& a, nn::Sequential& b) {
  const auto of_a = nn::parameters(a), of_b = nn::parameters(b);
  for (std::size_t i = 0; i < of_a.size(); ++i)
    if (!same_bits(of_a[i]->value, of_b[i]->value)) return false;
  return of_a.size() == of_b.size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(training)

BOOST_AUTO_TEST_CASE(learns_what_a_line_separates) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Run run = trained(1, 1, dtype);
    const auto& epochs = run.result.epochs;
    BOOST_TEST(epochs.size() == 6U);
    BOOST_TEST(epochs.back().loss < 0.3 * epochs.front().loss);
    BOOST_TEST(*epochs.back().accuracy > 0.95);
    BOOST_TEST(nn::accuracy(run.net, two_halves(1000, 2, dtype)) > 0.95);
  }
}

BOOST_AUTO_TEST_CASE(seeds_fix_every_bit) {
  Run one = trained(1, 1), same = trained(1, 1), other_order = trained(1, 2), other_weights = trained(2, 1);
  BOOST_TEST(same_weights(one.net, same.net));
  BOOST_TEST(one.result.epochs.back().loss == same.result.epochs.back().loss);
  BOOST_TEST(!same_weights(one.net, other_order.net));
  BOOST_TEST(!same_weights(one.net, other_weights.net));
}

BOOST_AUTO_TEST_CASE(regression_uses_mse) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(1, 1, random, {.dtype = DType::f64})};
  const Tensor x = Tensor::of(Shape{4, 1}, {-1.0, 0.0, 1.0, 2.0}), y = Tensor::of(Shape{4, 1}, {-1.0, 1.0, 3.0, 5.0});
  const nn::DataSet data = nn::DataSet::regression(x, y);
  nn::Sgd sgd(nn::parameters(net), {.learning_rate = 0.1});
  const nn::TrainResult result = nn::train(net, data, sgd, {.epochs = 400, .batch_size = 4});
  // y = 2x + 1: gradient descent shrinks the error by 1 − 0.1·λ a step, λ ≥ 0.7 the smaller eigenvalue of the Hessian.
  BOOST_TEST(std::fabs(net[0].as<nn::Linear>().weight.value.item() - 2.0) <= 1e-10);
  BOOST_TEST(std::fabs(net[0].as<nn::Linear>().bias.value.item() - 1.0) <= 1e-10);
  BOOST_TEST(!result.epochs.back().accuracy.has_value());
}

BOOST_AUTO_TEST_CASE(loss_and_penalty_of_the_user_are_used) {
  nn::Sequential net = small_net(1);
  const nn::DataSet data = two_halves(64, 1);
  nn::Sgd sgd(nn::parameters(net), {.learning_rate = 0.0});
  nn::TrainOptions options{.epochs = 1, .batch_size = 64};
  options.loss = [](const Var& output, const nn::Batch& batch) {
    return nn::cross_entropy(output, batch.labels) * 0.0 + 2.0;
  };
  options.penalty = [&](Tape& tape) { return sum(net[0].as<nn::Linear>().bias.on(tape)) + 3.0; };  // biases are 0
  BOOST_TEST(nn::train(net, data, sgd, options).epochs[0].loss == 5.0);
}

BOOST_AUTO_TEST_CASE(callbacks_see_every_batch_and_epoch) {
  nn::Sequential net = small_net(1);
  const nn::DataSet data = two_halves(70, 1);
  nn::Adam adam(nn::parameters(net));
  nn::TrainOptions options{.epochs = 2, .batch_size = 32};
  std::vector<Index> batches, epochs;
  double fraction = 0.0;
  options.on_batch = [&](const nn::BatchReport& report) {
    BOOST_TEST(report.batches == 3);
    BOOST_TEST(report.epochs == 2);
    BOOST_TEST(report.samples_per_second > 0.0);
    batches.push_back(report.epoch * 10 + report.batch);
  };
  options.on_epoch = [&](const nn::EpochReport& report) { epochs.push_back(report.epoch); };
  options.budget.progress = [&](const Progress& progress) {
    BOOST_TEST(progress.fraction > fraction);
    fraction = progress.fraction;
  };
  nn::train(net, data, adam, options);
  const std::vector<Index> all_batches{0, 1, 2, 10, 11, 12}, all_epochs{0, 1};
  BOOST_TEST(batches == all_batches, boost::test_tools::per_element());
  BOOST_TEST(epochs == all_epochs, boost::test_tools::per_element());
  BOOST_TEST(fraction == 1.0);
}

BOOST_AUTO_TEST_CASE(modules_are_in_training_mode_only_meanwhile) {
  nn::Random random(1);
  nn::Sequential net{nn::BatchNorm2d(1), nn::Flatten(), nn::Linear(4, 3, random)};
  const nn::DataSet data = noise_images(8, Shape{1, 2, 2}, 3, 1);
  nn::Sgd sgd(nn::parameters(net));
  nn::TrainOptions options{.epochs = 1, .batch_size = 4};
  bool during = false;
  options.on_batch = [&](const nn::BatchReport&) { during = net[0].as<nn::BatchNorm2d>().training; };
  nn::train(net, data, sgd, options);
  BOOST_TEST(during);
  BOOST_TEST(!net[0].as<nn::BatchNorm2d>().training);
  BOOST_TEST(net[0].as<nn::BatchNorm2d>().running_mean.value.at(0) != 0.0);
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite_is_an_error_with_its_place) {
  nn::Sequential net = small_net(1);
  const nn::DataSet data = two_halves(96, 1);
  nn::Sgd sgd(nn::parameters(net), {.learning_rate = 0.1});
  nn::TrainOptions options{.epochs = 3, .batch_size = 32};
  Tensor before;
  options.penalty = [&](Tape&) {
    const bool bad = sgd.updates() == 4;
    if (bad) before = net[0].as<nn::Linear>().weight.value.copy();
    return Var(Tensor::scalar(bad ? std::numeric_limits<double>::quiet_NaN() : 0.0).to(DType::f32));
  };
  TAUT_CHECK_THROWS(NumericError, nn::train(net, data, sgd, options), "[train]", "nan", "epoch 2", "batch 2 of 3",
                    "learning rate");
  BOOST_TEST(same_bits(net[0].as<nn::Linear>().weight.value, before));
}

BOOST_AUTO_TEST_CASE(deadline_and_stop_cut_the_training) {
  nn::Sequential net = small_net(1);
  const nn::DataSet data = two_halves(96, 1);
  nn::Sgd sgd(nn::parameters(net));
  nn::TrainOptions late{.epochs = 3, .batch_size = 32};
  late.budget.within(std::chrono::seconds(0));
  const nn::TrainResult at_once = nn::train(net, data, sgd, late);
  BOOST_TEST(at_once.cut);
  BOOST_TEST(sgd.updates() == 0);

  std::stop_source source;
  nn::TrainOptions stopped{.epochs = 3, .batch_size = 32};
  stopped.budget.stop = source.get_token();
  stopped.on_batch = [&](const nn::BatchReport& report) {
    if (report.epoch == 1 && report.batch == 1) source.request_stop();
  };
  const nn::TrainResult halfway = nn::train(net, data, sgd, stopped);
  BOOST_TEST(halfway.cut);
  BOOST_TEST(halfway.epochs.size() == 1U);
  BOOST_TEST(sgd.updates() == 5);
}

BOOST_AUTO_TEST_CASE(empty_data_and_negative_epochs_are_refused) {
  nn::Sequential net = small_net(1);
  nn::Sgd sgd(nn::parameters(net));
  TAUT_CHECK_THROWS(UsageError, nn::train(net, nn::DataSet(), sgd), "empty");
  TAUT_CHECK_THROWS(UsageError, nn::train(net, two_halves(4, 1), sgd, {.epochs = -1}), "epochs", "-1");
}

BOOST_AUTO_TEST_CASE(progress_is_one_line_on_a_terminal_and_a_line_per_epoch_in_a_log) {
  const nn::BatchReport batch{1, 5, 339, 938, 0.10213, 0.9691, 81000.4, 62.5};
  const nn::EpochReport epoch{1, 5, 0.1234567, 0.97, 1.26};
  std::ostringstream log, terminal;
  nn::ProgressLine to_log(log, false), to_terminal(terminal, true);
  to_log.batch(batch);  // too soon for a log
  to_log.epoch(epoch);
  BOOST_TEST(log.str() == "epoch 2/5  loss 0.1235  accuracy 97.0 %  1.3 s\n");
  const auto start = std::chrono::steady_clock::now();
  while (terminal.str().empty() && std::chrono::steady_clock::now() - start < std::chrono::seconds(5))
    to_terminal.batch(batch);
  BOOST_TEST(terminal.str() == "\repoch 2/5  batch 340/938  loss 0.1021  accuracy 96.9 %  81000/s  1 min 3 s left");
  to_terminal.epoch(epoch);
  const std::string text = terminal.str();
  BOOST_TEST(text.back() == '\n');
  // What the longer line left behind is blanked.
  BOOST_TEST(text.size() - text.rfind('\r') == text.rfind('\r') + 1);
}

BOOST_AUTO_TEST_SUITE_END()
