// Singular triples and whole spectra against Eigen's SVD in long double.
#include <Eigen/Dense>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "autodiff/error.h"
#include "autodiff/outward.h"
#include "lipschitz/singular_values.h"
#include "lipschitz/triples.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

std::vector<double> exact_values(const Tensor& matrix) {
  const Index m = matrix.shape()[0], n = matrix.shape()[1];
  std::vector<long double> wide;
  for (Index i = 0; i < matrix.size(); ++i) wide.push_back(matrix.at(i));
  const std::vector<long double> values = testing::singular_values_of(wide, m, n);
  return {values.begin(), values.end()};
}

void check_spectrum(const LinearMap& map, const std::string& what) {
  const SingularValues found = singular_values(map);
  const std::vector<double> exact = exact_values(to_dense(map));
  BOOST_TEST_CONTEXT(what << ", " << found.method) {
    BOOST_REQUIRE(found.values.size() == exact.size());
    for (std::size_t i = 0; i < exact.size(); ++i)
      BOOST_TEST(std::fabs(found.values[i] - exact[i]) <= 1e-13 * exact.front(),
                 "value " << i << ": " << found.values[i]);
  }
}

// Q₁ diag(values) Q₂ with Householder reflections.
Tensor with_values(Random& random, Index m, Index n, const std::vector<double>& values) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(m, n);
  for (std::size_t i = 0; i < values.size(); ++i) a(static_cast<Index>(i), static_cast<Index>(i)) = values[i];
  const auto reflection = [&](Index size) {
    Eigen::VectorXd v(size);
    for (double& e : v) e = random.normal();
    v.normalize();
    return Eigen::MatrixXd(Eigen::MatrixXd::Identity(size, size) - 2.0 * v * v.transpose());
  };
  const Eigen::MatrixXd mixed = reflection(m) * a * reflection(n);
  Tensor t = Tensor::uninitialised({m, n}, DType::f64);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) t.mutable_data<double>()[static_cast<std::size_t>(i * n + j)] = mixed(i, j);
  return t;
}

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0.0;
  for (Index i = 0; i < a.size(); ++i) sum += a.at(i) * b.at(i);
  return sum;
}

void check_triples(const LinearMap& map, Index k, const std::string& what) {
  const std::vector<Triple> found = leading_singular_triples(map, k);
  const std::vector<double> exact = exact_values(to_dense(map));
  BOOST_TEST_CONTEXT(what) {
    BOOST_REQUIRE(found.size() == static_cast<std::size_t>(k));
    for (std::size_t i = 0; i < found.size(); ++i) {
      BOOST_TEST_CONTEXT("triple " << i << ", residual " << found[i].residual) {
        BOOST_TEST(std::fabs(found[i].sigma - exact[i]) <= 1e-9 * exact.front());
        BOOST_TEST(found[i].residual <= 1e-10 * exact.front());
        for (const bool forwards : {true, false}) {
          const Tensor image = forwards ? map.apply(found[i].right) : map.apply_transpose(found[i].left);
          const Tensor& expected = forwards ? found[i].left : found[i].right;
          double squares = 0.0;
          for (Index j = 0; j < image.size(); ++j)
            squares += std::pow(image.at(j) - found[i].sigma * expected.at(j), 2);
          BOOST_TEST(std::sqrt(squares) <= found[i].residual + 1e-13 * exact.front());
        }
        for (std::size_t other = 0; other <= i; ++other) {
          BOOST_TEST(std::fabs(dot(found[i].left, found[other].left) - (i == other)) <= 1e-12);
          BOOST_TEST(std::fabs(dot(found[i].right, found[other].right) - (i == other)) <= 1e-12);
        }
      }
    }
  }
}

LinearMap matrix_map(const Tensor& a) { return dense_map(a, {a.shape()[1]}, {a.shape()[0]}); }

}  // namespace

BOOST_AUTO_TEST_SUITE(spectra)

BOOST_AUTO_TEST_CASE(triples_of_random_maps) {
  Random random(701);
  for (int k = 0; k < testing::iterations(10); ++k) {
    const Index m = random.integer(1, 30), n = random.integer(1, 30);
    check_triples(matrix_map(random.normals({m, n})), random.integer(1, std::min(m, n)), cat(m, " x ", n));
  }
  check_triples(matrix_map(random.normals({150, 90})), 5, "150 x 90");
  check_triples(matrix_map(random.normals({90, 150})), 5, "90 x 150");
}

