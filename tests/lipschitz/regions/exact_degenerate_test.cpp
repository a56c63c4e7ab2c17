// The exact constant where lines coincide, meet in one point, or are no lines; where numbers are huge or computed.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "autodiff/ops.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "lipschitz/exact.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

Tensor matrix(Index rows, Index columns, std::vector<double> entries, DType dtype = DType::f64) {
  return Tensor::from<double>({rows, columns}, entries).to(dtype);
}
Tensor vector(std::vector<double> entries, DType dtype = DType::f64) {
  return Tensor::from<double>({static_cast<Index>(entries.size())}, entries).to(dtype);
}
Tensor origin(Index n, DType dtype = DType::f64) { return Tensor::zeros({1, n}, dtype); }

void check_exact(const ExactResult& result, double expected, double relative = 1e-14) {
  BOOST_TEST(result.note == "");
  BOOST_TEST((result.status == Status::finite));
  BOOST_TEST(result.lower.value() <= expected * (1.0 + relative));
  BOOST_TEST(result.upper.value() >= expected * (1.0 - relative));
  BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
}

ExactOptions on(const Interval& box, Norm norm = Norm::l2) {
  ExactOptions options;
  options.question.domain = Domain::box_or_reals(box);
  options.question.norm = norm;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exact_degenerate)

BOOST_AUTO_TEST_CASE(linear_networks_have_one_region) {
  const Tensor w = matrix(1, 2, {3.0, 4.0});
  const double expected[] = {4.0, 5.0, 7.0};
  for (std::size_t k = 0; k < 3; ++k) {
    ExactOptions options;
    options.question.norm = norms[k];
    const ExactResult result = exact_constant([&](const Var& x) { return dense(x, w, Var()); }, origin(2), options);
    BOOST_TEST(result.regions == 1);
    BOOST_TEST(result.lower.value() == expected[k]);
    BOOST_TEST(result.upper.value() == expected[k]);
  }
  const ExactResult identity = exact_constant([](const Var& x) { return x; }, origin(2));
  BOOST_TEST(identity.regions == 1);
  BOOST_TEST(identity.upper.value() == 1.0);
  BOOST_TEST(identity.lower.value() == 1.0);
  const ExactResult constant = exact_constant([](const Var& x) { return x * 0.0; }, origin(2));
  BOOST_TEST(constant.upper.value() == 0.0);
}

// x − relu(x) + relu(−x) is 0; a Jacobian at a kink is not.
BOOST_AUTO_TEST_CASE(kinks_do_not_count) {
  const auto zero = [](const Var& x) { return x - relu(x) + relu(neg(x)); };
  for (const Index n : {Index{1}, Index{2}}) {
    const ExactResult result = exact_constant(zero, origin(n));
    BOOST_TEST(result.lower.value() == 0.0);
    BOOST_TEST(result.upper.value() == 0.0);
    BOOST_TEST(result.regions == (n == 1 ? 2 : 4));
  }
  // The same behind layers whose forms are rounded: every kink lies on another one, exactly but not in floating point.
  Random random(711);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Tensor w1 = random.normals({4, 2}), b1 = random.normals({4}), w2 = random.normals({3, 4}),
                 b2 = random.normals({3});
    for (const bool clipped : {false, true}) {
      const auto inner = [&](const Var& x) {
        const Var h = dense(x, w1, b1);
        return dense(clipped ? clip(h, -0.3, 1.3) : relu(h), w2, b2);
      };
      // The second is 0.6 + relu(h − 0.6) − relu(h − 1.7) − clip(h, 0.6, 1.7), with kinks away from 0.
      const ExactResult result = exact_constant([&](const Var& x) { return zero(inner(x)); }, origin(2));
      const ExactResult shifted = exact_constant(
          [&](const Var& x) {
            const Var h = inner(x);
            return relu(h - 0.6) - relu(h - 1.7) - clip(h, 0.6, 1.7);
          },
          origin(2));
      BOOST_TEST(result.note == "");
      BOOST_TEST(shifted.note == "");
      BOOST_TEST(result.upper.value() == 0.0);
      BOOST_TEST(shifted.upper.value() == 0.0);
    }
  }
}

