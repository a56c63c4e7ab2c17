// Operations that select by order are linear where ranges prove the order.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/lower.h"
#include "lipschitz/network/differences.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

struct Case {
  const char* name;
  Function f;  // of (1, 2, 6, 6)
};

std::vector<Case> cases() {
  Pool2dOptions overlapping;
  overlapping.window = {3, 2};
  overlapping.stride = {2, 1};
  overlapping.padding = {1, 0, 1, 1};
  Pool2dOptions innermost;
  innermost.layout = Layout::chwn;
  innermost.window = {2, 1};
  const auto halves = [](const Var& x) { return split(x, 2, 2); };
  return {{"max_pool2d", [=](const Var& x) { return max_pool2d(x, overlapping); }},
          {"max_pool2d chwn",
           [=](const Var& x) {
             return max_pool2d(permute(x, {1, 2, 3, 0}), innermost);
           }},
          {"max",
           [](const Var& x) {
             return max(x, {1, 3});
           }},
          {"min", [](const Var& x) { return min(x, {2}, true); }},
          {"maximum", [=](const Var& x) { return maximum(halves(x)[0], halves(x)[1]); }},
          {"minimum", [=](const Var& x) { return minimum(halves(x)[0], halves(x)[1]); }},
          {"group_sort", [](const Var& x) { return group_sort(x, 3, 2); }},
          {"sort down", [](const Var& x) { return sort(x, -1, true); }},
          {"maxmin", [](const Var& x) { return maxmin(x, 1); }},
          {"top_k", [](const Var& x) { return top_k(x, 2, 3); }}};
}

Tensor moved(const Tensor& x, Random& random, double radius) {
  Tensor y = x.copy();
  for (double& e : y.mutable_data<double>()) e += random.uniform(-radius, radius);
  return y;
}

Range box_around(const Tensor& x, double radius) {
  return map_range(Range::point(x), [&](const Interval& e) { return Interval{e.lo - radius, e.hi + radius}; });
}

std::optional<Range> enclosed(const Function& f, const Tensor& x, double radius) {
  Tape tape;
  const Graph graph(f(tape.input(x)), "test");
  const Range box[] = {box_around(x, radius)};
  return enclose_jacobian(graph, box);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(selections)

BOOST_AUTO_TEST_CASE(a_proved_order_gives_the_matrix) {
  Random random(81);
  for (const auto& [name, f] : cases()) {
    BOOST_TEST_CONTEXT(name) {
      int proved = 0, unproved = 0;
      for (int k = 0; k < testing::iterations(30); ++k) {
        const double radius = k % 3 == 0 ? 1e-6 : k % 3 == 1 ? 1.0 : std::pow(10.0, random.uniform(-4.0, 0.0));
        const Tensor x = random.normals({1, 2, 6, 6});
        const auto matrix = enclosed(f, x, radius);
        if (!matrix) {
          ++unproved;
          continue;
        }
        ++proved;
        // f(y) − f(z) = M (y − z) anywhere in the box, and M is one matrix.
        const Tensor y = moved(x, random, radius), z = moved(x, random, radius);
        const Tensor fy = f(Var(y)).value(), fz = f(Var(z)).value();
        for (Index i = 0; i < fy.size(); ++i) {
          double sum = 0.0;
          for (Index j = 0; j < 72; ++j) {
            BOOST_REQUIRE(matrix->hi.at(i * 72 + j) - matrix->lo.at(i * 72 + j) <= 1e-14);
            sum += matrix->lo.at(i * 72 + j) * (y.at(j) - z.at(j));
          }
          BOOST_TEST(std::fabs(fy.at(i) - fz.at(i) - sum) <= 1e-12);
        }
      }
      BOOST_TEST(proved > 0);
      BOOST_TEST(unproved > 0);
    }
  }
}

// Two entries that meet within the box, at its border or inside: what follows is not one matrix.
BOOST_AUTO_TEST_CASE(an_order_that_may_change_proves_nothing) {
  for (const auto& [name, f] : cases()) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(!enclosed(f, Tensor::zeros({1, 2, 6, 6}, DType::f64), 0.25).has_value());
      Tensor apart = Tensor::zeros({1, 2, 6, 6}, DType::f64);
      for (Index i = 0; i < 72; ++i)
        apart.mutable_data<double>()[static_cast<std::size_t>(i)] = static_cast<double>((29 * i) % 72);
      BOOST_TEST(enclosed(f, apart, 0.25).has_value());
      BOOST_TEST(!enclosed(f, apart, 40.0).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(max_pool_networks_are_proved_by_their_jacobian) {
  Random random(82);
  for (const DType dtype : {DType::f64, DType::f32}) {
    const Tensor kernel = random.normals({3, 2, 3, 3}, dtype), w = random.normals({4, 12}, dtype);
    const auto f = [&](const Var& x) {
      return dense(flatten(max_pool2d(relu(conv2d(x, kernel, Var())), {})), w, Var());
    };
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      LowerOptions options;
      options.question.norm = norm;
      const LowerResult lower = dataset_lower_bound(f, random.normals({9, 2, 6, 6}, dtype), options);
      BOOST_TEST(lower.bound.is_certified());
      BOOST_TEST(!lower.partner.defined());
      BOOST_TEST(lower.bound.value() >= (1 - 1e-5) * lower.plain.value());
      BOOST_TEST(lower.bound.value() <= (1 + 1e-5) * lower.plain.value());
    }
  }
}

// On a box on which one entry is ahead of all others AutoLip follows that entry alone.
BOOST_AUTO_TEST_CASE(autolip_follows_a_proved_winner) {
  const Tensor scales = Tensor::of<double>({3}, {1.0, 5.0, 2.0}), shifts = Tensor::of<double>({3}, {20.0, 0.0, 0.0});
  const auto f = [&](const Var& x) { return max(x * Var(scales) + Var(shifts), {1}); };
  AutoLipOptions options;
  options.question.domain = Domain::box(Interval{-1.0, 1.0});
  const Tensor x = Tensor::zeros({1, 3}, DType::f64);
  BOOST_TEST(autolip(f, x, options).bound.value() <= 1.0 + 1e-12);
  BOOST_TEST(autolip(f, x, options).bound.value() >= 1.0);
  BOOST_TEST(autolip(f, x, options).bound.is_certified());
  options.question.domain = Domain::box(Interval{-5.0, 5.0});
  BOOST_TEST(autolip(f, x, options).bound.value() == 5.0);
  BOOST_TEST(autolip(f, x).bound.value() == 5.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
