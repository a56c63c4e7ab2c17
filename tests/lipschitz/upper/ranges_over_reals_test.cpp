// Finite answers where parts of a function have no constant by themselves: ranges over all reals, squares, products of
// what is bounded.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

UpperBound bound_of(const Function& f, const Shape& x, Norm norm = Norm::l2, std::optional<Interval> box = {}) {
  AutoLipOptions options;
  options.question = {norm, Domain::box_or_reals(box), no_sample_axis};
  return autolip(f, Tensor::zeros(x, DType::f64), options).bound;
}

double length(const Tensor& x, Norm norm) {
  double sum = 0.0, largest = 0.0, squares = 0.0;
  for (const double e : x.data<double>()) {
    sum += std::fabs(e);
    squares += e * e;
    largest = std::max(largest, std::fabs(e));
  }
  return norm == Norm::l1 ? sum : norm == Norm::l2 ? std::sqrt(squares) : largest;
}

Tensor difference(const Tensor& a, const Tensor& b) { return sub(Var(a), Var(b)).value(); }

// A point and one at a random distance, both inside of the box.
std::pair<Tensor, Tensor> points(Random& random, const Shape& shape, const std::optional<Interval>& box) {
  Tensor x = Tensor::uninitialised(shape, DType::f64), y = x.copy();
  const double scale = std::pow(10.0, random.uniform(-2.0, 2.0)), step = std::pow(10.0, random.uniform(-3.0, 1.0));
  for (Index i = 0; i < shape.size(); ++i) {
    double a = scale * random.normal(), b = a + scale * step * random.normal();
    if (box) {
      a = random.uniform(box->lo, box->hi);
      b = std::min(box->hi, std::max(box->lo, a + step * random.normal()));
    }
    x.mutable_data<double>()[static_cast<std::size_t>(i)] = a;
    y.mutable_data<double>()[static_cast<std::size_t>(i)] = b;
  }
  return {x, y};
}

// The largest difference quotient of pairs of points.
double steepest(Random& random, const Function& f, const Shape& shape, Norm norm, const std::optional<Interval>& box,
                int pairs) {
  double most = 0.0;
  for (int n = 0; n < pairs; ++n) {
    const auto [x, y] = points(random, shape, box);
    const Tensor fx = f(Var(x)).value(), fy = f(Var(y)).value();
    const double moved = length(difference(fx, fy), norm), by = length(difference(x, y), norm);
    const double rounding = 1e-13 * (length(fx, norm) + length(fy, norm));
    if (by > 0.0 && std::isfinite(moved)) most = std::max(most, (moved - rounding) / by);
  }
  return most;
}

struct Case {
  const char* name;
  Function f;
  double right;
  double loose = 1e-9;  // by so much, relative, may the bound exceed it
  std::optional<Interval> box = {};
};

Var norm_written_out(const Var& x) { return sqrt(sum(mul(x, x))); }
Var mean_square(const Var& x) { return scale(sum(square(x)), 0.25); }
Var entry(const Var& x, Index i) { return slice(x, 1, i, i + 1); }