// Neurons that are exact multiples of others add no region and no constant of their own.
BOOST_AUTO_TEST_CASE(duplicated_neurons_add_nothing) {
  Random random(712);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const DType dtype = k % 2 == 0 ? DType::f32 : DType::f64;
    const Index n = 5;
    const Tensor w1 = random.normals({n, 2}, dtype), b1 = random.normals({n}, dtype),
                 w2 = random.normals({4, n}, dtype), b2 = random.normals({4}, dtype),
                 w3 = random.normals({2, 4}, dtype);
    const auto f = [&](const Var& x) { return dense(relu(dense(relu(dense(x, w1, b1)), w2, b2)), w3, Var()); };
    // The same function with every neuron several times: (2 + 4) / 2 − 8 / 4 = 1, 4 / 2 − 1 = 1.
    const auto g = [&](const Var& x) {
      const Var a = dense(x, w1, b1);
      const Var doubled = (relu(a * 2.0) + relu(a * 4.0)) * 0.5 - relu(a * 8.0) * 0.25;
      const Var b = dense(doubled, w2, b2);
      return dense(relu(b * 4.0) * 0.5 - relu(b), w3, Var());
    };
    const ExactResult once = exact_constant(f, origin(2, dtype)), often = exact_constant(g, origin(2, dtype));
    BOOST_TEST(often.regions == once.regions);
    check_exact(often, once.lower.value(), 1e-13);
    // By a factor that is no power of two: the same lines, with rounded coefficients.
    const auto h = [&](const Var& x) {
      const Var b = dense(relu(dense(x, w1, b1)), w2, b2);
      return dense(relu(b * 3.0) - relu(b) - relu(b), w3, Var());
    };
    const ExactResult thrice = exact_constant(h, origin(2, dtype));
    BOOST_TEST(thrice.regions == once.regions);
    check_exact(thrice, once.lower.value(), 1e-13);
  }
}

// n lines through one point make 2 n wedges; their Jacobians are read off between neighbouring angles.
BOOST_AUTO_TEST_CASE(lines_through_one_point) {
  Random random(713);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Index n = random.integer(2, 7);
    const double px = static_cast<double>(random.integer(-3, 3)), py = static_cast<double>(random.integer(-3, 3));
    std::vector<double> lines, offsets, angles, out;
    for (Index i = 0; i < n; ++i) {
      double a = 0.0, b = 0.0;
      const auto parallel = [&] {
        for (Index j = 0; j < i; ++j)
          if (lines[static_cast<std::size_t>(2 * j)] * b == lines[static_cast<std::size_t>(2 * j + 1)] * a) return true;
        return a == 0.0 && b == 0.0;
      };
      do a = static_cast<double>(random.integer(-9, 9)), b = static_cast<double>(random.integer(-9, 9));
      while (parallel());
      lines.insert(lines.end(), {a, b});
      offsets.push_back(-(a * px + b * py));
      out.push_back(random.normal());
      const double angle = std::atan2(a, -b);  // along the line
      angles.insert(angles.end(), {angle, angle > 0 ? angle - std::numbers::pi : angle + std::numbers::pi});
    }
    std::sort(angles.begin(), angles.end());
    // In y-space the lines meet in (px, py) exactly; behind a shear, only exact arithmetic sees it.
    const bool sheared = k % 2 == 1;
    const Tensor shear = sheared ? random.normals({2, 2}) : matrix(2, 2, {1.0, 0.0, 0.0, 1.0});
    const Tensor shift = sheared ? random.normals({2}) : vector({0.0, 0.0});
    double expected = 0.0;
    for (std::size_t i = 0; i < angles.size(); ++i) {
      const double next = i + 1 < angles.size() ? angles[i + 1] : angles[0] + 2 * std::numbers::pi;
      const double dx = std::cos((angles[i] + next) / 2), dy = std::sin((angles[i] + next) / 2);
      double gx = 0.0, gy = 0.0;
      for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
        if (lines[2 * j] * dx + lines[2 * j + 1] * dy <= 0) continue;
        gx += out[j] * lines[2 * j];
        gy += out[j] * lines[2 * j + 1];
      }
      expected =
          std::max(expected, std::hypot(gx * shear.at(0) + gy * shear.at(2), gx * shear.at(1) + gy * shear.at(3)));
    }
    const Tensor w1 = matrix(n, 2, lines), b1 = vector(offsets), w2 = matrix(1, n, out);
    const auto f = [&](const Var& x) { return dense(relu(dense(dense(x, shear, shift), w1, b1)), w2, Var()); };
    const ExactResult result = exact_constant(f, origin(2));
    BOOST_TEST_CONTEXT("arrangement " << k) {
      BOOST_TEST(result.regions == 2 * n);
      check_exact(result, expected, 1e-12);
    }
  }
}

