// SeqLip against networks whose values others computed, against the definition by brute force, and on tapes that are no
// chains.
#include "lipschitz/seqlip.h"

#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <sstream>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/lower.h"
#include "lipschitz/pair_problem.h"
#include "tests/lipschitz/reference/reference.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;
using Matrix = Eigen::MatrixXd;

UpperBound bound_by(SeqLipMethod method, const Function& f, const Tensor& sample, bool products_only = false) {
  SeqLipOptions options;
  options.products_only = products_only;
  options.method = method;
  return seqlip(f, sample, options).bound;
}

Matrix as_eigen(const Tensor& a) {
  Matrix m(a.shape()[0], a.shape()[1]);
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j) m(i, j) = a.at(i * m.cols() + j);
  return m;
}
double norm(const Matrix& m) { return Eigen::JacobiSVD<Matrix>(m).singularValues()(0); }

// Π over the activations of max over {lo, hi}^n, by the definition.
double brute_force(const std::vector<Tensor>& weights, double lo, double hi) {
  std::vector<Matrix> left, right;  // U Σ̃ and Σ̃ Vᵀ
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const Eigen::JacobiSVD<Matrix> svd(as_eigen(weights[k]), Eigen::ComputeThinU | Eigen::ComputeThinV);
    const bool end = k == 0 || k + 1 == weights.size();
    const Eigen::VectorXd s = end ? svd.singularValues() : svd.singularValues().cwiseSqrt().eval();
    left.push_back(svd.matrixU() * s.asDiagonal());
    right.push_back(s.asDiagonal() * svd.matrixV().transpose());
  }
  double total = 1.0;
  for (std::size_t k = 0; k + 1 < weights.size(); ++k) {
    const Index n = left[k].rows();
    double largest = 0.0;
    for (Index pattern = 0; pattern < Index{1} << n; ++pattern) {
      Eigen::VectorXd slopes(n);
      for (Index i = 0; i < n; ++i) slopes(i) = (pattern >> i & 1) != 0 ? hi : lo;
      largest = std::max(largest, norm(right[k + 1] * slopes.asDiagonal() * left[k]));
    }
    total *= largest;
  }
  return total;
}

Var linear(const Var& x, const Tensor& weight) {
  return dense(x, Var(weight), Var(Tensor::zeros({weight.shape()[0]}, weight.dtype())));
}

Function chain(const std::vector<Tensor>& weights, double slope_below) {
  return [=](const Var& x) {
    Var y = x;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      if (k > 0) y = leaky_relu(y, slope_below);
      y = linear(y, weights[k]);
    }
    return y;
  };
}

std::vector<Tensor> random_weights(Random& random, int layers, Index most, DType dtype) {
  std::vector<Tensor> weights;
  Index width = random.integer(1, most);
  for (int k = 0; k < layers; ++k) {
    const Index next = random.integer(1, most);
    weights.push_back(random.normals({next, width}, dtype));
    width = next;
  }
  return weights;
}

