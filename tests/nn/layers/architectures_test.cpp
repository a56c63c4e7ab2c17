// Networks of the kinds that people use form, train and get an answer.
#include "examples/support/architectures.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "nn/parameters.h"
#include "tests/support/training.h"

namespace taut::nn {
namespace {

AutoLipReport bound_of(Sequential& net, const Shape& sample, std::optional<Interval> box = {}) {
  AutoLipOptions options;
  options.question.domain = Domain::box_or_reals(box);
  return autolip([&](const Var& x) { return net(x); }, Tensor::zeros(sample, DType::f32), options);
}

Tensor random_batch(const Shape& shape, Random& random) {
  Tensor x = Tensor::zeros(shape, DType::f32);
  fill_uniform(x, -1.0, 1.0, random);
  return x;
}

// ‖f(x) − f(y)‖ / ‖x − y‖ for pairs at many distances inside of [−1, 1].
double largest_quotient(Sequential& net, const Shape& sample, Random& random) {
  double best = 0;
  for (const double distance : {1.0, 0.1, 0.01}) {
    const Tensor x = random_batch(sample, random), d = random_batch(sample, random);
    const Tensor y = (Var(x) * (1 - distance) + Var(d) * distance).value();
    const Tensor change = (net(Var(x)) - net(Var(y))).value(), moved = (Var(x) - Var(y)).value();
    best = std::max(best, l2_norm(Var(change)).item() / l2_norm(Var(moved)).item());
  }
  return best;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(architectures)

BOOST_AUTO_TEST_CASE(resnet20_trains_a_step_and_has_a_bound) {
  Random random(1);
  Sequential net = examples::resnet20(random);
  BOOST_TEST(parameter_count(net) == 272474);  // 269 722 weights of convolutions and the classifier, and batch norms
  const Tensor x = random_batch({8, 3, 32, 32}, random);
  const std::vector<Index> labels{0, 1, 2, 3, 4, 5, 6, 7};
  set_training(net, true);
  Sgd optimiser(parameters(net), {.learning_rate = 0.05});
  double first = 0, last = 0;
  for (int step = 0; step < 4; ++step) {
    Tape tape;
    last = optimiser.step(cross_entropy(net(tape.input(x)), labels));
    if (step == 0) first = last;
  }
  BOOST_TEST(last < first);
  set_training(net, false);
  const AutoLipReport report = bound_of(net, {1, 3, 32, 32});
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(std::isfinite(report.bound.value()));
  BOOST_TEST(report.bound.value() >= largest_quotient(net, {1, 3, 32, 32}, random));
}

// Attention behind a layer norm sees bounded numbers, whatever goes in; by itself it has no constant.
BOOST_AUTO_TEST_CASE(softmax_attention_is_bounded_behind_its_norm) {
  Random random(2);
  const AutoLipReport alone =
      autolip([](const Var& x) { return attention(x, x, x); }, Tensor::zeros({1, 4, 16}, DType::f64));
  BOOST_TEST(alone.status != Status::finite);
  BOOST_TEST(alone.bound.is_certified());
  Sequential net = examples::transformer_block(16, 2, random);
  const AutoLipReport everywhere = bound_of(net, {1, 4, 16});
  BOOST_TEST(everywhere.status == Status::finite);
  BOOST_TEST(everywhere.bound.is_certified());
  BOOST_TEST(everywhere.bound.value() >= largest_quotient(net, {1, 4, 16}, random));
  const AutoLipReport on_box = bound_of(net, {1, 4, 16}, Interval{-1.0, 1.0});
  BOOST_TEST(on_box.status == Status::finite);
  BOOST_TEST(on_box.bound.is_certified());
  BOOST_TEST(on_box.bound.value() >= largest_quotient(net, {1, 4, 16}, random));
}

BOOST_AUTO_TEST_CASE(every_architecture_has_a_bound_on_a_box) {
  for (const examples::Architecture& architecture : examples::architectures()) {
    if (architecture.name == "ResNet-20") continue;  // above
    BOOST_TEST_CONTEXT(architecture.name) {
      Random random(3);
      Sequential net = architecture.build(random);
      const AutoLipReport on_box = bound_of(net, architecture.sample, Interval{-1.0, 1.0});
      BOOST_TEST(on_box.bound.is_certified());
      BOOST_TEST(std::isfinite(on_box.bound.value()));
      BOOST_TEST(on_box.bound.value() >= largest_quotient(net, architecture.sample, random));
      const AutoLipReport everywhere = bound_of(net, architecture.sample);
      BOOST_TEST(everywhere.status == Status::finite);
      BOOST_TEST(everywhere.bound.value() >= on_box.bound.value() * (1 - 1e-9));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::nn
