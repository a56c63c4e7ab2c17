// Steps: one layer of activations with what leads past it. Modules that are 1-Lipschitz by more than their parts' norms
// come back as 1, and what only looks like them does not.
#include "lipschitz/upper/step.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

Tensor random_matrix(Random& random, Index m, Index n, double size = 1.0) {
  Tensor a = Tensor::uninitialised({m, n}, DType::f64);
  for (double& e : a.mutable_data<double>()) e = random.uniform(-size, size);
  return a;
}

double bound_of(const Function& f, const Shape& shape, Norm norm = Norm::l2) {
  AutoLipOptions options;
  options.question.norm = norm;
  const UpperBound bound = autolip(f, Tensor::zeros(shape, DType::f64), options).bound;
  BOOST_TEST(bound.is_certified());
  return bound.value();
}

double length(const Tensor& x, Norm norm) {
  double total = 0.0;
  for (const double e : x.data<double>())
    total = norm == Norm::linf ? std::max(total, std::fabs(e)) : total + (norm == Norm::l1 ? std::fabs(e) : e * e);
  return norm == Norm::l2 ? std::sqrt(total) : total;
}

// The largest quotient of some pairs of points, near and far.
double attained(const Function& f, const Shape& shape, Norm norm = Norm::l2) {
  Random random(7);
  double most = 0.0;
  for (int k = 0; k < 400; ++k) {
    Tensor x = Tensor::uninitialised(shape, DType::f64), y = x.copy();
    const double near = k % 2 == 0 ? 1e-3 : 2.0, centre = k % 4 < 2 ? 0.0 : 2.0;
    auto xs = x.mutable_data<double>(), ys = y.mutable_data<double>();
    for (std::size_t i = 0; i < xs.size(); ++i) {
      xs[i] = random.uniform(-centre - 0.5, centre + 0.5);
      ys[i] = xs[i] + random.uniform(-near, near);
    }
    const Tensor a = f(Var(x)).value(), b = f(Var(y)).value();
    Tensor change = a.copy(), moved = x.copy();
    for (Index i = 0; i < a.size(); ++i) change.mutable_data<double>()[static_cast<std::size_t>(i)] -= b.at(i);
    for (Index i = 0; i < x.size(); ++i) moved.mutable_data<double>()[static_cast<std::size_t>(i)] -= y.at(i);
    most = std::max(most, length(change, norm) / length(moved, norm));
  }
  return most;
}

struct Module {
  const char* name;
  Function f;  // of (1, 6)
  double constant;
};

Var both(const Var& a, const Var& b) { return concat({a, b}, 1); }
std::vector<Var> halves(const Var& x) { return split(x, 1, 2); }
Var pairs(const Var& x) { return reshape(x, Shape{1, 3, 2}); }

std::vector<Module> modules() {
  const double root2 = std::sqrt(2.0);
  return {
      {"crelu", [](const Var& x) { return both(relu(x), relu(neg(x))); }, 1.0},
      {"crelu of another sign", [](const Var& x) { return both(neg(relu(neg(x))), relu(x)); }, 1.0},
      {"positive and negative part", [](const Var& x) { return both(relu(x), clip(x, -infinity, 0.0)); }, 1.0},
      {"crelu of a part", [](const Var& x) { return both(relu(halves(x)[0]), relu(neg(halves(x)[0]))); }, 1.0},
      {"crelu beside the rest",
       [](const Var& x) {
         return concat({relu(halves(x)[0]), halves(x)[1], relu(neg(halves(x)[0]))}, 1);
       },
       1.0},
      {"max and min",
       [](const Var& x) { return both(maximum(halves(x)[0], halves(x)[1]), minimum(halves(x)[0], halves(x)[1])); },
       1.0},
      {"min and max, swapped",
       [](const Var& x) { return both(minimum(halves(x)[1], halves(x)[0]), maximum(halves(x)[0], halves(x)[1])); },
       1.0},
      {"min by max",
       [](const Var& x) {
         return both(maximum(halves(x)[0], halves(x)[1]), neg(maximum(neg(halves(x)[0]), neg(halves(x)[1]))));
       },
       1.0},
      {"max and min of pairs", [](const Var& x) { return both(max(pairs(x), {2}), min(pairs(x), {2})); }, 1.0},
      {"min and max, stacked",
       [](const Var& x) {
         return reshape(concat({min(pairs(x), {2}, true), max(pairs(x), {2}, true)}, 2), Shape{1, 6});
       },
       1.0},
      {"minus the absolute value", [](const Var& x) { return x - scale(relu(x), 2.0); }, 1.0},
      {"average of residuals", [](const Var& x) { return scale(x + x - relu(x), 0.5); }, 1.0},
      {"relu by its other side", [](const Var& x) { return x + relu(neg(x)); }, 1.0},
      {"leaky halves", [](const Var& x) { return both(leaky_relu(x, 0.5), relu(neg(x))); }, std::sqrt(1.25)},
      // What only looks like it.
      {"crelu with a shift", [](const Var& x) { return both(relu(shift(x, 1.0)), relu(shift(neg(x), 1.0))); }, root2},
      {"the same maximum twice",
       [](const Var& x) { return both(maximum(halves(x)[0], halves(x)[1]), maximum(halves(x)[1], halves(x)[0])); },
       root2},
      {"max and min of different pairs",
       [](const Var& x) {
         return both(maximum(halves(x)[0], halves(x)[1]), minimum(shift(halves(x)[0], 1.0), halves(x)[1]));
       },
       root2},
      {"relu of two scales", [](const Var& x) { return both(relu(x), relu(scale(x, 2.0))); }, std::sqrt(5.0)},
      {"two shifts of the same",
       [](const Var& x) {
         const Tensor shifts = Tensor::of<double>(Shape{12}, {1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1});
         const Var y = relu(both(x, x) + Var(shifts));
         return both(slice(y, 1, 0, 6) - slice(y, 1, 6, 12), x);
       },
       root2},
      {"two shifts of pairs",
       [](const Var& x) {
         const Tensor shifts = Tensor::of<double>(Shape{12}, {1, 0, 1, 0, 1, 0, -1, 0, -1, 0, -1, 0});
         const Var y = max(reshape(both(x, x) + Var(shifts), Shape{1, 6, 2}), {2});
         return both(slice(y, 1, 0, 3) - slice(y, 1, 3, 6), x);
       },
       std::sqrt(3.0)},
      {"tanh twice", [](const Var& x) { return both(tanh(x), tanh(neg(x))); }, root2},
  };
}

