// linear_range: containment of exact and computed values, tightness, exactness, unbounded ends, overflow, underflow.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "autodiff/error.h"
#include "autodiff/kernels/blas.h"
#include "autodiff/range.h"
#include "tests/autodiff/linear_map_samples.h"
#include "tests/harness/options.h"

namespace taut::test {
namespace {

using harness::Random;

std::shared_ptr<const std::vector<Index>> list(std::vector<Index> indices) {
  return std::make_shared<const std::vector<Index>>(std::move(indices));
}

LinearMap dense(std::initializer_list<double> row, DType dtype) {
  const auto n = static_cast<Index>(row.size());
  return dense_map(Tensor::of<double>({1, n}, row).to(dtype), {n}, {1});
}

// Interval of the only output.
Interval range_of(const LinearMap& map, const Range& x, DType dtype) { return linear_range(map, x, dtype).at(0); }

Range range(const std::vector<Interval>& ends) {
  Range r = Range::uninitialised({static_cast<Index>(ends.size())});
  for (std::size_t i = 0; i < ends.size(); ++i) {
    r.lo.mutable_data<double>()[i] = ends[i].lo;
    r.hi.mutable_data<double>()[i] = ends[i].hi;
  }
  return r;
}

// Σ terms in the arithmetic of T, in many orders. Products are rounded, or fused into the sum.
template <class T>
std::vector<T> all_sums(const std::vector<T>& a, const std::vector<T>& x) {
  const std::size_t n = a.size();
  std::vector<T> terms(n);
  for (std::size_t j = 0; j < n; ++j) terms[j] = a[j] * x[j];
  const std::function<T(std::size_t, std::size_t)> pairwise = [&](std::size_t from, std::size_t to) -> T {
    if (from == to) return T{0};
    if (to - from == 1) return terms[from];
    return pairwise(from, (from + to) / 2) + pairwise((from + to) / 2, to);
  };
  T forward{0}, backward{0}, fused{0}, fused_back{0}, small_first{0};
  for (std::size_t j = 0; j < n; ++j) {
    forward += terms[j];
    backward += terms[n - 1 - j];
    fused = std::fma(a[j], x[j], fused);
    fused_back = std::fma(a[n - 1 - j], x[n - 1 - j], fused_back);
  }
  std::vector<T> sorted = terms;
  std::ranges::sort(sorted, [](T u, T v) { return std::fabs(u) < std::fabs(v); });
  for (const T t : sorted) small_first += t;
  return {forward, backward, fused, fused_back, small_first, pairwise(0, n)};
}

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

BOOST_AUTO_TEST_CASE(moves_signs_and_powers_of_two_are_exact) {
  const Range x = range({{-1.0 / 3, 0.1}, {0.7, 0.7}, {0.0, infinity}});
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Range moved = linear_range(LinearMap({3}, {4}, structure::Selection{list({1, 0, -1, 2})}), x, dtype);
    BOOST_TEST((moved.at(0) == Interval::point(0.7)));
    BOOST_TEST((moved.at(1) == Interval{-1.0 / 3, 0.1}));
    BOOST_TEST((moved.at(2) == Interval::point(0.0)));
    BOOST_TEST((moved.at(3) == Interval{0.0, infinity}));
    const Range turned = linear_range(LinearMap({3}, {3}, structure::Gathering{list({2, 0, 1})}), x, dtype);
    BOOST_TEST((turned.at(0) == Interval::point(0.7)));
    BOOST_TEST((turned.at(2) == Interval{-1.0 / 3, 0.1}));
    const Range negated = linear_range(scale_map({3}, -1.0), x, dtype);
    BOOST_TEST((negated.at(0) == Interval{-0.1, 1.0 / 3}));
    BOOST_TEST((negated.at(2) == Interval{-infinity, 0.0}));
    const Range quarter = linear_range(scale_map({3}, 0.25), x, dtype);
    BOOST_TEST((quarter.at(0) == Interval{-1.0 / 12, 0.025}));
    const LinearMap mixed({3}, {3}, structure::Diagonal{Tensor::of<float>({3}, {-2.0F, 0.0F, 0.5F}), 1});
    const Range scaled = linear_range(mixed, x, dtype);
    BOOST_TEST((scaled.at(0) == Interval{-0.2, 2.0 / 3}));
    BOOST_TEST((scaled.at(1) == Interval::point(0.0)));
    BOOST_TEST((scaled.at(2) == Interval{0.0, infinity}));
  }
}

BOOST_AUTO_TEST_CASE(sums_of_nonnegative_terms_stay_nonnegative) {
  Random random("sums_of_nonnegative_terms_stay_nonnegative");
  const Range x = Range::box({2, 6, 6}, {0.0, 1.0});
  structure::Convolution pool{Tensor::full({2, 1, 2, 2}, DType::f32, 0.25), {}, {2, 6, 6}, {2, 3, 3}};
  pool.options.stride = {2, 2};
  pool.options.groups = 2;
  structure::Gathering total{list(std::vector<Index>(72, 0))};
  for (const DType dtype : {DType::f32, DType::f64}) {
    BOOST_TEST(linear_range(LinearMap(x.shape(), {2, 3, 3}, pool), x, dtype).hull().lo == 0.0);
    BOOST_TEST(range_of(LinearMap(x.shape(), {1}, total), x, dtype).lo == 0.0);
    BOOST_TEST(range_of(compose(scale_map({1}, 1.0 / 72), LinearMap(x.shape(), {1}, total)), x, dtype).lo == 0.0);
    const Range minus = linear_range(scale_map(x.shape(), -0.3), x, dtype);
    BOOST_TEST(linear_range(LinearMap(x.shape(), {1}, total), minus, dtype).at(0).hi == 0.0);
  }
}

BOOST_AUTO_TEST_CASE(unbounded_inputs_reach_only_their_outputs) {
  const Tensor weight = Tensor::of<double>({3, 3}, {1, 2, 0, -1, 0, 1, 0, 3, -1});
  const Range x = range({{0.0, infinity}, {1.0, 2.0}, {-1.0, 1.0}});
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Range mixed = linear_range(dense_map(weight, {3}, {3}), x, dtype);
    BOOST_TEST((mixed.at(0) == Interval::reals()));
    BOOST_TEST((mixed.at(1) == Interval::reals()));
    BOOST_TEST(std::isfinite(mixed.at(2).magnitude()));  // 0 · inf is 0
    BOOST_TEST(mixed.at(2).contains(Interval{2.0, 7.0}));
    // Without negative weights only the upper end is lost.
    const Interval one_sided = range_of(dense({1, 1, 0}, dtype), x, dtype);
    BOOST_TEST(one_sided.hi == infinity);
    BOOST_TEST(one_sided.lo >= 0.99);
    BOOST_TEST((range_of(dense({0, 0, 0}, dtype), x, dtype).hi < 1e-30));
    BOOST_TEST((linear_range(scale_map({3}, -0.3), x, dtype).at(0) == Interval{-infinity, 0.0}));
    BOOST_TEST((linear_range(scale_map({3}, 0.0), x, dtype).at(0) == Interval::point(0.0)));
    const LinearMap total({3}, {1}, structure::Gathering{list({0, 0, -1})});
    BOOST_TEST(range_of(total, x, dtype).hi == infinity);
    BOOST_TEST(range_of(total, x, dtype).lo >= 0.99);
  }
}

