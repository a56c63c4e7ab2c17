// The convex step against every rule that it declares, and a net in which its gain is more than 1.
#include "nn/convex_step.h"

#include "harness/check.h"
#include "lipschitz/graph.h"
#include "lipschitz/search.h"
#include "lipschitz/spectral.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

using Pair = harness::AttainedGain;

// x − Aᵀ max(A x + b, 0) for rows x, by its formula.
Tensor by_formula(const Tensor& x, const Tensor& a, const Tensor& b) {
  const Index h = a.shape()[0], n = a.shape()[1];
  Tensor y = x.copy();
  const auto out = y.mutable_data<double>();
  for (Index row = 0; row < x.size() / n; ++row)
    for (Index k = 0; k < h; ++k) {
      double z = b.at(k);
      for (Index j = 0; j < n; ++j) z += a.at(k * n + j) * x.at(row * n + j);
      for (Index j = 0; j < n; ++j) out[static_cast<std::size_t>(row * n + j)] -= a.at(k * n + j) * std::max(z, 0.0);
    }
  return y;
}

harness::Sample dense_sample(const Shape& shape, const Tensor& a, const Tensor& b, std::vector<double> kinks,
                             std::vector<Pair> attained) {
  harness::Sample s;
  s.name = cat(a.shape(), " on ", shape);
  s.operands = {{.shape = shape, .kinks = std::move(kinks), .probes = {-2, 0, 2}}};
  s.f = [=](std::span<const Var> in) { return nn::convex_step(in[0], a.to(in[0].dtype()), b.to(in[0].dtype())); };
  s.reference = [=](std::span<const Tensor> in) { return by_formula(in[0], a, b); };
  s.reference_scale = 100.0;
  s.rules = !attained.empty();
  s.attained = std::move(attained);
  s.not_attained = {Norm::l1, Norm::linf};  // 1 + ‖A‖₁ ‖A‖_∞ leaves out that the diagonal of AᵀSA is not negative
  return s;
}

harness::Sample image_sample(const Shape& shape, const Tensor& a, const Tensor& b, const Conv2dOptions& options,
                             std::vector<Pair> attained) {
  harness::Sample s;
  s.name = cat("kernel ", a.shape(), " on ", shape);
  s.operands = {{.shape = shape, .probes = {-2, 0, 2}}};
  s.f = [=](std::span<const Var> in) {
    return nn::convex_step(in[0], a.to(in[0].dtype()), b.to(in[0].dtype()), {options});
  };
  s.batch_axis = options.layout == Layout::nchw ? 0 : 3;
  s.rules = !attained.empty();
  s.attained = std::move(attained);
  s.not_attained = {Norm::l1, Norm::linf};
  return s;
}

Tensor full(const Shape& shape, double value) { return Tensor::full(shape, DType::f64, value); }
Tensor row(std::initializer_list<double> values) {
  return Tensor::of(Shape{1, static_cast<Index>(values.size())}, values);
}

harness::Subject subject() {
  harness::Subject all{std::string(nn::ConvexStep::static_info.name), {}};
  const auto add = [&](harness::Sample s) { all.samples.push_back(std::move(s)); };
  const Tensor two = Tensor::of(Shape{1, 1}, {2.0}), one = Tensor::of(Shape{1}, {1.0});
  // γ = 4: where 2x + 1 > 0 the slope is −3.
  add(dense_sample(Shape{1, 1}, two, one, {-0.5}, {{Norm::l2, 0, {row({1.0})}, {row({2.0})}}}));
  const Tensor diagonal = Tensor::of(Shape{3, 3}, {1.0, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.25});
  const Tensor offset = Tensor::of(Shape{3}, {0.5, 0.0, -0.25});
  add(dense_sample(Shape{1, 3}, diagonal, offset, {-0.5, 0.0, 1.0},
                   {{Norm::l2, 0, {row({-1.0, 0.5, 0.0})}, {row({-2.0, 0.5, 0.0})}}}));
  for (const Shape& shape : {Shape{0, 3}, Shape{4, 3}, Shape{1, 2, 1, 2, 1, 1, 2, 3}})
    add(dense_sample(shape, diagonal, offset, {-0.5, 0.0, 1.0}, {}));
  // Orthogonal rows of squares 3 and 2; the first is active wherever derivatives are tried, the second never. Along
  // the first the step is 1 − 3.
  const Tensor mixing = Tensor::of(Shape{2, 3}, {1.0, 1.0, -1.0, 1.0, 0.0, 1.0});
  add(dense_sample(Shape{1, 3}, mixing, Tensor::of(Shape{2}, {10.0, -10.0}), {},
                   {{Norm::l2, 0, {row({0.0, 0.0, 0.0})}, {row({1.0, 1.0, -1.0})}}}));
  add(dense_sample(Shape{3}, mixing, Tensor::of(Shape{2}, {10.0, -10.0}), {}, {}));
  nn::Random random(5);
  Tensor kernel = scale(normal_tensor(Shape{2, 1, 3, 3}, random), 0.1).value();
  const Conv2dOptions same{.padding = {1, 1, 1, 1}};
  Conv2dOptions innermost = same;
  innermost.layout = Layout::chwn;
  // Nothing is active: the step is the identity.
  add(image_sample(Shape{1, 1, 3, 4}, kernel, full(Shape{2}, -10.0), same,
                   {{Norm::l2, 0, {full(Shape{1, 1, 3, 4}, 0.0)}, {full(Shape{1, 1, 3, 4}, 1.0)}}}));
  const Tensor signs = Tensor::of(Shape{2}, {10.0, -10.0});
  add(image_sample(Shape{2, 1, 3, 4}, kernel, signs, same, {}));
  add(image_sample(Shape{1, 3, 4, 2}, kernel, signs, innermost, {}));
  const Conv2dOptions grouped{.groups = 2};
  add(image_sample(Shape{2, 4, 2, 2}, normal_tensor(Shape{2, 2, 1, 1}, random), full(Shape{2}, 20.0), grouped, {}));
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convex_step)

