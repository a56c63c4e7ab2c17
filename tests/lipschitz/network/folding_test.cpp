// What merging factors into convolutions and folding maps into matrices may change: nothing but rounding, and that is
// counted.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "lipschitz/network/fold_convolution.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

bool is_convolution(const LinearMap& map) { return std::holds_alternative<structure::Convolution>(map.structure()); }

// Every entry within `relative` of the other's.
void check_close(const LinearMap& a, const LinearMap& b, double relative) {
  const Tensor x = to_dense(a), y = to_dense(b);
  for (Index i = 0; i < x.size(); ++i) BOOST_TEST(std::fabs(x.at(i) - y.at(i)) <= relative * std::fabs(y.at(i)));
}

LinearMap channel_diagonal(Random& random, const Shape& image) {
  return LinearMap(image, image, structure::Diagonal{random.normals({image[0]}), image[1] * image[2]});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(folding)

BOOST_AUTO_TEST_CASE(channel_factors_merge_on_either_side) {
  Random random(71);
  for (int k = 0; k < testing::iterations(60); ++k) {
    const LinearMap map = testing::random_convolution(random);
    const LinearMap after = compose(channel_diagonal(random, map.out_shape()), map);
    const LinearMap both =
        compose(scale_map(map.out_shape(), 0.3), compose(after, channel_diagonal(random, map.in_shape())));
    for (const LinearMap& chain : {after, both}) {
      double error = 0.0;
      const LinearMap merged = detail::merge_into_convolutions(chain, error);
      BOOST_TEST(is_convolution(merged));
      BOOST_TEST(error > 0.0);
      BOOST_TEST(error < 4e-16);
      check_close(merged, chain, 2.0 * error);  // the chain's own matrix is rounded as often
    }
  }
}

BOOST_AUTO_TEST_CASE(exact_factors_cost_nothing) {
  Random random(72);
  const LinearMap map = testing::random_convolution(random);
  double error = 0.0;
  const LinearMap merged = detail::merge_into_convolutions(compose(scale_map(map.out_shape(), -0.5), map), error);
  BOOST_TEST(is_convolution(merged));
  BOOST_TEST(error == 0.0);
}

BOOST_AUTO_TEST_CASE(other_neighbours_stay) {
  Random random(73);
  const structure::Convolution c{random.normals({2, 1, 3, 3}), {}, {1, 6, 6}, {2, 4, 4}, Boundary::zero, false};
  const LinearMap map(Shape{1, 6, 6}, Shape{2, 4, 4}, c);
  double error = 0.0;
  const LinearMap per_element(Shape{2, 4, 4}, Shape{2, 4, 4}, structure::Diagonal{random.normals({32}), 1});
  BOOST_TEST(!is_convolution(detail::merge_into_convolutions(compose(per_element, map), error)));
  // A shift is not padding.
  auto source = std::make_shared<std::vector<Index>>();
  for (Index i = 0; i < 36; ++i) source->push_back(i == 35 ? -1 : i + 1);
  const LinearMap shift(Shape{1, 6, 6}, Shape{1, 6, 6}, structure::Selection{source});
  BOOST_TEST(!is_convolution(detail::merge_into_convolutions(compose(map, shift), error)));
  // Products that might underflow keep their factors.
  BOOST_TEST(!is_convolution(detail::merge_into_convolutions(compose(scale_map(Shape{2, 4, 4}, 1e-300), map), error)));
  BOOST_TEST(error == 0.0);
}

BOOST_AUTO_TEST_CASE(padding_merges) {
  Random random(74);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Index top = random.integer(0, 2), bottom = random.integer(0, 2), left = random.integer(0, 2),
                right = random.integer(0, 3);
    const Index h = 4 + top + bottom, w = 5 + left + right;
    auto source = std::make_shared<std::vector<Index>>();
    for (Index c = 0; c < 2; ++c)
      for (Index y = -top; y < 4 + bottom; ++y)
        for (Index x = -left; x < 5 + right; ++x)
          source->push_back(y < 0 || y >= 4 || x < 0 || x >= 5 ? -1 : (c * 4 + y) * 5 + x);
    const LinearMap pad(Shape{2, 4, 5}, Shape{2, h, w}, structure::Selection{source});
    const LinearMap map(Shape{2, h, w}, Shape{3, h, w},
                        structure::Convolution{random.normals({3, 2, 3, 3}),
                                               {.stride = {1, 1}, .dilation = {1, 1}, .padding = {1, 1, 1, 1}},
                                               {2, h, w},
                                               {3, h, w},
                                               Boundary::zero,
                                               false});
    double error = 0.0;
    const LinearMap merged = detail::merge_into_convolutions(compose(map, pad), error);
    BOOST_TEST(is_convolution(merged));
    BOOST_TEST(error == 0.0);
    check_close(merged, compose(map, pad), 0.0);
  }
}

