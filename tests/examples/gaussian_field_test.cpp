#include "examples/paper/parts/gaussian_field.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "tests/support/oracles.h"
#include "tests/support/training.h"

using namespace taut;
using namespace taut::test;
using examples::GaussianField;
using examples::sample_gaussian_field;

BOOST_AUTO_TEST_SUITE(gaussian_field)

// The covariance at every distance of a small field against the kernel: the mean over all pairs of points at that
// distance and over independent draws, in batches from whose spread the standard error follows. Every pair alone is
// held to a coarser tolerance, from √(2 / draws), the largest standard error of a product of normal numbers.
BOOST_AUTO_TEST_CASE(covariance_is_the_kernel) {
  constexpr Index points = 5;
  constexpr std::size_t size = points * points;
  constexpr double side = 6.0, length = 0.9;
  constexpr int batches = 20;
  const int draws = testing::iterations(2000);  // per batch
  GaussianField field;
  std::vector<double> products(size * size);
  std::vector<std::vector<double>> lags(batches, std::vector<double>(size)), fourth(batches, std::vector<double>(1));
  std::vector<double> pairs(size);
  const auto lag = [](std::size_t i, std::size_t j) {
    const auto apart = [](std::size_t a, std::size_t b) { return a > b ? a - b : b - a; };
    return apart(i % points, j % points) + points * apart(i / points, j / points);
  };
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) ++pairs[lag(i, j)];
  for (int batch = 0; batch < batches; ++batch)
    for (int draw = 0; draw < draws; ++draw) {
      const auto b = static_cast<std::size_t>(batch);
      field = sample_gaussian_field(points, side, length, static_cast<std::uint64_t>(batch * draws + draw));
      for (std::size_t i = 0; i < size; ++i) {
        fourth[b][0] += std::pow(field.values[i], 4) / (draws * static_cast<double>(size));
        for (std::size_t j = 0; j < size; ++j) {
          const double product = field.values[i] * field.values[j];
          products[i * size + j] += product / (batches * draws);
          lags[b][lag(i, j)] += product / (draws * pairs[lag(i, j)]);
        }
      }
    }
  // Seven standard errors of the mean over the batches.
  const auto close = [&](const std::vector<std::vector<double>>& means, std::size_t at, double expected) {
    double mean = 0.0, variance = 0.0;
    for (const auto& batch : means) mean += batch[at] / batches;
    for (const auto& batch : means) variance += (batch[at] - mean) * (batch[at] - mean) / (batches * (batches - 1));
    BOOST_TEST(std::fabs(mean - expected) < 7.0 * std::sqrt(variance), mean << " for " << expected << " at " << at);
  };
  const double step = side / (points - 1);
  const auto kernel = [&](std::size_t at) {
    const double dx = step * static_cast<double>(at % points), dy = step * static_cast<double>(at / points);
    return std::exp(-(dx * dx + dy * dy) / (2.0 * length * length));
  };
  for (std::size_t at = 0; at < size; ++at) close(lags, at, kernel(at));
  close(fourth, 0, 3.0);  // of normal numbers
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j)
      BOOST_TEST(std::fabs(products[i * size + j] - kernel(lag(i, j))) < 6.0 * std::sqrt(2.0 / (batches * draws)),
                 "points " << i << " and " << j);
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
