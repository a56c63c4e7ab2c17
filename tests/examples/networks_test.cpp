// The paper's networks and its ideal pairs of layers.
#include "examples/paper/parts/networks.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/linear_map.h"
#include "examples/paper/parts/pairs.h"
#include "lipschitz/singular_values.h"
#include "nn/module.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;
using examples::IdealLayer;
using examples::IdealPair;

namespace {

Tensor product(const Tensor& a, const Tensor& b) {
  const Index n = a.shape()[0];
  Tensor c = Tensor::zeros(Shape{n, n}, DType::f64);
  const auto out = c.mutable_data<double>();
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < n; ++k)
      for (Index j = 0; j < n; ++j) out[static_cast<std::size_t>(i * n + j)] += a.at(i * n + k) * b.at(k * n + j);
  return c;
}

std::vector<double> spectrum(const Tensor& matrix) {
  const Index n = matrix.shape()[0];
  return singular_values(dense_map(matrix, Shape{n}, Shape{n})).values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(paper_networks)

BOOST_AUTO_TEST_CASE(layers_are_those_of_the_paper) {
  nn::Random random(1);
  for (const Index layers : {2, 4, 10}) {
    nn::Sequential net = examples::synthetic_mlp(layers, random);
    BOOST_TEST(nn::parameter_count(net) == 2 * 20 + 20 + (layers - 2) * (20 * 20 + 20) + 20 + 1);
    BOOST_TEST(net(Var(Tensor::zeros(Shape{3, 2}, DType::f32))).shape() == (Shape{3, 1}));
  }
  for (const Index layers : {4, 5, 7, 10}) {
    nn::Sequential net = examples::mnist_cnn(layers, random);
    BOOST_TEST(nn::parameter_count(net) == 32 * 26 + 64 * (32 * 9 + 1) + (layers - 4) * 64 * (64 * 9 + 1) +
                                               128 * (64 * 9 + 1) + 10 * (128 * 4 + 1));
    BOOST_TEST(net(Var(Tensor::zeros(Shape{2, 1, 28, 28}, DType::f32))).shape() == (Shape{2, 10}));
  }
  TAUT_CHECK_THROWS(UsageError, examples::synthetic_mlp(1, random), "2 or more");
  TAUT_CHECK_THROWS(UsageError, examples::mnist_cnn(3, random), "4 or more");
}

// Torchvision's AlexNet has 61 100 840 numbers.
BOOST_AUTO_TEST_CASE(alexnet_is_torchvisions) {
  nn::Random random(1);
  nn::Sequential net = examples::alexnet(random);
  BOOST_TEST(nn::parameter_count(net) == 61100840);
  BOOST_TEST(net(Var(Tensor::zeros(Shape{1, 3, 224, 224}, DType::f32))).shape() == (Shape{1, 1000}));
  for (const Index image : {63, 96, 101}) {
    nn::Sequential small = examples::alexnet(random, image, 16);
    BOOST_TEST(small(Var(Tensor::zeros(Shape{1, 3, image, image}, DType::f32))).shape() == (Shape{1, 1000}));
  }
  TAUT_CHECK_THROWS(UsageError, examples::alexnet(random, 62), "63 or more", "got 62");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ideal_pairs)

BOOST_AUTO_TEST_CASE(pairs_multiply_to_the_layers) {
  constexpr Index n = 12;
  constexpr double r = 0.3;
  nn::Random random(3);
  const std::vector<IdealLayer> layers = examples::ideal_layers(3, n, random);
  const auto pair = [&](std::size_t i, bool first, bool last) {
    return examples::ideal_pair(layers[i], first, layers[i + 1], last, r);
  };
  // An inner layer is split between two pairs: U Σ^{1/2} of the one, Σ^{1/2} Vᵀ of the other.
  const IdealPair one = pair(0, true, false), two = pair(1, false, true);
  const std::vector<double> inner = spectrum(product(two.right, one.left));
  // At the ends Σ is whole.
  const std::vector<double> first = spectrum(one.right), last = spectrum(two.left);
  for (const auto* values : {&inner, &first, &last}) {
    BOOST_TEST((*values)[0] == 1.0, boost::test_tools::tolerance(1e-13));
    for (std::size_t i = 1; i < values->size(); ++i) BOOST_TEST((*values)[i] == r, boost::test_tools::tolerance(1e-12));
  }
  // The vectors of the leading value are the first row of Vᵀ and the first column of U.
  const Tensor m = product(two.right, one.left);
  for (Index i = 0; i < n; ++i) {
    double image = 0.0;
    for (Index j = 0; j < n; ++j) image += m.at(i * n + j) * layers[1].vt.at(j);
    BOOST_TEST(std::fabs(image - layers[1].u.at(i * n)) < 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(rank_one_factor_is_the_maximum) {
  constexpr Index n = 8;
  nn::Random random(5);
  for (int repeat = 0; repeat < 10; ++repeat) {
    const std::vector<IdealLayer> layers = examples::ideal_layers(2, n, random);
    double largest_sum = 0.0;
    for (unsigned pattern = 0; pattern < 1U << n; ++pattern) {
      double sum = 0.0;
      for (Index j = 0; j < n; ++j)
        if ((pattern >> j & 1U) != 0) sum += layers[1].vt.at(j) * layers[0].u.at(j * n);
      largest_sum = std::max(largest_sum, std::fabs(sum));
    }
    BOOST_TEST(examples::rank_one_factor(layers[0], layers[1]) == largest_sum, boost::test_tools::tolerance(1e-14));
  }
}

BOOST_AUTO_TEST_SUITE_END()