BOOST_AUTO_TEST_CASE(parallel_lines_and_neurons_without_weights) {
  const Tensor w1 = matrix(6, 2, {1, 2, 2, 4, -1, -2, 0, 0, 0, 0, 3, 6}), b1 = vector({0, 1, 5, 2, -2, 9});
  const Tensor w2 = matrix(1, 6, {1, 1, 1, 100, 100, 1});
  const auto f = [&](const Var& x) { return dense(relu(dense(x, w1, b1)), w2, Var()); };
  const ExactResult result = exact_constant(f, origin(2));
  BOOST_TEST(result.regions == 5);  // of t = x + 2 y, kinks at −3, −1/2, 0 and 5
  check_exact(result, 6.0 * std::sqrt(5.0));
  // A neuron that is 0 everywhere lies on its kink everywhere and takes part in nothing.
  const Tensor z = matrix(2, 2, {0, 0, 1, 0}), b = vector({0, 0}), w = matrix(1, 2, {7, 1});
  const ExactResult zero =
      exact_constant([&](const Var& x) { return dense(relu(dense(x, z, b)), w, Var()); }, origin(2));
  BOOST_TEST(zero.regions == 2);
  BOOST_TEST(zero.upper.value() == 1.0);
  BOOST_TEST(zero.lower.value() == 1.0);
}

// Kinks of the second layer that run through corners of the first one's cells.
BOOST_AUTO_TEST_CASE(lines_through_corners) {
  // h = (relu(x), relu(y), relu(x + y − 1)); the second layer's kink runs through (1, 0) and (0, 1) in every cell.
  const Tensor w1 = matrix(3, 2, {1, 0, 0, 1, 1, 1}), b1 = vector({0, 0, -1});
  const Tensor w2 = matrix(2, 3, {1, 1, 0, 1, 1, -3}), b2 = vector({-1, -1}), w3 = matrix(1, 2, {1, 2});
  const auto f = [&](const Var& x) { return dense(relu(dense(relu(dense(x, w1, b1)), w2, b2)), w3, Var()); };
  ExactOptions options;
  double sampled = 0.0;
  for (double x = -4.03; x < 4; x += 0.1)
    for (double y = -4.07; y < 4; y += 0.1) {
      const Tensor j = jacobian(f, Tensor::of<double>({1, 2}, {x, y}));
      sampled = std::max(sampled, std::hypot(j.at(0), j.at(1)));
    }
  check_exact(exact_constant(f, origin(2), options), sampled);
  // All biases 0: everything meets in the origin.
  Random random(714);
  for (int k = 0; k < testing::iterations(5); ++k) {
    const Tensor a = random.normals({6, 2}), b = random.normals({6, 6}), c = random.normals({2, 6});
    const auto cone = [&](const Var& x) { return dense(relu(dense(relu(dense(x, a, Var())), b, Var())), c, Var()); };
    const ExactResult result = exact_constant(cone, origin(2));
    double largest = 0.0;
    for (int n = 0; n < 2000; ++n) {
      const double angle = random.uniform(-4.0, 4.0);
      largest = std::max(largest, static_cast<double>(testing::spectral_norm(
                                      jacobian(cone, Tensor::of<double>({1, 2}, {std::cos(angle), std::sin(angle)})))));
    }
    BOOST_TEST(result.note == "");
    BOOST_TEST(largest <= result.upper.value() * (1.0 + 1e-12));
    BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-13));
  }
}

BOOST_AUTO_TEST_CASE(several_kinks_per_operation) {
  const auto constant = [](const Function& f, Index n = 1) { return exact_constant(f, origin(n)); };
  const ExactResult saw = constant([](const Var& x) { return abs(abs(x) - 1.0); });
  BOOST_TEST(saw.regions == 4);
  check_exact(saw, 1.0);
  const ExactResult clipped = constant([](const Var& x) { return clip(x * 3.0, -1.0, 2.0) + clip(x, 0.0, 1.0); });
  BOOST_TEST(clipped.regions == 5);
  check_exact(clipped, 4.0);
  check_exact(constant([](const Var& x) { return clip(x, -infinity, 1.0) - clip(x, 1.0, infinity); }), 1.0);
  check_exact(constant([](const Var& x) { return clip(clip(x, 0.0, 1.0) * 5.0, 5.0, 6.0); }), 0.0);
  // Breakpoints that are no doubles.
  const ExactResult sigmoid = constant([](const Var& x) { return hard_sigmoid(x) - hard_sigmoid(0.75 - x) * 0.5; });
  check_exact(sigmoid, 1.5 / 6.0, 1e-12);
  BOOST_TEST(sigmoid.regions == 5);
  const ExactResult other = constant([](const Var& x) { return hard_sigmoid(x, -0.3, 0.25) * 2.0; }, 2);
  check_exact(other, 0.6, 1e-12);
  BOOST_TEST(other.regions == 9);
  // hard_sigmoid(x) + hard_sigmoid(−x) = 1. Its kinks coincide, and are known by enclosures only: nothing may be
  // claimed from below.
  const ExactResult symmetric = constant([](const Var& x) { return hard_sigmoid(x) + hard_sigmoid(neg(x)); });
  BOOST_TEST(symmetric.note != "");
  BOOST_TEST(symmetric.lower.value() <= 1e-16);
  // The far piece of a leaky_relu with a slope beyond 1.
  check_exact(constant([](const Var& x) { return leaky_relu(leaky_relu(x, 3.0), 2.0); }), 6.0);
}

