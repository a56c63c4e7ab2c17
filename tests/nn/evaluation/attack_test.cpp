// Attacks on linear classifiers, where the best one is known, and between what is certified and what is clean.
#include "nn/attack.h"

#include <boost/test/unit_test.hpp>

#include "nn/dropout.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/robust.h"
#include "nn/sequential.h"
#include "nn/trainer.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

constexpr Index features = 6;

struct LinearCase {
  nn::Sequential net;
  nn::DataSet data;
};

// Random points, with the label of the largest logit for most of them.
LinearCase linear_case(Index classes, DType dtype) {
  nn::Random random(7);
  nn::Sequential net{nn::Linear(features, classes, random, {.dtype = dtype})};
  Tensor x = Tensor::zeros(Shape{60, features}, dtype);
  nn::fill_uniform(x, 0.0, 1.0, random);
  std::vector<Index> labels = nn::predicted_classes(net(x).value());
  for (std::size_t i = 0; i < labels.size(); i += 9) labels[i] = (labels[i] + 1) % classes;
  return {std::move(net), nn::DataSet::classification(std::move(x), std::move(labels), classes)};
}

// How far the best perturbation of size r lowers z_y − z_j at sample i: the dual norm of w_y − w_j times r, or within a
// box what every coordinate can do in linf.
double reach(LinearCase& c, Index i, Index y, Index j, const nn::AttackOptions& options) {
  const Tensor& w = c.net[0].as<nn::Linear>().weight.value;
  double square = 0.0, sum = 0.0;
  for (Index k = 0; k < features; ++k) {
    const double g = w.at(y * features + k) - w.at(j * features + k), x = c.data.inputs().at(i * features + k);
    double room = options.radius;
    if (options.box) room = std::min(room, g > 0.0 ? x - options.box->lo : options.box->hi - x);
    square += g * g;
    sum += std::fabs(g) * room;
  }
  return options.norm == Norm::l2 ? options.radius * std::sqrt(square) : sum;
}

void check_best(LinearCase& c, const nn::AttackOptions& options) {
  const nn::Attacked attacked = nn::attack(c.net, c.data.inputs(), c.data.labels(), options);
  const Tensor z = c.net(c.data.inputs()).value();
  const std::vector<Index> after = nn::predicted_classes(c.net(attacked.inputs).value());
  Index fooled = 0, near = 0;
  for (Index i = 0; i < c.data.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Index y = c.data.labels()[at];
    double least = INFINITY;  // margin left after the best attack
    for (Index j = 0; j < c.data.classes(); ++j)
      if (j != y)
        least = std::min(least,
                         z.at(i * c.data.classes() + y) - z.at(i * c.data.classes() + j) - reach(c, i, y, j, options));
    BOOST_TEST(attacked.fooled[at] == (after[at] != y));
    fooled += attacked.fooled[at] ? 1 : 0;
    // The rounding of f32.
    if (std::fabs(least) < 1e-5)
      ++near;
    else
      BOOST_TEST(attacked.fooled[at] == (least < 0.0), "sample " << i << ", " << least);
  }
  BOOST_TEST(near <= 1);
  BOOST_TEST(fooled > 8);
  BOOST_TEST(fooled < 55);
  BOOST_TEST(nn::accuracy_under_attack(c.net, c.data, options, 7) == 1.0 - static_cast<double>(fooled) / 60.0);
}

double distance(const Tensor& a, const Tensor& b, Index row, Norm norm) {
  const Index n = a.size() / a.shape()[0];
  double square = 0.0, most = 0.0;
  for (Index k = row * n; k < (row + 1) * n; ++k) {
    const double d = a.at(k) - b.at(k);
    square += d * d;
    most = std::max(most, std::fabs(d));
  }
  return norm == Norm::l2 ? std::sqrt(square) : most;
}

nn::Sequential trained(const nn::DataSet& data) {
  nn::Random random(3);
  nn::Sequential net{nn::Linear(2, 16, random), nn::Tanh(), nn::Dropout(0.2), nn::Linear(16, 2, random)};
  nn::Adam adam(nn::parameters(net), {.learning_rate = 1e-2});
  nn::train(net, data, adam, {.epochs = 4, .batch_size = 32});
  return net;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attacks)

BOOST_AUTO_TEST_CASE(linear_classifiers_are_attacked_in_the_best_way) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Index classes : {2, 4}) {
      LinearCase c = linear_case(classes, dtype);
      const nn::Aim aim = classes == 2 ? nn::Aim::largest_other : nn::Aim::every_class;
      check_best(c, {.norm = Norm::l2, .radius = 0.2, .aim = aim});
      check_best(c, {.norm = Norm::linf, .radius = 0.07, .aim = aim});
      check_best(c, {.norm = Norm::linf, .radius = 0.1, .box = Interval{0.0, 1.0}, .aim = aim});
    }
}

BOOST_AUTO_TEST_CASE(what_is_found_lies_in_ball_and_box) {
  LinearCase c = linear_case(3, DType::f32);
  for (const Norm norm : {Norm::l2, Norm::linf})
    for (const double radius : {0.0, 1e-9, 1e-3, 0.1, 0.3, 0.7}) {
      // One step that leads to the surface of the ball, where rounding to f32 may lead out of it.
      const nn::AttackOptions options{
          .norm = norm, .radius = radius, .steps = 1, .step_size = 1.0, .starts = 3, .box = Interval{0.0, 1.0}};
      const nn::Attacked found = nn::attack(c.net, c.data.inputs(), c.data.labels(), options);
      for (Index i = 0; i < c.data.size(); ++i) {
        BOOST_TEST(distance(found.inputs, c.data.inputs(), i, norm) <= radius);
        if (!found.fooled[static_cast<std::size_t>(i)])
          BOOST_TEST(distance(found.inputs, c.data.inputs(), i, norm) == 0.0);
      }
      for (Index k = 0; k < found.inputs.size(); ++k) BOOST_TEST(options.box->contains(found.inputs.at(k)));
    }
}