BOOST_AUTO_TEST_CASE(clustered_and_repeated_values_are_found_as_often_as_they_occur) {
  Random random(702);
  std::vector<double> repeated(100, 0.5), clustered(100), graded(100);
  for (std::size_t i = 0; i < 6; ++i) repeated[i] = 2.0;
  for (std::size_t i = 0; i < 100; ++i) {
    clustered[i] = i < 8 ? 1.0 + 1e-9 * static_cast<double>(8 - i) : 0.9 / static_cast<double>(i);
    graded[i] = std::pow(10.0, -0.15 * static_cast<double>(i));
  }
  for (const auto& [m, n] : {std::pair<Index, Index>{120, 100}, {100, 130}}) {
    check_triples(matrix_map(with_values(random, m, n, repeated)), 8, "repeated");
    check_triples(matrix_map(with_values(random, m, n, clustered)), 10, "clustered");
    check_triples(matrix_map(with_values(random, m, n, graded)), 12, "graded");
    check_triples(matrix_map(with_values(random, m, n, {3.0, 3.0, 1.0})), 5, "rank 3");
  }
  check_triples(scale_map({80}, -2.0), 4, "scale");
}

BOOST_AUTO_TEST_CASE(triples_of_extreme_scales) {
  Random random(703);
  for (const int exponent : {-900, 1000}) {
    Tensor a = random.normals({20, 15});
    const std::vector<double> exact = exact_values(a);
    for (double& e : a.mutable_data<double>()) e = std::ldexp(e, exponent);
    const std::vector<Triple> found = leading_singular_triples(matrix_map(a), 3);
    for (std::size_t i = 0; i < 3; ++i)
      BOOST_TEST(std::ldexp(found[i].sigma, -exponent) == exact[i], boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(residuals_tell_what_was_cut_off) {
  Random random(704);
  TripleOptions once;
  once.max_cycles = 1;
  const LinearMap map = matrix_map(random.normals({400, 300}));
  const std::vector<Triple> found = leading_singular_triples(map, 2, once);
  const double exact = static_cast<double>(testing::spectral_norm(to_dense(map)));
  BOOST_TEST(found[0].residual > 1e-10 * exact);
  BOOST_TEST(std::fabs(found[0].sigma - exact) <= found[0].residual);
  BOOST_CHECK_THROW(leading_singular_triples(map, 0), UsageError);
  BOOST_CHECK_THROW(leading_singular_triples(map, 301), UsageError);
}

BOOST_AUTO_TEST_CASE(spectra_of_every_structure) {
  Random random(705);
  const auto indices = [&](Index count, Index below) {
    auto list = std::make_shared<std::vector<Index>>();
    for (Index i = 0; i < count; ++i) list->push_back(random.integer(-1, below - 1));
    return std::shared_ptr<const std::vector<Index>>(list);
  };
  for (int k = 0; k < testing::iterations(10); ++k) {
    const LinearMap along({2, 3, 2}, {2, 4, 2}, structure::DenseAlong{random.normals({4, 3}), 2, 2});
    const LinearMap select({2, 4, 2}, {6}, structure::Selection{indices(6, 16)});
    const LinearMap gather({6}, {4}, structure::Gathering{indices(6, 4)});
    const LinearMap diagonal({2, 4, 2}, {2, 4, 2}, structure::Diagonal{random.normals({4}), 2});
    check_spectrum(along, "along");
    check_spectrum(dense_map(random.normals({5, 9}, DType::f32), {9}, {5}), "dense");
    check_spectrum(select, "selection");
    check_spectrum(gather, "gathering");
    check_spectrum(diagonal, "diagonal");
    check_spectrum(scale_map({2, 2}, -3.0), "scale");
    check_spectrum(compose(select, compose(diagonal, along)), "composition");
    check_spectrum(testing::random_convolution(random, k % 2 == 0), "convolution");
  }
}

// Odd and even images, groups, dilations, kernels that overlap themselves, transposed or not; kernels of many taps; and
// symbols with small singular values, which eigenvalues of Gram matrices would lose.
BOOST_AUTO_TEST_CASE(circular_convolutions_frequency_by_frequency) {
  Random random(706);
  for (int k = 0; k < testing::iterations(40); ++k) {
    structure::Convolution c;
    c.boundary = Boundary::circular;
    c.options.groups = random.integer(1, 2);
    const Index c_in = c.options.groups * random.integer(1, 2), c_out = c.options.groups * random.integer(1, 3);
    c.image = {c_in, random.integer(1, 6), random.integer(1, 6)};
    c.result = {c_out, c.image[1], c.image[2]};
    const bool many_taps = k % 4 == 3;
    const Index height = many_taps ? 9 : random.integer(1, 4), width = many_taps ? 8 : random.integer(1, 4);
    c.kernel = random.normals({c_out, c_in / c.options.groups, height, width});
    if (k % 5 == 4) {  // all channels nearly the same
      const auto to = c.kernel.mutable_data<double>();
      for (std::size_t i = static_cast<std::size_t>(height * width); i < to.size(); ++i)
        to[i] = to[i - static_cast<std::size_t>(height * width)] + 1e-9 * to[i];
    }
    for (std::size_t a = 0; a < 2; ++a) {
      c.options.dilation[a] = random.integer(1, 2);
      const Index span = c.options.dilation[a] * (c.kernel.shape()[static_cast<int>(2 + a)] - 1);
      c.options.padding[2 * a] = random.integer(0, span);
      c.options.padding[2 * a + 1] = span - c.options.padding[2 * a];
    }
    c.transposed = random.coin();
    const Shape image(c.image), result(c.result);
    const LinearMap map = c.transposed ? LinearMap(result, image, c) : LinearMap(image, result, c);
    BOOST_TEST((singular_values(map).method.find("FFTW") != std::string::npos) == many_taps);
    check_spectrum(map, cat("kernel ", c.kernel.shape(), " image ", image));
  }
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused_with_a_way_out) {
  structure::Convolution c;
  c.kernel = Tensor::full({1, 1, 3, 3}, DType::f64, 1.0);
  c.image = {1, 80, 80};
  c.result = {1, 80, 80};
  c.options.padding = {1, 1, 1, 1};
  BOOST_CHECK_EXCEPTION(
      singular_values(LinearMap(Shape(c.image), Shape(c.result), c)), UnsupportedError,
      [](const Error& e) { return std::string(e.what()).find("leading_singular_triples") != std::string::npos; });
  c.boundary = Boundary::circular;
  const SingularValues found = singular_values(LinearMap(Shape(c.image), Shape(c.result), c));
  BOOST_TEST(found.values.size() == 6400u);
  BOOST_TEST(found.values.front() == 9.0, boost::test_tools::tolerance(1e-13));
  // Σ σ² = ‖A‖_F²: 9 entries in each of 6400 rows.
  const double squares = std::transform_reduce(found.values.begin(), found.values.end(), 0.0, std::plus<>(),
                                               [](double v) { return v * v; });
  BOOST_TEST(squares == 57600.0, boost::test_tools::tolerance(1e-11));
  Budget options;
  options.deadline = Budget::Clock::now();
  BOOST_CHECK_THROW(singular_values(LinearMap(Shape(c.image), Shape(c.result), c), options), UnsupportedError);
}

BOOST_AUTO_TEST_CASE(histograms_count_every_value_once) {
  const Histogram h = histogram({0.0, 0.5, 1.0, 1.0, 2.0, 3.9, 4.0}, 4);
  BOOST_TEST(h.edges == (std::vector<double>{0.0, 1.0, 2.0, 3.0, 4.0}), boost::test_tools::per_element());
  BOOST_TEST(h.counts == (std::vector<Index>{2, 2, 1, 2}), boost::test_tools::per_element());
  BOOST_TEST(std::accumulate(h.counts.begin(), h.counts.end(), Index{0}) == 7);
  BOOST_TEST(histogram({2.0, 2.0}, 3).counts.back() == 2);
  BOOST_CHECK_THROW(histogram({}, 3), UsageError);
  BOOST_CHECK_THROW(histogram({1.0}, 0), UsageError);
  BOOST_CHECK_THROW(histogram({infinity}, 1), NumericError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