Tensor sample_for(const std::vector<Tensor>& weights) {
  return Tensor::zeros({1, weights.front().shape()[1]}, weights.front().dtype());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(seqlip_bounds)

BOOST_AUTO_TEST_CASE(reference_networks_have_their_values) {
  int exact_values = 0, greedy_values = 0;
  for (const std::string& name : testing::reference_networks()) {
    const testing::ReferenceNetwork net = testing::reference_network(name);
    if (net.has("seqlip_exact") && std::isfinite(net.value("seqlip_exact").number())) {
      ++exact_values;
      const double value = net.value("seqlip_exact").number();
      const UpperBound exact = bound_by(SeqLipMethod::exact, net, net.sample());
      BOOST_TEST_CONTEXT(name << ": " << exact) {
        BOOST_TEST(exact.is_certified());
        BOOST_TEST(exact.value() == value, boost::test_tools::tolerance(1e-9));
      }
    }
    if (net.has("seqlip_greedy")) {
      ++greedy_values;
      const testing::ReferenceValue& value = net.value("seqlip_greedy");
      const UpperBound greedy = bound_by(SeqLipMethod::greedy, net, net.sample());
      BOOST_TEST_CONTEXT(name << ": " << greedy) {
        BOOST_TEST(greedy.is_estimate());
        BOOST_TEST(greedy.value() == value.number(),
                   boost::test_tools::tolerance(std::max(1e-9, 2.0 * value.relative_accuracy)));
      }
    }
  }
  BOOST_TEST(exact_values >= 5);
  BOOST_TEST(greedy_values >= 1);
}

BOOST_AUTO_TEST_CASE(known_constants_lie_below_and_autolip_above) {
  for (const std::string& name : testing::reference_networks()) {
    const testing::ReferenceNetwork net = testing::reference_network(name);
    const UpperBound ours = bound_by(SeqLipMethod::certified, net, net.sample());
    const UpperBound product = autolip(net, net.sample()).bound;
    BOOST_TEST_CONTEXT(name << ": " << ours << ", autolip " << product) {
      BOOST_TEST(ours.is_certified());
      BOOST_TEST(!(product.magnitude() < ours.magnitude()));
      for (const char* key : {"lip_l2_exact", "lip_l2_lower"})
        if (net.has(key) && !net.value(key).box)
          BOOST_TEST(ours.value() >= net.value(key).number() * (1.0 - 2.0 * net.value(key).relative_accuracy));
    }
  }
}

BOOST_AUTO_TEST_CASE(random_chains_by_the_definition) {
  Random random(901);
  for (int k = 0; k < testing::iterations(40); ++k) {
    const std::vector<Tensor> weights =
        random_weights(random, static_cast<int>(random.integer(2, 4)), 7, random.coin() ? DType::f32 : DType::f64);
    const double below = k % 2 == 0 ? 0.0 : static_cast<float>(random.uniform(-0.5, 1.5));  // as f32 layers round it
    const double truth = brute_force(weights, std::min(below, 1.0), std::max(below, 1.0));
    const Function f = chain(weights, below);
    const Tensor sample = sample_for(weights);
    const UpperBound exact = bound_by(SeqLipMethod::exact, f, sample),
                     ours = bound_by(SeqLipMethod::certified, f, sample),
                     greedy = bound_by(SeqLipMethod::greedy, f, sample), product = autolip(f, sample).bound;
    BOOST_TEST_CONTEXT("slope " << below << ", by definition " << truth << ": " << exact << ", " << ours << ", "
                                << greedy) {
      BOOST_TEST(exact.value() == std::min(truth, product.value()), boost::test_tools::tolerance(1e-8));
      BOOST_TEST(exact.value() >= std::min(truth, product.value()) * (1.0 - 1e-12));
      BOOST_TEST(ours.value() >= exact.value() * (1.0 - 2e-9));
      BOOST_TEST(!(product.magnitude() < ours.magnitude()));
      BOOST_TEST(greedy.value() <= truth * (1.0 + 1e-9));
    }
  }
}

// In every scale of the weights, and with layers that vanish.
BOOST_AUTO_TEST_CASE(scales_and_zero_layers) {
  Random random(902);
  const std::vector<Tensor> plain = random_weights(random, 3, 6, DType::f64);
  const double value = bound_by(SeqLipMethod::certified, chain(plain, 0.0), sample_for(plain)).value();
  std::vector<Tensor> skewed = plain;
  skewed[0] = testing::scaled(plain[0], std::ldexp(1.0, 800));
  skewed[1] = testing::scaled(plain[1], std::ldexp(1.0, -850));
  skewed[2] = testing::scaled(plain[2], std::ldexp(1.0, 60));
  BOOST_TEST(bound_by(SeqLipMethod::certified, chain(skewed, 0.0), sample_for(plain)).value() == std::ldexp(value, 10),
             boost::test_tools::tolerance(1e-9));
  std::vector<Tensor> zero = plain;
  zero[1] = Tensor::zeros(plain[1].shape(), DType::f64);
  BOOST_TEST(bound_by(SeqLipMethod::certified, chain(zero, 0.0), sample_for(plain)).value() == 0.0);
}

// y = x + W₂ relu(W₁ x): one branch is the identity, the other a chain.
BOOST_AUTO_TEST_CASE(branches_add_up) {
  Random random(903);
  const Tensor first = random.normals({6, 4}), second = random.normals({4, 6});
  const Function branch = [&](const Var& x) { return linear(relu(linear(x, first)), second); };
  const Function block = [&](const Var& x) { return add(x, branch(x)); };
  const Tensor sample = Tensor::zeros({1, 4}, DType::f64);
  const double alone = bound_by(SeqLipMethod::exact, branch, sample).value();
  BOOST_TEST(bound_by(SeqLipMethod::exact, block, sample, true).value() == 1.0 + alone,
             boost::test_tools::tolerance(1e-9));
  // What leads past the activation and what goes through it are known together.
  BOOST_TEST(bound_by(SeqLipMethod::exact, block, sample).value() < 1.0 + alone);
  // Two blocks behind each other share activations, and are at most the product of their bounds.
  const Function twice = [&](const Var& x) { return block(block(x)); };
  AutoLipOptions products;
  products.products_only = true;
  const UpperBound both = bound_by(SeqLipMethod::certified, twice, sample, true),
                   product = autolip(twice, sample, products).bound;
  BOOST_TEST(both.is_certified());
  BOOST_TEST(both.value() < product.value());
  const LowerResult attained = dataset_lower_bound(twice, random.normals({200, 4}));
  BOOST_TEST(both.value() >= attained.bound.value());
}

// Max-pools, concatenations and outputs behind activations end chains; nothing is refused.
BOOST_AUTO_TEST_CASE(other_operations_end_chains) {
  Random random(904);
  const Tensor kernel = random.normals({3, 2, 3, 3}), weight = random.normals({4, 27}), last = random.normals({2, 4});
  const Function pooled = [&](const Var& x) {
    const Var y = max_pool2d(relu(conv2d(x, Var(kernel), Var(Tensor::zeros({3}, DType::f64)))),
                             {.window = {2, 2}, .stride = {1, 1}});
    return linear(relu(linear(reshape(y, {x.shape()[0], 27}), weight)), last);
  };
  const Tensor image = Tensor::zeros({1, 2, 6, 6}, DType::f64);
  const UpperBound bound = bound_by(SeqLipMethod::certified, pooled, image), product = autolip(pooled, image).bound;
  BOOST_TEST(bound.is_certified());
  BOOST_TEST(bound.value() < product.value());
  BOOST_TEST(bound.value() >= dataset_lower_bound(pooled, random.normals({50, 2, 6, 6})).bound.value());

  const Tensor wide = random.normals({3, 2});
  const Function ends_in_relu = [&](const Var& x) { return relu(linear(relu(linear(x, last)), wide)); };
  BOOST_TEST(bound_by(SeqLipMethod::certified, ends_in_relu, Tensor::zeros({1, 4}, DType::f64)).is_certified());
  const Function infinite = [&](const Var& x) {
    return exp(linear(relu(linear(x, last)), Tensor::of<double>({1, 2}, {1, 1})));
  };
  const SeqLipReport report = seqlip(infinite, Tensor::zeros({1, 4}, DType::f64));
  BOOST_TEST(report.bound.magnitude().is_infinite());
  BOOST_TEST(report.status == Status::no_rule);
  const Function affine = [&](const Var& x) { return linear(x, last); };
  BOOST_TEST(bound_by(SeqLipMethod::certified, affine, Tensor::zeros({1, 4}, DType::f64)).value() ==
             autolip(affine, Tensor::zeros({1, 4}, DType::f64)).bound.value());
}

// On a box where no relu changes its sign the network is linear, and so is its bound.
BOOST_AUTO_TEST_CASE(boxes_narrow_the_slopes) {
  Random random(905);
  const std::vector<Tensor> weights{random.normals({5, 3}), random.normals({2, 5})};
  const Var bias(Tensor::full({5}, DType::f64, 100.0));
  const Function f = [&](const Var& x) { return linear(relu(dense(x, Var(weights[0]), bias)), weights[1]); };
  SeqLipOptions options;
  options.question.domain = Domain::box(Interval{-1.0, 1.0});
  const Matrix through = as_eigen(weights[1]) * as_eigen(weights[0]);
  BOOST_TEST(seqlip(f, Tensor::zeros({1, 3}, DType::f64), options).bound.value() == norm(through),
             boost::test_tools::tolerance(1e-10));
}

BOOST_AUTO_TEST_CASE(time_limits_leave_certified_values) {
  Random random(906);
  const std::vector<Tensor> weights{random.normals({60, 30}), random.normals({60, 60}), random.normals({20, 60})};
  SeqLipOptions options;
  options.method = SeqLipMethod::exact;
  options.budget.within(std::chrono::duration<double>(0.3));
  const SeqLipReport report = seqlip(chain(weights, 0.0), sample_for(weights), options);
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(report.status == Status::cut);
  BOOST_TEST(!report.note.empty());
  BOOST_TEST(!(autolip(chain(weights, 0.0), sample_for(weights)).bound.magnitude() < report.bound.magnitude()));
}

// The leading triples of a layer of low rank are the layer.
BOOST_AUTO_TEST_CASE(leading_triples_stand_for_layers) {
  Random random(907);
  const std::vector<Tensor> weights{testing::low_rank(random, 12, 9, 3), testing::low_rank(random, 10, 12, 3),
                                    testing::low_rank(random, 5, 10, 3)};
  SeqLipOptions whole, leading;
  whole.method = leading.method = SeqLipMethod::greedy;
  leading.triples = 3;
  const Function f = chain(weights, 0.0);
  const SeqLipReport few = seqlip(f, sample_for(weights), leading), all = seqlip(f, sample_for(weights), whole);
  BOOST_TEST(few.bound.value() == all.bound.value(), boost::test_tools::tolerance(1e-5));
  BOOST_TEST(few.bound.is_estimate());
  BOOST_TEST(few.pairs.front().rows == 3);
  std::ostringstream table;
  table << few;
  BOOST_TEST(table.str().find("estimate") != std::string::npos);
  leading.triples = -1;
  BOOST_CHECK_THROW(seqlip(f, sample_for(weights), leading), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
