// Maps whose entries are known up to a relative error: what the error means behind compositions and sums, and that
// every norm counts it.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/ops.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/network/network.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using detail::FoldedMap;
using testing::Random;

// A map with the stored weights, and the one that the exact weights make: each within its relative error.
struct Pair {
  FoldedMap stored;
  Tensor exact;  // its matrix
};

Tensor product(const Tensor& a, const Tensor& b) {
  const Index m = a.shape()[0], k = a.shape()[1], n = b.shape()[1];
  Tensor c = Tensor::zeros({m, n}, DType::f64);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      long double sum = 0;
      for (Index l = 0; l < k; ++l) sum += static_cast<long double>(a.at(i * k + l)) * b.at(l * n + j);
      c.mutable_data<double>()[static_cast<std::size_t>(i * n + j)] = static_cast<double>(sum);
    }
  return c;
}

Pair leaf(Random& random, Index n, double error) {
  const int kind = static_cast<int>(random.integer(0, 2));
  LinearMap map = scale_map({n}, random.uniform(-2, 2));
  if (kind == 1) map = LinearMap({n}, {n}, structure::Diagonal{random.normals({n}), 1});
  if (kind == 2) map = dense_map(random.normals({n, n}), {n}, {n});
  Tensor exact = to_dense(map).copy();
  for (double& e : exact.mutable_data<double>()) e *= 1.0 + random.uniform(-1, 1) * error;
  return {FoldedMap(map, error), exact};
}

// Sums that cancel among them: A − (1 − 10⁻⁹) A.
Pair tree(Random& random, Index n, double error, int depth) {
  if (depth == 0) return leaf(random, n, random.coin() ? error : 0.0);
  const Pair a = tree(random, n, error, depth - 1);
  const bool cancels = random.integer(0, 2) == 0;
  const Pair b = cancels ? a : tree(random, n, error, depth - 1);
  if (!cancels && random.coin()) return {FoldedMap::compose(a.stored, b.stored), product(a.exact, b.exact)};
  const double factor = cancels ? -1.0 + 1e-9 : 1.0;
  Tensor sum = a.exact.copy();
  for (Index i = 0; i < sum.size(); ++i)
    sum.mutable_data<double>()[static_cast<std::size_t>(i)] += factor * b.exact.at(i);
  return {FoldedMap::add(a.stored, FoldedMap::compose(FoldedMap(scale_map({n}, factor), 0.0), b.stored)), sum};
}

double frobenius_of(const Tensor& a) {
  long double sum = 0;
  for (const double e : a.data<double>()) sum += static_cast<long double>(e) * e;
  return static_cast<double>(std::sqrt(sum));
}

// A − (1 − ε) A, of which the second has other errors: entries of 1 up to e, less entries of 1 up to e.
AffineMap cancelling(Index n, double error) {
  const LinearMap one = identity_map({n}), other = scale_map({n}, -1.0);
  return {LinearMap({n}, {n}, structure::Sum{{one, other}}), error};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(uncertain_maps)

BOOST_AUTO_TEST_CASE(errors_of_terms_that_cancel_are_counted) {
  for (const Index n : {1, 4, 25})
    for (const double error : {1e-16, 2.44e-10, 1e-3}) {
      const AffineMap map = cancelling(n, error);
      const double most = 2.0 * error;  // 1 + e − (1 − e)
      for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
        BOOST_TEST(operator_norm(map, norm).upper.value() >= most * (1.0 - 1e-12));
        BOOST_TEST(operator_norm(map, norm).upper.value() <= most * (1.0 + 1e-9) + 1e-14 * static_cast<double>(n));
      }
      const double frobenius = frobenius_norm(map).value(), root = std::sqrt(static_cast<double>(n));
      BOOST_TEST(frobenius >= root * most * (1.0 - 1e-12));
      BOOST_TEST(frobenius <= root * most * (1.0 + 1e-9) + 1e-14 * static_cast<double>(n));
    }
}

BOOST_AUTO_TEST_CASE(one_layer_keeps_its_factor) {
  Random random(821);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Tensor weight = random.normals({random.integer(1, 6), random.integer(1, 6)});
    const LinearMap map = dense_map(weight, {weight.shape()[1]}, {weight.shape()[0]});
    const double exact = frobenius_norm(map).value();
    BOOST_TEST(frobenius_norm(AffineMap{map, 1e-9}).value() == exact * (1.0 + 1e-9),
               boost::test_tools::tolerance(1e-15));
    BOOST_TEST(frobenius_norm(AffineMap{map, 0.0}).value() == exact);
  }
}

