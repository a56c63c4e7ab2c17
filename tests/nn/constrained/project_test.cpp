// Trained bounds and projections, against what optimality says about them.
#include "nn/project.h"

#include "lipschitz/singular_values.h"
#include "lipschitz/spectral.h"
#include "nn/constrained/weights.h"
#include "nn/layers.h"
#include "nn/lipschitz_linear.h"
#include "nn/vanilla.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

double certified(const Tensor& w, Norm norm) { return dense_norm(w, norm).upper.value(); }

// max ⟨g, y⟩ over matrices y with ‖y‖ ≤ 1: Σ_i max_j |g_ij| in linf, Σ_j max_i |g_ij| in l1, the sum of singular values
// in l2.
double support_function(const Tensor& g, Norm norm) {
  if (norm != Norm::l2) return sum(max(abs(Var(g)), {norm == Norm::linf ? 1 : 0})).item();
  double total = 0.0;
  for (const double s : singular_values(nn::parts::matrix_map(g)).values) total += s;
  return total;
}

// p is the projection of x onto a convex set if and only if ⟨x − p, y − p⟩ ≤ 0 for every y of the set.
void check_nearest(const Tensor& x, const Tensor& p, Norm norm, double limit) {
  const Tensor g = sub(x, p).value();
  BOOST_TEST(limit * support_function(g, norm) <= sum(Var(g) * Var(p)).item() + 1e-9);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(projections)

BOOST_AUTO_TEST_CASE(l1_ball_by_hand) {
  std::vector<double> x{3.0, -1.0, 0.5};
  nn::project_l1_ball(x, 3.0);  // threshold 1/2: 2.5 + 0.5
  const std::vector<double> expected{2.5, -0.5, 0.0};
  BOOST_TEST(x == expected, boost::test_tools::per_element());
  nn::project_l1_ball(x, 3.0);
  BOOST_TEST(x == expected, boost::test_tools::per_element());  // inside: nothing happens
}

BOOST_AUTO_TEST_CASE(projections_are_the_nearest_matrices) {
  nn::Random random(1);
  for (const Shape& shape : {Shape{3, 3}, Shape{2, 5}, Shape{5, 2}, Shape{1, 4}})
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      nn::Parameter p(normal_tensor(shape, random));
      const Tensor before = p.value;
      nn::project_norm(p, norm, 0.8);
      BOOST_TEST(certified(p.value, norm) <= 0.8);
      BOOST_TEST(certified(p.value, norm) >= 0.8 * (1.0 - 1e-9));
      check_nearest(before, p.value, norm, 0.8);
      const Tensor once = p.value;
      nn::project_norm(p, norm, 0.8);
      BOOST_TEST(same_bits(p.value, once));
      nn::Parameter single(before.to(DType::f32));
      nn::project_norm(single, norm, 0.1);
      BOOST_TEST(certified(single.value, norm) <= 0.1);
      BOOST_TEST(certified(single.value, norm) >= 0.1 * (1.0 - 1e-5));
    }
}

BOOST_AUTO_TEST_CASE(rescaling_keeps_the_direction) {
  nn::Random random(2);
  nn::Parameter p(normal_tensor(Shape{4, 3}, random));
  const Tensor before = p.value;
  nn::project_norm(p, Norm::l2, 0.5, nn::L2Projection::rescale);
  BOOST_TEST(certified(p.value, Norm::l2) <= 0.5);
  const double factor = p.value.at(0) / before.at(0);
  BOOST_TEST(largest_difference(p.value, scale(before, factor).value()) <= 1e-14);
}

BOOST_AUTO_TEST_CASE(projected_descent_keeps_the_bound) {
  nn::Random random(3);
  nn::Sequential net{nn::Linear(4, 8, random), nn::ReLU(), nn::Linear(8, 2, random)};
  nn::NormProjection projection;
  projection.add(net[0].as<nn::Linear>().weight, Norm::l2, 1.0);
  projection.add(net[2].as<nn::Linear>().weight, Norm::l2, 1.0);
  nn::Sgd optimiser(nn::parameters(net), {.learning_rate = 0.5});
  Tape tape;
  for (int i = 0; i < 3; ++i) {
    const Var y = net(tape.input(normal_tensor(Shape{8, 4}, random, DType::f32)));
    optimiser.step(mean(square(y - 3.0)));
    projection();
    check_bound(net, Shape{1, 4}, DType::f32);
  }
}

