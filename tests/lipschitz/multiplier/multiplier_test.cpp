// Whole-network multipliers: never below what slopes of the network can reach, never above AutoLip, equal to the
// independent values of semidefinite programmes.
#include "lipschitz/multiplier.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "autodiff/ops.h"
#include "lipschitz/exact.h"
#include "tests/lipschitz/reference/reference.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

Var linear(const Var& x, const Tensor& weight) {
  return dense(x, Var(weight), Var(Tensor::zeros({weight.shape()[0]}, weight.dtype())));
}

// What stands between the layers of a random network: its k-th activation, of a row (1, n).
using Bend = std::function<Var(const Var&, std::size_t)>;

// A network of dense layers, residual blocks, concatenations and branches, its shape drawn once.
struct RandomNet {
  std::vector<std::function<Var(const Var&, const Bend&, std::size_t&)>> blocks;
  Shape input;
  std::size_t bends = 0;

  Var operator()(const Var& x, const Bend& bend) const {
    std::size_t k = 0;
    Var y = x;
    for (const auto& block : blocks) y = block(y, bend, k);
    return y;
  }
};

RandomNet random_net(Random& random, Index most) {
  RandomNet net;
  Index width = random.integer(1, most);
  net.input = {1, width};
  const auto layer = [&](Index to, Index from) {
    return testing::scaled(random.normals({to, from}), 1.0 / std::sqrt(static_cast<double>(from)));
  };
  const Index blocks = random.integer(1, 4);
  for (Index b = 0; b < blocks; ++b) {
    const Index hidden = 2 * random.integer(1, (most + 1) / 2);
    switch (random.integer(0, 3)) {
      case 0: {  // a plain layer
        const Tensor w = layer(hidden, width);
        net.blocks.push_back([=](const Var& x, const Bend& bend, std::size_t& k) { return bend(linear(x, w), k++); });
        width = hidden;
        net.bends += 1;
        break;
      }
      case 1: {  // x + V s(W x)
        const Tensor w = layer(hidden, width), v = layer(width, hidden);
        net.blocks.push_back(
            [=](const Var& x, const Bend& bend, std::size_t& k) { return add(x, linear(bend(linear(x, w), k++), v)); });
        net.bends += 1;
        break;
      }
      case 2: {  // a concatenation of an activation and its input
        const Tensor w = layer(hidden, width);
        net.blocks.push_back([=](const Var& x, const Bend& bend, std::size_t& k) {
          const Var inside = linear(x, w);
          return concat({bend(inside, k++), x}, 1);
        });
        width += hidden;
        net.bends += 1;
        break;
      }
      default: {  // two branches of different depth, and a projection
        const Tensor w = layer(hidden, width), w2 = layer(hidden, hidden), d = layer(hidden, width);
        net.blocks.push_back([=](const Var& x, const Bend& bend, std::size_t& k) {
          const Var first = bend(linear(x, w), k++);
          const Var second = bend(linear(first, w2), k++);
          return add(second, linear(x, d));
        });
        width = hidden;
        net.bends += 2;
      }
    }
  }
  const Tensor last = layer(random.integer(1, most), width);
  net.blocks.push_back([=](const Var& x, const Bend&, std::size_t&) { return linear(x, last); });
  return net;
}

// An activation and all slopes that it has between some two points.
struct Kind {
  const char* name;
  std::function<Var(const Var&)> apply;
  double lo, hi;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"relu", [](const Var& x) { return relu(x); }, 0.0, 1.0},
      {"abs", [](const Var& x) { return abs(x); }, -1.0, 1.0},
      {"leaky 0.3", [](const Var& x) { return leaky_relu(x, 0.3); }, 0.3, 1.0},
      {"leaky -0.5", [](const Var& x) { return leaky_relu(x, -0.5); }, -0.5, 1.0},
      {"steep", [](const Var& x) { return leaky_relu(x, 3.0); }, 1.0, 3.0},
      {"gelu", [](const Var& x) { return gelu(x); }, -0.12890414, 1.12890414},
      {"sigmoid", [](const Var& x) { return sigmoid(x); }, 0.0, 0.25},
      {"minus relu", [](const Var& x) { return neg(relu(x)); }, -1.0, 0.0},
  };
  return all;
}

