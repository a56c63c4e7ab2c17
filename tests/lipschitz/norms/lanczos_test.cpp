// Lanczos: what is labelled, what is enclosed, and how many steps a failure probability takes.
#include "lipschitz/lanczos.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>
#include <sstream>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/power_method.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

LinearMap matrix_map(const Tensor& a) { return dense_map(a, {a.shape()[1]}, {a.shape()[0]}); }

LinearMap opaque(const LinearMap& map) {
  return {map.in_shape(), map.out_shape(),
          structure::Opaque{[=](const Tensor& x) { return map.apply(x); },
                            [=](const Tensor& y) { return map.apply_transpose(y); }}};
}

// diag(1, q, q², …): the top is separated from the rest by 1 − q.
LinearMap geometric(Index n, double q) {
  Tensor d = Tensor::uninitialised({n}, DType::f64);
  double value = 1.0;
  for (double& e : d.mutable_data<double>()) e = value, value *= q;
  return {{n}, {n}, structure::Diagonal{d, 1}};
}

// The same between orthogonal blocks (0.6, 0.8; 0.8, −0.6): bounds from sums are 1.96 times too large.
LinearMap mixed(Index n, double q) {
  const LinearMap rotation({n}, {n},
                           structure::DenseAlong{Tensor::of<double>({2, 2}, {0.6, 0.8, 0.8, -0.6}), n / 2, 1});
  return compose(rotation, compose(geometric(n, q), rotation));
}

double length(const Tensor& x) {
  double sum = 0.0;
  for (const double e : x.data<double>()) sum += e * e;
  return std::sqrt(sum);
}

