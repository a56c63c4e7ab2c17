// Taps of a kernel that never meet the image: no bound may count them.
#include <boost/test/unit_test.hpp>

#include "autodiff/error.h"
#include "lipschitz/convolution/sum_norms.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/spectral.h"
#include "tests/support/oracles.h"

namespace taut {
namespace {

using testing::Random;

struct Geometry {
  std::array<Index, 2> image, taps, stride{1, 1}, dilation{1, 1};
  std::array<Index, 4> padding{0, 0, 0, 0};
};

std::string text(const Geometry& g) {
  return cat("image ", g.image[0], 'x', g.image[1], " taps ", g.taps[0], 'x', g.taps[1], " stride ", g.stride[0], ',',
             g.stride[1], " dilation ", g.dilation[0], ',', g.dilation[1], " padding ", g.padding[0], ',', g.padding[1],
             ',', g.padding[2], ',', g.padding[3]);
}

// Nothing where the kernel does not fit.
std::optional<structure::Convolution> convolution(Random& random, const Geometry& g) {
  structure::Convolution c;
  c.options.stride = g.stride;
  c.options.dilation = g.dilation;
  c.options.padding = g.padding;
  c.options.groups = random.integer(1, 2);
  const Index in = random.integer(1, 2), out = random.integer(1, 3), groups = c.options.groups;
  c.image = {groups * in, g.image[0], g.image[1]};
  c.result = {groups * out, 0, 0};
  for (std::size_t a = 0; a < 2; ++a) {
    const Index room = g.image[a] + g.padding[2 * a] + g.padding[2 * a + 1] - g.dilation[a] * (g.taps[a] - 1) - 1;
    if (room < 0) return std::nullopt;
    c.result[1 + a] = room / g.stride[a] + 1;
  }
  c.kernel = random.normals({groups * out, in, g.taps[0], g.taps[1]}, random.coin() ? DType::f32 : DType::f64);
  return c;
}

LinearMap as_map(const structure::Convolution& c) { return {Shape(c.image), Shape(c.result), c}; }

bool meets_the_image(Index tap, const Geometry& g, std::size_t axis, Index outputs) {
  for (Index o = 0; o < outputs; ++o) {
    const Index at = o * g.stride[axis] - g.padding[2 * axis] + g.dilation[axis] * tap;
    if (at >= 0 && at < g.image[axis]) return true;
  }
  return false;
}

// The kernel with `value` where it never meets the image.
structure::Convolution with_dead(const structure::Convolution& c, const Geometry& g, double value, Index& dead) {
  structure::Convolution other = c;
  other.kernel = c.kernel.copy();
  const Shape& shape = c.kernel.shape();
  dead = 0;
  for (Index y = 0; y < shape[2]; ++y)
    for (Index x = 0; x < shape[3]; ++x) {
      if (meets_the_image(y, g, 0, c.result[1]) && meets_the_image(x, g, 1, c.result[2])) continue;
      ++dead;
      for (Index channels = 0; channels < shape[0] * shape[1]; ++channels) {
        const auto at = static_cast<std::size_t>((channels * shape[2] + y) * shape[3] + x);
        dispatch(other.kernel.dtype(), [&](auto zero) {
          using T = decltype(zero);
          other.kernel.mutable_data<T>()[at] = static_cast<T>(value);
        });
      }
    }
  return other;
}

double circulant(const structure::Convolution& c) { return detail::circulant_norm(c, {})->upper.round(Side::upper); }

// Returns whether there were any dead taps.
bool check(Random& random, const Geometry& g) {
  const auto c = convolution(random, g);
  if (!c) return false;
  Index dead = 0;
  const structure::Convolution none = with_dead(*c, g, 0.0, dead), huge = with_dead(*c, g, 3e6, dead);
  BOOST_TEST_CONTEXT(text(g) << ", " << dead << " dead taps") {
    const Tensor matrix = to_dense(as_map(*c));
    const auto truth = testing::spectral_norm(matrix);
    // Whatever they are: the map is the same, the bounds are.
    BOOST_TEST(static_cast<long double>(circulant(*c)) >= truth * (1 - 1e-15L));
    BOOST_TEST(circulant(huge) == circulant(none));
    BOOST_TEST(circulant(*c) == circulant(none), boost::test_tools::tolerance(1e-13));  // the scale may differ
    for (const Norm norm : {Norm::l1, Norm::l2, Norm::linf})
      BOOST_TEST(operator_norm(as_map(huge), norm).upper.value() == operator_norm(as_map(none), norm).upper.value());
    BOOST_TEST(frobenius_norm(as_map(huge)).value() == frobenius_norm(as_map(none)).value());
    // Without the dead taps it is the same matrix.
    const structure::Convolution alive = detail::without_dead_taps(*c);
    if (dead == 0) BOOST_TEST(alive.kernel.shape() == c->kernel.shape());
    const detail::ConvAxis rows(alive, 0), columns(alive, 1);
    BOOST_TEST(rows.padding >= 0);
    BOOST_TEST(columns.padding >= 0);
    for (Index oy = 0; oy < c->result[1]; ++oy)
      for (Index y = 0; y < rows.taps; ++y)
        BOOST_TEST(rows.read(oy, y) ==
                   detail::ConvAxis(*c, 0).read(oy, y + (c->options.padding[0] - rows.padding) / g.dilation[0]));
  }
  return dead > 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dead_taps)

BOOST_AUTO_TEST_CASE(of_chosen_geometries) {
  Random random(811);
  const std::vector<Geometry> geometries{
      {{1, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  // one row: the middle tap alone
      {{9, 1}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {{1, 1}, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
      {{2, 2}, {7, 7}, {1, 1}, {1, 1}, {3, 3, 3, 3}},
      {{1, 8}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
      {{2, 8}, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}},  // dilated beyond the image
      {{2, 6}, {3, 3}, {1, 1}, {3, 3}, {3, 3, 3, 3}},
      {{2, 5}, {4, 3}, {3, 1}, {2, 1}, {1, 5, 0, 2}},  // the first tap that meets it lies behind padding's end
      {{1, 5}, {4, 2}, {3, 2}, {1, 1}, {4, 4, 1, 1}},  // dead in between: a stride steps over the image
      {{3, 3}, {3, 3}, {1, 1}, {1, 1}, {4, 0, 0, 4}},  // rows of zeros, no dead taps
      {{3, 4}, {2, 2}, {4, 4}, {1, 1}, {0, 2, 0, 1}},
      {{1, 4}, {6, 1}, {2, 1}, {1, 1}, {5, 0, 0, 0}},
  };
  int with_dead_taps = 0;
  for (const Geometry& g : geometries)
    for (int k = 0; k < 3; ++k) with_dead_taps += check(random, g);
  BOOST_TEST(with_dead_taps >= 24);
}

BOOST_AUTO_TEST_CASE(of_random_geometries) {
  Random random(812);
  int with_dead_taps = 0;
  const int count = testing::iterations(300);
  for (int k = 0; k < count; ++k) {
    Geometry g{{random.integer(1, 6), random.integer(1, 6)}, {random.integer(1, 5), random.integer(1, 5)}};
    for (std::size_t a = 0; a < 2; ++a) {
      g.stride[a] = random.integer(1, 4);
      g.dilation[a] = random.integer(1, 3);
      for (std::size_t side : {2 * a, 2 * a + 1}) g.padding[side] = random.integer(0, g.dilation[a] * g.taps[a]);
    }
    with_dead_taps += check(random, g);
  }
  BOOST_TEST(with_dead_taps > count / 10);
}

// In rows too long for a matrix: 13.9 where the whole kernel counts 43.6.
BOOST_AUTO_TEST_CASE(of_a_long_row) {
  structure::Convolution c;
  c.kernel = Tensor::full({1, 1, 3, 3}, DType::f64, 1.0);
  c.options.padding = {1, 1, 1, 1};
  c.image = {1, 1, 20000};
  c.result = {1, 1, 20000};
  BOOST_TEST(operator_norm(as_map(c), Norm::l2).upper.value() == 3.0, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(circular_images_meet_every_tap) {
  structure::Convolution c;
  c.kernel = Tensor::full({1, 1, 3, 3}, DType::f64, 1.0);
  c.options.padding = {1, 1, 1, 1};
  c.image = {1, 1, 8};
  c.result = {1, 1, 8};
  c.boundary = Boundary::circular;
  BOOST_TEST(detail::without_dead_taps(c).kernel.shape() == c.kernel.shape());
  BOOST_TEST(circulant(c) == 9.0, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut
