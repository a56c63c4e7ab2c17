// Schedules against closed forms, and the trainer that follows them.
#include "nn/schedule.h"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "nn/layers.h"
#include "nn/sequential.h"
#include "nn/trainer.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

void check_rates(const nn::Schedule& schedule, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    BOOST_TEST(std::fabs(schedule(static_cast<Index>(i)) - expected[i]) <= 1e-15 * (1.0 + std::fabs(expected[i])));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schedule)

BOOST_AUTO_TEST_CASE(steps_fall_by_factors) {
  check_rates(nn::constant_rate(0.25), {0.25, 0.25});
  check_rates(nn::step_decay(8.0, 2, 0.5), {8, 8, 4, 4, 2, 2, 1});
  check_rates(nn::multi_step_decay(8.0, {1, 4}, 0.5), {8, 4, 4, 4, 2, 2});
}

// cos at multiples of π/3 and π/4 is known.
BOOST_AUTO_TEST_CASE(cosine_falls_along_half_a_wave) {
  check_rates(nn::cosine(4.0, 3), {4, 3, 1, 0, 0, 0});
  check_rates(nn::cosine(5.0, 3, {.least = 1.0}), {5, 4, 2, 1, 1});
  check_rates(nn::cosine(4.0, 3, {.restarts = true}), {4, 3, 1, 4, 3, 1, 4});
  const double near = 2.0 + std::sqrt(2.0), far = 2.0 - std::sqrt(2.0);
  check_rates(nn::cosine(4.0, 2, {.restarts = true, .lengthening = 2}), {4, 2, 4, near, 2, far, 4});
  BOOST_TEST(nn::cosine(1.0, 10, {.restarts = true})(std::numeric_limits<Index>::max() / 10 * 10) == 1.0);
}

BOOST_AUTO_TEST_CASE(warm_up_rises_to_what_follows) {
  check_rates(nn::warm_up(3, nn::constant_rate(8.0)), {2, 4, 6, 8, 8});
  check_rates(nn::warm_up(1, nn::step_decay(8.0, 2, 0.5)), {4, 8, 8, 4, 4, 2});
}

BOOST_AUTO_TEST_CASE(plateau_waits_and_then_lowers_the_rate) {
  nn::ReduceOnPlateau plateau(1.0, {.factor = 0.5, .patience = 2, .least_improvement = 0.1, .least_rate = 0.3});
  const double nan = std::nan("");
  const std::vector<double> metrics{10, 8, 7.5, 9, nan, 7, 7, 7, 7, 7, 7, 7},
      rates{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3};
  for (std::size_t i = 0; i < metrics.size(); ++i) BOOST_TEST(plateau.observe(metrics[i]) == rates[i]);
  BOOST_TEST(plateau.best() == 7.0);
  BOOST_TEST(plateau.rate() == 0.3);
  nn::ReduceOnPlateau small(0.1, {.patience = 0, .least_rate = 0.2});
  small.observe(1.0);
  BOOST_TEST(small.observe(1.0) == 0.1);  // never upwards
}

BOOST_AUTO_TEST_CASE(the_trainer_follows_by_epoch_or_by_step) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(2, 2, random)};
  nn::Sgd sgd(nn::parameters(net), {.learning_rate = 7.0});
  nn::TrainOptions options{.epochs = 2, .batch_size = 2};
  std::vector<double> rates;
  options.on_batch = [&](const nn::BatchReport&) { rates.push_back(sgd.learning_rate()); };
  options.schedule = [](Index step) { return static_cast<double>(step) * 1e-3; };
  const nn::DataSet data = two_halves(6, 1);
  nn::train(net, data, sgd, options);
  options.schedule_unit = nn::ScheduleUnit::step;
  nn::train(net, data, sgd, options);
  const std::vector<double> expected{0, 0, 0, 1e-3, 1e-3, 1e-3, 0, 1e-3, 2e-3, 3e-3, 4e-3, 5e-3};
  BOOST_TEST(rates == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(wrong_numbers_are_refused) {
  TAUT_CHECK_THROWS(UsageError, nn::constant_rate(-1.0), "[constant_rate]", "-1");
  TAUT_CHECK_THROWS(UsageError, nn::step_decay(1.0, 0), "[step_decay]", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::step_decay(1.0, 1, 0.0), "[step_decay]", "factor", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::multi_step_decay(1.0, {3, 3}), "[multi_step_decay]", "increase", "got 3");
  TAUT_CHECK_THROWS(UsageError, nn::cosine(std::nan(""), 3), "[cosine]", "rate", "nan");
  TAUT_CHECK_THROWS(UsageError, nn::cosine(1.0, 0), "[cosine]", "period", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::cosine(1.0, 1, {.lengthening = 0}), "[cosine]", "lengthen", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::warm_up(0, nn::constant_rate(1.0)), "[warm_up]", "got 0");
  TAUT_CHECK_THROWS(UsageError, nn::warm_up(1, {}), "[warm_up]", "empty");
  TAUT_CHECK_THROWS(UsageError, nn::ReduceOnPlateau(1.0, {.factor = 1.0}), "[reduce_on_plateau]", "(0, 1)", "got 1");
  TAUT_CHECK_THROWS(UsageError, nn::ReduceOnPlateau(1.0, {.patience = -1}), "[reduce_on_plateau]", "patience");
}

BOOST_AUTO_TEST_SUITE_END()