BOOST_AUTO_TEST_SUITE(steps)

BOOST_AUTO_TEST_CASE(modules_have_their_constants) {
  for (const Module& m : modules()) {
    const double bound = bound_of(m.f, Shape{1, 6});
    BOOST_TEST(bound <= m.constant * (1 + 1e-7), m.name << ": " << bound);
    BOOST_TEST(bound >= m.constant * (1 - 1e-12), m.name << ": " << bound);
    BOOST_TEST(attained(m.f, Shape{1, 6}) <= bound * (1 + 1e-9), m.name);
  }
}

BOOST_AUTO_TEST_CASE(sorting_keeps_l1_and_linf) {
  for (const Norm norm : {Norm::l1, Norm::linf})
    for (const Module& m : modules()) {
      const double bound = bound_of(m.f, Shape{1, 6}, norm);
      BOOST_TEST(attained(m.f, Shape{1, 6}, norm) <= bound * (1 + 1e-9), m.name);
      const bool sorts = std::string(m.name).find("min") != std::string::npos && m.constant == 1.0;
      if (sorts) BOOST_TEST(bound <= 1.0 + 1e-9, m.name << ": " << bound);
    }
}

BOOST_AUTO_TEST_CASE(layers_of_images_keep_their_norm) {
  const Function crelu = [](const Var& x) { return both(relu(x), relu(neg(x))); };
  const Function maxmin = [](const Var& x) {
    return both(maximum(halves(x)[0], halves(x)[1]), minimum(halves(x)[0], halves(x)[1]));
  };
  for (const Function& f : {crelu, maxmin}) BOOST_TEST(bound_of(f, Shape{1, 8, 24, 24}) <= 1.0 + 1e-9);
}

// x − c Wᵀ s(W x + b) with c ‖W‖² ≤ 2, and with more.
BOOST_AUTO_TEST_CASE(steps_against_a_gradient) {
  Random random(11);
  for (int k = 0; k < 10; ++k) {
    const Index n = 2 + k, m = 1 + 2 * k;
    const Tensor w = random_matrix(random, m, n), b = random_matrix(random, 1, m).reshaped(Shape{m});
    const double square = std::pow(dense_norm(w, Norm::l2).upper.value(), 2);
    const auto step_by = [&](double c, bool smooth) -> Function {
      return [=](const Var& x) {
        const Var h = dense(x, Var(w), Var(b));
        return x - scale(matmul(smooth ? tanh(h) : relu(h), Var(w)), c);
      };
    };
    for (const bool smooth : {false, true}) {
      BOOST_TEST(bound_of(step_by(2.0 / square, smooth), Shape{1, n}) <= 1.0 + 1e-6);
      BOOST_TEST(bound_of(step_by(1.0 / square, smooth), Shape{1, n}) <= 1.0 + 1e-6);
      const double far = bound_of(step_by(4.0 / square, smooth), Shape{1, n});
      BOOST_TEST(far <= 3.0 + 1e-5);  // the largest |1 − c s ‖W‖²|
      BOOST_TEST(attained(step_by(4.0 / square, smooth), Shape{1, n}) <= far * (1 + 1e-9));
    }
  }
}