BOOST_AUTO_TEST_CASE(keeps_every_rule) {
  for (const harness::Report& report : harness::run_checks(subject())) BOOST_TEST(report.passed(), report.text());
}

// A = [2]: γ = 4, and y = x − 4 max(x, 0) has the slope −3 for x > 0.
BOOST_AUTO_TEST_CASE(a_gain_above_one_is_declared_and_attained) {
  const Tensor a = Tensor::of(Shape{1, 1}, {2.0});
  const auto f = [&](const Var& x) { return nn::convex_step(x, a, Tensor()); };
  const Tensor sample = row({1.0});
  const AutoLipReport report = autolip(f, sample);
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(report.bound.value() == 3.0);
  BOOST_TEST(f(row({2.0})).item() - f(row({1.0})).item() == -3.0);
  // Norms of the composition do not show it: 1 + ‖A‖². The step as a whole does.
  const auto composed = [&](const Var& x) { return nn::composed_convex_step(x, a, Var(), {}); };
  AutoLipOptions products;
  products.products_only = true;
  BOOST_TEST(autolip(composed, sample, products).bound.value() == 5.0);
  BOOST_TEST(autolip(composed, sample).bound.value() >= 3.0);
  BOOST_TEST(autolip(composed, sample).bound.value() == 3.0, boost::test_tools::tolerance(1e-12));
}

// Random A, scaled to norms around √2: the gain is an upper bound of what search finds, and 1 up to there.
BOOST_AUTO_TEST_CASE(gains_hold_for_random_maps) {
  nn::Random random(3);
  for (const double size : {0.5, 1.0, 1.4, 1.5, 2.0}) {
    Tensor a = normal_tensor(Shape{6, 3}, random);
    a = scale(a, size / dense_norm(a, Norm::l2).upper.value()).value();
    const Tensor b = normal_tensor(Shape{6}, random);
    const auto f = [&](const Var& x) { return nn::convex_step(x, a, b); };
    const double upper = autolip(f, row({0.0, 0.0, 0.0})).bound.value();
    BOOST_TEST(upper == std::max(1.0, size * size - 1.0), boost::test_tools::tolerance(1e-9));
    AscentOptions options;
    options.budget.within(std::chrono::milliseconds(200));
    const double lower = ascent_lower_bound(f, row({0.0, 0.0, 0.0}), options).bound.value();
    BOOST_TEST(lower <= upper);
    BOOST_TEST(lower >= 0.5);  // something was found
  }
}

// As enclosed margins need them, of layers whose numbers are f32.
BOOST_AUTO_TEST_CASE(ranges_of_f32_hold_the_exact_values) {
  nn::Random random(9);
  const Tensor a = normal_tensor(Shape{5, 4}, random, DType::f32), b = normal_tensor(Shape{5}, random, DType::f32);
  const Tensor x = normal_tensor(Shape{3, 4}, random, DType::f32);
  Tape tape;
  const Var y = nn::convex_step(tape.input(x), a, b);
  const Range point = Range::point(x);
  const Graph graph(y, "test");
  const Range range = graph.ranges({&point, 1})[graph.output()];
  const Tensor exact = by_formula(x.to(DType::f64), a.to(DType::f64), b.to(DType::f64));
  for (Index i = 0; i < exact.size(); ++i) {
    BOOST_TEST(range.lo.at(i) <= exact.at(i) + 1e-14);
    BOOST_TEST(range.hi.at(i) >= exact.at(i) - 1e-14);
    BOOST_TEST(range.hi.at(i) - range.lo.at(i) <= 1e-4);
  }
}

BOOST_AUTO_TEST_CASE(mistakes_are_refused) {
  const Tensor a = Tensor::zeros(Shape{2, 3}, DType::f64), kernel = Tensor::zeros(Shape{2, 3, 1, 1}, DType::f64);
  const Tensor x = Tensor::zeros(Shape{1, 4}, DType::f64);
  TAUT_CHECK_THROWS(ShapeError, nn::convex_step(x, a, Tensor()), "[convex_step]", "(2, 3)", "(1, 4)",
                    "convex_step_test.cpp");
  TAUT_CHECK_THROWS(ShapeError, nn::convex_step(x, a, Tensor::zeros(Shape{3}, DType::f64)), "b must", "(3)");
  TAUT_CHECK_THROWS(ShapeError, nn::convex_step(x, kernel, Tensor()), "a matrix (h, n)", "(2, 3, 1, 1)");
  TAUT_CHECK_THROWS(ShapeError, nn::convex_step(x, kernel, Tensor(), {Conv2dOptions{}}), "images", "(1, 4)");
  TAUT_CHECK_THROWS(DTypeError, nn::convex_step(x, a.to(DType::f32), Tensor()), "f32", "f64");
  Tape tape;
  const Var two = tape.input(Tensor::zeros(Shape{2, 3, 2, 2}, DType::f64));
  TAUT_CHECK_THROWS(UsageError, autolip(nn::convex_step(two, kernel, Tensor(), {Conv2dOptions{}})), "batch");
}

BOOST_AUTO_TEST_SUITE_END()
