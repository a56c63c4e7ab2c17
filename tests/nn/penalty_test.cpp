#include "nn/penalty.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/diff.h"
#include "nn/layers.h"
#include "nn/optimiser.h"
#include "tests/nn/support.h"

using namespace taut;
using namespace taut::test;

namespace {

double converged(nn::LogNormProduct& product, int calls) {
  Tape tape;
  for (int i = 0; i < calls; ++i) {
    product(tape);
    tape.rewind();
  }
  return product.estimate();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(penalty)

// diag(3, 2) has norm 3, [[0, 5], [0, 0]] has norm 5.
BOOST_AUTO_TEST_CASE(converges_to_the_product_of_spectral_norms) {
  const nn::Parameter a(Tensor::of(Shape{2, 2}, {3.0, 0.0, 0.0, 2.0}));
  const nn::Parameter b(Tensor::of(Shape{2, 2}, {0.0, 5.0, 0.0, 0.0}));
  nn::LogNormProduct product(1);
  product.add(a);
  product.add(b);
  // The error shrinks by (2/3)⁴ a call.
  BOOST_TEST(std::fabs(converged(product, 30) - 15.0) <= 1e-12);
}

// The kernel [−1, 2, −1] on 3 pixels with zero padding has norm 2 + √2; on the reshaped kernel it would be √6.
BOOST_AUTO_TEST_CASE(takes_the_operator_of_a_convolution) {
  const nn::Parameter kernel(Tensor::of(Shape{1, 1, 1, 3}, {-1.0, 2.0, -1.0}));
  nn::LogNormProduct product(1);
  product.add(kernel, {.padding = {0, 0, 1, 1}, .layout = Layout::chwn}, {1, 1, 3});
  BOOST_TEST(std::fabs(converged(product, 60) - (2.0 + std::sqrt(2.0))) <= 1e-12);
}

// With stride 2 the sizes 5 and 6 of an image give the same result size; the transpose must come back to the right one.
BOOST_AUTO_TEST_CASE(takes_strides_whose_transpose_is_ambiguous) {
  nn::Random random(1);
  nn::Conv2d conv(2, 3, {2, 2}, random, {.stride = {2, 2}}, {.dtype = DType::f64});
  for (const Index size : {5, 6}) {
    nn::LogNormProduct product(1);
    product.add(conv.weight, conv.geometry(), {2, size, size});
    // Windows that do not overlap: the norm is that of the reshaped kernel, (3, 8).
    const nn::Parameter reshaped(conv.weight.value.reshaped(Shape{3, 8}));
    nn::LogNormProduct dense(1);
    dense.add(reshaped);
    BOOST_TEST(std::fabs(converged(product, 200) / converged(dense, 200) - 1.0) <= 1e-10);
  }
}

// d log ‖A‖ / dA = u vᵀ / σ for a simple largest singular value; here A = diag(3, 2), u = v = e₁.
BOOST_AUTO_TEST_CASE(has_the_rank_one_gradient) {
  const nn::Parameter a(Tensor::of(Shape{2, 2}, {3.0, 0.0, 0.0, 2.0}));
  nn::LogNormProduct product(1);
  product.add(a);
  converged(product, 60);
  Tape tape;
  const Tensor gradient = grad(product(tape), a.on(tape)).value();
  BOOST_TEST(largest_difference(gradient, Tensor::of(Shape{2, 2}, {1.0 / 3.0, 0.0, 0.0, 0.0})) <= 1e-10);
}

// Convergence comes first: from there the gradient of random layers is that of differences of the norm.
BOOST_AUTO_TEST_CASE(has_the_gradient_of_the_norm) {
  nn::Random random(4);
  nn::Conv2d conv(2, 3, {3, 3}, random, {.padding = {1, 1, 1, 1}}, {.dtype = DType::f64});
  const auto norm_at = [&](const Tensor& kernel) {
    const nn::Parameter moved(kernel);
    nn::LogNormProduct product(1);
    product.add(moved, conv.geometry(), {2, 4, 4});
    return std::log(converged(product, 800));
  };
  nn::LogNormProduct product(1);
  product.add(conv.weight, conv.geometry(), {2, 4, 4});
  converged(product, 800);
  Tape tape;
  const Tensor gradient = grad(product(tape), conv.weight.on(tape)).value();
  const Tensor direction = normal_tensor(gradient.shape(), random);
  const double h = 1e-5;
  const auto moved = [&](double by) {
    Tensor kernel = conv.weight.value.copy();
    for (std::size_t i = 0; i < static_cast<std::size_t>(kernel.size()); ++i)
      kernel.mutable_data<double>()[i] += by * direction.data<double>()[i];
    return kernel;
  };
  double slope = 0.0;
  for (Index i = 0; i < gradient.size(); ++i) slope += gradient.at(i) * direction.at(i);
  // Truncation h² and what 800 steps of the power method leave, over h.
  BOOST_TEST(std::fabs((norm_at(moved(h)) - norm_at(moved(-h))) / (2.0 * h) - slope) <=
             1e-6 * (1.0 + std::fabs(slope)));
}

BOOST_AUTO_TEST_CASE(follows_weights_that_change_and_makes_them_smaller) {
  nn::Random random(1);
  nn::Parameter w(normal_tensor(Shape{20, 30}, random, DType::f32));
  nn::LogNormProduct product(1);
  product.add(w);
  nn::Sgd sgd({&w}, {.learning_rate = 0.5});
  Tape tape;
  product(tape);
  tape.rewind();
  const double before = product.estimate();
  for (int i = 0; i < 300; ++i) sgd.step(product(tape));
  const double after = product.estimate();
  BOOST_TEST(after < 0.7 * before);
  nn::LogNormProduct fresh(2);
  fresh.add(w);
  const double truth = converged(fresh, 1000);
  // From below, and near although descent has pulled the singular values together.
  BOOST_TEST(after <= 1.0001 * truth);
  BOOST_TEST(after >= 0.85 * truth);
}

BOOST_AUTO_TEST_CASE(what_has_no_norm_is_refused) {
  nn::LogNormProduct product;
  Tape tape;
  TAUT_CHECK_THROWS(UsageError, product(tape), "no layers");
  const nn::Parameter kernel(Tensor::zeros(Shape{1, 1, 3, 3}, DType::f32)),
      zero(Tensor::zeros(Shape{2, 2}, DType::f32));
  TAUT_CHECK_THROWS(ShapeError, product.add(kernel), "(1, 1, 3, 3)", "geometry");
  TAUT_CHECK_THROWS(ShapeError, product.add(nn::Parameter()), "undefined");
  product.add(zero);
  TAUT_CHECK_THROWS(NumericError, product(tape), "norm 0", "not finite");
}

BOOST_AUTO_TEST_SUITE_END()
