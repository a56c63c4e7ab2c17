// Constants of differences of logits, and what they certify.
#include "nn/robust.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/seqlip.h"
#include "lipschitz/spectral.h"
#include "nn/batch_norm.h"
#include "nn/evaluate.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "nn/trainer.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;

namespace {

using Real = long double;
constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

// ‖row i − row j‖ in the norm dual to `norm`.
Real dual_distance(const Tensor& w, Index i, Index j, Norm norm) {
  const Index n = w.shape()[1];
  Real most = 0, sum = 0, square = 0;
  for (Index k = 0; k < n; ++k) {
    const Real d = std::fabs(Real(w.at(i * n + k)) - Real(w.at(j * n + k)));
    most = std::max(most, d);
    sum += d;
    square += d * d;
  }
  return norm == Norm::l1 ? most : norm == Norm::l2 ? std::sqrt(square) : sum;
}

double kappa(Norm norm) { return norm == Norm::l1 ? 1.0 : norm == Norm::l2 ? std::sqrt(2.0) : 2.0; }

nn::BoundOf autolip_in(Norm norm) {
  return [norm](const Var& node) {
    AutoLipOptions options;
    options.question.norm = norm;
    return autolip(node, options).bound;
  };
}

double length(const Tensor& x, Norm norm) {
  double most = 0, sum = 0, square = 0;
  for (Index k = 0; k < x.size(); ++k) {
    most = std::max(most, std::fabs(x.at(k)));
    sum += std::fabs(x.at(k));
    square += x.at(k) * x.at(k);
  }
  return norm == Norm::l1 ? sum : norm == Norm::l2 ? std::sqrt(square) : most;
}

// Differences of logits at random pairs of points never move faster than is said, and what is said is never above κ·L.
void check_bounds(const Function& f, const Shape& shape, Norm norm, bool with_body) {
  nn::Random random(8);
  const nn::PairwiseBounds bounds = nn::pairwise_bounds(f, normal_tensor(shape, random), autolip_in(norm));
  BOOST_TEST(bounds.body().has_value() == with_body);
  const double whole = kappa(norm) * bounds.whole().value() * (1.0 + 1e-14);
  const Index classes = f(normal_tensor(shape, random)).shape()[1];
  bool smaller = false;
  for (int pair = 0; pair < 20; ++pair) {
    const Tensor x = normal_tensor(shape, random), step = normal_tensor(shape, random);
    const Tensor a = f(x).value(), b = f((Var(x) + Var(step) * 1e-3)).value();
    for (Index i = 0; i < classes; ++i)
      for (Index j = 0; j < classes; ++j) {
        const double moved = std::fabs((a.at(i) - a.at(j)) - (b.at(i) - b.at(j)));
        BOOST_TEST(moved <= bounds(i, j) * 1e-3 * length(step, norm) + 1e-13);
        BOOST_TEST(bounds(i, j) <= whole);
        BOOST_TEST(bounds(i, j) == bounds(j, i));
        smaller = smaller || (i != j && bounds(i, j) < 0.99 * whole);
      }
  }
  BOOST_TEST(smaller == with_body);
}

nn::LayerOptions wide() { return {.dtype = DType::f64}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(robust)

BOOST_AUTO_TEST_CASE(linear_classifiers_have_the_dual_distance_of_their_rows) {
  nn::Random random(1);
  for (const DType dtype : {DType::f32, DType::f64}) {
    nn::Linear net(7, 5, random, {.dtype = dtype});
    const Function f = [&](const Var& x) { return net(x); };
    for (const Norm norm : norms) {
      const nn::PairwiseBounds bounds = nn::pairwise_bounds(f, Tensor::zeros(Shape{1, 7}, dtype), autolip_in(norm));
      BOOST_TEST(bounds.norm() == norm);
      BOOST_TEST(bounds.body()->value() == 1.0);
      for (Index i = 0; i < 5; ++i)
        for (Index j = 0; j < 5; ++j) {
          const Real exact = dual_distance(net.weight.value, i, j, norm);
          BOOST_TEST(Real(bounds(i, j)) >= exact);
          BOOST_TEST(Real(bounds(i, j)) <= exact * (1.0L + 1e-14L));
        }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_body_is_what_lies_before_the_last_affine_operations) {
  nn::Random random(1);
  nn::Sequential net{nn::Linear(6, 9, random, wide()), nn::ReLU(), nn::Linear(9, 4, random, wide())};
  const Function f = [&](const Var& x) { return net(x); };
  const nn::PairwiseBounds bounds = nn::pairwise_bounds(f, Tensor::zeros(Shape{1, 6}, DType::f64));
  const double first = dense_norm(net[0].as<nn::Linear>().weight.value, Norm::l2).upper.value();
  BOOST_TEST(bounds.body()->value() == first, boost::test_tools::tolerance(1e-12));
  const Real row = dual_distance(net[2].as<nn::Linear>().weight.value, 1, 3, Norm::l2);
  BOOST_TEST(bounds(1, 3) == static_cast<double>(row) * bounds.body()->value(), boost::test_tools::tolerance(1e-12));
  // Any certified bound will do.
  const nn::PairwiseBounds sharper =
      nn::pairwise_bounds(f, Tensor::zeros(Shape{1, 6}, DType::f64), [](const Var& y) { return seqlip(y).bound; });
  BOOST_TEST(sharper.whole().value() < bounds.whole().value());
  BOOST_TEST(sharper(1, 3) <= bounds(1, 3) * (1.0 + 1e-12));
}

BOOST_AUTO_TEST_CASE(bounds_hold_for_every_end_of_a_net) {
  nn::Random random(2);
  const Var v(normal_tensor(Shape{4, 8}, random)), w(normal_tensor(Shape{4, 4}, random));
  const Var kernel(normal_tensor(Shape{4, 2, 2, 2}, random)), small(normal_tensor(Shape{2, 1, 3, 3}, random));
  nn::BatchNorm1d scaled(4, {.dtype = DType::f64});
  scaled.running_variance.value = Tensor::of(Shape{4}, {0.3, 2.0, 1.0, 5.0});
  for (const Norm norm : norms) {
    check_bounds([&](const Var& x) { return dense(tanh(x), v, Var()); }, Shape{1, 8}, norm, true);
    // Several affine operations, one of them by constants that the tape computed.
    check_bounds([&](const Var& x) { return 3.0 * scaled(dense(relu(x), v, Var())) + 1.0; }, Shape{1, 8}, norm, true);
    check_bounds([&](const Var& x) { return flatten(conv2d(relu(conv2d(x, small, Var())), kernel, Var())); },
                 Shape{1, 1, 4, 4}, norm, true);
    // The weight itself computed on the tape.
    check_bounds(
        [&](const Var& x) {
          Tape* const tape = Tape::of(x);
          const Var weight = tape != nullptr ? l2_normalise(tape->parameter(v.value())) : l2_normalise(v);
          return dense(sin(x), weight, Var());
        },
        Shape{1, 8}, norm, true);
    // One operand twice; branches that meet; an end that is not affine.
    check_bounds(
        [&](const Var& x) {
          const Var y = dense(tanh(x), v, Var());
          return y + y;
        },
        Shape{1, 8}, norm, true);
    check_bounds(
        [&](const Var& x) {
          const Var y = dense(tanh(x), v, Var());
          return y + dense(tanh(y), w, Var());
        },
        Shape{1, 8}, norm, false);
    check_bounds([&](const Var& x) { return relu(dense(x, v, Var())); }, Shape{1, 8}, norm, false);
  }
}

// A class of its own scale: with the whole constant it would pay for the others.
BOOST_AUTO_TEST_CASE(radii_of_a_linear_classifier_are_distances_to_its_planes) {
  nn::Random random(4);
  nn::Sequential net{nn::Linear(3, 4, random, wide())};
  Tensor& w = net[0].as<nn::Linear>().weight.value;
  w = Tensor::of(Shape{4, 3}, {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 40.0, 0.5, 0.5, 0.0});
  const Tensor x = normal_tensor(Shape{40, 3}, random);
  const nn::DataSet data = nn::DataSet::classification(
      x,
      [&] {
        std::vector<Index> labels = nn::predicted_classes(net(x).value());
        labels[0] = (labels[0] + 1) % 4;
        return labels;
      }(),
      4);
  const Tensor z = net(x).value();
  const Function f = [&](const Var& v) { return net(v); };
  for (const Norm norm : norms) {
    const nn::PairwiseBounds bounds = nn::pairwise_bounds(f, data.first(1).inputs(), autolip_in(norm));
    const std::vector<double> radii = nn::certified_radii(net, data, bounds);
    const std::vector<double> by_whole = nn::certified_radii(net, data, nn::PairwiseBounds(bounds.whole()));
    BOOST_TEST(radii[0] == 0.0);
    bool larger = false;
    for (Index i = 1; i < 40; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const Index y = data.labels()[at];
      Real exact = INFINITY;
      for (Index j = 0; j < 4; ++j)
        if (j != y)
          exact = std::min(exact, (Real(z.at(4 * i + y)) - Real(z.at(4 * i + j))) / dual_distance(w, y, j, norm));
      // The logits here are f64's, off by 1e-16 or so.
      BOOST_TEST(Real(radii[at]) <= exact + 1e-14L);
      BOOST_TEST(Real(radii[at]) >= exact * (1.0L - 1e-11L) - 1e-14L);
      BOOST_TEST(by_whole[at] <= radii[at]);
      larger = larger || by_whole[at] < 0.1 * radii[at];
    }
    BOOST_TEST(larger);
    // Shares are of radii above.
    const std::vector<double> epsilons{0.0, radii[5], 0.2, 1e9};
    const std::vector<double> shares = nn::certified_accuracy(net, data, bounds, epsilons);
    for (std::size_t e = 0; e < epsilons.size(); ++e)
      BOOST_TEST(shares[e] ==
                 static_cast<double>(std::ranges::count_if(radii, [&](double r) { return r > epsilons[e]; })) / 40.0);
    BOOST_TEST(shares[0] == 39.0 / 40.0);
    BOOST_TEST(shares[3] == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(trained_nets_gain_by_pairs) {
  nn::Random random(3);
  nn::Sequential net{nn::Linear(2, 16, random), nn::Tanh(), nn::Linear(16, 2, random)};
  const nn::DataSet data = two_halves(300, 5);
  nn::Adam adam(nn::parameters(net), {.learning_rate = 1e-2});
  nn::train(net, data, adam, {.epochs = 4, .batch_size = 32});
  const Function f = [&](const Var& x) { return net(x); };
  const nn::PairwiseBounds bounds = nn::pairwise_bounds(f, data.first(1).inputs());
  const std::vector<double> epsilons{0.05, 0.1, 0.2};
  const std::vector<double> by_pairs = nn::certified_accuracy(net, data, bounds, epsilons);
  for (std::size_t e = 0; e < epsilons.size(); ++e) {
    const double by_whole = nn::certified_accuracy(net, data, bounds.whole(), epsilons[e]);
    BOOST_TEST(by_whole <= by_pairs[e]);
    // The criterion spelt out.
    BOOST_TEST(by_whole == nn::accuracy_within(nn::margins_from_below(net, data), bounds.whole().value(), epsilons[e]));
  }
  BOOST_TEST(by_pairs[0] > by_pairs[2]);
}

BOOST_AUTO_TEST_CASE(class_margins_are_those_of_every_class) {
  nn::Random random(2);
  nn::Sequential net{nn::Linear(3, 4, random), nn::Tanh(), nn::Linear(4, 3, random)};
  const nn::DataSet data = noise_images(11, Shape{3}, 3, 1);
  const Tensor margins = nn::class_margins_from_below(net, data, 4);
  const Tensor z = nn::predict(net, data);
  BOOST_TEST(margins.shape() == (Shape{11, 3}));
  for (Index i = 0; i < 11; ++i)
    for (Index j = 0; j < 3; ++j) {
      const Index y = data.labels()[static_cast<std::size_t>(i)];
      if (j == y)
        BOOST_TEST(margins.at(3 * i + j) == INFINITY);
      else
        BOOST_TEST(std::fabs(margins.at(3 * i + j) - (z.at(3 * i + y) - z.at(3 * i + j))) < 1e-6);  // f32's
    }
}

BOOST_AUTO_TEST_CASE(constants_without_a_slope_are_safe_everywhere_and_infinite_ones_nowhere) {
  nn::Random random(2);
  nn::Sequential net{nn::Linear(2, 2, random)};
  nn::Linear& layer = net[0].as<nn::Linear>();
  layer.weight.value = Tensor::of(Shape{2, 2}, {3.0F, 1.0F, 3.0F, 1.0F});
  layer.bias.value = Tensor::of(Shape{2}, {1.0F, 0.0F});
  const nn::DataSet data = nn::DataSet::classification(Tensor::zeros(Shape{2, 2}, DType::f32), {0, 1}, 2);
  const Function f = [&](const Var& x) { return net(x); };
  const std::vector<double> radii = nn::certified_radii(net, data, nn::pairwise_bounds(f, data.first(1).inputs()));
  BOOST_TEST(radii[0] == INFINITY);
  BOOST_TEST(radii[1] == 0.0);
  const nn::PairwiseBounds none(UpperBound::certified(INFINITY, Norm::l2, "nothing"));
  BOOST_TEST(nn::certified_radii(net, data, none)[0] == 0.0);
  BOOST_TEST(nn::certified_accuracy(net, data, none, {0.0}).front() == 0.0);
}

BOOST_AUTO_TEST_CASE(what_is_not_proved_or_does_not_fit_is_refused) {
  nn::Random random(2);
  nn::Sequential net{nn::Linear(2, 3, random)};
  const Function f = [&](const Var& x) { return net(x); };
  const Tensor sample = Tensor::zeros(Shape{1, 2}, DType::f32);
  const UpperBound guess = UpperBound::estimate(2.0, Norm::l2, "guess"),
                   likely = UpperBound::probabilistic(2.0, 1e-10, Norm::l2, "lanczos"),
                   two = UpperBound::certified(2.0, Norm::l2, "known"),
                   other = UpperBound::certified(2.0, Norm::l1, "known");
  TAUT_CHECK_THROWS(RigourError, nn::PairwiseBounds(guess), "guess");
  TAUT_CHECK_THROWS(RigourError, nn::PairwiseBounds(likely), "lanczos");
  TAUT_CHECK_THROWS(RigourError, nn::pairwise_bounds(f, sample, [&](const Var&) { return guess; }), "guess");
  Tape tape;
  const AffineMap head = affine_head(f(tape.input(sample)))->affine;
  // A loose bound of the body does no harm.
  const nn::PairwiseBounds loose(two, UpperBound::certified(1e6, Norm::l2, "loose"), head, 3);
  BOOST_TEST(loose(0, 1) == nn::PairwiseBounds(two)(0, 1));
  TAUT_CHECK_THROWS(RigourError, nn::PairwiseBounds(two, guess, head, 3), "guess");
  TAUT_CHECK_THROWS(UsageError, nn::PairwiseBounds(two, other, head, 3), "one norm", "l1", "l2");
  TAUT_CHECK_THROWS(ShapeError, nn::PairwiseBounds(two, two, head, 4), "4 outputs");
  TAUT_CHECK_THROWS(ShapeError, nn::PairwiseBounds(two, two, head, 3)(0, 3), "3 classes", "got 0 and 3");
  TAUT_CHECK_THROWS(ShapeError, nn::pairwise_bounds(f, Tensor::zeros(Shape{2, 2}, DType::f32)), "(1, classes)",
                    "(2, 3)");
  const nn::DataSet data = nn::DataSet::classification(sample, {0}, 3);
  TAUT_CHECK_THROWS(UsageError, nn::certified_accuracy(net, data, nn::PairwiseBounds(two), {0.1, -1.0}), "radii", "-1");
  BOOST_TEST(nn::certified_accuracy(net, data, nn::PairwiseBounds(two), {}).empty());
}

BOOST_AUTO_TEST_SUITE_END()