BOOST_AUTO_TEST_CASE(certified_is_at_most_under_attack_is_at_most_clean) {
  const nn::DataSet data = two_halves(300, 5);
  nn::Sequential net = trained(data);
  const Function f = [&](const Var& x) { return net(x); };
  const nn::PairwiseBounds bounds = nn::pairwise_bounds(f, data.first(1).inputs());
  double before = nn::accuracy(net, data);
  BOOST_TEST(before > 0.9);
  for (const double radius : {0.0, 0.02, 0.1, 0.3}) {
    const double attacked = nn::accuracy_under_attack(net, data, {.radius = radius, .starts = 2, .seed = 1});
    const double certified = nn::certified_accuracy(net, data, bounds, {radius}).front();
    BOOST_TEST(certified <= attacked);
    BOOST_TEST(attacked <= before);
    before = attacked;
    if (radius == 0.0) BOOST_TEST(attacked == nn::accuracy(net, data));
    if (radius == 0.1) BOOST_TEST(certified > 0.2);
  }
  BOOST_TEST(before < 0.7);  // a third of the points are within 0.3 of the line
}

BOOST_AUTO_TEST_CASE(seeds_fix_what_is_found_whatever_the_batches_are) {
  const nn::DataSet data = two_halves(100, 5);
  nn::Sequential net = trained(data);
  // Without steps worth the name the starts alone decide.
  const nn::AttackOptions options{.radius = 0.3, .steps = 1, .step_size = 1e-9, .starts = 4, .seed = 2};
  const nn::Attacked a = nn::attack(net, data.inputs(), data.labels(), options),
                     b = nn::attack(net, data.inputs(), data.labels(), options);
  BOOST_TEST(same_bits(a.inputs, b.inputs));
  nn::AttackOptions other = options;
  other.seed = 3;
  BOOST_TEST(!same_bits(a.inputs, nn::attack(net, data.inputs(), data.labels(), other).inputs));
  BOOST_TEST(nn::accuracy_under_attack(net, data, options, 100) == nn::accuracy_under_attack(net, data, options, 9));
  // More starts find more.
  nn::AttackOptions one = options;
  one.starts = 1;
  BOOST_TEST(nn::accuracy_under_attack(net, data, options) < nn::accuracy_under_attack(net, data, one));
}

BOOST_AUTO_TEST_CASE(what_was_found_first_is_kept) {
  const nn::DataSet data = two_halves(100, 5);
  nn::Sequential net = trained(data);
  nn::AttackOptions options{.radius = 0.3, .steps = 5, .step_size = 0.02};
  const nn::Attacked few = nn::attack(net, data.inputs(), data.labels(), options);
  options.steps = 30;
  const nn::Attacked many = nn::attack(net, data.inputs(), data.labels(), options);
  for (std::size_t i = 0; i < few.fooled.size(); ++i)
    if (few.fooled[i]) BOOST_TEST(distance(few.inputs, many.inputs, static_cast<Index>(i), Norm::linf) == 0.0);
  BOOST_TEST(std::ranges::count(few.fooled, true) > 5);
  BOOST_TEST(std::ranges::count(few.fooled, true) < std::ranges::count(many.fooled, true));
}

BOOST_AUTO_TEST_CASE(training_mode_is_put_back) {
  const nn::DataSet data = two_halves(20, 5);
  nn::Sequential net = trained(data);
  nn::set_training(net, true);
  nn::attack(net, data.inputs(), data.labels());
  BOOST_TEST(net[2].as<nn::Dropout>().training);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  LinearCase c = linear_case(3, DType::f32);
  const auto run = [&](const nn::AttackOptions& options) {
    return nn::attack(c.net, c.data.inputs(), c.data.labels(), options);
  };
  TAUT_CHECK_THROWS(UnsupportedError, run({.norm = Norm::l1}), "[attack]", "l1");
  TAUT_CHECK_THROWS(UsageError, run({.radius = -0.1}), "radius", "-0.1");
  TAUT_CHECK_THROWS(UsageError, run({.radius = INFINITY}), "radius");
  TAUT_CHECK_THROWS(UsageError, run({.steps = 0}), "step", "got 0");
  TAUT_CHECK_THROWS(UsageError, run({.step_size = 0.0}), "step size");
  TAUT_CHECK_THROWS(UsageError, run({.starts = 0}), "start");
  TAUT_CHECK_THROWS(DomainError, run({.box = Interval{0.0, 0.5}}), "box [0, 0.5]", "entry");
  TAUT_CHECK_THROWS(ShapeError, nn::attack(c.net, c.data.inputs(), std::vector<Index>{0}), "1 labels");
  TAUT_CHECK_THROWS(DomainError, nn::attack(c.net, c.data.inputs(), std::vector<Index>(60, 3)), "[attack]", "label 3");
}

BOOST_AUTO_TEST_SUITE_END()
