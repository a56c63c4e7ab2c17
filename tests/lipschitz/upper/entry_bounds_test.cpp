// l1 and linf entry by entry: at most the product of norms, and never below what is attained.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"
#include "lipschitz/search.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

Tensor draw(Random& random, const Shape& shape) {
  Tensor a = Tensor::uninitialised(shape, DType::f64);
  for (double& e : a.mutable_data<double>()) e = random.uniform(-1.0, 1.0);
  return a;
}

double bound_of(const Function& f, const Shape& shape, Norm norm) {
  AutoLipOptions options;
  options.question.norm = norm;
  const UpperBound bound = autolip(f, Tensor::zeros(shape, DType::f64), options).bound;
  BOOST_TEST(bound.is_certified());
  return bound.value();
}

double found(const Function& f, const Shape& shape, Norm norm) {
  AscentOptions options;
  options.question.norm = norm;
  options.evaluations = 200;
  return ascent_lower_bound(f, Tensor::zeros(shape, DType::f64), options).bound.value();
}

struct Net {
  const char* name;
  Shape shape;
  Function f;
};

std::vector<Net> nets() {
  Random random(21);
  const Conv2dOptions same{.padding = {1, 1, 1, 1}};
  const Tensor a = draw(random, {4, 2, 3, 3}), b = draw(random, {4, 4, 3, 3}), c = draw(random, {4, 4, 3, 3});
  const Tensor w = draw(random, {9, 6}), v = draw(random, {5, 9}), u = draw(random, {6, 6});
  const auto conv = [=](const Var& x, const Tensor& k) { return conv2d(x, Var(k), Var(), same); };
  return {{"mlp", {1, 6}, [=](const Var& x) { return dense(relu(dense(x, Var(w), Var())), Var(v), Var()); }},
          {"residual mlp", {1, 6}, [=](const Var& x) { return x + dense(tanh(x), Var(u), Var()); }},
          {"convolutions", {1, 2, 6, 6}, [=](const Var& x) { return conv(relu(conv(relu(conv(x, a)), b)), c); }},
          {"residual convolutions",
           {1, 2, 6, 6},
           [=](const Var& x) {
             const Var y = relu(conv(x, a));
             return relu(y + conv(relu(conv(y, b)), c));
           }},
          {"pool", {1, 2, 6, 6}, [=](const Var& x) { return max_pool2d(relu(conv(x, a)), {}); }},
          {"sum of squares on sigmoids", {1, 6}, [=](const Var& x) { return softmax(dense(x, Var(w), Var())); }},
          {"larger of two scales", {1, 6}, [=](const Var& x) { return maximum(x, x * 3.0); }},
          {"smaller of two scales", {1, 6}, [=](const Var& x) { return minimum(x * 2.0, x); }},
          {"two of the same",
           {1, 6},
           [=](const Var& x) {
             return concat({maximum(x, neg(x)), x}, 1);
           }},
          {"layer norm", {1, 6}, [=](const Var& x) { return layer_norm(dense(x, Var(u), Var()), Var(), Var(), 0.1); }},
          {"no activation", {1, 6}, [=](const Var& x) { return dense(dense(x, Var(w), Var()), Var(v), Var()); }}};
}

BOOST_AUTO_TEST_SUITE(entry_bounds)

BOOST_AUTO_TEST_CASE(bounds_hold) {
  for (const Net& net : nets())
    for (const Norm norm : {Norm::l1, Norm::linf}) {
      const double upper = bound_of(net.f, net.shape, norm), lower = found(net.f, net.shape, norm);
      BOOST_TEST(lower <= upper * (1 + 1e-9), net.name << ": " << lower << " and " << upper);
      AutoLipOptions products;
      products.question.norm = norm;
      products.products_only = true;
      const double product = autolip(net.f, Tensor::zeros(net.shape, DType::f64), products).bound.value();
      BOOST_TEST(upper <= product * (1 + 1e-9), net.name << ": " << upper << " and " << product);
    }
}

BOOST_AUTO_TEST_CASE(never_worse_than_from_l2) {
  for (const Net& net : nets()) {
    const double l2 = bound_of(net.f, net.shape, Norm::l2);
    const double n = static_cast<double>(net.shape.size());
    const double m = static_cast<double>(net.f(Var(Tensor::zeros(net.shape, DType::f64))).shape().size());
    BOOST_TEST(bound_of(net.f, net.shape, Norm::linf) <= l2 * std::sqrt(n) * (1 + 1e-12), net.name);
    BOOST_TEST(bound_of(net.f, net.shape, Norm::l1) <= l2 * std::sqrt(m) * (1 + 1e-12), net.name);
  }
}

// |V| |W| 1 is what two layers have, whatever the activation's worst case is.
BOOST_AUTO_TEST_CASE(two_layers_have_the_sums_of_paths) {
  Random random(22);
  for (int k = 0; k < 10; ++k) {
    const Index n = 1 + k, m = 12 - k, p = 2 + k % 3;
    const Tensor w = draw(random, {m, n}), v = draw(random, {p, m});
    std::vector<double> rows(static_cast<std::size_t>(p)), columns(static_cast<std::size_t>(n));
    for (Index i = 0; i < p; ++i)
      for (Index j = 0; j < m; ++j)
        for (Index l = 0; l < n; ++l) {
          const double path = std::fabs(v.at(i * m + j) * w.at(j * n + l));
          rows[static_cast<std::size_t>(i)] += path;
          columns[static_cast<std::size_t>(l)] += path;
        }
    const Function f = [=](const Var& x) { return dense(relu(dense(x, Var(w), Var())), Var(v), Var()); };
    const double linf = *std::ranges::max_element(rows), l1 = *std::ranges::max_element(columns);
    BOOST_TEST(bound_of(f, Shape{1, n}, Norm::linf) <= linf * (1 + 1e-12));
    BOOST_TEST(bound_of(f, Shape{1, n}, Norm::l1) <= l1 * (1 + 1e-12));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
