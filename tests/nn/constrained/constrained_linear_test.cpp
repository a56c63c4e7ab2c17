// Dense layers with constrained weights: derivatives, orthogonality, proved norms, both modes.
#include "nn/constrained.h"
#include "nn/constrained/matrix_inverse.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::ConstrainedOptions in_f64{.dtype = DType::f64};

// Shapes that are square, tall, wide and single.
constexpr std::array<std::array<Index, 2>, 5> sizes{{{4, 4}, {3, 5}, {5, 3}, {1, 3}, {3, 1}}};

template <class Layer>
void check_layer() {
  nn::Random random(1);
  for (const auto& [in, out] : sizes) {
    Layer layer(in, out, random);
    check_bound(layer, Shape{1, in}, DType::f32);
    train_a_little(layer, Shape{8, in});
    check_bound(layer, Shape{1, in}, DType::f32);
    Layer doubled(in, out, random, {.dtype = DType::f64, .constant = 2.5});
    check_bound(doubled, Shape{1, in}, DType::f64, 2.5);
    // The norm is not only bounded, it is nearly attained: weights are not shrunk without need.
    BOOST_TEST(report_of(doubled, Shape{1, in}, DType::f64).bound.value() >= 2.5 * (1.0 - 1e-6));
  }
}

template <class Layer>
void check_trained_gradients() {
  nn::Random random(2);
  for (const auto& [in, out] : sizes) {
    Layer layer(in, out, random, {.dtype = DType::f64, .constant = 1.5});
    layer.training = true;
    check_gradients(layer, Shape{2, in});
    Layer plain(in, out, random, {.bias = false, .dtype = DType::f64});
    BOOST_TEST(!plain.bias.defined());
    plain.training = true;
    check_gradients(plain, Shape{2, in});
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(constrained_linear)

BOOST_AUTO_TEST_CASE(inverses_have_values_and_derivatives) {
  nn::Random random(1);
  const Var a(normal_tensor(Shape{3, 4, 4}, random));
  const Tensor product = matmul(a, nn::matrix_inverse(a)).value();
  for (Index i = 0; i < product.size(); ++i)
    BOOST_TEST(std::fabs(product.at(i) - (i % 16 % 5 == 0 ? 1.0 : 0.0)) <= 1e-12);
  // Along A + tB the inverse has the derivatives −XBX and 2XBXBX, X = A⁻¹.
  const Tensor b = normal_tensor(Shape{3, 4, 4}, random);
  const Tensor c = normal_tensor(Shape{3, 4, 4}, random);
  const auto f = [&](const Var& at) { return sum(Var(c) * nn::matrix_inverse(at)); };
  const Var x = nn::matrix_inverse(a), xb = matmul(x, b), first = neg(matmul(xb, x)), second = matmul(xb, first);
  const double slope = sum(Var(jvp(f, a.value(), b))).item();
  BOOST_TEST(slope == sum(Var(c) * first).item(), boost::test_tools::tolerance(1e-9));
  const double bend = sum(Var(hvp(f, a.value(), b)) * Var(b)).item();
  BOOST_TEST(bend == -2.0 * sum(Var(c) * second).item(), boost::test_tools::tolerance(1e-9));
  TAUT_CHECK_THROWS(NumericError, nn::matrix_inverse(Tensor::zeros(Shape{2, 2}, DType::f64)), "[matrix_inverse]",
                    "constrained_linear_test.cpp", "invertible");
  TAUT_CHECK_THROWS(ShapeError, nn::matrix_inverse(Tensor::zeros(Shape{2, 3}, DType::f64)), "(2, 3)");
}

BOOST_AUTO_TEST_CASE(norms_are_proved) {
  check_layer<nn::SpectralLinear>();
  check_layer<nn::BjorckLinear>();
  check_layer<nn::CayleyLinear>();
}

// Columns of an orthogonal initial weight are scaled by 1; after training they are not orthogonal any more.
BOOST_AUTO_TEST_CASE(almost_orthogonal_norms_are_proved) {
  nn::Random random(1);
  for (const auto& [in, out] : sizes) {
    nn::AolLinear layer(in, out, random, {.weight = nn::kaiming_normal()});
    check_bound(layer, Shape{1, in}, DType::f32);
    train_a_little(layer, Shape{8, in});
    check_bound(layer, Shape{1, in}, DType::f32);
  }
  // VᵀV diagonal: the bound is attained.
  nn::AolLinear tight(3, 5, random, in_f64);
  BOOST_TEST(report_of(tight, Shape{1, 3}, DType::f64).bound.value() >= 1.0 - 1e-6);
  // By hand: VᵀV = (2, 1; 1, 1), so the columns are divided by √3 and √2.
  nn::AolLinear small(2, 2, random, in_f64);
  small.raw.value = Tensor::of(Shape{2, 2}, {1.0, 0.0, 1.0, 1.0});
  const double a = 1.0 / std::sqrt(3.0), b = 1.0 / std::sqrt(2.0);
  BOOST_TEST(largest_difference(small.weight(), Tensor::of(Shape{2, 2}, {a, 0.0, a, b})) <= 1e-14);
  // A zero column stays one, with finite derivatives.
  small.raw.value = Tensor::of(Shape{2, 2}, {0.0, 3.0, 0.0, 4.0});
  BOOST_TEST(largest_difference(small.weight(), Tensor::of(Shape{2, 2}, {0.0, 0.6, 0.0, 0.8})) <= 1e-14);
  small.training = true;
  Tape tape;
  const Var y = sum(small(tape.input(Tensor::of(Shape{1, 2}, {1.0, 2.0}))));
  BOOST_TEST(grad(y, small.raw.on(tape)).value().first_non_finite() == -1);
}

BOOST_AUTO_TEST_CASE(derivatives_in_training) {
  check_trained_gradients<nn::BjorckLinear>();
  check_trained_gradients<nn::CayleyLinear>();
  check_trained_gradients<nn::AolLinear>();
  nn::Random random(2);
  for (const auto& [in, out] : sizes) {
    Converged<nn::SpectralLinear> layer{nn::SpectralLinear(in, out, random, {.dtype = DType::f64, .constant = 1.5})};
    layer.inner.training = true;
    check_gradients(layer, Shape{2, in});
  }
}

BOOST_AUTO_TEST_CASE(weights_are_orthogonal) {
  nn::Random random(3);
  for (const auto& [in, out] : {std::array<Index, 2>{16, 16}, {16, 40}, {40, 16}}) {
    BOOST_TEST(distance_from_orthogonal(nn::BjorckLinear(in, out, random).weight()) <= 1e-6);
    nn::CayleyLinear layer(in, out, random);
    BOOST_TEST(distance_from_orthogonal(layer.weight()) <= 1e-6);
    layer.raw.value = normal_tensor(layer.raw.value.shape(), random, DType::f32);  // for every V
    BOOST_TEST(distance_from_orthogonal(layer.weight()) <= 1e-6);
    nn::CayleyLinear fine(in, out, random, in_f64);
    BOOST_TEST(distance_from_orthogonal(fine.weight()) <= 1e-12);
  }
}

BOOST_AUTO_TEST_CASE(training_and_inference_are_one_function) {
  nn::Random random(4);
  for (const auto& [in, out] : sizes) {
    check_both_modes(nn::BjorckLinear(in, out, random, in_f64), Shape{3, in}, 1e-12);
    check_both_modes(nn::CayleyLinear(in, out, random, in_f64), Shape{3, in}, 1e-12);
    check_both_modes(nn::AolLinear(in, out, random, in_f64), Shape{3, in}, 1e-12);
    check_both_modes(nn::AolLinear(in, out, random), Shape{3, in}, 1e-5, DType::f32);
    check_both_modes(nn::CayleyLinear(in, out, random), Shape{3, in}, 1e-5, DType::f32);
    Converged<nn::SpectralLinear> spectral{nn::SpectralLinear(in, out, random, in_f64)};
    spectral.inner.raw.value = normal_tensor(Shape{out, in}, random);
    check_both_modes(spectral, Shape{3, in}, 1e-9);
  }
}

BOOST_AUTO_TEST_CASE(inference_follows_the_raw_numbers) {
  nn::Random random(5);
  nn::CayleyLinear layer(4, 4, random);
  const Tensor before = layer.weight();
  BOOST_TEST(before.raw() == layer.weight().raw());  // made once
  nn::CayleyLinear copied = layer;
  copied.raw.value.mutable_data<float>()[1] += 1.0F;
  BOOST_TEST(!same_bits(copied.weight(), before));
  BOOST_TEST(before.raw() == layer.weight().raw());
  // The tape of inference has the plain weight, by its name, and not the raw numbers.
  nn::Sequential net{copied};
  Tape tape;
  (void)net(tape.input(Tensor::zeros(Shape{1, 4}, DType::f32)));
  bool found = false;
  for (NodeId id = 0; id < tape.size(); ++id) {
    found = found || tape.node(id).label == "0.weight";
    BOOST_TEST(tape.node(id).label != "0.raw");
  }
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(nets_are_one_lipschitz) {
  nn::Random random(6);
  nn::Sequential net{
      nn::SpectralLinear(6, 16, random), nn::MaxMin(), nn::BjorckLinear(16, 16, random), nn::GroupSort(4),
      nn::CayleyLinear(16, 12, random),  nn::ReLU(),   nn::AolLinear(12, 3, random)};
  check_bound(net, Shape{1, 6}, DType::f32);
  train_a_little(net, Shape{16, 6});
  check_bound(net, Shape{1, 6}, DType::f32);
}

BOOST_AUTO_TEST_CASE(names_and_mistakes) {
  nn::Random random(7);
  nn::SpectralLinear spectral(3, 2, random);
  const std::vector<std::string> expected{"raw", "bias", "v"};
  BOOST_TEST(parameter_names(spectral) == expected, boost::test_tools::per_element());
  BOOST_TEST(!spectral.norm.v.trainable());
  TAUT_CHECK_THROWS(ShapeError, nn::CayleyLinear(0, 2, random), "[cayley_linear]", "inputs", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::BjorckLinear(2, 2, random, {}, 0), "[bjorck_linear]", "iterations", "got 0");
  TAUT_CHECK_THROWS(DomainError, nn::AolLinear(2, 2, random, {.constant = 0.0}), "[aol_linear]", "above 0", "got 0");
  spectral.raw.value = Tensor::zeros(Shape{2, 3}, DType::f32);
  TAUT_CHECK_THROWS(NumericError, spectral.weight(), "[spectral_linear]", "constrained_linear_test.cpp", "got 0");
  spectral.training = true;
  TAUT_CHECK_THROWS(NumericError, spectral(Tensor::zeros(Shape{1, 3}, DType::f32)), "[spectral_linear]", "got 0");
  nn::AolLinear broken(2, 2, random);
  broken.raw.value.mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  TAUT_CHECK_THROWS(NumericError, broken.weight(), "[aol_linear]", "finite");
}

BOOST_AUTO_TEST_SUITE_END()