// Of x (1, 4): the constants, by calculus; of compositions of two slopes, their product.
std::vector<Case> cases() {
  const double third = 1.0 / std::sqrt(3.0), bell = std::sqrt(2.0) * std::exp(-0.5);
  const Interval inside{-1.0, 2.0}, above{1.0, 2.0};
  return {
      {"sqrt of sum of x·x", norm_written_out, 1.0},
      {"with eps", [](const Var& x) { return sqrt(shift(sum(pow(x, 2.0)), 1e-6)); }, 1.0},
      {"behind a layer", [](const Var& x) { return norm_written_out(scale(x, -3.0)); }, 3.0},
      {"root mean square", [](const Var& x) { return sqrt(mean_square(x)); }, 0.5},
      {"clipped from below", [](const Var& x) { return sqrt(clip(sum(square(x)), 1e-4, infinity)); }, 1.0},
      {"maximum with eps", [](const Var& x) { return sqrt(maximum(sum(square(x)), Var(Tensor::scalar(0.1)))); }, 1.0},
      {"of |x²|", [](const Var& x) { return sqrt(relu(abs(sum(square(x))))); }, 1.0},
      {"divided", [](const Var& x) { return sqrt(div(sum(square(x)), Var(Tensor::scalar(16.0)))); }, 0.25},
      {"deviation", [](const Var& x) { return sqrt(variance(x, {-1}, true)); }, 0.5},
      {"entry by entry", [](const Var& x) { return sqrt(square(x)); }, 1.0},
      {"windows that overlap", [](const Var& x) { return sqrt(entry(square(x), 0) + square(x)); }, std::sqrt(5.0)},
      {"√(1 + x²)", [](const Var& x) { return sqrt(shift(square(x), 1.0)); }, 1.0},
      {"exp(−x²)", [](const Var& x) { return exp(neg(square(x))); }, bell, 3e-4},
      {"exp(−‖x‖²)", [](const Var& x) { return exp(neg(sum(square(x)))); }, bell, 3e-4},
      {"exp(−2 x·x)", [](const Var& x) { return exp(scale(mul(x, x), -2.0)); }, std::sqrt(2.0) * bell, 3e-4},
      {"1/(1 + x²)", [](const Var& x) { return reciprocal(shift(square(x), 1.0)); }, 9.0 / 8.0 * third, 3e-4},
      {"1/√(1 + x²)", [](const Var& x) { return rsqrt(shift(square(x), 1.0)); }, 2.0 / 3.0 * third, 3e-4},
      {"ln(1 + x²)", [](const Var& x) { return log1p(square(x)); }, 1.0, 3e-4},
      {"ln(4 + x²)", [](const Var& x) { return log(shift(square(x), 4.0)); }, 0.5, 3e-4},
      {"√(|x| + 0.01)", [](const Var& x) { return sqrt(shift(abs(x), 0.01)); }, 5.0},
      {"1/(1 + softplus)", [](const Var& x) { return reciprocal(shift(softplus(x), 1.0)); }, 1.0, 3e-4},
      {"σ(x)²", [](const Var& x) { return square(sigmoid(x)); }, 0.5},
      {"exp of a nonpositive number", [](const Var& x) { return exp(neg(relu(x))); }, 1.0},
      {"tanh(x) σ(x), one entry", [](const Var& x) { return tanh(entry(x, 0)) * sigmoid(entry(x, 1)); },
       std::sqrt(17.0) / 4.0, 1e-9},
      {"x₀ x₁ on a box", [](const Var& x) { return entry(x, 0) * entry(x, 1); }, std::sqrt(8.0), 1e-12, inside},
      {"x₀ / x₁ on a box", [](const Var& x) { return entry(x, 0) / entry(x, 1); }, std::sqrt(5.0), 1e-12, above},
      {"exp(−x·x) on a box", [](const Var& x) { return exp(neg(mul(x, x))); }, bell, 3e-4, Interval{-3.0, 3.0}},
      {"x² on a box", [](const Var& x) { return mul(x, x); }, 4.0, 1e-12, inside},
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ranges_over_reals)

BOOST_AUTO_TEST_CASE(right_constants) {
  for (const Case& c : cases()) BOOST_TEST_CONTEXT(c.name) {
      const UpperBound bound = bound_of(c.f, {1, 4}, Norm::l2, c.box);
      BOOST_TEST(bound.is_certified());
      BOOST_TEST(bound.value() >= c.right * (1.0 - 1e-12));
      BOOST_TEST(bound.value() <= c.right * (1.0 + c.loose));
    }
}

BOOST_AUTO_TEST_CASE(no_quotient_is_larger_in_any_norm) {
  Random random(1);
  for (const Case& c : cases())
    for (const Norm norm : norms) BOOST_TEST_CONTEXT(c.name << " in " << norm) {
        const UpperBound bound = bound_of(c.f, {1, 4}, norm, c.box);
        BOOST_TEST(std::isfinite(bound.value()));
        const double found = steepest(random, c.f, {1, 4}, norm, c.box, testing::iterations(300));
        BOOST_TEST(found <= bound.value() * (1.0 + 1e-9));
      }
}

// Exactly what the operation that the exporter took apart has.
BOOST_AUTO_TEST_CASE(norms_written_out_are_norms) {
  Random random(2);
  for (int n = 0; n < testing::iterations(10); ++n) {
    const Var w(random.normals({3, 4}));
    const auto layer = [&](const Var& x) { return dense(x, w, Var()); };
    const double exact = static_cast<double>(testing::spectral_norm(w.value()));
    const double whole = bound_of([&](const Var& x) { return l2_norm(layer(x), {-1}, true); }, {1, 4}).value();
    const double parts = bound_of([&](const Var& x) { return norm_written_out(layer(x)); }, {1, 4}).value();
    BOOST_TEST(parts >= exact * (1.0 - 1e-14));
    BOOST_TEST(parts == exact, tolerance(1e-9));
    BOOST_TEST(parts == whole, tolerance(1e-9));
  }
}

// What has no constant keeps none: the mechanism proves nothing about it.
BOOST_AUTO_TEST_CASE(what_has_no_constant_gets_none) {
  const std::pair<const char*, Function> list[] = {
      {"x²", [](const Var& x) { return square(x); }},
      {"x₀ x₁", [](const Var& x) { return entry(x, 0) * entry(x, 1); }},
      {"x₀² − x₁²", [](const Var& x) { return sqrt(shift(relu(entry(square(x), 0) - entry(square(x), 1)), 1e-9)); }},
      {"√(x² − 1) behind a relu", [](const Var& x) { return sqrt(relu(shift(square(x), -1.0))); }},
      {"√(1 − x²) behind a relu", [](const Var& x) { return sqrt(relu(shift(neg(square(x)), 1.0))); }},
      {"exp(x²)", [](const Var& x) { return exp(square(x)); }},
      {"1/x²", [](const Var& x) { return reciprocal(square(x)); }},
      {"1/(x² − 1)", [](const Var& x) { return reciprocal(shift(square(x), -1.0)); }},
      {"ln x²", [](const Var& x) { return log(square(x)); }},
      {"x⁴", [](const Var& x) { return square(square(x)); }},
      {"fourth root of x²", [](const Var& x) { return sqrt(sqrt(square(x))); }},
      {"x σ(x₀)", [](const Var& x) { return x * sigmoid(entry(x, 0)); }},
  };
  for (const auto& [name, f] : list)
    BOOST_TEST_CONTEXT(name) BOOST_TEST(std::isinf(bound_of(f, {1, 4}).value()) == true);
}

// min(x² + 3, 1) is 1: its base is not that of x² + 3.
BOOST_AUTO_TEST_CASE(a_clamp_may_cut_off_the_base) {
  const Function below = [](const Var& x) {
    return reciprocal(minimum(shift(square(x), 3.0), Var(Tensor::scalar(1.0))) + square(x));
  };
  const Function clipped = [](const Var& x) { return reciprocal(clip(shift(square(x), 3.0), 0.0, 1.0) + square(x)); };
  for (const Function& f : {below, clipped})
    BOOST_TEST(bound_of(f, {1, 1}).value() >= 9.0 / 8.0 / std::sqrt(3.0) * (1.0 - 1e-12));
}

// Operands into which one number enters are no parts of the input.
BOOST_AUTO_TEST_CASE(shared_inputs_do_not_stand_apart) {
  Random random(3);
  const Interval box{-1.0, 2.0};
  const Function list[] = {
      [](const Var& x) { return entry(x, 0) * (entry(x, 0) + entry(x, 1)); },
      [](const Var& x) { return entry(tanh(x), 0) * entry(cumsum(x, 1), 1); },
      [](const Var& x) { return matmul(x, transpose(x)); },
      [](const Var& x) { return slice(x, 1, 0, 3) * slice(x, 1, 1, 4); },
  };
  for (const Function& f : list)
    for (const Norm norm : norms) {
      const double bound = bound_of(f, {1, 4}, norm, box).value();
      BOOST_TEST(steepest(random, f, {1, 4}, norm, box, testing::iterations(400)) <= bound * (1.0 + 1e-9));
    }
}

namespace {

// A random function of x (1, 4) with four entries or one, made of parts most of which have no constant alone.
class Composed {
 public:
  explicit Composed(std::uint64_t seed) : random_(seed) {}

  Function make(int depth) {
    if (depth == 0) return [](const Var& x) { return x; };
    const Function u = make(depth - 1);
    const Index kind = random_.integer(0, 15);
    const double c = random_.uniform(0.05, 2.0);
    switch (kind) {
      case 0:
        return [u, w = Var(random_.normals({4, 4})), b = Var(random_.normals({4}))](const Var& x) {
          return dense(u(x), w, b);
        };
      case 1:
        return [u](const Var& x) { return square(u(x)); };
      case 2:
        return [u, v = make(depth - 1)](const Var& x) { return u(x) * v(x); };
      case 3:
        return [u, c](const Var& x) { return exp(scale(square(u(x)), -c)); };
      case 4:
        return [u, c](const Var& x) { return sqrt(shift(broadcast_to(sum(square(u(x)), {-1}, true), {1, 4}), c)); };
      case 5:
        return [u](const Var& x) { return sigmoid(u(x)); };
      case 6:
        return [u](const Var& x) { return tanh(u(x)); };
      case 7:
        return [u, v = make(depth - 1), c](const Var& x) { return u(x) / shift(square(v(x)), c); };
      case 8:
        return [u, c](const Var& x) { return reciprocal(shift(abs(u(x)), c)); };
      case 9:
        return [u](const Var& x) { return softmax(u(x), -1); };
      case 10:
        return [u](const Var& x) { return standardise(u(x), {-1}, 1e-3); };
      case 11:
        return [u, c](const Var& x) { return clip(u(x), -c, c); };
      case 12:
        return [u, c](const Var& x) { return log1p(scale(square(u(x)), c)); };
      case 13:
        return [u, v = make(depth - 1)](const Var& x) { return sigmoid(u(x)) * tanh(v(x)); };
      case 14:
        return [u](const Var& x) { return relu(u(x)); };
      default:
        return [u](const Var& x) { return sqrt(square(u(x))); };
    }
  }

 private:
  Random random_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(composed_functions_move_no_more_than_told) {
  int finite = 0;
  const int count = testing::iterations(240);
  for (int seed = 0; seed < count; ++seed) {
    Random random(static_cast<std::uint64_t>(seed) + 100);
    const Function f = Composed(static_cast<std::uint64_t>(seed)).make(2 + seed % 4);
    const Norm norm = norms[seed % 3];
    const std::optional<Interval> box =
        seed % 2 == 0 ? std::nullopt : std::optional(Interval{random.uniform(-3.0, 0.0), random.uniform(0.1, 3.0)});
    const UpperBound bound = bound_of(f, {1, 4}, norm, box);
    if (!std::isfinite(bound.value())) continue;
    ++finite;
    BOOST_TEST_CONTEXT("seed " << seed << " in " << norm) {
      BOOST_TEST(bound.is_certified());
      BOOST_TEST(steepest(random, f, {1, 4}, norm, box, 80) <= bound.value() * (1.0 + 1e-9));
    }
  }
  BOOST_TEST(finite > count / 4);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