// Chains of compositions and sums, weights anywhere within their errors: no norm of the exact matrix exceeds its bound.
BOOST_AUTO_TEST_CASE(exact_weights_lie_within_every_bound) {
  Random random(822);
  for (int k = 0; k < testing::iterations(150); ++k) {
    const Index n = random.integer(1, 5);
    const double error = std::pow(10.0, random.uniform(-13.0, -2.0));
    const Pair pair = tree(random, n, error, static_cast<int>(random.integer(1, 3)));
    const AffineMap map{pair.stored.map(), pair.stored.relative_error()};
    const double slack = 1e-14 * frobenius_norm(absolute(map.map)).value();
    BOOST_TEST_CONTEXT("error " << error << ", n = " << n) {
      BOOST_TEST(frobenius_norm(map).value() >= frobenius_of(pair.exact) * (1.0 - 1e-12) - slack);
      for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
        const Enclosure bounds = operator_norm(map, norm);
        const double truth = norm == Norm::l2 ? static_cast<double>(testing::spectral_norm(pair.exact))
                                              : static_cast<double>(testing::sum_norm(pair.exact, norm == Norm::linf));
        BOOST_TEST(bounds.upper.value() >= truth * (1.0 - 1e-12) - slack);
        BOOST_TEST(bounds.lower.value() <= truth * (1.0 + 1e-12) + slack);
      }
    }
  }
}

// An identity whose 1 is not exact is no identity for the norm that is known.
BOOST_AUTO_TEST_CASE(an_uncertain_identity_keeps_its_error) {
  const FoldedMap weight(dense_map(Tensor::full({2, 2}, DType::f64, 1.0), {2}, {2}), 0.0);
  AutoLipOptions options;
  bool cut = false;
  const double before = weight.norm(options, cut).value();
  for (const bool outside : {true, false}) {
    const FoldedMap one(identity_map({2}), 1e-3);
    const FoldedMap both = outside ? FoldedMap::compose(one, weight) : FoldedMap::compose(weight, one);
    BOOST_TEST(both.norm(options, cut).value() >= before * (1.0 + 0.999e-3));
  }
  const FoldedMap exact = FoldedMap::compose(FoldedMap(identity_map({2}), 0.0), weight);
  BOOST_TEST(exact.norm(options, cut).value() == before);
}

// ---- which constants matter

// A batch norm whose shift cancels is as exact as its scale.
BOOST_AUTO_TEST_CASE(shifts_that_cancel_do_not_count) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Tape tape;
    const auto constant = [&](double value) { return tape.constant(Tensor::full({2}, DType::f64, value).to(dtype)); };
    const Var x = tape.input(Tensor::zeros({1, 2, 3, 3}, dtype));
    // (x − 3) / √2 · 1 + 3 / √2: the shift is 0 but for rounding, whatever its relative error.
    const Var scale = rsqrt(constant(2.0)), shift = constant(3.0) * scale - constant(3.0) * rsqrt(constant(2.0));
    const Var y = channel_affine(x, scale, shift);
    const auto part = affine_part(y);
    BOOST_TEST_REQUIRE(part.has_value());
    BOOST_TEST(part->relative_error < 1e-14);
    BOOST_TEST(autolip(y).bound.value() == std::sqrt(0.5), boost::test_tools::tolerance(1e-12));
    BOOST_TEST(autolip(y).bound.is_certified());
  }
}

// What enters the map counts as before, wherever it stands.
BOOST_AUTO_TEST_CASE(scales_and_weights_do_count) {
  Tape tape;
  const auto third = [&](const Shape& shape) {
    return tape.constant(Tensor::full(shape, DType::f64, 1.0)) *
           rsqrt(tape.constant(Tensor::full(shape, DType::f64, 9.0)));
  };
  const Var x = tape.input(Tensor::zeros({1, 2}, DType::f64));
  const Var bias = tape.constant(Tensor::zeros({2}, DType::f64));
  for (const Var& y : {x * third({1, 2}), dense(x, third({2, 2}), bias), channel_affine(x, third({2}), bias)}) {
    const auto part = affine_part(y);
    BOOST_TEST_REQUIRE(part.has_value());
    BOOST_TEST(part->relative_error > 0.0);
  }
  const Var uncertain = third({2}) - third({2});  // 0 up to rounding, with an infinite relative error
  const Var weight = tape.constant(Tensor::full({2, 2}, DType::f64, 0.5));
  for (const Var& y : {dense(x, weight, uncertain), x + reshape(uncertain, {1, 2}), x - reshape(uncertain, {1, 2}),
                       reshape(uncertain, {1, 2}) - x, channel_affine(x, bias, uncertain)}) {
    const auto part = affine_part(y);
    BOOST_TEST_REQUIRE(part.has_value());
    BOOST_TEST(part->relative_error == 0.0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