void check_probable(const LinearMap& map, long double exact, const std::string& what) {
  LanczosOptions options;
  options.budget.seed = 3;
  const LanczosResult found = lanczos_norm(map, options);
  BOOST_TEST_CONTEXT(what << ": " << found.norm << ", exactly " << exact) {
    BOOST_TEST(!found.norm.upper.is_certified());
    BOOST_TEST(!found.norm.upper.is_estimate());
    BOOST_TEST(found.norm.lower.is_certified());
    BOOST_TEST(static_cast<long double>(found.norm.upper.value()) >= exact * (1 - 1e-15L));
    BOOST_TEST(static_cast<long double>(found.norm.lower.value()) <= exact * (1 + 1e-15L));
    BOOST_TEST(found.norm.overshoot() <= 0.02);
    BOOST_TEST(!found.norm.cut);
    BOOST_TEST(length(found.left) == 1.0, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(length(found.right) == 1.0, boost::test_tools::tolerance(1e-12));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lanczos)

BOOST_AUTO_TEST_CASE(matrices_are_enclosed_within_the_tolerance) {
  Random random(301);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const Index m = random.integer(2, 40), n = random.integer(2, 40);
    const Tensor a = random.normals({m, n});
    check_probable(matrix_map(a), testing::spectral_norm(a), cat(m, " x ", n));
  }
}

// No step count finds the gap of q = 1 − 1e-6; the bound must hold without it.
BOOST_AUTO_TEST_CASE(large_maps_are_enclosed_with_and_without_a_gap) {
  for (const double q : {1.0, 1.0 - 1e-6, 0.999, 0.5}) check_probable(mixed(20000, q), 1.0L, cat("q = ", q));
  check_probable(compose(mixed(3000, 0.9999), scale_map({3000}, 3.0)), 3.0L, "scaled");
}

BOOST_AUTO_TEST_CASE(scales_change_nothing) {
  Random random(302);
  const Tensor a = random.normals({12, 9});
  const double at_one = lanczos_norm(matrix_map(a)).norm.upper.value();
  for (const int exponent : {-990, -400, 400, 1000}) {
    Tensor b = a.copy();
    for (double& e : b.mutable_data<double>()) e = std::ldexp(e, exponent);
    BOOST_TEST(std::ldexp(lanczos_norm(matrix_map(b)).norm.upper.value(), -exponent) == at_one,
               boost::test_tools::tolerance(1e-9));
  }
}

// The upper end is not the Ritz value: it is above it by what k steps may miss, ε = (asinh(1/τ) / (2k − 1))². Two
// starts of which one has a component of τ, except with probability δ.
BOOST_AUTO_TEST_CASE(few_steps_pay_for_what_they_may_miss) {
  LanczosOptions options;
  options.max_steps = 40;
  const double n = 5000.0;
  const LanczosResult found = lanczos_norm(mixed(5000, 1.0 - 1e-5), options);
  const double component = 0.75 * std::sqrt(options.failure * std::numbers::pi / (2.0 * n));
  const double root = std::asinh(1.0 / component) / (2.0 * 40.0 - 1.0);
  BOOST_TEST(found.norm.iterations == 40);
  BOOST_TEST(found.norm.upper.value() / found.norm.lower.value() >= (1.0 - 1e-9) / std::sqrt(1.0 - root * root));
  BOOST_TEST(found.norm.overshoot() <= 1.0 / std::sqrt(1.0 - root * root) - 1.0 + 5e-4);  // and the rounding
  options.max_steps = 5;  // ε > 1: nothing better than sums, which are certified
  const LanczosResult short_one = lanczos_norm(mixed(5000, 1.0 - 1e-5), options);
  BOOST_TEST(short_one.norm.upper.is_certified());
  BOOST_TEST(short_one.norm.upper.value() >= 1.0);
}

BOOST_AUTO_TEST_CASE(a_smaller_failure_takes_more_steps) {
  LanczosOptions careless;
  careless.failure = 1e-3;
  const LinearMap map = mixed(4000, 0.9999);
  const Enclosure quick = lanczos_norm(map, careless).norm, careful = lanczos_norm(map).norm;
  BOOST_TEST(quick.iterations < careful.iterations);
  BOOST_TEST(to_string(quick.upper.rigour()) == "probabilistic (failure 0.001)");
}

// Large matrices get several starts side by side: their failures multiply, so that each takes fewer steps.
BOOST_AUTO_TEST_CASE(large_matrices_take_fewer_steps_from_several_starts) {
  Random random(303);
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [m, n] : {std::pair<Index, Index>{600, 500}, {500, 700}}) {
      const Tensor a = random.normals({m, n}, dtype);
      const Enclosure certified = dense_norm(a, Norm::l2), found = lanczos_norm(matrix_map(a)).norm;
      BOOST_TEST_CONTEXT(found << " beside " << certified) {
        BOOST_TEST(found.lower.is_certified());
        BOOST_TEST(!found.upper.is_certified());
        BOOST_TEST(!found.upper.is_estimate());
        BOOST_TEST(found.upper.value() >= certified.lower.value());
        BOOST_TEST(found.lower.value() <= certified.upper.value());
        BOOST_TEST(found.overshoot() <= 0.02);
        BOOST_TEST(found.iterations < 40);
        LanczosOptions two;
        two.budget.threads = 2;
        BOOST_TEST(lanczos_norm(matrix_map(a), two).norm.upper.value() == found.upper.value(),
                   boost::test_tools::tolerance(1e-9));
      }
    }
}

BOOST_AUTO_TEST_CASE(zero_and_low_rank_maps) {
  const LinearMap zero = matrix_map(Tensor::zeros({30, 20}, DType::f64));
  BOOST_TEST(lanczos_norm(zero).norm.upper.value() == 0.0);
  Tensor a = Tensor::zeros({300, 200}, DType::f64);  // rank 1 with the norm √(0.6² + 0.8²) · 5
  for (const auto& [at, value] : {std::pair<std::size_t, double>{77, 1.8}, {78, 2.4}, {277, 2.4}, {278, 3.2}})
    a.mutable_data<double>()[at] = value;
  check_probable(matrix_map(a), 5.0L, "rank one");
  BOOST_TEST(lanczos_norm(matrix_map(a)).norm.iterations <= 3);  // the space is invariant
}

// The trap of iterations from below: a start that is orthogonal to the top vector, or too few steps. Whatever a power
// iterate gives is an estimate and a lower bound; a Ritz value of foreign functions is one too.
BOOST_AUTO_TEST_CASE(labels_do_not_claim_what_iterations_cannot_show) {
  const LinearMap map = geometric(2000, 0.9999);
  const Enclosure foreign = lanczos_norm(opaque(map)).norm;
  BOOST_TEST(foreign.upper.is_estimate());
  BOOST_TEST(foreign.lower.is_estimate());
  BOOST_TEST(foreign.upper.value() >= 1.0);
  PowerOptions two_steps;
  two_steps.max_iterations = 2;
  const PowerResult power = power_method(
      [&](const Var& x) {
        return mul(x, Var(Tensor::of<double>({3}, {1.0, 0.99, 0.98})));
      },
      {3}, DType::f64, two_steps);
  BOOST_TEST(power.sigma.is_estimate());
  BOOST_TEST(power.sigma.value() < 1.0);
}