// The norm of the network with given slopes in place of its activations.
double norm_with_slopes(const RandomNet& net, const std::vector<std::vector<double>>& slopes) {
  const Bend bend = [&](const Var& x, std::size_t k) {
    Tensor factors = Tensor::zeros(x.value().shape(), DType::f64);
    for (std::size_t i = 0; i < slopes[k].size(); ++i) factors.mutable_data<double>()[i] = slopes[k][i];
    return mul(x, Var(factors));
  };
  const Index n = net.input.size();
  std::vector<Tensor> columns;
  for (Index j = 0; j < n; ++j) {
    Tensor unit = Tensor::zeros(net.input, DType::f64);
    unit.mutable_data<double>()[static_cast<std::size_t>(j)] = 1.0;
    columns.push_back(net(Var(unit), bend).value());
  }
  Tensor matrix = Tensor::zeros({columns[0].size(), n}, DType::f64);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < columns[0].size(); ++i)
      matrix.mutable_data<double>()[static_cast<std::size_t>(i * n + j)] = columns[static_cast<std::size_t>(j)].at(i);
  return static_cast<double>(testing::spectral_norm(matrix));
}

// Patterns of extreme slopes, improved by single changes: a lower bound of what any multiplier can prove.
double reached_by_slopes(Random& random, const RandomNet& net, const Kind& kind) {
  std::vector<Index> sizes;
  net(Var(Tensor::zeros(net.input, DType::f64)), [&](const Var& x, std::size_t) {
    sizes.push_back(x.value().size());
    return x;
  });
  std::vector<std::vector<double>> slopes;
  for (const Index size : sizes) {
    slopes.emplace_back();
    for (Index i = 0; i < size; ++i) slopes.back().push_back(random.coin() ? kind.lo : kind.hi);
  }
  double best = norm_with_slopes(net, slopes);
  for (std::vector<double>& of_layer : slopes)
    for (double& slope : of_layer) {
      const double before = slope;
      slope = kind.lo + kind.hi - before;
      const double now = norm_with_slopes(net, slopes);
      if (now > best) {
        best = now;
      } else {
        slope = before;
      }
    }
  return best;
}

// Products of norms along the graph, which multipliers never exceed.
UpperBound product_bound(const Function& f, const Shape& input) {
  AutoLipOptions options;
  options.products_only = true;
  return autolip(f, Tensor::zeros(input, DType::f64), options).bound;
}

MultiplierReport bound(const Function& f, const Shape& input, MultiplierMethod method = MultiplierMethod::optimised) {
  MultiplierOptions options;
  options.method = method;
  return multiplier_bound(f, Tensor::zeros(input, DType::f64), options);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(multipliers)

BOOST_AUTO_TEST_CASE(reference_networks_have_their_values) {
  int optimal = 0, fast = 0;
  for (const std::string& name : testing::reference_networks()) {
    const testing::ReferenceNetwork net = testing::reference_network(name);
    if (net.has("lipsdp_neuron")) {
      ++optimal;
      const MultiplierReport report = multiplier_bound(net, net.sample());
      BOOST_TEST_CONTEXT(name << ": " << report.bound) {
        BOOST_TEST(report.bound.is_certified());
        BOOST_TEST(report.bound.value() <= net.value("lipsdp_neuron").number() * (1.0 + 1e-3));
      }
    }
    if (net.has("eclipse_fast")) {
      ++fast;
      MultiplierOptions options;
      options.method = MultiplierMethod::eclipse_fast;
      const MultiplierReport report = multiplier_bound(net, net.sample(), options);
      BOOST_TEST_CONTEXT(name << ": " << report.bound)
      BOOST_TEST(report.bound.value() == net.value("eclipse_fast").number(),
                 tolerance(std::max(1e-8, 2.0 * net.value("eclipse_fast").relative_accuracy)));
    }
  }
  BOOST_TEST(optimal >= 9);
  BOOST_TEST(fast >= 8);
}

BOOST_AUTO_TEST_CASE(known_constants_lie_below_and_autolip_above) {
  for (const std::string& name : testing::reference_networks()) {
    const testing::ReferenceNetwork net = testing::reference_network(name);
    const UpperBound ours = multiplier_bound(net, net.sample()).bound;
    AutoLipOptions products;
    products.products_only = true;
    const UpperBound product = autolip(net, net.sample(), products).bound;
    BOOST_TEST_CONTEXT(name << ": " << ours << ", autolip " << product) {
      BOOST_TEST(!(product.magnitude() < ours.magnitude()));
      for (const char* key : {"lip_l2_exact", "lip_l2_lower"})
        if (net.has(key) && !net.value(key).box)
          BOOST_TEST(ours.value() >= net.value(key).number() * (1.0 - 2.0 * net.value(key).relative_accuracy));
    }
  }
}

BOOST_AUTO_TEST_CASE(never_below_what_slopes_reach) {
  Random random(1601);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const RandomNet net = random_net(random, 7);
    const Kind& kind = kinds()[static_cast<std::size_t>(random.integer(0, static_cast<Index>(kinds().size()) - 1))];
    const Function f = [&](const Var& x) { return net(x, [&](const Var& y, std::size_t) { return kind.apply(y); }); };
    const double reached = reached_by_slopes(random, net, kind);
    const UpperBound product = product_bound(f, net.input);
    for (const auto method : {MultiplierMethod::optimised, MultiplierMethod::eclipse_fast}) {
      const MultiplierReport report = bound(f, net.input, method);
      BOOST_TEST_CONTEXT("network " << k << " of " << kind.name << ", " << report.bound << ", autolip " << product) {
        BOOST_TEST(report.bound.is_certified());
        BOOST_TEST(report.note == "");
        BOOST_TEST(report.bound.value() >= reached * (1.0 - 1e-13));
        BOOST_TEST(report.bound.value() <= product.value());
      }
    }
  }
}

