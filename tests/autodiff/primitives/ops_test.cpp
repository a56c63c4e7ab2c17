// User functions that are compositions, the infix operators, and the conventions at kinks and ties.
#include "autodiff/ops.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/registry.h"
#include "autodiff/tape.h"
#include "harness/checks/derivatives.h"
#include "harness/checks/numbers.h"
#include "harness/random.h"

namespace taut::test {
namespace {

namespace tt = boost::test_tools;
using harness::Random;

Tensor vec(std::initializer_list<double> values) {
  return Tensor::of<double>({static_cast<Index>(values.size())}, values);
}

std::vector<double> numbers(const Tensor& t) {
  std::vector<double> list;
  for (Index i = 0; i < t.size(); ++i) list.push_back(t.at(i));
  return list;
}

std::vector<double> slopes(const Function& f, const Tensor& x) {
  return numbers(grad([&](const Var& v) { return sum(f(v)); }, x));
}

// f's gradient against differences, along a random direction.
void expect_gradient(const Function& f, const Tensor& x, Random& random) {
  const Tensor t = random.tensor(x.shape());
  const harness::Field field = [&](std::span<const Tensor> in) { return harness::Inputs{sum(f(Var(in[0]))).value()}; };
  const double expected = harness::differences(field, std::vector{x}, std::vector{t})[0].item();
  const double computed = harness::inner(grad([&](const Var& v) { return sum(f(v)); }, x), t);
  BOOST_TEST(std::fabs(computed - expected) < 1e-8 * (1 + std::fabs(expected)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ops)

BOOST_AUTO_TEST_CASE(infix_operators) {
  const Var a(vec({6, -2})), b(vec({3, 4}));
  BOOST_TEST(numbers((a + b).value()) == (std::vector<double>{9, 2}));
  BOOST_TEST(numbers((a - b).value()) == (std::vector<double>{3, -6}));
  BOOST_TEST(numbers((a * b).value()) == (std::vector<double>{18, -8}));
  BOOST_TEST(numbers((a / b).value()) == (std::vector<double>{2, -0.5}));
  BOOST_TEST(numbers((-a).value()) == (std::vector<double>{-6, 2}));
  BOOST_TEST(numbers((a + 1.0).value()) == (std::vector<double>{7, -1}));
  BOOST_TEST(numbers((1.0 + a).value()) == (std::vector<double>{7, -1}));
  BOOST_TEST(numbers((a - 1.0).value()) == (std::vector<double>{5, -3}));
  BOOST_TEST(numbers((1.0 - a).value()) == (std::vector<double>{-5, 3}));
  BOOST_TEST(numbers((a * 2.0).value()) == (std::vector<double>{12, -4}));
  BOOST_TEST(numbers((2.0 * a).value()) == (std::vector<double>{12, -4}));
  BOOST_TEST(numbers((a / 2.0).value()) == (std::vector<double>{3, -1}));
}

// docs/conventions.md
BOOST_AUTO_TEST_CASE(derivatives_at_kinks) {
  const Tensor x = vec({-1, 0, 1});
  const std::vector<double> zero{0, 0, 0};
  BOOST_TEST(slopes([](const Var& v) { return relu(v); }, x) == (std::vector<double>{0, 0, 1}));
  BOOST_TEST(slopes([](const Var& v) { return abs(v); }, x) == (std::vector<double>{-1, 0, 1}));
  BOOST_TEST(slopes([](const Var& v) { return leaky_relu(v, 0.25); }, x) == (std::vector<double>{0.25, 0.25, 1}));
  BOOST_TEST(slopes([](const Var& v) { return step(v); }, x) == zero);
  BOOST_TEST(slopes([](const Var& v) { return sign(v); }, x) == zero);
  BOOST_TEST(numbers(step(Var(x)).value()) == (std::vector<double>{0, 0, 1}));
  BOOST_TEST(numbers(sign(Var(x)).value()) == (std::vector<double>{-1, 0, 1}));
}

BOOST_AUTO_TEST_CASE(derivatives_at_ties) {
  Tape tape;
  const Var a = tape.input(vec({1, 2})), b = tape.input(vec({1, 1}));
  const std::vector<Var> g = grad(sum(maximum(a, b)), std::vector<Var>{a, b});
  BOOST_TEST(numbers(g[0].value()) == (std::vector<double>{1, 1}));  // the first operand
  BOOST_TEST(numbers(g[1].value()) == (std::vector<double>{0, 0}));
  BOOST_TEST(slopes([](const Var& v) { return max(v); }, vec({1, 3, 3, 2})) == (std::vector<double>{0, 1, 0, 0}));
  const auto pooled = [](const Var& v) { return max_pool2d(reshape(v, {1, 1, 2, 2}), {}); };
  BOOST_TEST(slopes(pooled, vec({5, 5, 5, 5})) == (std::vector<double>{1, 0, 0, 0}));
}

BOOST_AUTO_TEST_CASE(nan_is_not_hidden) {
  const double nan = std::nan("");
  const auto expect_nan = [](const char* name, const Var& y) {
    BOOST_TEST(std::isnan(y.value().at(0)), name << " gives " << y.value().at(0));
  };
  const Var bad(vec({nan})), one(vec({1}));
  expect_nan("relu", relu(bad));
  expect_nan("leaky_relu", leaky_relu(bad, 0.1));
  expect_nan("maximum, first operand", maximum(bad, one));
  expect_nan("maximum, second operand", maximum(one, bad));
  expect_nan("max", max(Var(vec({1, nan, 2}))));
  expect_nan("softmax", softmax(Var(vec({1, nan}))));
  expect_nan("max_pool2d", max_pool2d(Var(Tensor::of<double>({1, 1, 2, 2}, {1, nan, 2, 3})), {}));
}

BOOST_AUTO_TEST_CASE(broadcasting_is_the_same_with_and_without_a_tape) {
  const Shape shapes[] = {{}, {3}, {1, 3}, {2, 1}, {2, 3}, {1, 1, 3}, {1, 2, 3}, {2, 1, 1, 3}, {1, 1, 2, 1}};
  for (const Shape& a : shapes)
    for (const Shape& b : shapes) {
      Tape tape;
      const Tensor x = Tensor::full(a, DType::f64, 2.0), y = Tensor::full(b, DType::f64, 3.0);
      const Var recorded = mul(tape.input(x), tape.constant(y)), plain = mul(Var(x), Var(y));
      BOOST_TEST((plain.shape() == recorded.shape()), a << " times " << b << " gave " << plain.shape());
      BOOST_TEST(numbers(plain.value()) == numbers(recorded.value()), tt::per_element());
    }
}

BOOST_AUTO_TEST_CASE(mean_flatten_and_transpose) {
  const Var x(Tensor::of<double>({2, 3}, {1, 2, 3, 4, 5, 9}));
  BOOST_TEST(mean(x).item() == 4);
  BOOST_TEST(numbers(mean(x, {1}).value()) == (std::vector<double>{2, 6}));
  BOOST_TEST(mean(x, {0}, true).shape() == Shape({1, 3}));
  BOOST_TEST(numbers(transpose(x).value()) == (std::vector<double>{1, 4, 2, 5, 3, 9}));
  BOOST_TEST(transpose(Var(Tensor::zeros({5, 2, 3}, DType::f64))).shape() == Shape({5, 3, 2}));
  BOOST_TEST(flatten(Var(Tensor::zeros({2, 3, 4}, DType::f64))).shape() == Shape({2, 12}));
  BOOST_TEST(flatten(Var(Tensor::zeros({0, 3, 4}, DType::f64))).shape() == Shape({0, 12}));
}

BOOST_AUTO_TEST_CASE(softmax_does_not_overflow) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Var x(vec({1000, 1001, -1e30}).to(dtype));
    const double p = 1 / (1 + std::exp(1.0)), relative = dtype == DType::f32 ? 1e-5 : 1e-13;
    BOOST_TEST(softmax(x).value().at(0) == p, tt::tolerance(relative));
    BOOST_TEST(softmax(x).value().at(2) == 0);
    BOOST_TEST(log_softmax(x).value().at(0) == std::log(p), tt::tolerance(relative));
    BOOST_TEST(logsumexp(x).item() == 1000 + std::log(1 + std::exp(1.0)), tt::tolerance(relative));
  }
}

BOOST_AUTO_TEST_CASE(convolution_without_output_size_gives_the_smallest) {
  const Var y(Tensor::zeros({1, 1, 3, 2}, DType::f64)), kernel(Tensor::zeros({1, 2, 3, 2}, DType::f64));
  const Conv2dOptions options{.stride = {2, 3}, .padding = {1, 0, 0, 1}};
  // (3 − 1)·2 + 3 − 1 = 6 rows, (2 − 1)·3 + 2 − 1 = 4 columns
  BOOST_TEST(conv_transpose2d(y, kernel, Var(), options).shape() == Shape({1, 2, 6, 4}));
}

BOOST_AUTO_TEST_CASE(both_layouts_compute_the_same) {
  Random random("ops/layouts");
  const Tensor x = random.tensor({2, 3, 5, 4}), w = random.tensor({4, 3, 2, 3}), b = random.tensor({4});
  Conv2dOptions options{.stride = {2, 1}, .padding = {1, 0, 2, 1}};
  const Var first = conv2d(Var(x), Var(w), Var(b), options);
  options.layout = Layout::chwn;
  const Var second = permute(conv2d(permute(Var(x), {1, 2, 3, 0}), Var(w), Var(b), options), {3, 0, 1, 2});
  BOOST_TEST_REQUIRE(first.shape() == second.shape());
  for (Index i = 0; i < first.value().size(); ++i)
    BOOST_TEST(first.value().at(i) == second.value().at(i), tt::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(batch_norm_of_inference) {
  Random random("ops/batch_norm");
  const Tensor x = random.tensor({4, 3, 2, 2}), gamma = random.tensor({3}), beta = random.tensor({3}),
               mean = random.tensor({3});
  const Tensor variance = random.tensor({3}, {0.5, 2});
  const Var y = batch_norm(Var(x), Var(gamma), Var(beta), Var(mean), Var(variance), 1e-5);
  for (Index i = 0; i < x.size(); ++i) {
    const Index c = i / 4 % 3;
    const double expected = (x.at(i) - mean.at(c)) / std::sqrt(variance.at(c) + 1e-5) * gamma.at(c) + beta.at(c);
    BOOST_TEST(std::fabs(y.value().at(i) - expected) < 1e-14 * 8);
  }
  expect_gradient(
      [&](const Var& v) { return square(batch_norm(v, Var(gamma), Var(beta), Var(mean), Var(variance), 1e-5)); }, x,
      random);
  expect_gradient([&](const Var& v) { return square(batch_norm(Var(x), Var(gamma), Var(beta), Var(mean), v, 1e-5)); },
                  variance, random);
}

BOOST_AUTO_TEST_CASE(batch_norm_of_training) {
  Random random("ops/batch_norm_training");
  const Tensor x = random.tensor({5, 2, 3}), gamma = random.tensor({2}), beta = random.tensor({2});
  Var mean, variance;
  const Var y = batch_norm_training(Var(x), Var(gamma), Var(beta), 1e-5, 1, &mean, &variance);
  for (Index c = 0; c < 2; ++c) {
    double m = 0, v = 0;
    const auto each = [&](auto&& f) {
      for (Index n = 0; n < 5; ++n)
        for (Index k = 0; k < 3; ++k) f((n * 2 + c) * 3 + k);
    };
    each([&](Index i) { m += x.at(i) / 15; });
    each([&](Index i) { v += (x.at(i) - m) * (x.at(i) - m) / 15; });
    BOOST_TEST(mean.value().at(c) == m, tt::tolerance(1e-12));
    BOOST_TEST(variance.value().at(c) == v, tt::tolerance(1e-12));
    each([&](Index i) {
      const double expected = (x.at(i) - m) / std::sqrt(v + 1e-5) * gamma.at(c) + beta.at(c);
      BOOST_TEST(std::fabs(y.value().at(i) - expected) < 1e-13 * 8);
    });
  }
  // Weighted, because the plain sum does not depend on x.
  const Tensor weights = random.tensor({5, 2, 3});
  expect_gradient([&](const Var& v) { return Var(weights) * batch_norm_training(v, Var(gamma), Var(beta), 1e-5); }, x,
                  random);
}

BOOST_AUTO_TEST_CASE(the_registry_describes_every_primitive_once) {
  std::set<std::string_view> names;
  BOOST_TEST(registry().size() == Primitives::size);
  for (const OpInfo* info : registry()) {
    BOOST_TEST(!info->name.empty());
    BOOST_TEST(!info->formula.empty(), info->name << " has no formula");
    BOOST_TEST(names.insert(info->name).second, info->name << " is listed twice");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
