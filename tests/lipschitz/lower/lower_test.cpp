// Lower bounds against functions whose constants are known, and against the upper bounds.
#include "lipschitz/lower.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "lipschitz/network/differences.h"
#include "lipschitz/power_method.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

struct Net {
  Tensor w1, b1, w2, b2, w3;
  Net(Random& random, Index in, Index width, Index out, DType dtype)
      : w1(random.normals({width, in}, dtype)),
        b1(random.normals({width}, dtype)),
        w2(random.normals({width, width}, dtype)),
        b2(random.normals({width}, dtype)),
        w3(random.normals({out, width}, dtype)) {}
  Var operator()(const Var& x) const { return dense(relu(dense(relu(dense(x, w1, b1)), w2, b2)), w3, Var()); }
};

double norm_of(const Tensor& matrix, Norm norm) {
  return static_cast<double>(norm == Norm::l2 ? testing::spectral_norm(matrix)
                                              : testing::sum_norm(matrix, norm == Norm::linf));
}

LowerOptions in_norm(Norm norm) {
  LowerOptions options;
  options.question.norm = norm;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lower_bounds)

BOOST_AUTO_TEST_CASE(linear_functions_attain_their_norm) {
  Random random(51);
  for (const auto& [m, n] : {std::pair<Index, Index>{3, 8}, {8, 3}, {5, 5}}) {
    const Tensor w = random.normals({m, n});
    const auto f = [&](const Var& x) { return dense(x, w, Var()); };
    for (const Norm norm : norms) {
      const LowerResult lower = dataset_lower_bound(f, random.normals({4, n}), in_norm(norm));
      const double exact = norm_of(w, norm);
      BOOST_TEST(lower.bound.is_certified());
      BOOST_TEST(lower.bound.value() <= exact * (1 + 1e-15));
      BOOST_TEST(lower.bound.value() == exact, tolerance(1e-9));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_largest_jacobian_over_the_data_is_found) {
  Random random(52);
  for (const DType dtype : {DType::f64, DType::f32})
    for (const Norm norm : norms) {
      const Net net(random, 4, 9, 3, dtype);
      const Tensor data = random.normals({23, 4}, dtype);
      LowerOptions options = in_norm(norm);
      options.batch = 7;
      const LowerResult lower = dataset_lower_bound(net, data, options);
      double best = 0.0;
      Index index = -1;
      for (Index i = 0; i < 23; ++i) {
        Tensor x = Tensor::uninitialised({1, 4}, DType::f64);
        for (Index j = 0; j < 4; ++j) x.mutable_data<double>()[static_cast<std::size_t>(j)] = data.at(i * 4 + j);
        const double value = norm_of(jacobian(net, x.to(dtype)).to(DType::f64), norm);
        if (value > best) best = value, index = i;
      }
      BOOST_TEST(lower.index == index);
      BOOST_TEST(lower.plain.value() == best, tolerance(1e-5));
      BOOST_TEST(lower.plain.is_estimate());
      BOOST_TEST(lower.point.at(2) == data.at(index * 4 + 2));
      // The pattern is proved: the certified value is the Jacobian of the exact network, apart from f32 rounding in
      // `plain`.
      BOOST_TEST(lower.bound.is_certified());
      BOOST_TEST(lower.bound.value() == best, tolerance(1e-5));
      BOOST_TEST(lower.bound.value() <= autolip(net, Tensor::zeros({1, 4}, dtype),
                                                [&] {
                                                  AutoLipOptions o;
                                                  o.question.norm = norm;
                                                  return o;
                                                }())
                                            .bound.value());
    }
}

BOOST_AUTO_TEST_CASE(orderings_hold_on_random_networks) {
  Random random(53);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Net net(random, 3, 6, 2, k % 2 == 0 ? DType::f64 : DType::f32);
    const Tensor x = Tensor::zeros({1, 3}, net.w1.dtype());
    AutoLipOptions frobenius;
    frobenius.affine_norm = AffineNorm::frobenius;
    const double lower = dataset_lower_bound(net, random.normals({30, 3}, net.w1.dtype())).bound.value();
    const double upper = autolip(net, x).bound.value(), product = autolip(net, x, frobenius).bound.value();
    BOOST_TEST(lower <= upper);
    BOOST_TEST(upper <= product);
    BOOST_TEST(lower > 0.0);
  }
}

BOOST_AUTO_TEST_CASE(smooth_functions_are_enclosed) {
  const auto f = [](const Var& x) { return tanh(x) + sin(x * 2.0); };
  const Tensor at = Tensor::of<double>({1, 1}, {0.0});
  for (const Norm norm : norms) {
    const auto bound = enclosed_jacobian_norm(f, at, norm);
    BOOST_REQUIRE(bound.has_value());
    BOOST_TEST(bound->is_certified());
    BOOST_TEST(bound->value() <= 3.0);
    BOOST_TEST(bound->value() == 3.0, tolerance(1e-9));
  }
}

// x − relu(x) + relu(−x) is 0, although the derivatives that reverse mode picks at 0 make it look like x.
BOOST_AUTO_TEST_CASE(kinks_prove_nothing) {
  const auto f = [](const Var& x) { return x - relu(x) + relu(neg(x)); };
  LowerOptions options;
  const LowerResult lower = dataset_lower_bound(f, Tensor::zeros({1, 1}, DType::f64), options);
  BOOST_TEST(lower.plain.value() == 1.0);
  if (lower.bound.is_certified()) BOOST_TEST(lower.bound.value() <= 1e-9);
  const auto enclosed = enclosed_jacobian_norm(f, Tensor::zeros({1, 1}, DType::f64), Norm::l2);
  BOOST_REQUIRE(enclosed.has_value());
  BOOST_TEST(enclosed->value() == 0.0);
}

BOOST_AUTO_TEST_CASE(enclosures_contain_sampled_jacobians) {
  Random random(54);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Net net(random, 3, 5, k % 2 == 0 ? 2 : 4, DType::f64);
    Tape tape;
    const Var y = net(tape.input(random.normals({1, 3})));
    const Graph graph(y, "test");
    const Interval sides{random.uniform(-1.0, 0.0), random.uniform(0.0, 1.0)};
    const Range box[] = {Range::box({1, 3}, sides)};
    const auto enclosure = enclose_jacobian(graph, box);
    BOOST_REQUIRE(enclosure.has_value());
    for (int sample = 0; sample < 20; ++sample) {
      Tensor x = Tensor::uninitialised({1, 3}, DType::f64);
      for (double& e : x.mutable_data<double>()) e = random.uniform(sides.lo, sides.hi);
      const Tensor j = jacobian(net, x);
      for (Index i = 0; i < j.size(); ++i) {
        BOOST_TEST(enclosure->lo.at(i) <= j.at(i) + 1e-12);
        BOOST_TEST(enclosure->hi.at(i) >= j.at(i) - 1e-12);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(difference_quotients_prove_what_rules_do_not_enclose) {
  Random random(55);
  const Tensor w = random.normals({3, 8});
  const auto f = [&](const Var& x) { return dense(softmax(x), w, Var()); };
  const Tensor data = random.normals({6, 8});
  for (const Norm norm : norms) {
    BOOST_TEST(!enclosed_jacobian_norm(f, random.normals({1, 8}), norm).has_value());
    BOOST_TEST(!enclosed_directional_norm(f, random.normals({1, 8}), random.normals({1, 8}), norm).has_value());
    const LowerResult lower = dataset_lower_bound(f, data, in_norm(norm));
    BOOST_TEST(lower.bound.is_certified());
    BOOST_TEST(lower.partner.defined());
    BOOST_TEST(lower.bound.value() <= lower.plain.value() * (1 + 1e-9));
    BOOST_TEST(lower.bound.value() >= 0.99 * lower.plain.value());
  }
}

// Outputs and inputs are many: the norm is approached by the power method, and proved in the direction it found.
BOOST_AUTO_TEST_CASE(wide_jacobians_go_through_the_power_method) {
  Random random(56);
  for (const DType dtype : {DType::f64, DType::f32}) {
    const Tensor w = random.normals({70, 80}, dtype);
    const auto f = [&](const Var& x) { return relu(dense(x, w, Var())) + dense(x, w, Var()) * 2.0; };
    const Tensor data = random.normals({3, 80}, dtype);
    for (const Norm norm : norms) {
      const LowerResult lower = dataset_lower_bound(f, data, in_norm(norm));
      double exact = 0.0;
      for (Index i = 0; i < 3; ++i) {
        Tensor x = Tensor::uninitialised({1, 80}, DType::f64);
        for (Index j = 0; j < 80; ++j) x.mutable_data<double>()[static_cast<std::size_t>(j)] = data.at(i * 80 + j);
        exact = std::max(exact, norm_of(jacobian(f, x.to(dtype)).to(DType::f64), norm));
      }
      BOOST_TEST(lower.bound.is_certified());
      BOOST_TEST(!lower.partner.defined());
      BOOST_TEST(lower.bound.value() <= exact * (1 + 1e-5));
      BOOST_TEST(lower.bound.value() >= (norm == Norm::l2 ? 0.99 : 0.75) * exact);
      BOOST_TEST(lower.plain.is_estimate());
    }
  }
}

BOOST_AUTO_TEST_CASE(one_sweep_encloses_one_direction) {
  Random random(61);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Net inner(random, 5, 7, k % 2 == 0 ? 2 : 6, k % 3 == 0 ? DType::f32 : DType::f64);
    const Tensor skip = random.normals({k % 2 == 0 ? 2 : 6, 5}, inner.w1.dtype());
    // x is used three times: what comes back along branches adds up.
    const auto net = [&](const Var& x) { return inner(x + tanh(x)) + dense(relu(x), skip, Var()); };
    const Tensor x = random.normals({1, 5}, skip.dtype()), v = random.normals({1, 5});
    Tape tape;
    const Var y = net(tape.input(x));
    const Graph graph(y, "test");
    const Range box[] = {neighbourhood(x)}, along[] = {Range::point(v)};
    const auto differences = Differences::over(graph, box);
    BOOST_REQUIRE(differences.has_value());
    const Range matrix = differences->matrix(), image = differences->forward(along);
    const Tensor u = random.normals(y.shape());
    const std::vector<Range> back = differences->backward(Range::point(u));
    BOOST_REQUIRE(back.size() == 1U);
    const Index rows = u.size();
    for (Index i = 0; i < rows; ++i) {
      double sum = 0.0;
      for (Index j = 0; j < 5; ++j) sum += 0.5 * (matrix.lo.at(i * 5 + j) + matrix.hi.at(i * 5 + j)) * v.at(j);
      BOOST_TEST(image.lo.at(i) <= sum + 1e-12);
      BOOST_TEST(image.hi.at(i) >= sum - 1e-12);
      BOOST_TEST(image.hi.at(i) - image.lo.at(i) <= 1e-8);
    }
    for (Index j = 0; j < 5; ++j) {
      double sum = 0.0;
      for (Index i = 0; i < rows; ++i) sum += 0.5 * (matrix.lo.at(i * 5 + j) + matrix.hi.at(i * 5 + j)) * u.at(i);
      BOOST_TEST(std::fabs(0.5 * (back[0].lo.at(j) + back[0].hi.at(j)) - sum) <= 1e-8);
    }
    // ‖J v‖ / ‖v‖ is below the norm of J, and equal to it in the best direction.
    for (const Norm norm : norms) {
      const auto bound = enclosed_directional_norm(net, x, v, norm);
      BOOST_REQUIRE(bound.has_value());
      BOOST_TEST(bound->is_certified());
      BOOST_TEST(bound->value() <= norm_of(matrix.hi, norm) * (1 + 1e-12));
    }
    double largest = 0.0;
    for (Index j = 0; j < 5; ++j) {
      Tensor e = Tensor::zeros({1, 5}, DType::f64);
      e.mutable_data<double>()[static_cast<std::size_t>(j)] = 3.0;
      largest = std::max(largest, enclosed_directional_norm(net, x, e, Norm::l1)->value());
    }
    BOOST_TEST(largest == norm_of(matrix.hi, Norm::l1), tolerance(1e-10));
  }
  const auto f = [](const Var& x) { return relu(x); };
  const Tensor one = Tensor::full({1, 2}, DType::f64, 1.0);
  BOOST_CHECK_THROW(enclosed_directional_norm(f, one, Tensor::zeros({1, 2}, DType::f64), Norm::l2), UsageError);
  BOOST_CHECK_THROW(enclosed_directional_norm(f, one, Tensor::zeros({1, 3}, DType::f64), Norm::l2), ShapeError);
}

// Near the largest numbers a derivative that was finite in a batch may overflow alone and leave no direction: nothing
// is proved then, and nobody is at fault. Here a function that has no derivative when it is looked at again stands for
// it.
BOOST_AUTO_TEST_CASE(a_derivative_that_is_not_found_again_proves_nothing) {
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    bool first = true;
    const auto f = [&](const Var& x) {
      // One evaluation finds out about f, one looks at the data.
      const Var y = first ? 2.0 * x : 0.0 * x;
      first = first && x.shape()[0] == 1;
      return y;
    };
    LowerOptions options;
    options.question.norm = norm;
    const LowerResult result = dataset_lower_bound(f, Tensor::of<double>({2, 2}, {1.0, 1.0, 2.0, 1.0}), options);
    BOOST_TEST((result.bound.is_estimate() || result.bound.value() == 0.0));
  }
}

BOOST_AUTO_TEST_CASE(bad_data_is_refused) {
  const auto f = [](const Var& x) { return relu(x); };
  BOOST_CHECK_THROW(dataset_lower_bound(f, Tensor::zeros({0, 3}, DType::f64)), UsageError);
  BOOST_CHECK_THROW(dataset_lower_bound(f, Tensor::zeros({3}, DType::f64)), UsageError);
  BOOST_CHECK_EXCEPTION(dataset_lower_bound(f, Tensor::of<double>({2, 2}, {0.0, 0.0, infinity, 0.0})), NumericError,
                        [](const Error& e) { return std::string(e.what()).find("sample 1") != std::string::npos; });
  const auto mixing = [](const Var& x) { return sum(x); };
  BOOST_CHECK_THROW(dataset_lower_bound(mixing, Tensor::zeros({4, 3}, DType::f64)), UnsupportedError);
  BOOST_CHECK_THROW(
      difference_quotient(f, Tensor::zeros({1, 2}, DType::f64), Tensor::zeros({1, 2}, DType::f64), Norm::l2),
      UsageError);
}

BOOST_AUTO_TEST_CASE(a_deadline_keeps_the_best_so_far) {
  Random random(57);
  const Net net(random, 3, 6, 2, DType::f64);
  LowerOptions options;
  options.batch = 2;
  options.budget.deadline = Budget::Clock::now();
  const LowerResult lower = dataset_lower_bound(net, random.normals({40, 3}), options);
  BOOST_TEST((lower.status == Status::cut));
  BOOST_TEST(lower.index < 2);
  BOOST_TEST(lower.plain.value() > 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(power_methods)

BOOST_AUTO_TEST_CASE(affine_functions_give_their_leading_singular_triple) {
  Random random(58);
  const Tensor w = random.normals({6, 9}), b = random.normals({6});
  PowerOptions options;
  options.tolerance = 1e-15;
  options.max_iterations = 5000;
  const PowerResult result = power_method([&](const Var& x) { return dense(x, w, b); }, {1, 9}, DType::f64, options);
  const double exact = norm_of(w, Norm::l2);
  BOOST_TEST(result.converged);
  BOOST_TEST(result.sigma.is_estimate());
  BOOST_TEST(result.sigma.value() == exact, tolerance(1e-10));
  for (std::size_t k = 1; k < result.history.size(); ++k)
    BOOST_TEST(result.history[k] >= result.history[k - 1] * (1 - 1e-14));
  for (Index i = 0; i < 6; ++i) {  // W v = σ u
    double image = 0.0;
    for (Index j = 0; j < 9; ++j) image += w.at(i * 9 + j) * result.right.at(j);
    BOOST_TEST(std::fabs(image - result.sigma.value() * result.left.at(i)) <= 1e-6 * exact);
  }
}

BOOST_AUTO_TEST_CASE(convolutions_need_no_matrix) {
  Random random(59);
  const Tensor kernel = random.normals({3, 2, 3, 3}, DType::f32);
  Conv2dOptions conv;
  conv.padding = {1, 1, 1, 1};
  conv.stride = {2, 2};
  const auto f = [&](const Var& x) { return conv2d(x, kernel, Var(), conv); };
  const PowerResult result = power_method(f, {1, 2, 7, 7}, DType::f32);
  const double exact = autolip(f, Tensor::zeros({1, 2, 7, 7}, DType::f32)).bound.value();
  BOOST_TEST(result.sigma.value() <= exact * (1 + 1e-5));
  BOOST_TEST(result.sigma.value() == exact, tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(zero_maps_and_deadlines_end) {
  const PowerResult zero = power_method([](const Var& x) { return x * 0.0; }, {1, 3});
  BOOST_TEST(zero.sigma.value() == 0.0);
  PowerOptions options;
  options.budget.deadline = Budget::Clock::now();
  options.tolerance = 0.0;
  Random random(60);
  const Tensor w = random.normals({4, 4});
  BOOST_TEST(
      power_method([&](const Var& x) { return dense(x, w, Var()); }, {1, 4}, DType::f64, options).history.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