// I − diag(q^i): too large for its matrix, so that what is certified is a sum, 2; the truth is just below 1.
BOOST_AUTO_TEST_CASE(effort_trades_certainty_for_tightness) {
  const Index n = 9000;
  const double exact = 1.0 - std::pow(0.999, static_cast<double>(n - 1));
  const LinearMap map = add(scale_map({n}, -1.0), geometric(n, 0.999));
  NormOptions probable;
  probable.effort = Effort::probabilistic;
  const Enclosure certified = operator_norm(map, Norm::l2), probabilistic = operator_norm(map, Norm::l2, probable);
  BOOST_TEST(certified.upper.is_certified());
  BOOST_TEST(certified.upper.value() == 2.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(certified.lower.value() >= 0.95);
  BOOST_TEST(to_string(probabilistic.upper.rigour()) == "probabilistic (failure 1e-10)");
  BOOST_TEST(probabilistic.lower.is_certified());
  BOOST_TEST(probabilistic.upper.value() >= exact * (1.0 - 1e-12));
  BOOST_TEST(probabilistic.overshoot() <= 0.02);
  BOOST_TEST(probabilistic.iterations > 40);        // from each of two starts
  const LinearMap exact_map = geometric(n, 0.999);  // certified whatever the effort
  BOOST_TEST(operator_norm(exact_map, Norm::l2, probable).upper.is_certified());
}

BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused) {
  LanczosOptions sure;
  sure.failure = 0.0;
  BOOST_CHECK_THROW(lanczos_norm(mixed(4, 0.5), sure), UsageError);
  LanczosOptions none;
  none.max_steps = 0;
  BOOST_CHECK_THROW(lanczos_norm(mixed(4, 0.5), none), UsageError);
  const LinearMap bad({2}, {2}, structure::Diagonal{Tensor::of<double>({2}, {1.0, std::nan("")}), 1});
  BOOST_CHECK_THROW(lanczos_norm(bad), NumericError);
  const LinearMap foreign(
      {2}, {2},
      structure::Opaque{[](const Tensor& x) { return Tensor::full(x.shape(), DType::f64, infinity); },
                        [](const Tensor& x) { return x; }});
  BOOST_CHECK_THROW(lanczos_norm(foreign), NumericError);
}

BOOST_AUTO_TEST_CASE(a_deadline_in_the_past_leaves_a_true_bound) {
  LanczosOptions options;
  options.budget.deadline = Budget::Clock::now();
  const LinearMap map = mixed(5000, 1.0 - 1e-5);
  const Enclosure bounds = lanczos_norm(map, options).norm;
  BOOST_TEST(bounds.cut);
  BOOST_TEST(bounds.upper.value() >= 1.0);
  BOOST_TEST(bounds.lower.value() <= 1.0);
}

BOOST_AUTO_TEST_CASE(enclosures_print_their_ends_rigour_and_method) {
  const auto text = [](const Enclosure& e) {
    std::ostringstream out;
    out << e;
    return out.str();
  };
  const Enclosure certified{LowerBound::certified(2.85, Norm::l2, "a"),
                            UpperBound::certified(2.86, Norm::l2, "dense cholesky")};
  BOOST_TEST(text(certified) == "[2.85, 2.86] certified, dense cholesky");
  BOOST_TEST(certified.overshoot() == 2.86 / 2.85 - 1.0);
  const Enclosure mixed{LowerBound::certified(0.0, Norm::l2, "a"),
                        UpperBound::probabilistic(2.5, 1e-10, Norm::l2, "lanczos"), true};
  BOOST_TEST(text(mixed) == "[0 (certified), 2.5] probabilistic (failure 1e-10), lanczos, cut");
  BOOST_TEST(std::isinf(mixed.overshoot()));
  const Enclosure zero{LowerBound::certified(0.0, Norm::l2, "a"), UpperBound::certified(0.0, Norm::l2, "a")};
  BOOST_TEST(zero.overshoot() == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
