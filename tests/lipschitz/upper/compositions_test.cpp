// Constants of functions that are made of several primitives: what they copy, add up and weigh is counted once.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "lipschitz/autolip.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using boost::test_tools::tolerance;
using testing::Random;

constexpr Norm norms[] = {Norm::l1, Norm::l2, Norm::linf};

double constant(const Function& f, const Shape& x, Norm norm = Norm::l2) {
  AutoLipOptions options;
  options.question.norm = norm;
  const AutoLipReport report = autolip(f, Tensor::zeros(x, DType::f64), options);
  BOOST_TEST(report.bound.is_certified());
  return report.bound.value();
}

// A selection in which one input has m copies at most.
void expect_copies(const Function& f, const Shape& x, double m) {
  BOOST_TEST(constant(f, x, Norm::l1) == m, tolerance(1e-14));
  BOOST_TEST(constant(f, x, Norm::l2) == std::sqrt(m), tolerance(1e-14));
  BOOST_TEST(constant(f, x, Norm::linf) == 1.0, tolerance(1e-14));
}

// The matrix of an affine f on one sample, column by column.
Tensor matrix_of(const Function& f, const Shape& x) {
  const Tensor origin = f(Var(Tensor::zeros(x, DType::f64))).value();
  Tensor matrix = Tensor::zeros({origin.size(), x.size()}, DType::f64);
  const auto entries = matrix.mutable_data<double>();
  for (Index j = 0; j < x.size(); ++j) {
    Tensor unit = Tensor::zeros(x, DType::f64);
    unit.mutable_data<double>()[static_cast<std::size_t>(j)] = 1.0;
    const Tensor column = f(Var(unit)).value();
    for (Index i = 0; i < column.size(); ++i)
      entries[static_cast<std::size_t>(i * x.size() + j)] = column.at(i) - origin.at(i);
  }
  return matrix;
}

