// What the examples of training against a bound share: penalties by name, and what a classifier is worth.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "examples/support/penalties.h"
#include "examples/support/robustness.h"
#include "lipschitz/autolip.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/module.h"
#include "nn/optimiser.h"

using namespace taut;

namespace {

nn::Sequential small_net(nn::Random& random) {
  return nn::Sequential{nn::Flatten(), nn::Linear(16, 8, random), nn::ReLU(), nn::Linear(8, 3, random)};
}

// Images in [0, 1] whose class is where they are bright.
nn::DataSet small_data(Index count, nn::Random& random) {
  Tensor images = Tensor::zeros(Shape{count, 1, 4, 4}, DType::f32);
  nn::fill_uniform(images, 0.0, 0.5, random);
  std::vector<Index> labels;
  for (Index i = 0; i < count; ++i) {
    labels.push_back(i % 3);
    images.mutable_data<float>()[static_cast<std::size_t>(16 * i + 5 * (i % 3))] += 0.5F;
  }
  return nn::DataSet::classification(images, labels, 3);
}

struct Setting {
  nn::Random random{3};
  nn::Sequential net = small_net(random);
  nn::DataSet data = small_data(12, random);
  Tensor sample = data.first(1).inputs();

  double value(const examples::NamedPenalty& penalty, int calls = 1) {
    const examples::PenaltyTerm term = penalty.make(net, sample, 1);
    const nn::Batch batch{0, data.inputs(), {}, data.labels()};
    double last = 0.0;
    for (int i = 0; i < calls; ++i) {
      Tape tape;
      last = term(net(tape.input(data.inputs())), batch).item();
    }
    return last;
  }
};

const examples::NamedPenalty& named(const std::string& name) {
  const auto& all = examples::penalties();
  const auto place = std::ranges::find(all, name, &examples::NamedPenalty::name);
  BOOST_REQUIRE(place != all.end());
  return *place;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(training)

BOOST_AUTO_TEST_CASE(every_penalty_moves_every_weight) {
  std::set<std::string> names;
  for (const examples::NamedPenalty& penalty : examples::penalties()) {
    BOOST_TEST(names.insert(penalty.name).second);
    BOOST_TEST(std::ranges::is_sorted(penalty.strengths));
    Setting s;
    const examples::PenaltyTerm term = penalty.make(s.net, s.sample, 1);
    if (!term) {
      BOOST_TEST(penalty.name == "none");
      continue;
    }
    Tape tape;
    const Var value = term(s.net(tape.input(s.data.inputs())), {0, s.data.inputs(), {}, s.data.labels()});
    BOOST_TEST(std::isfinite(value.item()));
    for (nn::Parameter* parameter : nn::parameters(s.net)) {
      if (parameter->value.shape().rank() < 2) continue;
      const Var slope = grad(value, parameter->on(tape));
      BOOST_TEST(sum(square(slope)).item() > 0.0, penalty.name << " leaves " << parameter->name << " alone");
    }
  }
}

BOOST_AUTO_TEST_CASE(penalties_are_what_they_are_called) {
  Setting s;
  double squares = 0.0;
  for (const std::size_t i : {1, 3}) squares += sum(square(s.net[i].as<nn::Linear>().weight.value)).item();
  BOOST_TEST(s.value(named("weight decay")) == 0.5 * squares, boost::test_tools::tolerance(1e-6));

  const double bound = autolip([&](const Var& x) { return s.net(x); }, s.sample).bound.value();
  BOOST_TEST(std::exp(s.value(named("log AutoLip"), 100)) == bound, boost::test_tools::tolerance(1e-4));
  BOOST_TEST(std::exp(s.value(named("log Frobenius"))) > bound);
  BOOST_TEST(std::exp(s.value(named("log SeqLip"), 100)) < bound);

  // Sample by sample instead of all at once.
  double mean = 0.0;
  for (Index i = 0; i < s.data.size(); ++i) {
    const std::vector<Index> one{i};
    const nn::DataSet image = s.data.subset(one);
    const Tensor slope =
        grad([&](const Var& x) { return nn::cross_entropy(s.net(x), image.labels()); }, image.inputs());
    mean += sum(square(slope)).item() / static_cast<double>(s.data.size());
  }
  BOOST_TEST(s.value(named("loss gradient")) == mean, boost::test_tools::tolerance(1e-5));
}

BOOST_AUTO_TEST_CASE(what_is_proved_stays_below_what_is_attacked) {
  Setting s;
  nn::Adam adam(nn::parameters(s.net), {.learning_rate = 0.02});
  for (int step = 0; step < 150; ++step) {
    Tape tape;
    adam.step(nn::cross_entropy(s.net(tape.input(s.data.inputs())), s.data.labels()));
  }
  examples::RobustnessOptions options;
  options.radii = {0.0, 0.05, 0.2, 10.0};
  options.seconds = 1.0;
  const examples::Robustness r = examples::robustness(s.net, s.data, options);
  BOOST_TEST(r.test_accuracy > 0.9);
  BOOST_TEST(r.attacked == s.data.size());
  BOOST_TEST(r.upper.is_certified());
  BOOST_TEST(r.lower.value() <= r.upper.value());
  for (const examples::AtRadius& at : r.at) {
    BOOST_TEST(at.certified <= at.attacked);
    BOOST_TEST(at.attacked <= r.test_accuracy);
  }
  BOOST_TEST(r.at[0].certified == r.test_accuracy);
  BOOST_TEST(r.at[1].certified > 0.5);
  BOOST_TEST(r.at[3].certified == 0.0);
  BOOST_TEST(r.at[3].attacked < 0.5);
  BOOST_TEST(examples::robustness_cells(r).size() == examples::robustness_columns(options.radii).size());
}

BOOST_AUTO_TEST_SUITE_END()
