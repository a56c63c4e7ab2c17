#include "lipschitz/multiplier/matrices.h"

#include <algorithm>
#include <cmath>

#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/dense/psd_proof.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {
namespace {

// c (m, n) = a (m, k) · b (k, n)
memory::Buffer<double> product(const memory::Buffer<double>& a, const memory::Buffer<double>& b, Index m, Index n,
                               Index k) {
  memory::Buffer<double> c;
  c.assign(static_cast<std::size_t>(m * n), 0.0);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(m), static_cast<blasint>(n),
              static_cast<blasint>(k), 1.0, a.data(), static_cast<blasint>(k), b.data(), static_cast<blasint>(n), 0.0,
              c.data(), static_cast<blasint>(n));
  return c;
}

}  // namespace

FilledMatrix scaled_matrix(const FoldedMap& map, double weight, int exponent) {
  const LinearMap& a = map.map();
  FilledMatrix matrix{a.out_shape().size(), a.in_shape().size(), {}, {}};
  const Tensor dense = to_dense(a);
  const std::span<const double> values = dense.data<double>();
  matrix.entries.assign(values.begin(), values.end());
  int power = 0;
  const bool exact_weight = std::frexp(weight, &power) == 0.5;
  double relative = exact_weight ? 0.0 : 2.0 * unit_roundoff(DType::f64), absolute = 0.0;
  Tensor magnitudes;
  if (!fills_exactly(a) || map.relative_error() > 0.0) {
    const ApplyError error(a);
    magnitudes = to_dense(taut::absolute(a));
    // |A| is computed with the same relative error, twice of which covers that.
    relative = add_up(relative, add_up(mul_up(2.0, error.relative), mul_up(2.0, map.relative_error())));
    absolute = error.absolute.round(Side::upper);
  }
  const double least = std::numeric_limits<double>::denorm_min();
  // Scaling by a power of two is exact but for underflow.
  const auto scale = [&](double x) { return std::ldexp(weight * x, exponent); };
  bool underflows = false;
  for (double& x : matrix.entries) {
    const double y = scale(x);
    underflows = underflows || (x != 0.0 && std::fabs(y) < std::numeric_limits<double>::min());
    x = y;
  }
  if (relative == 0.0 && absolute == 0.0 && !underflows) return matrix;
  matrix.error.resize(matrix.entries.size());
  const std::span<const double> of = magnitudes.defined() ? magnitudes.data<double>() : values;
  for (std::size_t i = 0; i < matrix.error.size(); ++i) {
    const double share = mul_up(relative, add_up(std::fabs(of[i]), absolute));
    const double error = mul_up(mul_up(weight, add_up(share, absolute)), 1.0 + 0x1p-50);
    matrix.error[i] = add_up(std::ldexp(error, exponent), 2.0 * least);
  }
  return matrix;
}

SparseRows sparse_rows(const FilledMatrix& a) {
  const auto filled = a.entries.size() - static_cast<std::size_t>(std::ranges::count(a.entries, 0.0));
  if (5 * filled > a.entries.size()) return {};
  SparseRows sparse{{0}, {}, {}};
  sparse.columns.reserve(filled);
  sparse.entries.reserve(filled);
  for (Index i = 0; i < a.rows; ++i) {
    for (Index k = 0; k < a.columns; ++k)
      if (const double x = a.entries[static_cast<std::size_t>(i * a.columns + k)]; x != 0.0) {
        sparse.columns.push_back(static_cast<std::int32_t>(k));
        sparse.entries.push_back(x);
      }
    sparse.from.push_back(sparse.entries.size());
  }
  return sparse;
}

// The error is γ |V| |X| of the product, with X = diag · W off by D and V off by E another E (|X| + D) + |V| D.
FilledMatrix through_layer(const FilledMatrix& v, const ProgramStep& step) {
  const FilledMatrix& w = step.parts[0].sources[0].matrix;
  constexpr double least = std::numeric_limits<double>::denorm_min();
  memory::Buffer<double> x = w.entries, off;
  off.assign(x.size(), 0.0);
  bool exact = true;
  for (Index i = 0; i < w.rows; ++i) {
    const auto row = static_cast<std::size_t>(i);
    const double lo = step.lo[row], hi = step.hi[row], middle = 0.5 * (lo + hi);
    int power = 0;
    const bool exact_middle = lo == 0.0 && std::frexp(hi, &power) == 0.5;
    for (Index j = 0; j < w.columns; ++j) {
      const auto at = static_cast<std::size_t>(i * w.columns + j);
      // One rounding of the sum, relative to |lo| + |hi|, and one of the product.
      const double bound = std::max(std::fabs(lo), std::fabs(hi)), error = w.error.empty() ? 0.0 : w.error[at];
      if (!exact_middle) off[at] = mul_up(mul_up(4.0 * u, bound), std::fabs(w.entries[at]));
      off[at] = add_up(off[at], mul_up(bound, error));
      x[at] *= middle;
      if (off[at] != 0.0 || (x[at] != 0.0 && std::fabs(x[at]) < std::numeric_limits<double>::min())) {
        off[at] = add_up(off[at], least);
        exact = false;
      }
    }
  }
  FilledMatrix through{v.rows, w.columns, product(v.entries, x, v.rows, w.columns, v.columns), {}};
  const auto magnitudes = [](memory::Buffer<double> a) {
    for (double& e : a) e = std::fabs(e);
    return a;
  };
  const memory::Buffer<double> above = magnitudes(v.entries);
  memory::Buffer<double> beside = magnitudes(x);
  through.error = product(above, beside, v.rows, w.columns, v.columns);
  // Sums of what is not negative are computed with the same relative error, twice of which covers that and what
  // follows.
  const double gamma = 2.0 * inner_product_error<double>(v.columns, 2);
  const double floor = 2.0 * static_cast<double>(v.columns + 2) * least;  // underflow of the products
  for (double& e : through.error) e = add_up(mul_up(gamma, e), floor);
  const auto add = [&](const memory::Buffer<double>& a, const memory::Buffer<double>& b) {
    const memory::Buffer<double> more = product(a, b, v.rows, w.columns, v.columns);
    for (std::size_t i = 0; i < more.size(); ++i)
      through.error[i] = add_up(through.error[i], add_up(mul_up(1.0 + gamma, more[i]), floor));
  };
  if (!exact) add(above, off);
  if (v.error.empty()) return through;
  for (std::size_t i = 0; i < beside.size(); ++i) beside[i] = add_up(beside[i], off[i]);
  add(v.error, beside);
  return through;
}

}  // namespace taut::detail
