// Bounds of convolutions for every image size, against images of many sizes.
#include "lipschitz/size_free.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

LinearMap on_image(const Tensor& kernel, Conv2dOptions conv, Index height, Index width, Boundary boundary) {
  structure::Convolution c{kernel,   conv, {kernel.shape()[1] * conv.groups, height, width}, {kernel.shape()[0], 0, 0},
                           boundary, false};
  for (std::size_t a = 0; a < 2; ++a) {
    const Index span = conv.dilation[a] * (kernel.shape()[static_cast<int>(2 + a)] - 1);
    c.options.padding[2 * a] = span / 2;
    c.options.padding[2 * a + 1] = span - span / 2;
    c.result[1 + a] = (c.image[1 + a] - 1) / conv.stride[a] + 1;
  }
  return {Shape(c.image), Shape(c.result), c};
}

// Of a kernel of one row and one channel, over a fine grid, in long double: the largest root of the mean of |F|² over
// the aliases of a frequency, F(ω) = Σ w_a e^{iωδa}.
long double supremum(const Tensor& kernel, Index stride, Index dilation) {
  constexpr int points = 12000;  // a multiple of every stride in use
  constexpr long double turn = 2.0L * std::numbers::pi_v<long double>;
  std::vector<long double> squares(points);
  for (int k = 0; k < points; ++k) {
    std::complex<long double> sum = 0.0L;
    for (Index a = 0; a < kernel.size(); ++a)
      sum += static_cast<long double>(kernel.at(a)) *
             std::polar(1.0L, turn * static_cast<long double>(k * dilation * a) / points);
    squares[static_cast<std::size_t>(k)] = std::norm(sum);
  }
  long double largest = 0.0L;
  for (int k = 0; k < points; ++k) {
    long double mean = 0.0L;
    for (Index r = 0; r < stride; ++r) mean += squares[static_cast<std::size_t>((k + r * points / stride) % points)];
    largest = std::max(largest, std::sqrt(mean / static_cast<long double>(stride)));
  }
  return largest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(size_free)

BOOST_AUTO_TEST_CASE(no_image_exceeds_the_bound) {
  Random random(601);
  for (int k = 0; k < testing::iterations(25); ++k) {
    Conv2dOptions conv;
    conv.groups = random.integer(1, 2);
    for (std::size_t a = 0; a < 2; ++a) {
      conv.stride[a] = random.integer(1, 3);
      conv.dilation[a] = random.integer(1, 3);
    }
    const Tensor kernel = random.normals(
        {conv.groups * random.integer(1, 3), random.integer(1, 3), random.integer(1, 4), random.integer(1, 4)});
    const UpperBound bound = size_free_conv_norm(kernel, conv);
    BOOST_TEST(bound.is_certified());
    for (const Index size : {1, 2, 5, 9, 14}) {
      const LinearMap map = on_image(kernel, conv, size, random.integer(1, 9), Boundary::zero);
      BOOST_TEST_CONTEXT("kernel " << kernel.shape() << " stride " << conv.stride[0] << ',' << conv.stride[1]
                                   << " dilation " << conv.dilation[0] << ',' << conv.dilation[1] << " groups "
                                   << conv.groups << " size " << size)
      BOOST_TEST(operator_norm(map, Norm::l2).lower.value() <= bound.value());
    }
    for (const Index times : {1, 2, 7, 30}) {  // circulants on any grid that the stride divides
      const LinearMap map =
          on_image(kernel, conv, times * conv.stride[0], (times + 1) * conv.stride[1], Boundary::circular);
      BOOST_TEST(operator_norm(map, Norm::l2).lower.value() <= bound.value());
    }
  }
}

// Kernels whose symbol has its top between the points of a grid: the factor 1 / cos is needed, and not more than it.
BOOST_AUTO_TEST_CASE(the_supremum_between_grid_points_is_covered) {
  Random random(602);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const Tensor kernel = random.normals({1, 1, 1, random.integer(2, 7)});
    Conv2dOptions conv;
    conv.stride[1] = random.integer(1, 3);
    conv.dilation[1] = random.integer(1, 4);
    const long double exact = supremum(kernel, conv.stride[1], conv.dilation[1]);
    const UpperBound bound = size_free_conv_norm(kernel, conv);
    BOOST_TEST_CONTEXT("stride " << conv.stride[1] << " dilation " << conv.dilation[1]) {
      BOOST_TEST(static_cast<long double>(bound.value()) >= exact);
      BOOST_TEST(static_cast<long double>(bound.value()) <= exact * 1.0013L);
    }
  }
}

BOOST_AUTO_TEST_CASE(large_images_come_close) {
  const Tensor kernel = Tensor::of<double>({1, 1, 1, 3}, {-1.0, 2.0, -1.0});  // supremum 4
  const double bound = size_free_conv_norm(kernel).value();
  BOOST_TEST(bound >= 4.0);
  BOOST_TEST(bound <= 4.0 * 1.0013);
  const LinearMap map = on_image(kernel, {}, 1, 200, Boundary::zero);
  BOOST_TEST(operator_norm(map, Norm::l2).lower.value() >= 0.999 * 4.0);
}

BOOST_AUTO_TEST_CASE(unfoldings_are_bounds_for_every_stride) {
  Random random(603);
  for (int k = 0; k < testing::iterations(20); ++k) {
    Conv2dOptions conv;
    conv.groups = random.integer(1, 2);
    conv.stride = {random.integer(1, 2), random.integer(1, 2)};
    const Tensor kernel =
        random.normals({conv.groups * random.integer(1, 3), random.integer(1, 3), 3, random.integer(1, 3)});
    const UpperBound bound = unfoldings_bound(kernel, conv.groups);
    BOOST_TEST(size_free_conv_norm(kernel, conv).value() <= bound.value());
    for (const Index size : {3, 8, 12})
      BOOST_TEST(operator_norm(on_image(kernel, conv, size, size, Boundary::zero), Norm::l2).lower.value() <=
                 bound.value());
  }
  // One tap: every unfolding is the matrix of channels.
  const Tensor point = random.normals({4, 3, 1, 1});
  const double exact = static_cast<double>(testing::spectral_norm(Tensor(point).reshaped({4, 3})));
  BOOST_TEST(unfoldings_bound(point).value() == exact, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(size_free_conv_norm(point).value() == exact, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_deadline_in_the_past_leaves_the_unfoldings) {
  Random random(604);
  Budget options;
  options.deadline = Budget::Clock::now();
  const Tensor kernel = random.normals({3, 2, 3, 3});
  const UpperBound bound = size_free_conv_norm(kernel, {}, options);
  BOOST_TEST(bound.method() == "kernel unfoldings");
  BOOST_TEST(bound.value() >= operator_norm(on_image(kernel, {}, 8, 8, Boundary::zero), Norm::l2).lower.value());
}

BOOST_AUTO_TEST_CASE(what_is_no_kernel_is_refused) {
  BOOST_CHECK_THROW(size_free_conv_norm(Tensor::zeros({3, 3}, DType::f64)), ShapeError);
  Conv2dOptions groups;
  groups.groups = 2;
  BOOST_CHECK_THROW(size_free_conv_norm(Tensor::zeros({3, 1, 3, 3}, DType::f64), groups), ShapeError);
  BOOST_CHECK_THROW(size_free_conv_norm(Tensor::full({1, 1, 1, 1}, DType::f64, infinity)), NumericError);
  BOOST_TEST(size_free_conv_norm(Tensor::zeros({2, 2, 3, 3}, DType::f64)).value() == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