// Thousands of regions with the same constant up to rounding, more than are kept for the last comparison; the largest
// is among the first or among the last.
BOOST_AUTO_TEST_CASE(many_regions_of_one_constant) {
  for (const double direction : {1.0, -1.0}) {
    const auto saw = [&](const Var& x) {
      Var y = x * (0.3 * direction);
      for (int k = 12; k >= 0; --k) y = abs(y - std::exp2(k));
      return y * 0.7 + relu(x * direction - 1e5) * 1e-9;
    };
    const ExactResult result = exact_constant(saw, origin(1));
    BOOST_TEST(result.regions == 8192 + 1);
    check_exact(result, 0.3 * 0.7 + 1e-9, 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(boxes_end_where_they_end) {
  const auto f = [](const Var& x) { return relu(x) * 2.0 + relu(x - 1.0) * 5.0; };
  check_exact(exact_constant(f, origin(1), on({-3.0, 0.0})), 0.0);
  check_exact(exact_constant(f, origin(1), on({0.0, 1.0})), 2.0);
  BOOST_TEST(exact_constant(f, origin(1), on({0.0, 1.0})).regions == 1);
  check_exact(exact_constant(f, origin(1), on({0.0, std::nextafter(1.0, 2.0)})), 7.0);
  check_exact(exact_constant(f, origin(1), on({-infinity, 0.5})), 2.0);
  check_exact(exact_constant(f, origin(2), on({1.0, infinity})), 7.0);
  check_exact(exact_constant(f, origin(2), on({-infinity, infinity})), 7.0);
  BOOST_TEST(exact_constant(f, origin(2), on({-infinity, infinity})).regions == 9);
  BOOST_TEST(exact_constant(f, origin(2), on({-1.0, infinity})).regions == 9);
  BOOST_TEST(exact_constant(f, origin(2), on({-infinity, 0.5})).regions == 4);
  check_exact(exact_constant(f, origin(2), on({2.0, 2.0})), 0.0);
}

BOOST_AUTO_TEST_CASE(scales_do_not_matter) {
  Random random(715);
  const Tensor w1 = random.normals({5, 2}), b1 = random.normals({5}), w2 = random.normals({5, 5}),
               b2 = random.normals({5}), w3 = random.normals({2, 5});
  const auto scaled_by = [&](double a, double b, double c) {
    return [=](const Var& x) {
      const auto times = [](const Tensor& t, double s) { return testing::scaled(t, s); };
      const Var h = relu(dense(x, times(w1, a), times(b1, a)));
      return dense(relu(dense(h, times(w2, b), times(b2, a * b))), times(w3, c), Var());
    };
  };
  const ExactResult plain = exact_constant(scaled_by(1, 1, 1), origin(2));
  constexpr double big = 0x1p332, small = 0x1p-332;  // about 1e±100
  for (const auto& [a, b, c] :
       {std::array{big, big, small}, {small, small, small}, {big, small, 1.0}, {small, big, big}}) {
    const ExactResult result = exact_constant(scaled_by(a, b, c), origin(2));
    const double log = std::log2(a) + std::log2(b) + std::log2(c);
    BOOST_TEST(result.regions == plain.regions);
    BOOST_TEST(result.note == "");
    BOOST_TEST(result.lower.magnitude().log10() == plain.lower.magnitude().log10() + log * std::log10(2.0),
               boost::test_tools::tolerance(1e-13));
    BOOST_TEST(result.upper.magnitude().log10() == result.lower.magnitude().log10(),
               boost::test_tools::tolerance(1e-13));
  }
  // Beyond the range of double, and lines 1e100 away.
  const ExactResult beyond = exact_constant(
      [&](const Var& x) { return relu(x * 0x1p900) * 0x1p900 + relu(x * 0x1p900 - 0x1p1000) * 0x1p900; }, origin(1));
  BOOST_TEST(beyond.upper.magnitude().log10() == 1801 * std::log10(2.0), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(beyond.lower.magnitude().log10() == 1801 * std::log10(2.0), boost::test_tools::tolerance(1e-14));
  const ExactResult far =
      exact_constant([&](const Var& x) { return relu(x) + relu(x - 1e100) + relu(x - 1e-100); }, origin(1));
  BOOST_TEST(far.regions == 4);
  check_exact(far, 3.0);
}

BOOST_AUTO_TEST_CASE(graphs_and_several_inputs) {
  Random random(716);
  const Tensor w = random.normals({2, 2}), v = random.normals({2, 2}), b = random.normals({2});
  const auto block = [&](const Var& x) { return x + dense(relu(dense(x, w, b)), v, Var()); };
  const auto whole = [&](const Var& x) { return concat({block(block(x)), relu(x - block(x))}, 1); };
  const ExactResult together = exact_constant(whole, origin(2));
  for (int n = 0; n < 500; ++n) {
    const Tensor x = random.normals({1, 2});
    BOOST_TEST(static_cast<double>(testing::spectral_norm(jacobian(whole, x))) <=
               together.upper.value() * (1.0 + 1e-12));
  }
  BOOST_TEST(together.upper.value() <= together.lower.value() * (1.0 + 1e-13));
  // The two numbers as two leaves.
  Tape tape;
  const Var x = tape.input(Tensor::zeros({1, 1}, DType::f64)), y = tape.input(Tensor::zeros({1, 1}, DType::f64));
  const ExactResult apart = exact_constant(whole(concat({x, y}, 1)));
  BOOST_TEST(apart.lower.value() == together.lower.value(), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(apart.regions == together.regions);
  BOOST_TEST(apart.point.shape() == Shape{2});
  // Convolutions, pools and sums are affine as well.
  const Tensor kernel = random.normals({2, 1, 1, 2});
  const auto image = [&](const Var& z) {
    const Var c = relu(conv2d(reshape(z, {z.shape()[0], 1, 1, 2}), kernel, Var()));
    return mean(reshape(c, {z.shape()[0], 2}), {1});
  };
  const ExactResult conv = exact_constant(image, origin(2));
  const double k0 = kernel.at(0), k1 = kernel.at(1), k2 = kernel.at(2), k3 = kernel.at(3);
  check_exact(conv, 0.5 * std::max({std::hypot(k0, k1), std::hypot(k2, k3), std::hypot(k0 + k2, k1 + k3)}), 1e-13);
}

// Weights that the tape computes are known by enclosures. Where these decide every side nothing is lost; where they do
// not, the part is bounded and the result says so.
BOOST_AUTO_TEST_CASE(computed_weights_are_enclosed) {
  Random random(717);
  const Tensor raw = random.normals({6, 2}), b = random.normals({6}), w = random.normals({2, 6});
  Tape tape;
  const Var x = tape.input(origin(2));
  const Var weights = tape.parameter(raw) * sqrt(tape.parameter(Tensor::full({6, 2}, DType::f64, 2.0)));
  const ExactResult result = exact_constant(dense(relu(dense(x, weights, b)), w, Var()));
  const Tensor scaled = testing::scaled(raw, std::sqrt(2.0));
  const ExactResult plain =
      exact_constant([&](const Var& z) { return dense(relu(dense(z, scaled, b)), w, Var()); }, origin(2));
  BOOST_TEST(result.note == "");
  BOOST_TEST(result.regions == plain.regions);
  BOOST_TEST(result.lower.value() <= plain.upper.value() * (1.0 + 1e-13));
  BOOST_TEST(result.upper.value() >= plain.lower.value() * (1.0 - 1e-13));
  BOOST_TEST(result.upper.value() <= result.lower.value() * (1.0 + 1e-12));
  // h − relu(h) + relu(−h) with two copies of weights that are equal, which their enclosures cannot tell.
  const Var again = tape.parameter(raw) * sqrt(tape.parameter(Tensor::full({6, 2}, DType::f64, 2.0)));
  const ExactResult doubtful = exact_constant(dense(relu(dense(x, weights, b)) - relu(dense(x, again, b)), w, Var()));
  BOOST_TEST(doubtful.note != "");
  BOOST_TEST(doubtful.upper.is_certified());
  BOOST_TEST(doubtful.lower.value() <= 1e-12);
  BOOST_TEST(doubtful.upper.value() > 0.1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
