// Norms of convolutions against the materialised matrix, over every geometry.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/convolution/sum_norms.h"
#include "lipschitz/convolution/symbol_grams.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/dense/gram.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

const structure::Convolution& convolution(const LinearMap& map) {
  return std::get<structure::Convolution>(map.structure());
}

std::string describe(const structure::Convolution& c) {
  const Conv2dOptions& o = c.options;
  return cat("kernel ", c.kernel.shape(), " image ", Shape(c.image), " result ", Shape(c.result), " stride ",
             o.stride[0], ',', o.stride[1], " dilation ", o.dilation[0], ',', o.dilation[1], " padding ", o.padding[0],
             ',', o.padding[1], ',', o.padding[2], ',', o.padding[3], " groups ", o.groups,
             c.transposed ? " transposed" : "");
}

LinearMap image_map(const Tensor& kernel, const std::array<Index, 3>& image, const Conv2dOptions& options,
                    const std::array<Index, 3>& result, Boundary boundary = Boundary::zero) {
  return LinearMap(Shape(image), Shape(result),
                   structure::Convolution{kernel, options, image, result, boundary, false});
}

// [-1, 2, -1] on 3 pixels, padded by 1.
LinearMap second_difference() {
  Conv2dOptions options;
  options.padding = {0, 0, 1, 1};
  return image_map(Tensor::of<double>({1, 1, 1, 3}, {-1.0, 2.0, -1.0}), {1, 1, 3}, options, {1, 1, 3});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolutions)

BOOST_AUTO_TEST_CASE(symbols_bound_the_true_norm_of_any_geometry) {
  Random random(21);
  for (int k = 0; k < testing::iterations(250); ++k) {
    const LinearMap map = testing::random_convolution(random, k % 3 == 0);
    const auto bound = detail::circulant_norm(convolution(map), {});
    BOOST_REQUIRE(bound.has_value());
    const long double exact = testing::spectral_norm(to_dense(map));
    BOOST_TEST_CONTEXT(describe(convolution(map))) {
      BOOST_TEST(static_cast<long double>(bound->upper.round(Side::upper)) >= exact * (1 - 1e-16L));
      BOOST_TEST(static_cast<long double>(bound->lower.round(Side::lower)) <= exact * (1 + 1e-16L));
    }
  }
}

// Fᴴ F or F Fᴴ by correlations of the kernel has the top eigenvalue σ₁(F)², divided by the number of aliases, at every
// frequency: also where the bound itself would go through the symbols.
BOOST_AUTO_TEST_CASE(correlations_are_gram_matrices_of_symbols) {
  Random random(27);
  Conv2dOptions padded, strided;
  padded.padding = {1, 1, 1, 1};
  strided.stride = {2, 1};
  std::vector<LinearMap> maps{image_map(random.normals({5, 2, 3, 3}), {2, 6, 5}, padded, {5, 6, 5}),
                              image_map(random.normals({2, 5, 3, 3}), {5, 6, 5}, padded, {2, 6, 5}),
                              image_map(random.normals({5, 2, 2, 3}), {2, 6, 5}, strided, {5, 3, 3})};
  for (int k = 0; k < testing::iterations(120); ++k) maps.push_back(testing::random_convolution(random, k % 3 == 0));
  for (const LinearMap& map : maps) {
    const detail::ConvSymbols symbols(convolution(map));
    for (Index g = 0; g < symbols.groups(); ++g) {
      const detail::ConvGrams grams(symbols, g);
      const auto all = grams.compute(0, symbols.frequencies());
      const Index n = grams.size();
      for (Index f = 0; f < symbols.frequencies(); ++f) {
        const auto symbol = symbols.compute(g, f, f + 1);
        const double direct =
            detail::Gram<std::complex<double>>(symbol.data(), symbols.rows(), symbols.columns()).top_eigenvalue() /
            static_cast<double>(symbols.aliases());
        const double correlated =
            detail::Gram<std::complex<double>>::given(all.data() + f * n * n, n, grams.error()).top_eigenvalue();
        BOOST_TEST(std::fabs(std::max(0.0, correlated) - direct) <= grams.error() + 1e-12 * (1.0 + direct),
                   describe(convolution(map)) << ", frequency " << f << ": " << correlated << ", " << direct);
      }
      // It covers the rounding of one product at least, and not much more than those of a long sum.
      BOOST_TEST(grams.error() >= 0x1p-53 * std::pow(symbols.sum_norm(g), 2));
      BOOST_TEST(grams.error() <= 1e-10 * std::pow(symbols.sum_norm(g), 2) + 1e-200);
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_and_frobenius_are_those_of_the_matrix) {
  Random random(22);
  for (int k = 0; k < testing::iterations(250); ++k) {
    const LinearMap map = testing::random_convolution(random, k % 3 == 0);
    const Tensor matrix = to_dense(map);
    long double squares = 0.0L;
    for (const double x : matrix.data<double>()) squares += static_cast<long double>(x) * x;
    const auto& c = convolution(map);
    const bool overlaps = c.boundary == Boundary::circular &&
                          !(detail::ConvAxis(c, 0).reads_once() && detail::ConvAxis(c, 1).reads_once());
    // Taps that add up in one entry do so with rounding, here and in to_dense().
    const long double slack = overlaps ? 1e-11L : 1e-13L, oracle_error = overlaps ? 1e-15L : 0.0L;
    BOOST_TEST_CONTEXT(describe(c)) {
      for (const Norm norm : {Norm::l1, Norm::linf}) {
        const long double exact = testing::sum_norm(matrix, norm == Norm::linf);
        const Enclosure bounds = operator_norm(map, norm);
        BOOST_TEST(bounds.upper.is_certified());
        BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= exact * (1 - oracle_error));
        BOOST_TEST(static_cast<long double>(bounds.upper.value()) <= exact * (1 + slack));
        BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= exact * (1 + oracle_error));
        BOOST_TEST(static_cast<long double>(bounds.lower.value()) >= exact * (1 - slack));
      }
      const long double frobenius = frobenius_norm(map).value();
      BOOST_TEST(frobenius >= std::sqrt(squares) * (1 - 1e-16L - oracle_error));
      if (!overlaps) BOOST_TEST(frobenius <= std::sqrt(squares) * (1 + 1e-13L));
    }
  }
}

