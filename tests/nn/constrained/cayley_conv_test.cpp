// Orthogonal convolutions: norms of images are kept, both modes are one function, the bound is proved.
#include "nn/cayley_conv.h"

#include "lipschitz/autolip.h"
#include "nn/activations.h"
#include "nn/constrained/real_dft.h"
#include "nn/layers.h"
#include "nn/orthogonal_layers.h"
#include "nn/resize.h"
#include "nn/vanilla.h"
#include "tests/support/constrained_checks.h"

using namespace taut;
using namespace taut::test;

namespace {

const nn::ConstrainedOptions in_f64{.dtype = DType::f64}, without_bias{.bias = false, .dtype = DType::f64};
// Channels that are as many, more and fewer; sizes of images that are even, odd and a single row.
constexpr std::array<std::array<Index, 2>, 3> channels{{{3, 3}, {2, 3}, {3, 2}}};
constexpr std::array<std::array<Index, 2>, 4> images{{{4, 6}, {5, 3}, {4, 3}, {3, 4}}};

}  // namespace

BOOST_AUTO_TEST_SUITE(cayley_conv)

BOOST_AUTO_TEST_CASE(transforms_of_real_images) {
  nn::Random random(1);
  for (const auto& [h, w] : images) {
    const nn::RealDft dft({h, w});
    const Tensor x = normal_tensor(Shape{1, h * w}, random);
    const Var spectrum = matmul(x, dft.spectrum(DType::f64));
    BOOST_TEST(largest_difference(matmul(spectrum, dft.inverse(DType::f64)).value(), x) <= 1e-14);
    // The mean is the frequency 0.
    BOOST_TEST(spectrum.value().at(0) == sum(Var(x)).item(), boost::test_tools::tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(norms_of_images_are_kept) {
  nn::Random random(2);
  for (const auto& [in, out] : channels)
    for (const auto& [h, w] : images) {
      nn::CayleyConv2d layer(in, out, {3, 3}, random, without_bias);
      for (const bool training : {true, false}) {
        layer.training = training;
        const Tensor x = normal_tensor(Shape{1, in, h, w}, random);
        const Tensor y = layer(Var(x)).value();
        const double before = l2_norm(Var(x)).item(), after = l2_norm(Var(y)).item();
        BOOST_TEST(after <= before * (1.0 + 1e-13));
        if (in <= out) BOOST_TEST(after == before, boost::test_tools::tolerance(1e-9));
      }
      // Orthonormal rows: the transpose keeps norms.
      if (in < out) continue;
      const Tensor c = normal_tensor(Shape{1, out, h, w}, random);
      const Tensor back = vjp([&](const Var& v) { return layer(v); }, Tensor::zeros(Shape{1, in, h, w}, DType::f64), c);
      BOOST_TEST(l2_norm(Var(back)).item() == l2_norm(Var(c)).item(), boost::test_tools::tolerance(1e-9));
    }
}

BOOST_AUTO_TEST_CASE(training_and_inference_are_one_function) {
  nn::Random random(3);
  for (const auto& [in, out] : channels)
    for (const auto& [h, w] : images) {
      check_both_modes(nn::CayleyConv2d(in, out, {3, 2}, random, {.dtype = DType::f64, .constant = 1.5}),
                       Shape{2, in, h, w}, 1e-9);
      check_both_modes(nn::CayleyConv2d(in, out, {3, 3}, random), Shape{2, in, h, w}, 1e-5, DType::f32);
    }
}

// A shift of the image shifts the result: nothing happens at borders.
BOOST_AUTO_TEST_CASE(it_is_circular) {
  nn::Random random(4);
  nn::CayleyConv2d layer(2, 2, {3, 3}, random, in_f64);
  const Var x(normal_tensor(Shape{1, 2, 4, 5}, random));
  const auto shifted = [](const Var& v) { return concat({slice(v, 3, 2, 5), slice(v, 3, 0, 2)}, 3); };
  for (const bool training : {true, false}) {
    layer.training = training;
    BOOST_TEST(largest_difference(layer(shifted(x)).value(), shifted(layer(x)).value()) <= 1e-14);
  }
}

BOOST_AUTO_TEST_CASE(derivatives_in_training) {
  nn::Random random(5);
  for (const auto& [in, out] : channels)
    for (const auto& [h, w] : images) {
      nn::CayleyConv2d layer(in, out, {3, 2}, random, in_f64);
      layer.training = true;
      check_gradients(layer, Shape{2, in, h, w});
    }
}

// Chains of affine layers that are too large for their matrix: padding, and what moves pixels before it, are one
// selection.
BOOST_AUTO_TEST_CASE(affine_chains_are_proved) {
  nn::Random random(7);
  nn::Sequential net{nn::PixelUnshuffle(2), nn::CayleyConv2d(4, 8, {3, 3}, random), nn::PixelUnshuffle(2),
                     nn::CayleyConv2d(32, 32, {3, 3}, random), nn::Flatten()};
  const AutoLipReport report =
      autolip([&](const Var& x) { return net(x); }, Tensor::zeros(Shape{1, 1, 28, 28}, DType::f32));
  BOOST_TEST(report.bound.is_certified());
  BOOST_TEST(report.bound.value() <= 1.0);
}

BOOST_AUTO_TEST_CASE(norms_are_proved) {
  nn::Random random(6);
  for (const auto& [in, out] : channels) {
    nn::CayleyConv2d layer(in, out, {3, 3}, random, {.constant = 2.0});
    check_bound(layer, Shape{1, in, 6, 5}, DType::f32, 2.0);
    BOOST_TEST(report_of(layer, Shape{1, in, 6, 5}, DType::f32).bound.value() >= 2.0 * (1.0 - 1e-5));
    train_a_little(layer, Shape{4, in, 6, 5});
    check_bound(layer, Shape{1, in, 6, 5}, DType::f32, 2.0);
  }
  nn::Sequential net{nn::PixelUnshuffle(2), nn::CayleyConv2d(4, 8, {3, 3}, random),   nn::MaxMin(),
                     nn::PixelUnshuffle(2), nn::CayleyConv2d(32, 16, {1, 1}, random), nn::GroupSort(4),
                     nn::Flatten(),         nn::CayleyLinear(64, 10, random)};
  check_bound(net, Shape{1, 1, 8, 8}, DType::f32);
  train_a_little(net, Shape{4, 1, 8, 8});
  check_bound(net, Shape{1, 1, 8, 8}, DType::f32);
  nn::Sequential plain = nn::vanilla(net);
  check_bound(plain, Shape{1, 1, 8, 8}, DType::f32);
  const Tensor x = normal_tensor(Shape{3, 1, 8, 8}, random, DType::f32);
  BOOST_TEST(same_bits(plain(Var(x)).value(), net(Var(x)).value()));
}

BOOST_AUTO_TEST_CASE(mistakes) {
  nn::Random random(7);
  nn::CayleyConv2d layer(2, 2, {3, 3}, random);
  TAUT_CHECK_THROWS(UsageError, layer.weight(), "[cayley_conv2d]", "cayley_conv_test.cpp", "image");
  TAUT_CHECK_THROWS(ShapeError, layer(Tensor::zeros(Shape{1, 2, 2, 4}, DType::f32)), "[cayley_conv2d]", "3 x 3",
                    "(1, 2, 2, 4)");
  TAUT_CHECK_THROWS(ShapeError, layer(Tensor::zeros(Shape{1, 3, 4, 4}, DType::f32)), "(1, 3, 4, 4)");
  TAUT_CHECK_THROWS(ShapeError, nn::CayleyConv2d(0, 2, {3, 3}, random), "[cayley_conv2d]", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::CircularPad2d({1, 1, 1, 1})(Tensor::zeros(Shape{2, 3}, DType::f32)),
                    "[circular_pad2d]", "(2, 3)");
  TAUT_CHECK_THROWS(ShapeError, nn::PixelUnshuffle(0), "[pixel_unshuffle]", "got 0");
  TAUT_CHECK_THROWS(ShapeError, nn::PixelShuffle(0), "[pixel_shuffle]", "got 0");
}

BOOST_AUTO_TEST_SUITE_END()