// An image that is repeated periodically, and a convolution that adds nothing: a circular convolution, at any stride
// and with margins up to the whole image. The matrix is the judge.
BOOST_AUTO_TEST_CASE(periodic_padding_merges) {
  Random random(76);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Index top = random.integer(0, 4), bottom = random.integer(0, 4), left = random.integer(0, 5),
                right = random.integer(0, 5), stride = random.integer(1, 2);
    const Index h = 4 + top + bottom, w = 5 + left + right;
    auto source = std::make_shared<std::vector<Index>>();
    for (Index c = 0; c < 2; ++c)
      for (Index y = 0; y < h; ++y)
        for (Index x = 0; x < w; ++x) source->push_back((c * 4 + (y - top + 4) % 4) * 5 + (x - left + 5) % 5);
    const LinearMap pad(Shape{2, 4, 5}, Shape{2, h, w}, structure::Selection{source});
    const Index rows = (h - 3) / stride + 1, columns = (w - 2) / stride + 1;
    structure::Convolution c{random.normals({3, 2, 3, 2}), {}, {2, h, w}, {3, rows, columns}, Boundary::zero, false};
    c.options.stride = {stride, stride};
    const LinearMap map(Shape{2, h, w}, Shape{3, rows, columns}, c), both = compose(map, pad);
    double error = 0.0;
    const LinearMap merged = detail::merge_into_convolutions(both, error);
    BOOST_TEST(is_convolution(merged));
    BOOST_TEST(error == 0.0);
    check_close(merged, both, 1e-15);
    if (top + left == 0) continue;
    // One pixel that does not repeat spoils it.
    auto other = std::make_shared<std::vector<Index>>(*source);
    other->back() = 0;
    const LinearMap spoilt(Shape{2, 4, 5}, Shape{2, h, w}, structure::Selection{other});
    BOOST_TEST(!is_convolution(detail::merge_into_convolutions(compose(map, spoilt), error)));
  }
}

// The same behind a permutation, with which the padding has become one selection, and with rows that do not repeat.
BOOST_AUTO_TEST_CASE(periodic_padding_behind_a_selection_is_split_off) {
  Random random(77);
  for (int k = 0; k < testing::iterations(20); ++k) {
    const Index top = random.integer(0, 2), bottom = random.integer(0, 2), left = random.integer(1, 2),
                right = random.integer(0, 3);
    const Index h = 4 + top + bottom, w = 5 + left + right;
    std::vector<Index> shuffled(40);
    for (Index i = 0; i < 40; ++i) shuffled[static_cast<std::size_t>(i)] = i;
    for (Index i = 39; i > 0; --i)
      std::swap(shuffled[static_cast<std::size_t>(i)], shuffled[static_cast<std::size_t>(random.integer(0, i))]);
    auto source = std::make_shared<std::vector<Index>>();
    for (Index c = 0; c < 2; ++c)
      for (Index y = 0; y < h; ++y)
        for (Index x = 0; x < w; ++x)
          source->push_back(shuffled[static_cast<std::size_t>((c * 4 + (y - top + 4) % 4) * 5 + (x - left + 5) % 5)]);
    const LinearMap pad(Shape{40}, Shape{2, h, w}, structure::Selection{source});
    const structure::Convolution c{
        random.normals({3, 2, 3, 2}), {}, {2, h, w}, {3, h - 2, w - 1}, Boundary::zero, false};
    const LinearMap map(Shape{2, h, w}, Shape{3, h - 2, w - 1}, c), both = compose(map, pad);
    double error = 0.0;
    const LinearMap split = detail::merge_into_convolutions(both, error);
    const auto* parts = std::get_if<structure::Composition>(&split.structure());
    BOOST_TEST_REQUIRE(parts != nullptr);
    BOOST_TEST_REQUIRE(parts->factors.size() == 2U);
    const auto* circular = std::get_if<structure::Convolution>(&parts->factors[0].structure());
    BOOST_TEST_REQUIRE(circular != nullptr);
    BOOST_TEST((circular->boundary == Boundary::circular));
    BOOST_TEST(error == 0.0);
    check_close(split, both, 1e-15);
  }
}

// The matrix of a chain is rounded, to either side; its norm must not be.
BOOST_AUTO_TEST_CASE(folded_matrices_account_for_their_rounding) {
  Random random(75);
  for (int k = 0; k < testing::iterations(300); ++k) {
    const double a = random.uniform(0.5, 2.0), b = random.uniform(0.5, 2.0);
    const LinearMap chain = compose(dense_map(Tensor::of<double>({1, 1}, {a}), {1}, {1}),
                                    dense_map(Tensor::of<double>({1, 1}, {b}), {1}, {1}));
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf}) {
      const Enclosure bounds = detail::folded_norm(chain, norm, {});
      BOOST_TEST(std::fma(a, b, -bounds.upper.value()) <= 0.0);
      BOOST_TEST(std::fma(a, b, -bounds.lower.value()) >= 0.0);
      BOOST_TEST(bounds.upper.value() <= a * b * (1 + 1e-14));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
