#include "examples/paper/common/gaussian_field.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "tests/lipschitz/support.h"
#include "tests/nn/support.h"

using namespace taut;
using namespace taut::test;
using examples::GaussianField;
using examples::sample_gaussian_field;

BOOST_AUTO_TEST_SUITE(gaussian_field)

// All covariances of a small field against the kernel, from independent draws. The standard error of a mean of
// products of normal numbers of variance 1 is at most √(2 / draws).
BOOST_AUTO_TEST_CASE(covariance_is_the_kernel) {
  constexpr Index points = 5;
  constexpr double side = 6.0, length = 0.9;
  const int draws = testing::iterations(20000);
  constexpr std::size_t size = points * points;
  std::vector<double> products(size * size), means(size), fourth(size);
  GaussianField field;
  for (int draw = 0; draw < draws; ++draw) {
    field = sample_gaussian_field(points, side, length, static_cast<std::uint64_t>(draw));
    for (std::size_t i = 0; i < size; ++i) {
      means[i] += field.values[i] / draws;
      fourth[i] += std::pow(field.values[i], 4) / draws;
      for (std::size_t j = 0; j < size; ++j) products[i * size + j] += field.values[i] * field.values[j] / draws;
    }
  }
  const double tolerance = 6.0 * std::sqrt(2.0 / draws);
  for (std::size_t i = 0; i < size; ++i) {
    BOOST_TEST(std::fabs(means[i]) < tolerance);
    BOOST_TEST(std::fabs(fourth[i] - 3.0) < 6.0 * std::sqrt(96.0 / draws));  // of a normal number
    for (std::size_t j = 0; j < size; ++j) {
      const double dx =
          field.coordinate(static_cast<Index>(i) % points) - field.coordinate(static_cast<Index>(j) % points);
      const double dy =
          field.coordinate(static_cast<Index>(i) / points) - field.coordinate(static_cast<Index>(j) / points);
      const double kernel = std::exp(-(dx * dx + dy * dy) / (2.0 * length * length));
      BOOST_TEST(std::fabs(products[i * size + j] - kernel) < tolerance, "points " << i << " and " << j);
    }
  }
}

// A field is smooth: what a fine grid has between points of a coarse one is their interpolation up to h⁴.
BOOST_AUTO_TEST_CASE(a_fine_grid_is_smooth) {
  const GaussianField field = sample_gaussian_field(129, 10.0, 1.0, 3);
  double worst = 0.0, largest_value = 0.0;
  for (Index row = 0; row < 129; ++row)
    for (Index i = 2; i + 2 < 129; ++i) {
      const double middle =
          (-field.at(row, i - 2) + 4.0 * field.at(row, i - 1) + 4.0 * field.at(row, i + 1) - field.at(row, i + 2)) /
          6.0;
      worst = std::max(worst, std::fabs(field.at(row, i) - middle));
      largest_value = std::max(largest_value, std::fabs(field.at(row, i)));
    }
  BOOST_TEST(worst < 1e-3);
  BOOST_TEST(largest_value > 1.0);
}

BOOST_AUTO_TEST_CASE(the_seed_fixes_it) {
  const GaussianField one = sample_gaussian_field(17, 8.0, 1.0, 1), same = sample_gaussian_field(17, 8.0, 1.0, 1);
  BOOST_TEST((one.values == same.values));
  BOOST_TEST((one.values != sample_gaussian_field(17, 8.0, 1.0, 2).values));
  BOOST_TEST(one.coordinate(0) == -4.0);
  BOOST_TEST(one.coordinate(16) == 4.0);
}

BOOST_AUTO_TEST_CASE(points_are_of_the_grid_and_different) {
  const GaussianField field = sample_gaussian_field(20, 8.0, 1.0, 4);
  const nn::DataSet data = examples::sample_points(field, 300, 4);
  BOOST_TEST(data.size() == 300);
  std::set<std::pair<Index, Index>> seen;
  for (Index i = 0; i < data.size(); ++i) {
    const auto column = static_cast<Index>(std::lround((data.inputs().at(2 * i) / 8.0 + 0.5) * 19));
    const auto row = static_cast<Index>(std::lround((data.inputs().at(2 * i + 1) / 8.0 + 0.5) * 19));
    BOOST_TEST(data.inputs().at(2 * i) == static_cast<float>(field.coordinate(column)));
    BOOST_TEST(data.inputs().at(2 * i + 1) == static_cast<float>(field.coordinate(row)));
    BOOST_TEST(data.targets().at(i) == static_cast<float>(field.at(row, column)));
    seen.emplace(row, column);
  }
  BOOST_TEST(seen.size() == 300U);
  BOOST_TEST(examples::sample_points(field, 400, 4).size() == 400);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused) {
  TAUT_CHECK_THROWS(UsageError, sample_gaussian_field(1, 10.0, 1.0, 1), "2 or more", "got 1");
  TAUT_CHECK_THROWS(UsageError, sample_gaussian_field(9, 5.0, 1.0, 1), "larger square");
  TAUT_CHECK_THROWS(UsageError, sample_gaussian_field(9, 5.0, -1.0, 1), "positive");
  TAUT_CHECK_THROWS(UsageError, examples::sample_points(sample_gaussian_field(4, 8.0, 1.0, 1), 17, 1), "16", "finer");
}

BOOST_AUTO_TEST_SUITE_END()