// The layers of [Araujo2023]: x − 2 Wᵀ T relu(W x + b), T = 1 / Σ_j |W Wᵀ|_ij q_j / q_i.
BOOST_AUTO_TEST_CASE(steps_by_sums_of_rows) {
  Random random(12);
  for (int k = 0; k < 10; ++k) {
    const Index n = 3 + k, m = 2 * n - k;
    const Tensor w = random_matrix(random, m, n), b = random_matrix(random, 1, m).reshaped(Shape{m});
    std::vector<double> q, t;
    for (Index i = 0; i < m; ++i) q.push_back(std::exp(random.uniform(-1.0, 1.0)));
    for (Index i = 0; i < m; ++i) {
      double sum = 0.0;
      for (Index j = 0; j < m; ++j) {
        double dot = 0.0;
        for (Index l = 0; l < n; ++l) dot += w.at(i * n + l) * w.at(j * n + l);
        sum += std::fabs(dot) * q[static_cast<std::size_t>(j)] / q[static_cast<std::size_t>(i)];
      }
      t.push_back(1.0 / sum);
    }
    const Tensor scales = Tensor::from<double>(Shape{m}, t);
    const Function f = [=](const Var& x) {
      return x - scale(matmul(relu(dense(x, Var(w), Var(b))) * Var(scales), Var(w)), 2.0);
    };
    BOOST_TEST(bound_of(f, Shape{1, n}) <= 1.0 + 1e-6);
    const Function two = [=](const Var& x) { return f(f(x)); };
    BOOST_TEST(bound_of(two, Shape{1, n}) <= 1.0 + 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(steps_of_convolutions) {
  Random random(13);
  for (int k = 0; k < 6; ++k) {
    const Index channels = 2 + k, hidden = 3 + k % 3;
    Tensor kernel = random_matrix(random, hidden, channels * 9).reshaped(Shape{hidden, channels, 3, 3});
    const Conv2dOptions options{.padding = {1, 1, 1, 1}};
    const Shape image{1, channels, 12, 12};
    const auto layer = [=](const Var& x) { return conv2d(x, Var(kernel), Var(), options); };
    const double square = std::pow(bound_of(layer, image), 2);
    const auto step_by = [=](double c) -> Function {
      return [=](const Var& x) { return x - scale(conv_transpose2d(relu(layer(x)), Var(kernel), Var(), options), c); };
    };
    BOOST_TEST(bound_of(step_by(1.0 / square), image) <= 1.0 + 1e-6);
    BOOST_TEST(bound_of(step_by(2.0 / square), image) <= 1.0 + 1e-6);
    const double far = bound_of(step_by(5.0 / square), image);
    BOOST_TEST(far <= 4.0 + 1e-4);
    BOOST_TEST(attained(step_by(5.0 / square), image) <= far * (1 + 1e-9));
    // A step along the gradient lets changes grow.
    const Function along = [=](const Var& x) {
      return x + scale(conv_transpose2d(relu(layer(x)), Var(kernel), Var(), options), 2.0 / square);
    };
    BOOST_TEST(attained(along, image) > 1.05);
    BOOST_TEST(attained(along, image) <= bound_of(along, image) * (1 + 1e-9));
    // Another kernel behind the activation is no gradient.
    Tensor other = kernel.copy();
    other.mutable_data<double>()[0] += 0.5;
    const Function off = [=](const Var& x) {
      return x - scale(conv_transpose2d(relu(layer(x)), Var(other), Var(), options), 2.0 / square);
    };
    BOOST_TEST(attained(off, image) <= bound_of(off, image) * (1 + 1e-9));
  }
}

// sup over all slopes of ‖D + V diag(s) W‖ lies below both bounds; that of the corners attains it.
BOOST_AUTO_TEST_CASE(random_steps_are_bounded) {
  Random random(14);
  for (int k = 0; k < 40; ++k) {
    const Index p = 1 + k % 4, m = 1 + k % 5, n = 1 + k % 3;
    detail::LayerStep step{random_matrix(random, p, n), random_matrix(random, p, m, std::pow(10.0, k % 5 - 2)),
                           random_matrix(random, m, n), random_matrix(random, 1, m).reshaped(Shape{m}), Tensor()};
    step.hi = step.lo.copy();
    for (double& e : step.hi.mutable_data<double>()) e += random.uniform(0.0, 1.5);
    double most = 0.0;
    for (int trial = 0; trial < 200; ++trial) {
      Tensor sum = step.past.copy();
      for (Index i = 0; i < m; ++i) {
        const double share = trial < 100 ? std::round(random.uniform(0.0, 1.0)) : random.uniform(0.0, 1.0);
        const double slope = step.lo.at(i) + share * (step.hi.at(i) - step.lo.at(i));
        for (Index a = 0; a < p; ++a)
          for (Index c = 0; c < n; ++c)
            sum.mutable_data<double>()[static_cast<std::size_t>(a * n + c)] +=
                step.after.at(a * m + i) * slope * step.before.at(i * n + c);
      }
      most = std::max(most, dense_norm(sum, Norm::l2).lower.value());
    }
    const double corners = detail::bound_by_corners(step, Norm::l2, {}).value(),
                 multiplier = detail::bound_by_multiplier(step, {}).value();
    BOOST_TEST(corners >= most * (1 - 1e-12));
    BOOST_TEST(multiplier >= corners * (1 - 1e-9));
    BOOST_TEST(multiplier < 10.0 * corners);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace taut