BOOST_AUTO_TEST_CASE(small_convolutions_get_their_true_norm) {
  Random random(23);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const LinearMap map = testing::random_convolution(random, k % 3 == 0);
    const Enclosure bounds = operator_norm(map, Norm::l2);
    const long double exact = testing::spectral_norm(to_dense(map));
    BOOST_TEST_CONTEXT(describe(convolution(map)) << ' ' << bounds.upper) {
      BOOST_TEST(bounds.upper.is_certified());
      BOOST_TEST(static_cast<long double>(bounds.upper.value()) >= exact * (1 - 1e-16L));
      BOOST_TEST(static_cast<long double>(bounds.upper.value()) <= exact * (1 + 1e-9L));
      BOOST_TEST(static_cast<long double>(bounds.lower.value()) <= exact * (1 + 1e-16L));
      BOOST_TEST(static_cast<long double>(bounds.lower.value()) >= exact * (1 - 1e-9L));
    }
  }
}

// The transform on the image's own grid gives 3.
BOOST_AUTO_TEST_CASE(the_grid_is_larger_than_the_image) {
  const LinearMap map = second_difference();
  const double exact = 2.0 + std::sqrt(2.0);
  BOOST_TEST(detail::circulant_norm(convolution(map), {})->upper.round(Side::upper) >= exact);
  BOOST_TEST(operator_norm(map, Norm::l2).upper.value() >= exact);
  BOOST_TEST(operator_norm(map, Norm::l2).upper.value() == exact, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(circular_symbols_are_exact) {
  Random random(24);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Index n = random.integer(3, 6);
    Conv2dOptions options;
    options.padding = {1, 1, 1, 1};
    const LinearMap map = image_map(random.normals({3, 2, 3, 3}), {2, n, n}, options, {3, n, n}, Boundary::circular);
    const long double exact = testing::spectral_norm(to_dense(map));
    const double upper = detail::circulant_norm(convolution(map), {})->upper.round(Side::upper);
    BOOST_TEST(static_cast<long double>(upper) >= exact * (1 - 1e-16L));
    BOOST_TEST(static_cast<long double>(upper) <= exact * (1 + 1e-10L));
    const double lower = detail::circulant_norm(convolution(map), {})->lower.round(Side::lower);
    BOOST_TEST(static_cast<long double>(lower) <= exact * (1 + 2e-17L));
    BOOST_TEST(static_cast<long double>(lower) >= exact * (1 - 1e-10L));
  }
}

// The norm of a circular convolution with one positive kernel is the sum of its weights: a bound without its rounding
// term misses it by a unit in the last place in some of many draws.
BOOST_AUTO_TEST_CASE(rounding_is_on_the_safe_side) {
  Random random(28);
  for (int k = 0; k < testing::iterations(200); ++k) {
    const Index n = random.integer(3, 7);
    Tensor kernel = Tensor::zeros({1, 1, 3, 3}, DType::f64);
    long double sum = 0;
    for (double& w : kernel.mutable_data<double>()) sum += w = random.uniform(0.1, 1.0);
    Conv2dOptions options;
    options.padding = {1, 1, 1, 1};
    const LinearMap map = image_map(kernel, {1, n, n}, options, {1, n, n}, Boundary::circular);
    const auto bound = detail::circulant_norm(convolution(map), {});
    BOOST_TEST(static_cast<long double>(bound->upper.round(Side::upper)) >= sum);
    BOOST_TEST(static_cast<long double>(bound->lower.round(Side::lower)) <= sum);
    BOOST_TEST(static_cast<long double>(bound->lower.round(Side::lower)) >= sum * (1 - 1e-12L));
  }
}

BOOST_AUTO_TEST_CASE(zero_padding_costs_the_circulant_bound_little) {
  Random random(25);
  Conv2dOptions options;
  options.padding = {1, 1, 1, 1};
  const LinearMap map = image_map(random.normals({4, 4, 3, 3}), {4, 8, 8}, options, {4, 8, 8});
  const double upper = detail::circulant_norm(convolution(map), {})->upper.round(Side::upper);
  BOOST_TEST(static_cast<long double>(upper) <= 1.25L * testing::spectral_norm(to_dense(map)));
}

BOOST_AUTO_TEST_CASE(threads_change_nothing_but_time) {
  Random random(26);
  Conv2dOptions options;
  options.padding = {1, 1, 1, 1};
  const LinearMap map = image_map(random.normals({16, 16, 3, 3}), {16, 40, 40}, options, {16, 40, 40});
  Budget two;
  two.threads = 2;
  const double one_worker = detail::circulant_norm(convolution(map), {})->upper.round(Side::upper);
  const double two_workers = detail::circulant_norm(convolution(map), two)->upper.round(Side::upper);
  BOOST_TEST(one_worker == two_workers, boost::test_tools::tolerance(1e-10));
  // The matrix has 655 million entries: the bounds come from symbols above and a direction below.
  const Enclosure bounds = operator_norm(map, Norm::l2, {.budget = two});
  BOOST_TEST(bounds.upper.value() <= two_workers);
  BOOST_TEST(bounds.lower.is_certified());
  BOOST_TEST(bounds.lower.value() <= bounds.upper.value());
  BOOST_TEST(bounds.lower.value() >= 0.98 * bounds.upper.value());  // the leading wave, falling off to the borders
}

BOOST_AUTO_TEST_CASE(extreme_scales_keep_their_accuracy) {
  for (const double scale : {1e-305, 1e-30, 1e30, 1e305}) {
    Conv2dOptions options;
    options.padding = {0, 0, 1, 1};
    const LinearMap map =
        image_map(Tensor::of<double>({1, 1, 1, 3}, {-scale, 2.0 * scale, -scale}), {1, 1, 3}, options, {1, 1, 3});
    const double exact = (2.0 + std::sqrt(2.0)) * scale;
    BOOST_TEST(operator_norm(map, Norm::l2).upper.value() == exact, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(detail::circulant_norm(convolution(map), {})->upper.round(Side::upper) >= exact);
    BOOST_TEST(detail::circulant_norm(convolution(map), {})->upper.round(Side::upper) <= 4.001 * scale);
  }
  const LinearMap zero = image_map(Tensor::zeros({2, 1, 3, 3}, DType::f32), {1, 90, 90}, {}, {2, 88, 88});
  for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
    BOOST_TEST(operator_norm(zero, norm).upper.value() == 0.0);
    BOOST_TEST(operator_norm(zero, norm).upper.is_certified());
  }
  BOOST_TEST(frobenius_norm(zero).value() == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