// With one activation the best multipliers are within a few percent of the patterns' maximum, and with weights of one
// sign all bounds meet.
BOOST_AUTO_TEST_CASE(nonnegative_weights_have_their_product) {
  Random random(1602);
  for (int k = 0; k < testing::iterations(10); ++k) {
    std::vector<Tensor> weights;
    Index width = random.integer(1, 8);
    const Index first = width;
    for (int l = 0; l < 4; ++l) {
      const Index next = random.integer(1, 8);
      Tensor w = random.normals({next, width});
      for (double& x : w.mutable_data<double>()) x = std::fabs(x);
      weights.push_back(w);
      width = next;
    }
    Tensor matrix = weights[0];
    for (std::size_t l = 1; l < weights.size(); ++l) matrix = matmul(Var(weights[l]), Var(matrix)).value();
    const Function f = [&](const Var& x) {
      Var y = x;
      for (std::size_t l = 0; l < weights.size(); ++l) y = linear(l > 0 ? relu(y) : y, weights[l]);
      return y;
    };
    const double exact = static_cast<double>(testing::spectral_norm(matrix));
    const double found = bound(f, {1, first}).bound.value();
    BOOST_TEST(found >= exact * (1.0 - 1e-14));
    BOOST_TEST(found == exact, tolerance(1e-3));
  }
}

// [1 1] relu([x; −x]) = |x|: leaving out the inequality of the last activation would give 0 < 1.
BOOST_AUTO_TEST_CASE(an_absolute_value_of_relus) {
  Tensor split = Tensor::zeros({2, 1}, DType::f64);
  split.mutable_data<double>()[0] = 1.0;
  split.mutable_data<double>()[1] = -1.0;
  const Function f = [&](const Var& x) {
    return linear(relu(linear(x, split)), Tensor::full({1, 2}, DType::f64, 1.0));
  };
  const double found = bound(f, {1, 1}).bound.value();
  BOOST_TEST(found >= 1.0);
  BOOST_TEST(found <= std::sqrt(2.0) * (1 + 1e-12));
}

BOOST_AUTO_TEST_CASE(operations_with_gains_take_part) {
  Random random(1603);
  for (int k = 0; k < testing::iterations(15); ++k) {
    const Tensor w = random.normals({8, 5}), v = random.normals({3, 4}), d = random.normals({3, 5});
    const Function pooled = [&](const Var& x) {
      const Var pairs = reshape(relu(linear(x, w)), {1, 4, 2});
      return add(linear(max(pairs, {2}), v), linear(x, d));
    };
    const MultiplierReport report = bound(pooled, {1, 5});
    const UpperBound product = product_bound(pooled, {1, 5});
    BOOST_TEST(report.note == "");
    BOOST_TEST(report.bound.value() < product.value());
    // The function with any choice of the pairs and of the signs.
    double reached = 0.0;
    for (int draw = 0; draw < 200; ++draw) {
      Tensor chosen = Tensor::zeros({4, 5}, DType::f64);
      for (Index i = 0; i < 4; ++i) {
        const Index row = 2 * i + random.integer(0, 1);
        const double slope = random.coin() ? 1.0 : 0.0;
        for (Index j = 0; j < 5; ++j)
          chosen.mutable_data<double>()[static_cast<std::size_t>(i * 5 + j)] = slope * w.at(row * 5 + j);
      }
      const Tensor matrix = add(matmul(Var(v), Var(chosen)), Var(d)).value();
      reached = std::max(reached, static_cast<double>(testing::spectral_norm(matrix)));
    }
    BOOST_TEST(report.bound.value() >= reached * (1.0 - 1e-13));
  }
}

