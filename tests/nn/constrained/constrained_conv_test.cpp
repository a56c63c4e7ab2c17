// Convolutions with constrained weights: the norm is that of the operator on the images it sees.
#include "nn/constrained.h"
#include "nn/layers.h"
#include "nn/sequential.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::ConstrainedOptions in_f64{.dtype = DType::f64};
const std::vector<Conv2dOptions> geometries{
    {},
    {.padding = {1, 1, 1, 1}},
    {.stride = {2, 2}, .padding = {1, 0, 1, 0}},
    {.dilation = {2, 1}, .padding = {2, 2, 1, 1}},
};

template <class Layer>
void check_layer() {
  for (const Conv2dOptions& geometry : geometries) {
    nn::Random random(1);
    Layer layer(2, 3, {3, 3}, random, geometry);
    check_bound(layer, Shape{1, 2, 6, 7}, DType::f32);
    train_a_little(layer, Shape{4, 2, 6, 7});
    check_bound(layer, Shape{1, 2, 6, 7}, DType::f32);
    check_bound(layer, Shape{1, 2, 9, 5}, DType::f32);  // another size, other weights
    Layer doubled(2, 3, {3, 3}, random, geometry, {.dtype = DType::f64, .constant = 2.0});
    check_bound(doubled, Shape{1, 2, 6, 7}, DType::f64, 2.0);
    check_layouts(doubled, Shape{2, 2, 6, 7});
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(constrained_conv)

BOOST_AUTO_TEST_CASE(norms_are_proved) {
  check_layer<nn::SpectralConv2d>();
  check_layer<nn::AolConv2d>();
}

BOOST_AUTO_TEST_CASE(derivatives_in_training) {
  for (const Conv2dOptions& geometry : geometries) {
    nn::Random random(2);
    nn::AolConv2d aol(2, 3, {3, 3}, random, geometry, in_f64);
    aol.training = true;
    check_gradients(aol, Shape{2, 2, 5, 6});
    Converged<nn::SpectralConv2d> spectral{nn::SpectralConv2d(2, 3, {3, 2}, random, geometry, in_f64)};
    spectral.inner.training = true;
    check_gradients(spectral, Shape{2, 2, 5, 6});
  }
}

BOOST_AUTO_TEST_CASE(training_and_inference_are_one_function) {
  for (const Conv2dOptions& geometry : geometries) {
    nn::Random random(3);
    check_both_modes(nn::AolConv2d(2, 3, {3, 3}, random, geometry, in_f64), Shape{2, 2, 6, 6}, 1e-12);
    // Small enough for its matrix, the certified norm is tight, and the two norms are one.
    Converged<nn::SpectralConv2d> spectral{nn::SpectralConv2d(2, 3, {3, 3}, random, geometry, in_f64)};
    check_both_modes(spectral, Shape{2, 2, 6, 6}, 1e-9);
  }
}

// The vector of the power method lives on images of one size.
BOOST_AUTO_TEST_CASE(another_size_starts_the_power_method_anew) {
  nn::Random random(8);
  Converged<nn::SpectralConv2d> layer{nn::SpectralConv2d(2, 2, {3, 3}, random, {}, in_f64)};
  for (const Shape& shape : {Shape{2, 2, 6, 6}, Shape{2, 2, 4, 7}, Shape{2, 2, 6, 6}}) {
    check_both_modes(layer, shape, 1e-9);
    layer.inner.training = true;
    (void)layer(normal_tensor(shape, random));
    BOOST_TEST(layer.inner.norm.v.value.shape() == shape.with(0, 1));
  }
}

// One channel and a 1 × 2 kernel (a, b): the autocorrelation is ab, a² + b², ab, so the kernel is divided by |a| + |b|.
BOOST_AUTO_TEST_CASE(almost_orthogonal_kernel_by_hand) {
  nn::Random random(4);
  nn::AolConv2d layer(1, 1, {1, 2}, random, {}, {.dtype = DType::f64, .image = {1, 9}});
  layer.raw.value = Tensor::of(Shape{1, 1, 1, 2}, {3.0, -1.0});
  BOOST_TEST(largest_difference(layer.weight(), Tensor::of(Shape{1, 1, 1, 2}, {0.75, -0.25})) <= 1e-14);
}

// A kernel 1 × 1 is a matrix per pixel.
BOOST_AUTO_TEST_CASE(small_kernels_are_matrices) {
  nn::Random random(5);
  nn::SpectralConv2d conv(3, 4, {1, 1}, random, {}, {.dtype = DType::f64, .image = {5, 5}});
  nn::SpectralLinear linear(3, 4, random, in_f64);
  conv.raw.value = normal_tensor(Shape{4, 3, 1, 1}, random);
  linear.raw.value = conv.raw.value.reshaped(Shape{4, 3});
  BOOST_TEST(largest_difference(conv.weight().reshaped(Shape{4, 3}), linear.weight()) <= 1e-9);
}

BOOST_AUTO_TEST_CASE(nets_are_one_lipschitz) {
  nn::Random random(6);
  const Conv2dOptions same{.padding = {1, 1, 1, 1}};
  nn::Sequential net{nn::SpectralConv2d(1, 4, {3, 3}, random, same),
                     nn::MaxMin(),
                     nn::AolConv2d(4, 4, {3, 3}, random, {.stride = {2, 2}, .padding = {1, 1, 1, 1}}),
                     nn::GroupSort(2),
                     nn::Flatten(),
                     nn::CayleyLinear(64, 10, random)};
  check_bound(net, Shape{1, 1, 8, 8}, DType::f32);
  train_a_little(net, Shape{8, 1, 8, 8});
  check_bound(net, Shape{1, 1, 8, 8}, DType::f32);
}

BOOST_AUTO_TEST_CASE(mistakes) {
  nn::Random random(7);
  nn::SpectralConv2d unseen(1, 1, {3, 3}, random);
  TAUT_CHECK_THROWS(UsageError, unseen.weight(), "[spectral_conv2d]", "constrained_conv_test.cpp", "image");
  TAUT_CHECK_THROWS(ShapeError, unseen(Tensor::zeros(Shape{2, 3}, DType::f32)), "[spectral_conv2d]", "(2, 3)");
  TAUT_CHECK_THROWS(ShapeError, nn::AolConv2d(2, 2, {3, 3}, random, {.groups = 2}), "[aol_conv2d]", "got 2");
  TAUT_CHECK_THROWS(ShapeError, nn::AolConv2d(2, 2, {0, 3}, random), "[aol_conv2d]", "height", "got 0");
}

BOOST_AUTO_TEST_SUITE_END()
