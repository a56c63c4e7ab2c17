// Structures against their matrices, adjoints, exactness of stored weights, rounding lengths, refusals.
#include "autodiff/linear_map.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <thread>

#include "autodiff/error.h"
#include "autodiff/kernels/conv.h"
#include "autodiff/range.h"
#include "harness/options.h"
#include "tests/autodiff/maps/linear_map_samples.h"

namespace taut::test {
namespace {

using harness::Random;

Tensor integers(Random& random, const Shape& shape) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  for (double& x : t.mutable_data<double>()) x = static_cast<double>(random.integer(-9, 9));
  return t;
}

// a x, exact for dyadic numbers.
std::vector<double> times(const Matrix& a, const Tensor& x) {
  std::vector<double> y(static_cast<std::size_t>(a.rows), 0.0);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) y[static_cast<std::size_t>(i)] += a.at(i, j) * x.at(j);
  return y;
}

void check_equal(const Tensor& got, const Shape& shape, const std::vector<double>& wanted) {
  BOOST_TEST(got.dtype() == DType::f64);
  BOOST_TEST_REQUIRE(got.shape() == shape);
  for (Index i = 0; i < got.size(); ++i) BOOST_TEST(got.at(i) == wanted[static_cast<std::size_t>(i)], "element " << i);
}

bool says(const std::exception& error, std::initializer_list<const char*> words) {
  const std::string text = error.what();
  for (const char* const word : words)
    if (text.find(word) == std::string::npos) {
      BOOST_TEST_MESSAGE("missing '" << word << "' in: " << text);
      return false;
    }
  return true;
}

