// Laws of compose, add, transpose and absolute; what merges and what stays apart.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/linear_map.h"
#include "tests/autodiff/maps/linear_map_samples.h"

namespace taut::test {
namespace {

using harness::Random;

void check_matrix(const LinearMap& map, const Matrix& wanted) {
  const Tensor dense = to_dense(map);
  BOOST_TEST_REQUIRE(dense.shape() == Shape({wanted.rows, wanted.columns}));
  for (Index i = 0; i < dense.size(); ++i)
    BOOST_TEST(dense.at(i) == wanted.entries[static_cast<std::size_t>(i)], "entry " << i);
}

template <class S>
const S& structure_of(const LinearMap& map) {
  BOOST_TEST_REQUIRE(std::holds_alternative<S>(map.structure()));
  return std::get<S>(map.structure());
}

template <class S>
bool is(const LinearMap& map) {
  return std::holds_alternative<S>(map.structure());
}

LinearMap diagonal(std::initializer_list<double> values) {
  const Shape shape{static_cast<Index>(values.size())};
  return LinearMap(shape, shape, structure::Diagonal{Tensor::of<double>(shape, values), 1});
}

// Doubles its argument, and insists on its own shapes.
LinearMap opaque_double(const Shape& in, const Shape& out) {
  const auto twice = [](const Shape& from, const Shape& to) {
    return [from, to](const Tensor& x) {
      BOOST_TEST(x.shape() == from);
      Tensor y = Tensor::uninitialised(to, DType::f64);
      for (Index i = 0; i < x.size(); ++i) y.mutable_data<double>()[static_cast<std::size_t>(i)] = 2.0 * x.at(i);
      return y;
    };
  };
  return LinearMap(in, out, structure::Opaque{twice(in, out), twice(out, in)});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linear_map_algebra)

// Dyadic weights: products are exact, so the matrices are equal.
BOOST_AUTO_TEST_CASE(compose_multiplies_matrices) {
  Random random("compose_multiplies_matrices");
  const std::vector<SampleMap> maps = all_maps(random, Weights::dyadic, DType::f64);
  int pairs = 0;
  for (const SampleMap& a : maps)
    for (const SampleMap& b : maps)
      if (a.map.in_shape() == b.map.out_shape()) {
        BOOST_TEST_CONTEXT("(" << a.name << ") after (" << b.name << ")") {
          const LinearMap both = compose(a.map, b.map);
          BOOST_TEST(both.in_shape() == b.map.in_shape());
          BOOST_TEST(both.out_shape() == a.map.out_shape());
          check_matrix(both, product(a.matrix, b.matrix));
          if (const auto* c = std::get_if<structure::Composition>(&both.structure()))
            for (const LinearMap& factor : c->factors) BOOST_TEST(!is<structure::Composition>(factor));
          ++pairs;
        }
      }
  BOOST_TEST(pairs > 100);
}

BOOST_AUTO_TEST_CASE(add_adds_matrices_and_flattens) {
  Random random("add_adds_matrices_and_flattens");
  const std::vector<SampleMap> maps = all_maps(random, Weights::dyadic, DType::f64);
  int pairs = 0;
  for (const SampleMap& a : maps)
    for (const SampleMap& b : maps)
      if (a.map.in_shape() == b.map.in_shape() && a.map.out_shape() == b.map.out_shape()) {
        BOOST_TEST_CONTEXT("(" << a.name << ") plus (" << b.name << ")") {
          Matrix wanted = a.matrix;
          for (std::size_t i = 0; i < wanted.entries.size(); ++i) wanted.entries[i] += b.matrix.entries[i];
          const LinearMap both = add(a.map, b.map);
          check_matrix(both, wanted);
          ++pairs;
          if (is<structure::Scale>(both) || is<structure::Diagonal>(both)) continue;
          for (const LinearMap& term : structure_of<structure::Sum>(both).terms) BOOST_TEST(!is<structure::Sum>(term));
        }
      }
  BOOST_TEST(pairs > 50);
}

BOOST_AUTO_TEST_CASE(scales_and_diagonals_merge_where_exact) {
  const LinearMap d({3}, {3}, structure::Diagonal{Tensor::of({3}, {3.0, 0.0, -1.0}), 1});
  const LinearMap e({3}, {3}, structure::Diagonal{Tensor::of({3}, {0.0, -5.0, 0.25}), 1});
  BOOST_TEST(structure_of<structure::Diagonal>(add(d, e)).values.at(1) == -5.0);
  BOOST_TEST(structure_of<structure::Diagonal>(add(d, scale_map({3}, 2.0))).values.at(0) == 5.0);
  BOOST_TEST(structure_of<structure::Diagonal>(compose(scale_map({3}, 2.0), d)).values.at(2) == -2.0);
  BOOST_TEST(structure_of<structure::Diagonal>(compose(d, scale_map({3}, 2.0))).values.at(2) == -2.0);
  BOOST_TEST(structure_of<structure::Scale>(add(identity_map({3}), scale_map({3}, 0.5))).factor == 1.5);
  BOOST_TEST(structure_of<structure::Diagonal>(add(d, scale_map({3}, -2.0))).values.at(0) == 1.0);
  BOOST_TEST(structure_of<structure::Diagonal>(compose(scale_map({3}, -2.0), d)).values.at(0) == -6.0);
  // 0.1 + 0.2 rounds, and so does 0.1 · 0.1.
  BOOST_TEST(is<structure::Sum>(add(scale_map({3}, 0.1), scale_map({3}, 0.2))));
  const LinearMap tenths({3}, {3}, structure::Diagonal{Tensor::full({3}, DType::f64, 0.1), 1});
  BOOST_TEST(is<structure::Composition>(compose(scale_map({3}, 0.1), tenths)));
  // Another pattern is another map.
  const LinearMap by_two({4}, {4}, structure::Diagonal{Tensor::of({2}, {1.0, 2.0}), 2});
  const LinearMap by_one({4}, {4}, structure::Diagonal{Tensor::of({4}, {1.0, 2.0, 3.0, 4.0}), 1});
  BOOST_TEST(is<structure::Sum>(add(by_two, by_one)));
  const LinearMap in_turn({4}, {4}, structure::Diagonal{Tensor::of({2}, {1.0, 2.0}), 1});
  BOOST_TEST(is<structure::Sum>(add(by_two, in_turn)));
  // What is left of a sum has the shapes of the sum.
  const LinearMap flat({4}, {2, 2}, structure::Scale{1.5}), back({4}, {2, 2}, structure::Scale{-0.5});
  BOOST_TEST(add(flat, back).out_shape() == Shape({2, 2}));
  const LinearMap inner({4}, {4}, structure::Sum{{scale_map({4}, 0.1), scale_map({4}, 0.2)}});
  const LinearMap seen({4}, {2, 2}, structure::Sum{{scale_map({4}, 0.1), scale_map({4}, 0.2)}});
  BOOST_TEST(add(seen, LinearMap({4}, {2, 2}, structure::Scale{-0.1})).out_shape() == Shape({2, 2}));
  BOOST_TEST(add(inner, scale_map({4}, -0.1)).out_shape() == Shape({4}));
}

BOOST_AUTO_TEST_CASE(transpose_is_an_involution) {
  Random random("transpose_is_an_involution");
  for (const SampleMap& s : all_maps(random, Weights::dyadic, DType::f32)) {
    BOOST_TEST_CONTEXT(s.name) {
      const LinearMap t = transpose(s.map), back = transpose(t);
      BOOST_TEST(t.in_shape() == s.map.out_shape());
      BOOST_TEST(t.out_shape() == s.map.in_shape());
      check_matrix(t, transposed(s.matrix));
      BOOST_TEST(back.in_shape() == s.map.in_shape());
      BOOST_TEST(back.structure().index() == s.map.structure().index());
      check_matrix(back, s.matrix);
    }
  }
}

BOOST_AUTO_TEST_CASE(transpose_keeps_structure) {
  Random random("transpose_keeps_structure");
  const LinearMap w = dense_map(random.tensor({2, 3}).to(DType::f32), {3}, {2});
  BOOST_TEST(structure_of<structure::Dense>(transpose(w)).weight.dtype() == DType::f32);
  const LinearMap selection({3}, {2}, structure::Selection{list({2, 2})});
  BOOST_TEST(is<structure::Gathering>(transpose(selection)));
  const LinearMap row({5}, {2}, structure::BlockRow{{w, scale_map({2}, 3.0)}});
  BOOST_TEST(is<structure::BlockColumn>(transpose(row)));
}

// absolute(A) ≥ |A| entry by entry, with equality where every entry is one weight.
BOOST_AUTO_TEST_CASE(absolute_dominates) {
  Random random("absolute_dominates");
  for (const SampleMap& s : all_maps(random, Weights::dyadic, DType::f32)) {
    BOOST_TEST_CONTEXT(s.name) {
      const LinearMap magnitudes = absolute(s.map);
      BOOST_TEST(is_nonnegative(magnitudes));
      const Tensor dense = to_dense(magnitudes);
      for (Index i = 0; i < dense.size(); ++i) {
        const double wanted = std::fabs(s.matrix.entries[static_cast<std::size_t>(i)]);
        BOOST_TEST(dense.at(i) >= wanted);
        if (s.single) BOOST_TEST(dense.at(i) == wanted);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(reshapes_vanish) {
  Random random("reshapes_vanish");
  const LinearMap w = dense_map(random.tensor({2, 6}), {6}, {2});
  const LinearMap flat = compose(w, reshape_map({2, 3}, {6}));
  BOOST_TEST(is<structure::Dense>(flat));
  BOOST_TEST(flat.in_shape() == Shape({2, 3}));
  BOOST_TEST(flat.out_shape() == Shape({2}));
  const LinearMap shaped = compose(reshape_map({2}, {1, 2}), flat);
  BOOST_TEST(is<structure::Dense>(shaped));
  BOOST_TEST(shaped.out_shape() == Shape({1, 2}));
  const LinearMap only = compose(reshape_map({3, 2}, {6}), reshape_map({2, 3}, {3, 2}));
  BOOST_TEST(structure_of<structure::Scale>(only).factor == 1.0);
  BOOST_TEST(only.in_shape() == Shape({2, 3}));
  BOOST_TEST(only.out_shape() == Shape({6}));
}

BOOST_AUTO_TEST_CASE(scales_merge_only_when_exact) {
  const auto scale = [](double c) { return scale_map({2}, c); };
  BOOST_TEST(structure_of<structure::Scale>(compose(scale(0.5), scale(-3.0))).factor == -1.5);
  BOOST_TEST(structure_of<structure::Scale>(compose(scale(0.0), scale(0.1))).factor == 0.0);
  BOOST_TEST(structure_of<structure::Scale>(compose(scale(0.5), scale(2.0))).factor == 1.0);
  const LinearMap inexact = compose(scale(0.1), scale(0.1));
  BOOST_TEST(structure_of<structure::Composition>(inexact).factors.size() == 2U);
  BOOST_TEST(is<structure::Composition>(compose(scale(1e-200), scale(1e-200))));      // would underflow
  BOOST_TEST(is<structure::Composition>(compose(scale(0x1p1000), scale(0x1p1000))));  // would overflow
  // What merges in the middle may meet its neighbours: 0.1 · (4 · 0.25) · W is 0.1 · W.
  const LinearMap w = dense_map(Tensor::full({2, 2}, DType::f64, 0.3), {2}, {2});
  const LinearMap chain = compose(compose(scale(0.1), scale(4.0)), compose(scale(0.25), w));
  BOOST_TEST(structure_of<structure::Composition>(chain).factors.size() == 2U);
}

BOOST_AUTO_TEST_CASE(diagonals_merge_only_when_exact) {
  const LinearMap merged = compose(diagonal({0.1, 2, 3}), diagonal({0.5, -1, 0}));
  const auto& values = structure_of<structure::Diagonal>(merged).values;
  BOOST_TEST(values.at(0) == 0.05);
  BOOST_TEST(values.at(1) == -2.0);
  BOOST_TEST(values.at(2) == 0.0);
  BOOST_TEST(is<structure::Composition>(compose(diagonal({0.1, 2, 3}), diagonal({0.1, -1, 0}))));
  // Products of two f32 numbers are exact in f64.
  const Shape shape{2};
  const LinearMap narrow(shape, shape, structure::Diagonal{Tensor::of<float>(shape, {0.1F, 0.7F}), 1});
  BOOST_TEST(is<structure::Diagonal>(compose(narrow, narrow)));
  const LinearMap channels({2, 2}, {2, 2}, structure::Diagonal{Tensor::of<double>({2}, {1, 2}), 2});
  const LinearMap columns({2, 2}, {2, 2}, structure::Diagonal{Tensor::of<double>({2}, {1, 2}), 1});
  BOOST_TEST(is<structure::Composition>(compose(channels, columns)));
}

BOOST_AUTO_TEST_CASE(selections_and_gatherings_merge) {
  const LinearMap pad({2}, {4}, structure::Selection{list({-1, 0, 1, -1})});
  const LinearMap pick({4}, {3}, structure::Selection{list({1, 1, 3})});
  BOOST_TEST((*structure_of<structure::Selection>(compose(pick, pad)).source == std::vector<Index>{0, 0, -1}));
  BOOST_TEST((*structure_of<structure::Gathering>(compose(transpose(pad), transpose(pick))).target ==
              std::vector<Index>{0, 0, -1}));
  const LinearMap turn({3}, {3}, structure::Selection{list({1, 2, 0})});
  const LinearMap back({3}, {3}, structure::Selection{list({2, 0, 1})});
  BOOST_TEST(structure_of<structure::Scale>(compose(turn, back)).factor == 1.0);  // the identity vanishes
  BOOST_TEST(is<structure::Composition>(compose(transpose(pick), pick)));         // counts inputs, not a selection
}

BOOST_AUTO_TEST_CASE(opaque_maps_keep_their_shapes) {
  const LinearMap twice = opaque_double({2, 2}, {4});
  const LinearMap flat = compose(twice, reshape_map({4}, {2, 2}));
  BOOST_TEST(flat.in_shape() == Shape({4}));
  const Tensor x = Tensor::of<double>({4}, {1, 2, 3, 4}), y = flat.apply(x);
  for (Index i = 0; i < 4; ++i) BOOST_TEST(y.at(i) == 2.0 * x.at(i));
  BOOST_TEST(flat.apply_transpose(x).shape() == Shape({4}));
  const LinearMap fourfold = compose(compose(opaque_double({4}, {4}), reshape_map({4}, {4})), flat);
  BOOST_TEST(fourfold.apply(x).at(3) == 16.0);
  BOOST_TEST(transpose(twice).in_shape() == Shape({4}));
  BOOST_TEST(transpose(twice).apply(x).shape() == Shape({2, 2}));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_of_opaque_maps_is_refused) {
  const LinearMap twice = opaque_double({2}, {2});
  BOOST_CHECK_THROW(absolute(twice), UnsupportedError);
  BOOST_CHECK_THROW(absolute(compose(scale_map({2}, 0.1), twice)), UnsupportedError);
  BOOST_CHECK_THROW(accumulation_length(add(twice, twice)), UnsupportedError);
  BOOST_TEST(!applies_exactly(twice));
  BOOST_TEST(!is_nonnegative(twice));
  const auto liar = [](const Tensor&) { return Tensor::zeros({3}, DType::f64); };
  BOOST_CHECK_THROW(LinearMap({2}, {2}, structure::Opaque{liar, liar}).apply(Tensor::zeros({2}, DType::f64)),
                    ShapeError);
}

BOOST_AUTO_TEST_CASE(maps_that_do_not_meet_are_refused) {
  const LinearMap a = scale_map({4}, 1.0), b = scale_map({2, 2}, 1.0);
  BOOST_CHECK_EXCEPTION(compose(a, b), ShapeError, [](const ShapeError& e) {
    return std::string(e.what()).find("(4)") != std::string::npos &&
           std::string(e.what()).find("reshape_map") != std::string::npos;
  });
  BOOST_CHECK_THROW(add(a, b), ShapeError);
  BOOST_CHECK_THROW(compose(a, LinearMap()), UsageError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