BOOST_AUTO_TEST_CASE(the_constant_itself_lies_below) {
  Random random(1604);
  for (int k = 0; k < testing::iterations(12); ++k) {
    const Tensor a = random.normals({6, 2}), b = random.normals({6, 6}), c = random.normals({2, 6});
    const Function f = [&](const Var& x) {
      const Var y = relu(linear(x, a));
      return linear(relu(add(linear(y, b), y)), c);
    };
    const ExactResult exact = exact_constant(f, Tensor::zeros({1, 2}, DType::f64));
    BOOST_TEST(bound(f, {1, 2}).bound.value() >= exact.lower.value());
  }
}

BOOST_AUTO_TEST_CASE(weights_of_any_size) {
  Random random(1605);
  const Tensor a = random.normals({5, 4}), b = random.normals({5, 5}), c = random.normals({3, 5});
  const auto net = [&](double first, double second, double third) {
    return [=](const Var& x) {
      const Var y = relu(linear(x, testing::scaled(a, first)));
      return linear(relu(linear(y, testing::scaled(b, second))), testing::scaled(c, third));
    };
  };
  const double plain = bound(net(1, 1, 1), {1, 4}).bound.value();
  for (const double s : {0x1p-100, 0x1p100, 0x1p-400, 0x1p400}) {
    BOOST_TEST(bound(net(s, 1 / s, 1), {1, 4}).bound.value() == plain, tolerance(1e-3));
    BOOST_TEST(bound(net(1, s, 1 / s), {1, 4}).bound.value() == plain, tolerance(1e-3));
  }
  BOOST_TEST(bound(net(1e-30, 1e30, 1), {1, 4}).bound.value() == plain, tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(dead_neurons_and_constant_networks) {
  Random random(1606);
  Tensor a = random.normals({5, 3}), b = random.normals({2, 5});
  for (Index j = 0; j < 3; ++j) a.mutable_data<double>()[static_cast<std::size_t>(3 + j)] = 0.0;
  for (Index i = 0; i < 2; ++i) b.mutable_data<double>()[static_cast<std::size_t>(i * 5 + 2)] = 0.0;
  const Function f = [&](const Var& x) { return linear(relu(linear(x, a)), b); };
  BOOST_TEST(bound(f, {1, 3}).bound.value() < product_bound(f, {1, 3}).value());
  const Function zero = [&](const Var& x) { return linear(relu(linear(x, a)), Tensor::zeros({2, 5}, DType::f64)); };
  BOOST_TEST(bound(zero, {1, 3}).bound.value() == 0.0);
  const Function nothing = [&](const Var& x) { return scale(relu(x), 0.0); };
  BOOST_TEST(bound(nothing, {1, 3}).bound.value() == 0.0);
  const Function alone = [&](const Var& x) { return linear(x, a); };
  BOOST_TEST(bound(alone, {1, 3}).bound.value() == static_cast<double>(testing::spectral_norm(a)), tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_thousand_contractive_layers) {
  Random random(1607);
  std::vector<Tensor> weights;
  for (int l = 0; l < 1000; ++l) weights.push_back(testing::scaled(random.normals({4, 4}), 0.2));
  const Function f = [&](const Var& x) {
    Var y = x;
    for (const Tensor& w : weights) y = relu(linear(y, w));
    return y;
  };
  MultiplierOptions options;
  options.operations = 1e8;
  const MultiplierReport report = multiplier_bound(f, Tensor::zeros({1, 4}, DType::f64), options);
  const UpperBound product = product_bound(f, {1, 4});
  BOOST_TEST(report.bound.magnitude().log10() < product.magnitude().log10() - 50.0);
  BOOST_TEST(!report.bound.magnitude().is_zero());
}

BOOST_AUTO_TEST_CASE(a_stop_keeps_what_is_proved) {
  Random random(1608);
  const Tensor a = random.normals({9, 4}), b = random.normals({3, 9});
  MultiplierOptions options;
  options.budget.stop = testing::stopped();
  const Function f = [&](const Var& x) { return linear(tanh(linear(x, a)), b); };
  const MultiplierReport report = multiplier_bound(f, Tensor::zeros({1, 4}, DType::f64), options);
  BOOST_TEST(report.status == Status::cut);
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(std::isfinite(report.bound.value()));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_says_so) {
  const Function unbounded = [](const Var& x) { return square(x); };
  BOOST_TEST(bound(unbounded, {1, 3}).status == Status::unbounded);
  const Function wide = [](const Var& x) { return relu(broadcast_to(relu(x), {8000, 2})); };
  MultiplierOptions options;
  options.question.sample_axis = no_sample_axis;
  const MultiplierReport report = multiplier_bound(wide, Tensor::zeros({1, 2}, DType::f64), options);
  BOOST_TEST(report.note.find("counts by AutoLip") != std::string::npos, report.note);
  BOOST_TEST(std::isfinite(report.bound.value()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