// The constructor refuses with ShapeError whose text has the words.
void check_refused(const Shape& in, const Shape& out, Structure structure, std::initializer_list<const char*> words) {
  BOOST_CHECK_EXCEPTION(LinearMap(in, out, std::move(structure)), ShapeError,
                        [&](const ShapeError& error) { return says(error, words); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linear_map)

// Weights and arguments are small dyadic numbers, so every sum is exact and equality is asked for.
BOOST_AUTO_TEST_CASE(every_structure_applies_its_matrix) {
  Random random("every_structure_applies_its_matrix");
  for (const DType dtype : {DType::f32, DType::f64})
    for (const SampleMap& s : all_maps(random, Weights::dyadic, dtype)) {
      BOOST_TEST_CONTEXT(s.name) {
        const Tensor x = integers(random, s.map.in_shape()), y = integers(random, s.map.out_shape());
        check_equal(s.map.apply(x), s.map.out_shape(), times(s.matrix, x));
        check_equal(s.map.apply_transpose(y), s.map.in_shape(), times(transposed(s.matrix), y));
        check_equal(s.map.apply(x.to(DType::f32)), s.map.out_shape(), times(s.matrix, x));
        check_equal(to_dense(s.map), {s.matrix.rows, s.matrix.columns}, s.matrix.entries);
      }
    }
}

BOOST_AUTO_TEST_CASE(random_convolutions_apply_their_matrix) {
  Random random("random_convolutions_apply_their_matrix");
  for (int i = 0; i < harness::iterations(150); ++i) {
    const Index groups = random.integer(1, 3);
    const std::array<Index, 3> image{groups * random.integer(1, 2), random.integer(1, 6), random.integer(1, 6)};
    const Shape kernel{groups * random.integer(1, 2), image[0] / groups, random.integer(1, 4), random.integer(1, 4)};
    Conv2dOptions o{{random.integer(1, 3), random.integer(1, 3)}, {random.integer(1, 2), random.integer(1, 3)}};
    o.groups = groups;
    for (Index& p : o.padding) p = random.integer(0, 5);
    if (image[1] + o.padding[0] + o.padding[1] <= o.dilation[0] * (kernel[2] - 1)) continue;
    if (image[2] + o.padding[2] + o.padding[3] <= o.dilation[1] * (kernel[3] - 1)) continue;
    const kernels::ConvShape shape = kernels::conv_shape(1, image, kernel, o, "test");
    const SampleMap s = convolution_sample({random_weights(random, kernel, Weights::dyadic, DType::f32),
                                            o,
                                            image,
                                            {shape.c_out, shape.out_h, shape.out_w},
                                            random.coin() ? Boundary::circular : Boundary::zero,
                                            random.coin()});
    BOOST_TEST_CONTEXT(s.name) {
      const Tensor x = integers(random, s.map.in_shape()), y = integers(random, s.map.out_shape());
      check_equal(s.map.apply(x), s.map.out_shape(), times(s.matrix, x));
      check_equal(s.map.apply_transpose(y), s.map.in_shape(), times(transposed(s.matrix), y));
    }
  }
}

// The example by which circular and zero-padded convolutions differ: [−1, 2, −1] on three pixels.
BOOST_AUTO_TEST_CASE(boundaries_differ) {
  structure::Convolution c{Tensor::of<double>({1, 1, 1, 3}, {-1, 2, -1}), {}, {1, 1, 3}, {1, 1, 3}};
  c.options.padding = {0, 0, 1, 1};
  const Tensor ones = Tensor::full({3}, DType::f64, 1.0);
  check_equal(LinearMap({3}, {3}, c).apply(ones), {3}, {1, 0, 1});
  c.boundary = Boundary::circular;
  check_equal(LinearMap({3}, {3}, c).apply(ones), {3}, {0, 0, 0});
}

BOOST_AUTO_TEST_CASE(repeated_indices_add_up) {
  const LinearMap spread({2}, {4}, structure::Selection{list({1, 1, -1, 1})});
  check_equal(spread.apply(Tensor::of<double>({2}, {3, 5})), {4}, {5, 5, 0, 5});
  check_equal(spread.apply_transpose(Tensor::of<double>({4}, {1, 2, 4, 8})), {2}, {0, 11});
  const LinearMap total({4}, {2}, structure::Gathering{list({1, 1, -1, 1})});
  check_equal(total.apply(Tensor::of<double>({4}, {1, 2, 4, 8})), {2}, {0, 11});
}

// ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ to the rounding of both sides.
BOOST_AUTO_TEST_CASE(transpose_is_the_adjoint) {
  Random random("transpose_is_the_adjoint");
  for (const SampleMap& s : all_maps(random, Weights::real, DType::f32)) {
    BOOST_TEST_CONTEXT(s.name) {
      const Tensor x = random.tensor(s.map.in_shape()), y = random.tensor(s.map.out_shape());
      const Tensor ax = s.map.apply(x), aty = s.map.apply_transpose(y),
                   mass = absolute(s.map).apply(Tensor::full(s.map.in_shape(), DType::f64, 1.0));
      double left = 0, right = 0, scale = 0;
      for (Index i = 0; i < y.size(); ++i) left += ax.at(i) * y.at(i), scale += mass.at(i);
      for (Index j = 0; j < x.size(); ++j) right += x.at(j) * aty.at(j);
      // Each side rounds every term at most (accumulation + size) times.
      const auto n =
          static_cast<double>(accumulation_length(s.map) + accumulation_length(transpose(s.map)) + x.size() + y.size());
      BOOST_TEST(std::fabs(left - right) <= n * 0x1p-53 * scale);
    }
  }
}

// Several vectors at once are each of them: integers, so that no order of summation rounds.
BOOST_AUTO_TEST_CASE(vectors_side_by_side_are_applied_one_by_one) {
  Random random("vectors_side_by_side_are_applied_one_by_one");
  std::vector<LinearMap> maps;
  for (const SampleMap& s : all_maps(random, Weights::dyadic, DType::f32)) maps.push_back(s.map);
  const Tensor large = integers(random, {300, 500}).to(DType::f32);  // more than is widened at a time
  maps.push_back(dense_map(large, {500}, {300}));
  maps.push_back(dense_map(large.to(DType::f64), {500}, {300}));
  for (const LinearMap& map : maps)
    for (const Index count : {0, 1, 3})
      for (const bool forward : {true, false}) {
        const Shape &from = forward ? map.in_shape() : map.out_shape(),
                    &to = forward ? map.out_shape() : map.in_shape();
        const Tensor xs = integers(random, {count, from.size()});
        const Tensor ys = forward ? map.apply_each(xs) : map.apply_transpose_each(xs);
        BOOST_REQUIRE(ys.shape() == (Shape{count, to.size()}));
        for (Index k = 0; k < count; ++k) {
          const auto part = xs.data<double>().subspan(static_cast<std::size_t>(k * from.size()));
          const Tensor x = Tensor::from(from, part.first(static_cast<std::size_t>(from.size())));
          const Tensor y = forward ? map.apply(x) : map.apply_transpose(x);
          for (Index i = 0; i < to.size(); ++i) BOOST_TEST(ys.at(k * to.size() + i) == y.at(i));
        }
      }
  BOOST_CHECK_EXCEPTION(maps.back().apply_each(Tensor::zeros({500}, DType::f64)), ShapeError,
                        [](const ShapeError& error) {
                          return says(error, {"needs shape (count, 500)", "stack them"});
                        });
}

// An f32 weight is the number that is stored: the same bits as the map of the widened weight.
BOOST_AUTO_TEST_CASE(single_precision_weights_are_exact) {
  Random random("single_precision_weights_are_exact");
  const Tensor weight = random.tensor({5, 7}).to(DType::f32);
  const LinearMap narrow = dense_map(weight, {7}, {5}), wide = dense_map(weight.to(DType::f64), {7}, {5});
  const Tensor x = random.tensor({7}), y = narrow.apply(x), z = wide.apply(x);
  for (Index i = 0; i < 5; ++i) BOOST_TEST(y.at(i) == z.at(i));
  check_equal(dense_map(Tensor::of<float>({1, 1}, {0.1F}), {1}, {1}).apply(Tensor::of<double>({1}, {1})), {1},
              {static_cast<double>(0.1F)});
}

BOOST_AUTO_TEST_CASE(a_map_keeps_the_weights_it_was_given) {
  Tensor weight = Tensor::of<float>({1, 2}, {1, 2});
  const LinearMap map = dense_map(weight, {2}, {1});
  weight.mutable_data<float>()[0] = 100;
  check_equal(map.apply(Tensor::of<double>({2}, {1, 1})), {1}, {3});
}

BOOST_AUTO_TEST_CASE(threads_may_share_a_map) {
  Random random("threads_may_share_a_map");
  const LinearMap map = dense_map(random.tensor({64, 64}).to(DType::f32), {64}, {64});
  const Tensor x = random.tensor({64});
  std::array<double, 4> results{};
  std::vector<std::thread> threads;
  for (double& result : results) threads.emplace_back([&, x] { result = map.apply(x).at(7); });
  for (std::thread& thread : threads) thread.join();
  for (const double result : results) BOOST_TEST(result == map.apply(x).at(7));
}

// |fl(A x) − A x| ≤ γ_n |A| |x|, against sums in long double, whose own error is below 2^-60 of the mass.
BOOST_AUTO_TEST_CASE(accumulation_length_bounds_the_rounding) {
  Random random("accumulation_length_bounds_the_rounding");
  for (const SampleMap& s : atoms(random, Weights::real, DType::f32)) {
    BOOST_TEST_CONTEXT(s.name) {
      const double gamma = gamma_factor(accumulation_length(s.map), unit_roundoff(DType::f64));
      const Tensor mass = to_dense(absolute(s.map));
      for (int repeat = 0; repeat < harness::iterations(20); ++repeat) {
        const Tensor x = random.tensor(s.map.in_shape()), y = s.map.apply(x);
        for (Index i = 0; i < s.matrix.rows; ++i) {
          long double exact = 0, total = 0;
          for (Index j = 0; j < s.matrix.columns; ++j) {
            exact += static_cast<long double>(s.matrix.at(i, j)) * x.at(j);
            total += static_cast<long double>(mass.at(i * s.matrix.columns + j)) * std::fabs(x.at(j));
          }
          BOOST_TEST(std::fabs(y.at(i) - exact) <= (gamma + 0x1p-60L) * total);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(accumulation_lengths) {
  const auto length = [](const LinearMap& map) { return accumulation_length(map); };
  const LinearMap w = dense_map(Tensor::full({4, 3}, DType::f64, 0.1), {3}, {4});
  const LinearMap g({6}, {4}, structure::Gathering{list({2, 0, 0, -1, 1, 0})});
  BOOST_TEST(length(w) == 3);
  BOOST_TEST(length(transpose(w)) == 4);
  BOOST_TEST(length(g) == 2);  // three terms
  BOOST_TEST(length(transpose(g)) == 0);
  BOOST_TEST(length(scale_map({3}, -1.0)) == 0);
  BOOST_TEST(length(scale_map({3}, 0.1)) == 1);
  BOOST_TEST(length(compose(transpose(w), w)) == 7);
  BOOST_TEST(length(add(w, w)) == 4);
  BOOST_TEST(length(LinearMap({9}, {4}, structure::BlockRow{{w, g}})) == 4);
  BOOST_TEST(length(LinearMap({3}, {8}, structure::BlockColumn{{w, w}})) == 3);
}

// With a kernel of ones, the entries of a row add up to the number of terms of that output.
BOOST_AUTO_TEST_CASE(accumulation_length_counts_the_terms_of_convolutions) {
  for (const Index padding : {2, 5})
    for (const Boundary boundary : {Boundary::zero, Boundary::circular})
      for (const bool is_transposed : {false, true}) {
        Conv2dOptions o;
        o.padding = {padding, padding, padding, padding};
        const Index out = 3 + 2 * padding - 4;
        const SampleMap s = convolution_sample(
            {Tensor::full({2, 1, 5, 5}, DType::f32, 1.0), o, {1, 3, 3}, {2, out, out}, boundary, is_transposed});
        double terms = 0;
        for (Index i = 0; i < s.matrix.rows; ++i) {
          double row = 0;
          for (Index j = 0; j < s.matrix.columns; ++j) row += s.matrix.at(i, j);
          terms = std::max(terms, row);
        }
        BOOST_TEST(static_cast<double>(accumulation_length(s.map)) >= terms, s.name);
      }
}

BOOST_AUTO_TEST_CASE(exact_and_nonnegative_maps_are_known) {
  Random random("exact_and_nonnegative_maps_are_known");
  for (const SampleMap& s : all_maps(random, Weights::dyadic, DType::f32)) {
    BOOST_TEST_CONTEXT(s.name) {
      if (is_nonnegative(s.map))
        for (const double v : s.matrix.entries) BOOST_TEST(v >= 0.0);
      if (!applies_exactly(s.map)) continue;
      for (Index i = 0; i < s.matrix.rows; ++i) {
        double total = 0;
        for (Index j = 0; j < s.matrix.columns; ++j) total += std::fabs(s.matrix.at(i, j));
        BOOST_TEST((total == 0.0 || total == 1.0));
      }
    }
  }
  const LinearMap swap({2}, {2}, structure::Gathering{list({1, 0})});
  BOOST_TEST(applies_exactly(swap));
  BOOST_TEST(applies_exactly(scale_map({2}, -1.0)));
  BOOST_TEST(applies_exactly(dense_map(Tensor::of<double>({2, 2}, {0, -1, 1, 0}), {2}, {2})));
  BOOST_TEST(!applies_exactly(dense_map(Tensor::of<double>({1, 2}, {1, 1}), {2}, {1})));
  BOOST_TEST(!applies_exactly(scale_map({2}, 2.0)));
  BOOST_TEST(!applies_exactly(LinearMap({2}, {1}, structure::Gathering{list({0, 0})})));
  BOOST_TEST(is_nonnegative(compose(swap, scale_map({2}, 0.25))));
  BOOST_TEST(!is_nonnegative(compose(swap, scale_map({2}, -0.25))));
}

BOOST_AUTO_TEST_CASE(maps_of_nothing) {
  const LinearMap to_nothing = dense_map(Tensor::zeros({0, 3}, DType::f64), {3}, {0});
  BOOST_TEST(to_nothing.apply(Tensor::zeros({3}, DType::f64)).size() == 0);
  check_equal(to_nothing.apply_transpose(Tensor::zeros({0}, DType::f64)), {3}, {0, 0, 0});
  const LinearMap along({2, 0, 3}, {2, 2, 3}, structure::DenseAlong{Tensor::zeros({2, 0}, DType::f32), 2, 3});
  check_equal(along.apply(Tensor::zeros({2, 0, 3}, DType::f64)), {2, 2, 3}, std::vector<double>(12, 0.0));
  const LinearMap none({0}, {0}, structure::Diagonal{Tensor::zeros({0}, DType::f64), 1});
  BOOST_TEST(none.apply(Tensor::zeros({0}, DType::f64)).size() == 0);
}

BOOST_AUTO_TEST_CASE(structures_that_do_not_fit_are_refused) {
  const Tensor w = Tensor::zeros({2, 3}, DType::f64), k = Tensor::zeros({1, 1, 3, 3}, DType::f32);
  const LinearMap a = dense_map(w, {3}, {2});
  check_refused({2}, {3}, structure::Dense{w}, {"[linear map]", "carries 3 numbers to 2", "(2)", "(3)"});
  check_refused({3}, {2}, structure::Dense{Tensor::zeros({6}, DType::f64)}, {"(m, n)", "(6)"});
  check_refused({3}, {2}, structure::Dense{}, {"undefined"});
  check_refused({12}, {9}, structure::DenseAlong{w, 2, 2}, {"carries 12 numbers to 8"});
  check_refused({12}, {8}, structure::DenseAlong{w, -2, -2}, {"outer", "-2"});
  check_refused({4}, {5}, structure::Scale{2.0}, {"4 and 5"});
  check_refused({6}, {6}, structure::Diagonal{Tensor::zeros({4}, DType::f64), 1}, {"4 values", "6 elements"});
  check_refused({6}, {6}, structure::Diagonal{Tensor::zeros({6}, DType::f64), 0}, {"inner count"});
  check_refused({2}, {3}, structure::Selection{list({0, 1})}, {"one index per element of (3)", "got 2"});
  check_refused({2}, {3}, structure::Selection{list({0, 1, 2})}, {"index 2 at position 2", "-1 to 1"});
  check_refused({2}, {3}, structure::Selection{}, {"got none"});
  check_refused({3}, {2}, structure::Gathering{list({0, -2, 1})}, {"index -2 at position 1"});
  check_refused({9}, {9}, structure::Convolution{k, {}, {1, 3, 3}, {1, 3, 3}}, {"gives (1, 1, 1)", "(1, 3, 3)"});
  check_refused({9}, {2}, structure::Convolution{k, {}, {1, 3, 3}, {1, 1, 1}}, {"carries 9 numbers to 1"});
  check_refused({4}, {1}, structure::Convolution{k, {}, {1, 2, 2}, {1, 1, 1}}, {"pad more"});
  check_refused({6}, {3}, structure::BlockRow{{a, a}}, {"carries 6 numbers to 2"});
  check_refused({3}, {2}, structure::BlockRow{}, {"at least one map"});
  check_refused({3}, {2}, structure::BlockColumn{{a, LinearMap()}}, {"empty map at position 1"});
  check_refused({3}, {2}, structure::Composition{{a, a}}, {"factor 0", "(3)", "(2)"});
  check_refused({3}, {3}, structure::Sum{{a}}, {"carries 3 numbers to 2"});
  check_refused({3}, {3}, structure::Opaque{}, {"apply_transpose"});
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  const LinearMap a = dense_map(Tensor::zeros({2, 3}, DType::f64), {3}, {2});
  BOOST_CHECK_EXCEPTION(a.apply(Tensor::zeros({2}, DType::f64)), ShapeError, [](const ShapeError& e) {
    return says(e, {"apply needs shape (3)", "got (2)"});
  });
  BOOST_CHECK_THROW(a.apply_transpose(Tensor::zeros({3}, DType::f64)), ShapeError);
  BOOST_TEST(!LinearMap());
  BOOST_CHECK_EXCEPTION(LinearMap().in_shape(), UsageError, [](const UsageError& e) {
    return says(e, {"empty map", "does not vary"});
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
