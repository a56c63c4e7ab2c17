// The user functions of differentiation on functions whose derivatives are known.
#include "autodiff/diff.h"

#include <cmath>
#include <vector>

#include "autodiff/ops.h"
#include "harness/checks/derivatives.h"
#include "harness/random.h"
#include "tests/support/expect_error.h"

namespace taut::test {
namespace {

namespace tt = boost::test_tools;
using harness::Random;

Tensor vector(std::initializer_list<double> values) {
  return Tensor::of<double>({static_cast<Index>(values.size())}, values);
}

// Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)²
Var rosenbrock(const Var& x) {
  const Index n = x.shape()[0];
  const Var head = slice(x, 0, 0, n - 1), tail = slice(x, 0, 1, n);
  return sum(100.0 * square(tail - square(head)) + square(1.0 - head));
}

// y (2) of x (3): (x0 x1, sin x1 + x2²)
Var mixed(const Var& x) {
  const auto entry = [&](Index i) { return slice(x, 0, i, i + 1); };
  return concat({entry(0) * entry(1), sin(entry(1)) + square(entry(2))}, 0);
}
Tensor mixed_jacobian(double x0, double x1, double x2) {
  return Tensor::of<double>({2, 3}, {x1, x0, 0, 0, std::cos(x1), 2 * x2});
}

void expect_equal(const Tensor& computed, const Tensor& expected, double relative = 1e-14) {
  BOOST_TEST_REQUIRE(computed.shape() == expected.shape());
  for (Index i = 0; i < computed.size(); ++i)
    BOOST_TEST(std::fabs(computed.at(i) - expected.at(i)) <= relative * (1 + std::fabs(expected.at(i))),
               "element " << i << ": " << computed.at(i) << " against " << expected.at(i));
}

// d^order f at x by reverse mode nested in itself.
double nested(const Function& f, double x, int order) {
  Tape tape;
  const Var in = tape.input(Tensor::scalar(x));
  Var y = f(in);
  for (int i = 0; i < order; ++i) y = grad(y, in, {.create_graph = true});
  return y.item();
}
// The same by forward mode.
double nested_forward(const Function& f, double x, int order) {
  Tape tape;
  const Var in = tape.input(Tensor::scalar(x));
  Var y = f(in);
  for (int i = 0; i < order; ++i) y = jvp(y, in, Var(Tensor::scalar(1.0)), {.create_graph = true});
  return y.item();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(diff)

BOOST_AUTO_TEST_CASE(gradient_of_rosenbrock) {
  const auto [value, gradient] = value_and_grad(rosenbrock, vector({-1.2, 1.0, 0.5}));
  const double expected = 100 * std::pow(1 - 1.44, 2) + 2.2 * 2.2 + 100 * std::pow(0.5 - 1, 2);
  BOOST_TEST(value.item() == expected, tt::tolerance(1e-14));
  expect_equal(gradient,
               vector({-400 * -1.2 * (1 - 1.44) - 2 * 2.2, 200 * (1 - 1.44) - 400 * (0.5 - 1), 200 * (0.5 - 1)}));
  expect_equal(grad(rosenbrock, vector({1, 1, 1, 1})), vector({0, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(hessian_of_rosenbrock) {
  const double x = -1.2, y = 1.0;
  const Tensor hessian = Tensor::of<double>({2, 2}, {1200 * x * x - 400 * y + 2, -400 * x, -400 * x, 200});
  expect_equal(hvp(rosenbrock, vector({x, y}), vector({1, 0})), vector({hessian.at(0), hessian.at(1)}));
  expect_equal(hvp(rosenbrock, vector({x, y}), vector({0.5, -2})),
               vector({0.5 * hessian.at(0) - 2 * hessian.at(1), 0.5 * hessian.at(2) - 2 * hessian.at(3)}));
  // Reverse over reverse gives the same matrix.
  Tape tape;
  const Var in = tape.input(vector({x, y}));
  const Var gradient = grad(rosenbrock(in), in, {.create_graph = true});
  for (Index i = 0; i < 2; ++i)
    expect_equal(grad(slice(gradient, 0, i, i + 1), in).value(), vector({hessian.at(2 * i), hessian.at(2 * i + 1)}));
}

BOOST_AUTO_TEST_CASE(jacobians_by_rows_and_by_columns) {
  expect_equal(jacobian(mixed, vector({2, 0.7, -1.5})), mixed_jacobian(2, 0.7, -1.5));  // 2 × 3: by rows
  const auto tall = [](const Var& x) { return concat({x, 3.0 * x, square(x)}, 0); };    // 6 × 2: by columns
  expect_equal(jacobian(tall, vector({2, -1})), Tensor::of<double>({6, 2}, {1, 0, 0, 1, 3, 0, 0, 3, 4, 0, 0, -2}));
  BOOST_TEST(jacobian([](const Var& x) { return sum(x); }, Tensor::zeros({2, 2}, DType::f32)).shape() == Shape({1, 4}));
  BOOST_TEST(jacobian([](const Var& x) { return x; }, Tensor::zeros({0}, DType::f64)).shape() == Shape({0, 0}));
}

BOOST_AUTO_TEST_CASE(products_with_the_jacobian) {
  const Tensor x = vector({2, 0.7, -1.5});
  expect_equal(jvp(mixed, x, vector({1, 10, 100})), vector({0.7 + 20, 10 * std::cos(0.7) - 300}));
  expect_equal(vjp(mixed, x, vector({1, 10})), vector({0.7, 2 + 10 * std::cos(0.7), -30}));
}

BOOST_AUTO_TEST_CASE(several_variables_at_once) {
  Tape tape;
  const Var a = tape.input(Tensor::scalar(3.0)), b = tape.parameter(Tensor::scalar(4.0)),
            unused = tape.input(vector({1, 2}));
  const Var y = a * a * b;
  const std::vector<Var> gradients = grad(y, std::vector<Var>{a, b, unused});
  BOOST_TEST(gradients[0].item() == 24);
  BOOST_TEST(gradients[1].item() == 9);
  expect_equal(gradients[2].value(), vector({0, 0}));  // y does not depend on it
  const std::vector<Var> wrt{a, b}, tangents{Var(Tensor::scalar(1.0)), Var(Tensor::scalar(2.0))};
  BOOST_TEST(jvp(y, wrt, tangents).item() == 24 + 18);
  expect_equal(jvp(unused, a, Var(Tensor::scalar(1.0))).value(), vector({0, 0}));
  std::vector<Var> same(2);
  grad(y, std::vector<Var>{a, a}, same);
  BOOST_TEST(same[0].item() == 24);
  BOOST_TEST(same[1].item() == 24);
}

BOOST_AUTO_TEST_CASE(a_variable_used_many_times_collects_all_its_derivatives) {
  Tape tape;
  const Var x = tape.input(Tensor::scalar(1.5));
  Var y = x;
  for (int i = 0; i < 9; ++i) y = y * x + x;  // x^10 + x^9 + … + x²… : d/dx by the recurrence below
  double value = 1.5, slope = 1;
  for (int i = 0; i < 9; ++i) {
    slope = slope * 1.5 + value + 1;
    value = value * 1.5 + 1.5;
  }
  BOOST_TEST(y.item() == value, tt::tolerance(1e-14));
  BOOST_TEST(grad(y, x).item() == slope, tt::tolerance(1e-14));
  BOOST_TEST(jvp(y, x, Var(Tensor::scalar(1.0))).item() == slope, tt::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(derivatives_with_respect_to_a_node_in_between) {
  Tape tape;
  const Var x = tape.input(Tensor::scalar(2.0));
  const Var u = square(x);
  const Var y = u * u + x;
  const std::vector<Var> gradients = grad(y, std::vector<Var>{x, u});
  BOOST_TEST(gradients[1].item() == 8);          // 2u
  BOOST_TEST(gradients[0].item() == 8 * 4 + 1);  // through u as well
  BOOST_TEST(grad(y, y).item() == 1);
}

BOOST_AUTO_TEST_CASE(orders_up_to_four) {
  const double x = 0.7;
  struct Known {
    Function f;
    std::vector<double> derivatives;  // orders 0 to 4
  };
  const std::vector<Known> known{
      {[](const Var& v) { return sin(v); }, {std::sin(x), std::cos(x), -std::sin(x), -std::cos(x), std::sin(x)}},
      {[](const Var& v) { return cos(v); }, {std::cos(x), -std::sin(x), -std::cos(x), std::sin(x), std::cos(x)}},
      {[](const Var& v) { return exp(2.0 * v); },
       {std::exp(1.4), 2 * std::exp(1.4), 4 * std::exp(1.4), 8 * std::exp(1.4), 16 * std::exp(1.4)}},
      {[](const Var& v) { return log(v); }, {std::log(x), 1 / x, -1 / (x * x), 2 / (x * x * x), -6 / std::pow(x, 4)}},
      {[](const Var& v) { return v * square(v) + square(v) * square(v) - 2.0 * v; },
       {x * x * x + std::pow(x, 4) - 2 * x, 3 * x * x + 4 * x * x * x - 2, 6 * x + 12 * x * x, 6 + 24 * x, 24}},
      {[](const Var& v) { return sqrt(v); },
       {std::sqrt(x), 0.5 / std::sqrt(x), -0.25 * std::pow(x, -1.5), 0.375 * std::pow(x, -2.5),
        -0.9375 * std::pow(x, -3.5)}},
      {[](const Var& v) { return tanh(v); },
       [&] {
         const double t = std::tanh(x), d = 1 - t * t;
         return std::vector<double>{t, d, -2 * t * d, d * (6 * t * t - 2), 8 * t * d * (2 - 3 * t * t)};
       }()},
  };
  for (std::size_t k = 0; k < known.size(); ++k)
    for (int order = 0; order <= 4; ++order) {
      const double expected = known[k].derivatives[static_cast<std::size_t>(order)];
      const double allowed = 1e-13 * (1 + std::fabs(expected));
      BOOST_TEST(std::fabs(nested(known[k].f, x, order) - expected) <= allowed,
                 "function " << k << ", order " << order << " in reverse mode");
      BOOST_TEST(std::fabs(nested_forward(known[k].f, x, order) - expected) <= allowed,
                 "function " << k << ", order " << order << " in forward mode");
    }
}

// ‖∇f‖² as a penalty: its gradient is 2 H ∇f.
BOOST_AUTO_TEST_CASE(gradient_of_a_gradient_norm) {
  Random random("diff/gradient_norm");
  const Tensor x = random.tensor({4}), w = random.tensor({3, 4});
  const auto f = [&](const Var& v) { return sum(softplus(matmul(Var(w), reshape(v, {4, 1})))); };
  Tape tape;
  const Var in = tape.input(x);
  const Var gradient = grad(f(in), in, {.create_graph = true});
  const Tensor computed = grad(sum(square(gradient)), in).value();
  const Tensor expected = hvp(f, x, gradient.value());
  for (Index i = 0; i < 4; ++i) BOOST_TEST(computed.at(i) == 2 * expected.at(i), tt::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(without_create_graph_results_are_plain) {
  Tape tape;
  const Var x = tape.input(vector({1, 2}));
  const Var y = sum(exp(x));
  const std::size_t before = tape.size();
  BOOST_TEST(!grad(y, x).on_tape());
  BOOST_TEST(!jvp(y, x, Var(vector({1, 1}))).on_tape());
  BOOST_TEST(tape.size() == before);
  BOOST_TEST(tape.recording());
  BOOST_TEST(grad(y, x, {.create_graph = true}).on_tape());
  BOOST_TEST(tape.size() > before);
}

BOOST_AUTO_TEST_CASE(vjp_of_jvp_is_the_transposed_jvp_of_vjp) {
  Random random("diff/vjp_of_jvp");
  const Tensor x = random.tensor({3}), t = random.tensor({3}), c = random.tensor({2});
  Tape tape;
  const Var in = tape.input(x), tangent = tape.input(t);
  const Var dy = jvp(mixed(in), in, tangent, {.create_graph = true});
  // Linear in the tangent: the vjp with respect to it is the vjp of the function.
  expect_equal(vjp(dy, Var(c), tangent).value(), vjp(mixed, x, c));
}

BOOST_AUTO_TEST_CASE(precision_follows_the_operands) {
  Tape tape;
  const Var x = tape.input(Tensor::of<float>({2}, {1, 2}));
  BOOST_TEST(grad(sum(square(x)), x).dtype() == DType::f32);
  expect_error<DTypeError>([&] { (void)vjp(square(x), Var(vector({1, 1})), x); }, {"[vjp]", "f64", "f32"});
  expect_error<DTypeError>([&] { (void)jvp(square(x), x, Var(vector({1, 1}))); }, {"[jvp]", "f64", "f32"});
}

BOOST_AUTO_TEST_CASE(what_cannot_be_differentiated_is_refused) {
  Tape tape;
  const Var x = tape.input(vector({1, 2})), c = tape.constant(vector({1, 2}));
  const Var y = square(x);
  expect_error<ShapeError>([&] { (void)grad(y, x); }, {"[grad]", "one element", "(2)", "sum"});
  expect_error<ShapeError>([&] { (void)vjp(y, Var(vector({1, 2, 3})), x); }, {"[vjp]", "cotangent", "(3)", "(2)"});
  expect_error<ShapeError>([&] { (void)jvp(y, x, Var(Tensor::scalar(1.0))); }, {"[jvp]", "tangent", "()", "(2)"});
  expect_error<UsageError>([&] { (void)vjp(y, Var(), x); }, {"[vjp]", "cotangent", "undefined"});
  expect_error<UsageError>([&] { (void)vjp(Var(), Var(vector({1, 2})), x); }, {"[vjp]", "undefined"});
  expect_error<UsageError>([&] { (void)grad(sum(y), Var(vector({1, 2}))); }, {"lies on no tape"});
  expect_error<UsageError>([&] { (void)grad(sum(y), c); }, {"constant"});
  expect_error<UsageError>([&] { (void)jvp(y, std::vector<Var>{x}, std::vector<Var>{}); }, {"[jvp]", "1", "0"});
  std::vector<Var> room(2);
  expect_error<UsageError>([&] { vjp(y, Var(vector({1, 2})), std::vector<Var>{x}, room); }, {"[vjp]", "1", "2"});
  expect_error<ShapeError>([] { (void)value_and_grad([](const Var& v) { return v; }, vector({1, 2})); }, {"[grad]"});
}

BOOST_AUTO_TEST_CASE(a_result_that_is_plain_has_no_derivative) {
  Tape tape;
  const Var x = tape.input(vector({1, 2}));
  expect_equal(grad(sum(Var(vector({3, 4}))), x).value(), vector({0, 0}));
  expect_equal(grad([](const Var&) { return Var(Tensor::scalar(1.0)); }, vector({1, 2})), vector({0, 0}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