BOOST_AUTO_TEST_CASE(trained_bounds) {
  nn::Random random(4);
  const nn::LayerOptions in_f64{.dtype = DType::f64};
  nn::LipschitzLinear layer(4, 3, random, in_f64);
  // At first nothing is scaled.
  BOOST_TEST(layer.bound() == certified(layer.raw.value, Norm::linf), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(largest_difference(layer.weight(), layer.raw.value) <= 1e-12);
  layer.c.value = Tensor::scalar(-1.0);
  BOOST_TEST(layer.bound() == std::log1p(std::exp(-1.0)), boost::test_tools::tolerance(1e-15));
  check_bound(layer, Shape{1, 4}, DType::f64, layer.bound(), Norm::linf);
  check_both_modes(layer, Shape{3, 4}, 1e-12);
  layer.training = true;
  check_gradients(layer, Shape{3, 4});
  nn::LipschitzLinear zero(2, 2, random, {.weight = nn::constant(0.0)});
  BOOST_TEST(largest(zero.weight()) == 0.0);
}

BOOST_AUTO_TEST_CASE(the_penalty_is_the_bound_and_draws_it_down) {
  nn::Random random(5);
  nn::Sequential net{nn::LipschitzLinear(3, 8, random), nn::Tanh(), nn::LipschitzLinear(8, 2, random)};
  const std::vector<const nn::LipschitzLinear*> layers{&net[0].as<nn::LipschitzLinear>(),
                                                       &net[2].as<nn::LipschitzLinear>()};
  const auto product = [&] { return layers[0]->bound() * layers[1]->bound(); };
  check_bound(net, Shape{1, 3}, DType::f32, product() * (1.0 + 1e-15), Norm::linf);
  const double first = product();
  nn::set_training(net, true);
  nn::Sgd optimiser(nn::parameters(net), {.learning_rate = 0.05});
  Tape tape;
  for (int i = 0; i < 10; ++i) {
    const Var y = net(tape.input(normal_tensor(Shape{8, 3}, random, DType::f32)));
    const Var penalty = nn::lipschitz_mlp_penalty(tape, layers);
    BOOST_TEST(penalty.item() == product(), boost::test_tools::tolerance(1e-5));
    optimiser.step(mean(square(y)) + penalty);
  }
  nn::set_training(net, false);
  BOOST_TEST(product() < first);
  check_bound(net, Shape{1, 3}, DType::f32, product() * (1.0 + 1e-15), Norm::linf);
  nn::Sequential plain = nn::vanilla(net);
  BOOST_TEST(plain[0].type_name() == "Linear");
}

BOOST_AUTO_TEST_CASE(mistakes) {
  nn::Random random(6);
  nn::Parameter kernel(Tensor::zeros(Shape{1, 1, 3, 3}, DType::f32)), matrix(Tensor::zeros(Shape{2, 2}, DType::f32));
  TAUT_CHECK_THROWS(ShapeError, nn::project_norm(kernel, Norm::l2, 1.0), "[project_norm]", "(1, 1, 3, 3)");
  TAUT_CHECK_THROWS(DomainError, nn::project_norm(matrix, Norm::l1, 0.0), "[project_norm]", "got 0");
  matrix.value.mutable_data<float>()[2] = INFINITY;
  TAUT_CHECK_THROWS(NumericError, nn::project_norm(matrix, Norm::l2, 1.0), "[project_norm]", "finite");
  nn::Parameter huge(Tensor::full(Shape{2, 2}, DType::f64, 1e308));
  TAUT_CHECK_THROWS(NumericError, nn::project_norm(huge, Norm::l1, 1.0, nn::L2Projection::rescale), "[project_norm]");
  nn::NormProjection projection;
  TAUT_CHECK_THROWS(ShapeError, projection.add(kernel, Norm::l2, 1.0), "[project_norm]");
  TAUT_CHECK_THROWS(ShapeError, nn::LipschitzLinear(0, 1, random), "[lipschitz_linear]", "got 0");
  Tape tape;
  TAUT_CHECK_THROWS(UsageError, nn::lipschitz_mlp_penalty(tape, {}), "[lipschitz_mlp_penalty]");
}

BOOST_AUTO_TEST_SUITE_END()
