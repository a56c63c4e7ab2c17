// linear_range holds exact and computed values, in any order of summation, and is tight.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "autodiff/blas.h"
#include "autodiff/range.h"
#include "harness/options.h"
#include "tests/autodiff/maps/linear_map_samples.h"
#include "tests/autodiff/maps/linear_range_samples.h"

namespace taut::test {
namespace {

using harness::Random;

struct Row {
  long double value = 0, mass = 0;
};
Row exact_row(const Matrix& a, Index i, const std::vector<double>& x) {
  Row row;
  for (Index j = 0; j < a.columns; ++j) {
    const long double term = static_cast<long double>(a.at(i, j)) * x[static_cast<std::size_t>(j)];
    row.value += term;
    row.mass += std::fabs(term);
  }
  return row;
}

// A number of the interval that T holds: an end rounded inwards, or one in between.
template <class T>
double member(Random& random, const Interval& all, int where) {
  const double target = where == 0 ? all.lo : where == 1 ? all.hi : random.uniform(all.lo, all.hi);
  auto v = static_cast<T>(target);
  if (static_cast<double>(v) < all.lo) v = std::nextafter(v, std::numeric_limits<T>::infinity());
  if (static_cast<double>(v) > all.hi) v = std::nextafter(v, -std::numeric_limits<T>::infinity());
  return static_cast<double>(v);
}

Range random_box(Random& random, const Shape& shape) {
  Range r = Range::uninitialised(shape);
  const auto lo = r.lo.mutable_data<double>(), hi = r.hi.mutable_data<double>();
  const bool points = random.coin(), positive = random.coin();
  for (std::size_t j = 0; j < lo.size(); ++j) {
    const double centre = static_cast<double>(static_cast<float>(random.uniform(positive ? 0 : -1, 1)));
    const double radius = points || random.integer(0, 3) == 0 ? 0.0 : random.uniform(1e-9, 0.5);
    lo[j] = positive ? std::max(0.0, centre - radius) : centre - radius;
    hi[j] = centre + radius;
  }
  return r;
}

// x ranges over corners that make output i small or large, and over inner points.
template <class T>
std::vector<double> member_for_row(Random& random, const Matrix& a, Index i, const Range& x, int kind) {
  std::vector<double> v(static_cast<std::size_t>(a.columns));
  for (Index j = 0; j < a.columns; ++j) {
    const bool positive = a.at(i, j) >= 0;
    v[static_cast<std::size_t>(j)] =
        member<T>(random, x.at(j), kind == 2 ? 2 : static_cast<int>(positive == (kind == 1)));
  }
  return v;
}

template <class T>
void check_contains_evaluations(const LinearMap& map, const Matrix& a, Random& random) {
  const Range x = random_box(random, map.in_shape()), y = linear_range(map, x, dtype_of<T>);
  BOOST_TEST(y.shape() == map.out_shape());
  for (Index i = 0; i < a.rows; ++i)
    for (int kind = 0; kind < 3; ++kind) {
      const std::vector<double> v = member_for_row<T>(random, a, i, x, kind);
      const Row exact = exact_row(a, i, v);
      const Interval out = y.at(i);
      BOOST_TEST(out.lo <= exact.value + 0x1p-60L * exact.mass);
      BOOST_TEST(out.hi >= exact.value - 0x1p-60L * exact.mass);
      std::vector<T> row, in;
      for (Index j = 0; j < a.columns; ++j) {
        if (a.at(i, j) == 0.0) continue;
        row.push_back(static_cast<T>(a.at(i, j)));
        in.push_back(static_cast<T>(v[static_cast<std::size_t>(j)]));
      }
      for (const T sum : all_sums(row, in))
        BOOST_TEST(out.contains(static_cast<double>(sum)),
                   "row " << i << ": " << sum << " in " << out.lo << ", " << out.hi);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linear_ranges)

BOOST_AUTO_TEST_CASE(holds_exact_and_computed_values) {
  Random random("holds_exact_and_computed_values");
  for (int repeat = 0; repeat < harness::iterations(10); ++repeat)
    for (const DType weights : {DType::f32, DType::f64})
      for (const SampleMap& s : atoms(random, Weights::real, weights)) {
        if (!s.single) continue;  // a circular kernel may meet a pixel twice: its matrix is not its list of terms
        BOOST_TEST_CONTEXT(s.name << " of " << weights) {
          check_contains_evaluations<float>(s.map, s.matrix, random);
          check_contains_evaluations<double>(s.map, s.matrix, random);
        }
      }
}

// Long rows with cancellation, where the summation order matters most.
BOOST_AUTO_TEST_CASE(holds_long_sums) {
  Random random("holds_long_sums");
  for (int repeat = 0; repeat < harness::iterations(20); ++repeat) {
    const Index n = random.integer(100, 2000);
    const Tensor weight = random_weights(random, {2, n}, Weights::real, DType::f32);
    check_contains_evaluations<float>(dense_map(weight, {n}, {2}), matrix_of(weight), random);
  }
}

BOOST_AUTO_TEST_CASE(holds_what_blas_computes) {
  Random random("holds_what_blas_computes");
  for (int repeat = 0; repeat < harness::iterations(10); ++repeat) {
    const Index m = random.integer(1, 40), n = random.integer(1, 300);
    const Tensor weight = random_weights(random, {m, n}, Weights::real, DType::f32);
    const Tensor x = random.tensor({n}).to(DType::f32);
    Tensor y = Tensor::uninitialised({m}, DType::f32);
    kernels::gemm(false, false, m, 1, n, 1.0F, weight.data<float>().data(), n, x.data<float>().data(), 1, 0.0F,
                  y.mutable_data<float>().data(), 1);
    BOOST_TEST(linear_range(dense_map(weight, {n}, {m}), Range::point(x), DType::f32).contains(y));
  }
}

// Exact values of compositions, rows, columns and sums. The corners of the box are not the extreme points of every
// output, but members are members.
BOOST_AUTO_TEST_CASE(holds_exact_values_of_nested_maps) {
  Random random("holds_exact_values_of_nested_maps");
  for (int repeat = 0; repeat < harness::iterations(10); ++repeat)
    for (const SampleMap& s : all_maps(random, Weights::dyadic, DType::f64)) {
      BOOST_TEST_CONTEXT(s.name) {
        const Range x = random_box(random, s.map.in_shape()), y = linear_range(s.map, x, DType::f32);
        for (Index i = 0; i < s.matrix.rows; ++i)
          for (int kind = 0; kind < 3; ++kind) {
            const Row exact = exact_row(s.matrix, i, member_for_row<double>(random, s.matrix, i, x, kind));
            BOOST_TEST(y.at(i).lo <= exact.value);
            BOOST_TEST(y.at(i).hi >= exact.value);
          }
      }
    }
}

// A bias may be where the sum starts: [W I] (x, b) in every order, b among the products.
BOOST_AUTO_TEST_CASE(rows_may_be_added_up_in_any_order) {
  Random random("rows_may_be_added_up_in_any_order");
  for (int repeat = 0; repeat < harness::iterations(200); ++repeat) {
    const Index n = random.integer(1, 30);
    const Tensor weight = random_weights(random, {1, n}, Weights::real, DType::f32);
    const LinearMap map({n + 1}, {1}, structure::BlockRow{{dense_map(weight, {n}, {1}), identity_map({1})}});
    const Tensor in = random.tensor({n + 1}, {-1.0, 1.0}).to(DType::f32);
    const Interval y = range_of(map, Range::point(in), DType::f32);
    for (Index position = 0; position <= n; ++position) {
      std::vector<float> a, x;
      for (Index j = 0; j < n; ++j) {
        if (j == position) a.push_back(1.0F), x.push_back(in.data<float>()[static_cast<std::size_t>(n)]);
        a.push_back(weight.data<float>()[static_cast<std::size_t>(j)]);
        x.push_back(in.data<float>()[static_cast<std::size_t>(j)]);
      }
      if (position == n) a.push_back(1.0F), x.push_back(in.data<float>()[static_cast<std::size_t>(n)]);
      for (const float sum : all_sums(a, x)) BOOST_TEST(y.contains(static_cast<double>(sum)));
    }
  }
}

// Two layers in f32, each in some order.
BOOST_AUTO_TEST_CASE(compositions_hold_evaluations_factor_by_factor) {
  Random random("compositions_hold_evaluations_factor_by_factor");
  for (int repeat = 0; repeat < harness::iterations(100); ++repeat) {
    const Tensor inner = random_weights(random, {6, 9}, Weights::real, DType::f32);
    const Tensor outer = random_weights(random, {1, 6}, Weights::real, DType::f32);
    const LinearMap map = compose(dense_map(outer, {6}, {1}), dense_map(inner, {9}, {6}));
    const Tensor in = random.tensor({9}).to(DType::f32);
    const auto x = in.data<float>(), w = inner.data<float>(), v = outer.data<float>();
    const Interval y = range_of(map, Range::point(in), DType::f32);
    std::vector<float> hidden;
    for (std::size_t i = 0; i < 6; ++i) {
      const auto row = w.subspan(9 * i, 9);
      const std::vector<float> sums = all_sums<float>({row.begin(), row.end()}, {x.begin(), x.end()});
      hidden.push_back(random.pick(sums));
    }
    for (const float sum : all_sums<float>({v.begin(), v.end()}, hidden))
      BOOST_TEST(y.contains(static_cast<double>(sum)));
  }
}

// 1 + u + u + … in f32 loses every u: an error of (n − 1) u, nearly the whole of γ_{n−1}.
BOOST_AUTO_TEST_CASE(the_worst_order_of_a_sum_is_held) {
  const Index n = 300;
  std::vector<Interval> ends(static_cast<std::size_t>(n), Interval::point(0x1p-24));
  ends[0] = Interval::point(1.0);
  const Range x = range(ends);
  float computed = 0.0F;
  for (const Interval& term : ends) computed += static_cast<float>(term.lo);
  BOOST_TEST(computed == 1.0F);
  std::vector<LinearMap> identities, picks;
  for (Index j = 0; j < n; ++j) {
    identities.push_back(identity_map({1}));
    picks.push_back(LinearMap({n}, {1}, structure::Selection{list({j})}));
  }
  for (const LinearMap& map :
       {LinearMap({n}, {1}, structure::Gathering{list(std::vector<Index>(300, 0))}),
        LinearMap({n}, {1}, structure::BlockRow{identities}), LinearMap({n}, {1}, structure::Sum{picks}),
        dense_map(Tensor::full({1, n}, DType::f32, 1.0), {n}, {1})}) {
    const Interval y = range_of(map, x, DType::f32);
    BOOST_TEST(y.contains(1.0));
    BOOST_TEST(y.contains(1.0 + 299 * 0x1p-24));
    BOOST_TEST(y.lo > 1.0 - 0x1p-20);
  }
}

// No wider than the exact image and a few times the rounding term of Higham's bound.
BOOST_AUTO_TEST_CASE(is_tight) {
  Random random("is_tight");
  for (const DType dtype : {DType::f32, DType::f64})
    for (const SampleMap& s : atoms(random, Weights::real, DType::f32)) {
      if (!s.single) continue;
      BOOST_TEST_CONTEXT(s.name << " in " << dtype) {
        const Range x = random_box(random, s.map.in_shape()), y = linear_range(s.map, x, dtype);
        const double unit = gamma_factor(accumulation_length(s.map) + 1, unit_roundoff(dtype));
        for (Index i = 0; i < s.matrix.rows; ++i) {
          double lo = 0, hi = 0, mass = 0;
          for (Index j = 0; j < s.matrix.columns; ++j) {
            const double a = s.matrix.at(i, j);
            lo += a * (a >= 0 ? x.at(j).lo : x.at(j).hi);
            hi += a * (a >= 0 ? x.at(j).hi : x.at(j).lo);
            mass += std::fabs(a) * x.at(j).magnitude();
          }
          BOOST_TEST(y.at(i).lo >= lo - 6 * unit * mass - 1e-40);
          BOOST_TEST(y.at(i).hi <= hi + 6 * unit * mass + 1e-40);
        }
      }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