// Never below the norm of the matrix, and no looser than the rounding of certifying it.
void expect_norm_of_matrix(const Function& f, const Shape& x) {
  const Tensor matrix = matrix_of(f, x);
  for (const Norm norm : norms) {
    const double exact = static_cast<double>(norm == Norm::l2 ? testing::spectral_norm(matrix)
                                                              : testing::sum_norm(matrix, norm == Norm::linf));
    const double bound = constant(f, x, norm);
    BOOST_TEST_CONTEXT("in " << norm) {
      BOOST_TEST(bound >= exact * (1 - 1e-14));
      BOOST_TEST(bound == exact, tolerance(1e-9));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(compositions_on_graphs)

BOOST_AUTO_TEST_CASE(moves_have_constant_one) {
  expect_copies([](const Var& x) { return flip(x, 1); }, {1, 5}, 1.0);
  expect_copies([](const Var& x) { return slice(x, 1, 5, -1, -2); }, {1, 6}, 1.0);
  expect_copies([](const Var& x) { return concat(split(x, 1, 3), 1); }, {1, 6}, 1.0);
  expect_copies([](const Var& x) { return pixel_shuffle(x, 2); }, {1, 8, 2, 3}, 1.0);
  expect_copies([](const Var& x) { return pixel_unshuffle(x, 2); }, {1, 2, 4, 2}, 1.0);
}

BOOST_AUTO_TEST_CASE(paddings_count_copies) {
  const auto padded = [](PadMode mode, Index before, Index after) {
    return [=](const Var& x) { return pad(x, 1, before, after, mode); };
  };
  expect_copies(padded(PadMode::circular, 1, 1), {1, 5}, 2.0);  // one border each
  expect_copies(padded(PadMode::circular, 2, 3), {1, 5}, 2.0);  // every element once more
  expect_copies(padded(PadMode::circular, 3, 3), {1, 5}, 3.0);  // the middle one on both sides
  expect_copies(padded(PadMode::circular, 1, 1), {1, 1}, 3.0);  // one element on all three places
  expect_copies(padded(PadMode::edge, 2, 1), {1, 4}, 3.0);
  expect_copies(padded(PadMode::edge, 1, 1), {1, 1}, 3.0);
  expect_copies(padded(PadMode::reflect, 1, 1), {1, 3}, 3.0);  // the middle one
  expect_copies(padded(PadMode::reflect, 1, 1), {1, 5}, 2.0);
}

BOOST_AUTO_TEST_CASE(repetitions_count_copies) {
  expect_copies([](const Var& x) { return repeat(x, 1, 3); }, {1, 4}, 3.0);
  expect_copies([](const Var& x) { return tile(x, {1, 3}); }, {1, 4}, 3.0);
  expect_copies([](const Var& x) { return tile(x, {1, 2, 3}); }, {1, 2, 2}, 6.0);
  expect_copies([](const Var& x) { return resize_nearest(x, 4, 6); }, {1, 1, 2, 2}, 6.0);
  // 5 from 3: pixels 0, 0, 1, 1, 2.
  expect_copies([](const Var& x) { return resize_nearest(x, 5, 5); }, {1, 2, 3, 3}, 4.0);
}

BOOST_AUTO_TEST_CASE(selections_are_locally_permutations) {
  for (const Norm norm : norms) {
    BOOST_TEST(constant([](const Var& x) { return group_sort(x, 4); }, {1, 8}, norm) == 1.0);
    BOOST_TEST(constant([](const Var& x) { return sort(x); }, {1, 7}, norm) == 1.0);
    BOOST_TEST(constant([](const Var& x) { return maxmin(x); }, {1, 6, 2, 2}, norm) == 1.0);
    BOOST_TEST(constant([](const Var& x) { return top_k(x, 3); }, {1, 7}, norm) == 1.0);
    BOOST_TEST(constant([](const Var& x) { return global_max_pool(x); }, {1, 3, 4, 4}, norm) == 1.0);
  }
}

BOOST_AUTO_TEST_CASE(cumulative_sums_have_their_known_norm) {
  // Of the triangular matrix of ones: its inverse is bidiagonal, with known eigenvalues of the normal equations.
  for (const Index n : {1, 2, 5, 16, 60}) {
    const double exact = 1.0 / (2.0 * std::sin(std::numbers::pi / static_cast<double>(4 * n + 2)));
    for (const bool reverse : {false, true}) {
      const auto f = [=](const Var& x) { return cumsum(x, 1, false, reverse); };
      BOOST_TEST(constant(f, {1, n}) == exact, tolerance(1e-9));
      BOOST_TEST(constant(f, {1, n}) >= exact * (1 - 1e-14));
      BOOST_TEST(constant(f, {1, n}, Norm::l1) == static_cast<double>(n), tolerance(1e-14));
      BOOST_TEST(constant(f, {1, n}, Norm::linf) == static_cast<double>(n), tolerance(1e-14));
    }
    // Without the diagonal it is the sum of one element fewer.
    const auto g = [](const Var& x) { return cumsum(x, 1, true); };
    BOOST_TEST(constant(g, {1, n + 1}) == exact, tolerance(1e-9));
  }
  // Along a middle axis it acts on every slice alike.
  expect_norm_of_matrix([](const Var& x) { return cumsum(x, 1, false, true); }, {1, 4, 3});
}

BOOST_AUTO_TEST_CASE(matrices_along_an_axis_have_their_norm) {
  Random random(51);
  const Tensor w = random.normals({3, 4});
  expect_norm_of_matrix([&](const Var& x) { return matrix_along(x, w, 1); }, {1, 4, 5});
  expect_norm_of_matrix([&](const Var& x) { return matrix_along(x, w, -1); }, {1, 2, 4});
  BOOST_TEST(constant([&](const Var& x) { return matrix_along(x, w, 1); }, {1, 4, 5}) ==
                 static_cast<double>(testing::spectral_norm(w)),
             tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(resizing_has_the_norm_of_its_matrix) {
  for (const bool align : {false, true})
    for (const auto& [height, width] : {std::pair<Index, Index>{6, 7}, {2, 3}, {4, 9}, {8, 2}})
      expect_norm_of_matrix(
          [=, height = height, width = width](const Var& x) { return resize_bilinear(x, height, width, align); },
          {1, 2, 4, 3});
  // Convex combinations: linf 1.
  BOOST_TEST(constant([](const Var& x) { return resize_bilinear(x, 5, 9); }, {1, 1, 4, 4}, Norm::linf) == 1.0,
             tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(sequences_have_the_norms_of_their_matrices) {
  Random random(52);
  const Tensor kernel = random.normals({3, 2, 3});
  for (const Conv1dOptions& options : {Conv1dOptions{}, Conv1dOptions{.stride = 2, .padding = {1, 2}},
                                       Conv1dOptions{.dilation = 2, .padding = {2, 2}}}) {
    expect_norm_of_matrix([&](const Var& x) { return conv1d(x, kernel, Var(), options); }, {1, 2, 8});
    expect_norm_of_matrix([&](const Var& x) { return conv_transpose1d(x, kernel, Var(), options); }, {1, 3, 5});
  }
  const Tensor grouped = random.normals({4, 1, 2});
  expect_norm_of_matrix([&](const Var& x) { return conv1d(x, grouped, Var(), {.groups = 2}); }, {1, 2, 6});
}

BOOST_AUTO_TEST_CASE(averages_have_the_norms_of_their_matrices) {
  for (const bool ceil_mode : {false, true})
    for (const bool count_padding : {false, true}) {
      const Pool2dOptions options{.window = {3, 2},
                                  .stride = {2, 2},
                                  .padding = {1, 1, 1, 0},
                                  .ceil_mode = ceil_mode,
                                  .count_padding = count_padding};
      expect_norm_of_matrix([=](const Var& x) { return avg_pool2d(x, options); }, {1, 2, 6, 6});
    }
  expect_norm_of_matrix(
      [](const Var& x) {
        return avg_pool1d(x, {.window = 3, .stride = 1, .padding = {1, 1}, .count_padding = false});
      },
      {1, 2, 7});
  // The mean of n numbers: 1/√n.
  BOOST_TEST(constant([](const Var& x) { return global_avg_pool(x); }, {1, 2, 3, 4}) == 1.0 / std::sqrt(12.0),
             tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(overlapping_maxima_count_their_windows) {
  struct Overlap {
    Index length;
    Pool1dOptions options;
    double windows;  // that share one position, at most
  };
  for (const auto& [length, options, windows] : std::vector<Overlap>{
           {9, {.window = 3, .stride = 1}, 3.0},
           {9, {.window = 3, .stride = 2}, 2.0},
           {8, {.window = 2, .stride = 2}, 1.0},
           {9, {.window = 3, .stride = 2, .dilation = 2}, 3.0},  // dilated taps meet the same residues
           {9, {.window = 3, .stride = 2, .dilation = 3}, 1.0},  // 0 3 6 and 2 5 8
           {15, {.window = 3, .stride = 2, .dilation = 3}, 2.0},
           {4, {.window = 3, .stride = 2, .ceil_mode = true}, 2.0},  // 0 1 2 and 2 3: the second hangs over
           {4, {.window = 3, .stride = 2}, 1.0},
       }) {
    const auto f = [options = options](const Var& x) { return max_pool1d(x, options); };
    for (const Norm norm : norms) {
      const double exact = norm == Norm::l1 ? windows : norm == Norm::l2 ? std::sqrt(windows) : 1.0;
      BOOST_TEST(constant(f, {1, 2, length}, norm) == exact, tolerance(1e-14));
    }
  }
}

BOOST_AUTO_TEST_CASE(contractions_with_constants_have_their_norm) {
  Random random(53);
  const Tensor w = random.normals({3, 4});
  const double exact = static_cast<double>(testing::spectral_norm(w));
  BOOST_TEST(constant([&](const Var& x) { return einsum("nij,jk->nik", x, w); }, {1, 2, 3}) == exact, tolerance(1e-9));
  BOOST_TEST(constant([&](const Var& x) { return einsum("kj,nij->nki", w, x); }, {1, 2, 4}) == exact, tolerance(1e-9));
  BOOST_TEST(constant([&](const Var& x) { return einsum("nij->ni", x); }, {1, 2, 9}) == 3.0, tolerance(1e-12));
  // Every matrix of the batch meets the same x: the blocks of a column.
  const Tensor several = random.normals({3, 4, 2});
  expect_norm_of_matrix([&](const Var& x) { return matmul(x, several); }, {1, 1, 2, 4});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