BOOST_AUTO_TEST_CASE(no_range_has_nan_ends) {
  Random random("no_range_has_nan_ends");
  const std::vector<double> odd{-infinity, infinity, std::numeric_limits<double>::quiet_NaN(), 1e308, -1e308,
                                0.0,       1e-320};
  for (int repeat = 0; repeat < harness::iterations(30); ++repeat)
    for (const SampleMap& s : all_maps(random, Weights::real, DType::f64)) {
      BOOST_TEST_CONTEXT(s.name) {
        Range x = Range::uninitialised(s.map.in_shape());
        const auto lo = x.lo.mutable_data<double>(), hi = x.hi.mutable_data<double>();
        for (std::size_t j = 0; j < lo.size(); ++j) {
          lo[j] = random.pick(odd);
          hi[j] = random.pick(odd);
          if (lo[j] > hi[j]) std::swap(lo[j], hi[j]);
        }
        for (const DType dtype : {DType::f32, DType::f64}) {
          const Range y = linear_range(s.map, x, dtype);
          for (Index i = 0; i < y.lo.size(); ++i) BOOST_TEST((!std::isnan(y.lo.at(i)) && !std::isnan(y.hi.at(i))));
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(overflow_is_unbounded) {
  constexpr float big = 3e38F;
  const Range x = Range::box({2}, Interval::point(static_cast<double>(big)));
  BOOST_TEST(range_of(dense({1, 1}, DType::f32), x, DType::f32).hi == infinity);           // 6e38
  BOOST_TEST(range_of(dense({1, 1}, DType::f32), x, DType::f32).lo > 5e38);                // and nothing smaller
  BOOST_TEST((range_of(dense({2, -2}, DType::f32), x, DType::f32) == Interval::reals()));  // inf, -inf or NaN
  BOOST_TEST(std::isfinite(range_of(dense({2, -2}, DType::f32), x, DType::f64).magnitude()));
  BOOST_TEST(range_of(scale_map({2}, 2.0), x, DType::f32).hi == infinity);
  BOOST_TEST(range_of(scale_map({2}, -2.0), x, DType::f32).lo == -infinity);
  BOOST_TEST(std::isfinite(range_of(scale_map({2}, 0.5), x, DType::f32).hi));
  const Range huge = Range::box({2}, Interval::point(1e308));
  BOOST_TEST((range_of(dense({2, -2}, DType::f64), huge, DType::f64) == Interval::reals()));
  BOOST_TEST(range_of(dense({2, 2}, DType::f64), huge, DType::f64).hi == infinity);
}

// Products of f32 numbers that underflow, into subnormals or to zero.
BOOST_AUTO_TEST_CASE(underflow_is_held) {
  Random random("underflow_is_held");
  for (int repeat = 0; repeat < harness::iterations(300); ++repeat) {
    const Index n = random.integer(1, 12);
    std::vector<float> a, x;
    std::vector<double> wide;
    for (Index j = 0; j < n; ++j) {
      a.push_back(static_cast<float>(random.any_scale(-30, -18)));
      x.push_back(static_cast<float>(random.any_scale(-26, -16)));
    }
    const LinearMap map = dense_map(Tensor::from<float>({1, n}, a), {n}, {1});
    const Interval y = range_of(map, Range::point(Tensor::from<float>({n}, x)), DType::f32);
    for (const float sum : all_sums(a, x)) BOOST_TEST(y.contains(static_cast<double>(sum)));
    for (const double factor : {0x1p-30, 0x1p-120, 0.3, 1e-20, -1e-44}) {
      const Range scaled = linear_range(scale_map({n}, factor), Range::point(Tensor::from<float>({n}, x)), DType::f32);
      for (std::size_t j = 0; j < x.size(); ++j) {
        BOOST_TEST(scaled.at(static_cast<Index>(j)).contains(static_cast<double>(static_cast<float>(factor) * x[j])));
        BOOST_TEST(scaled.at(static_cast<Index>(j)).contains(factor * static_cast<double>(x[j])));
      }
    }
  }
}

// f64 weights evaluated in f32 are rounded first: also into subnormals, and beyond the largest number.
BOOST_AUTO_TEST_CASE(weights_rounded_to_single_precision_are_held) {
  Random random("weights_rounded_to_single_precision_are_held");
  for (int repeat = 0; repeat < harness::iterations(200); ++repeat) {
    const double w = random.any_scale(-45, 38), x = static_cast<double>(static_cast<float>(random.any_scale(-3, 0)));
    const Range point = Range::box({1}, Interval::point(x));
    const Shape one{1};
    const Tensor weight = Tensor::of<double>({1}, {w});
    for (const LinearMap& map : {dense_map(weight.reshaped({1, 1}), one, one), scale_map(one, w),
                                 LinearMap(one, one, structure::Diagonal{weight, 1})}) {
      const Interval y = range_of(map, point, DType::f32);
      BOOST_TEST(y.contains(static_cast<double>(static_cast<float>(w) * static_cast<float>(x))));
      BOOST_TEST(y.lo <= static_cast<long double>(w) * x);
      BOOST_TEST(y.hi >= static_cast<long double>(w) * x);
    }
  }
  BOOST_TEST(range_of(dense({1e300}, DType::f64), Range::box({1}, {1.0, 1.0}), DType::f32).hi == infinity);
  // 1e300 is infinite in f32, and infinity · 0 is not a number: nothing is claimed.
  BOOST_TEST(
      (range_of(dense({1e300, -1}, DType::f64), range({{0.0, 0.0}, {1.0, 1.0}}), DType::f32) == Interval::reals()));
}

BOOST_AUTO_TEST_CASE(wrong_use_is_refused) {
  BOOST_CHECK_THROW(linear_range(scale_map({3}, 2.0), Range::box({2}, {0.0, 1.0}), DType::f32), ShapeError);
  const auto same = [](const Tensor& x) { return x; };
  const LinearMap opaque({2}, {2}, structure::Opaque{same, same});
  BOOST_CHECK_THROW(linear_range(opaque, Range::box({2}, {0.0, 1.0}), DType::f32), UnsupportedError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace taut::test
