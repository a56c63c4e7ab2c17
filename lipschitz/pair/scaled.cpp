#include "lipschitz/pair/scaled.h"

#include <algorithm>
#include <cmath>

#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/dense/lapack.h"

namespace taut::detail {
namespace {

double largest_magnitude(std::span<const double> x) {
  double largest = 0.0;
  for (const double v : x) largest = std::max(largest, std::fabs(v));
  return largest;
}

// 2^e as a magnitude, for any e.
Magnitude power_of_two(std::int64_t e) {
  Magnitude m = 1.0;
  for (; e != 0;) {
    const auto step = static_cast<int>(std::clamp<std::int64_t>(e, -1000, 1000));
    m = Magnitude::product(m, std::ldexp(1.0, step), Side::upper);  // exact
    e -= step;
  }
  return m;
}

int clamped(std::int64_t e) { return static_cast<int>(std::clamp<std::int64_t>(e, -6000, 6000)); }

// y = 2^e x; both may be the same.
void times_power_of_two(const double* x, double* y, Index count, int e) {
  if (e >= -1000 && e <= 1000) {
    const double factor = std::ldexp(1.0, e);
    for (Index j = 0; j < count; ++j) y[j] = factor * x[j];
  } else {
    for (Index j = 0; j < count; ++j) y[j] = std::ldexp(x[j], e);
  }
}

// ≥ ‖x‖ but for squares that vanish.
double length_up(const double* x, Index count) {
  const double sum = cblas_ddot(static_cast<blasint>(count), x, 1, x, 1);
  return sqrt_up(mul_up(sum, 1.0 + 2.0 * gamma_factor(count, u)));
}

// y = Σ σ_i a_i (b_iᵀ x), and back.
struct Operator {
  const ScaledPair& s;
  const std::vector<double>& sigma;
  std::vector<double> inner, outer;

  Operator(const ScaledPair& pair, const std::vector<double>& slopes)
      : s(pair), sigma(slopes), inner(static_cast<std::size_t>(pair.n)), outer(static_cast<std::size_t>(pair.p)) {}

  void apply(const double* x) {
    const auto n = static_cast<blasint>(s.n), p = static_cast<blasint>(s.p), q = static_cast<blasint>(s.q);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, n, q, 1.0, s.b.data(), q, x, 1, 0.0, inner.data(), 1);
    for (std::size_t i = 0; i < inner.size(); ++i) inner[i] *= sigma[i];
    cblas_dgemv(CblasRowMajor, CblasTrans, n, p, 1.0, s.a.data(), p, inner.data(), 1, 0.0, outer.data(), 1);
  }
  void gram(const double* x, double* y) {
    apply(x);
    const auto n = static_cast<blasint>(s.n), p = static_cast<blasint>(s.p), q = static_cast<blasint>(s.q);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, n, p, 1.0, s.a.data(), p, outer.data(), 1, 0.0, inner.data(), 1);
    for (std::size_t i = 0; i < inner.size(); ++i) inner[i] *= sigma[i];
    cblas_dgemv(CblasRowMajor, CblasTrans, n, q, 1.0, s.b.data(), q, inner.data(), 1, 0.0, y, 1);
  }
};

}  // namespace

ScaledPair::ScaledPair(const PairProblem& problem) {
  const Tensor left = problem.left.to(DType::f64), right = problem.right.to(DType::f64);
  const Tensor low = problem.lo.to(DType::f64), high = problem.hi.to(DType::f64);
  total_ = problem.neurons();
  p = left.shape()[0], q = right.shape()[1];
  const double* const from_a = left.data<double>().data();
  const double* const from_b = right.data<double>().data();
  struct Exponents {
    std::int64_t slope, a, b;
    std::int64_t total() const { return slope + a + b; }
  };
  std::vector<Exponents> exponents;
  std::vector<double> largest_a(static_cast<std::size_t>(total_), 0.0);
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < total_; ++i) {
      double& largest = largest_a[static_cast<std::size_t>(i)];
      largest = std::max(largest, std::fabs(from_a[j * total_ + i]));
    }
  for (Index i = 0; i < total_; ++i) {
    const double most_a = largest_a[static_cast<std::size_t>(i)];
    const double most_b = largest_magnitude({from_b + i * q, static_cast<std::size_t>(q)});
    const double steepest = std::max(std::fabs(low.at(i)), std::fabs(high.at(i)));
    if (most_a == 0.0 || most_b == 0.0 || steepest == 0.0) continue;
    neuron.push_back(i);
    exponents.push_back({std::ilogb(steepest), std::ilogb(most_a), std::ilogb(most_b)});
  }
  n = static_cast<Index>(neuron.size());
  if (n == 0) return;
  exponent = exponents.front().total();
  for (const Exponents& e : exponents) exponent = std::max(exponent, e.total());
  a.resize(static_cast<std::size_t>(n * p));
  b.resize(static_cast<std::size_t>(n * q));
  std::vector<int> of_a;  // a_i is multiplied by 2 to this
  for (Index i = 0; i < n; ++i) {
    const Exponents& e = exponents[static_cast<std::size_t>(i)];
    const std::int64_t below = e.total() - exponent;  // ≤ 0, shared evenly between a_i and b_i
    const std::int64_t half = below / 2;
    const Index from = neuron[static_cast<std::size_t>(i)];
    times_power_of_two(from_b + from * q, b.data() + i * q, q, clamped(below - half - e.b));
    of_a.push_back(clamped(half - e.a));
    lo.push_back(std::ldexp(low.at(from), clamped(-e.slope)));
    hi.push_back(std::ldexp(high.at(from), clamped(-e.slope)));
  }
  // Columns become rows, tile by tile.
  constexpr Index tile = 32;
  for (Index i0 = 0; i0 < n; i0 += tile)
    for (Index j0 = 0; j0 < p; j0 += tile)
      for (Index i = i0; i < std::min(n, i0 + tile); ++i)
        for (Index j = j0; j < std::min(p, j0 + tile); ++j)
          a[static_cast<std::size_t>(i * p + j)] = from_a[j * total_ + neuron[static_cast<std::size_t>(i)]];
  for (Index i = 0; i < n; ++i)
    times_power_of_two(a.data() + i * p, a.data() + i * p, p, of_a[static_cast<std::size_t>(i)]);
  // Squares below 2^-960 may vanish: 2^-450 for every length covers them.
  constexpr double vanished = 0x1p-450;
  for (Index i = 0; i < n; ++i) {
    const double steepest = std::max(std::fabs(slope(i, false)), std::fabs(slope(i, true)));
    const double length_a = length_up(a.data() + i * p, p), length_b = length_up(b.data() + i * q, q);
    mass_ = add_up(mass_, mul_up(steepest, mul_up(add_up(length_a, vanished), add_up(length_b, vanished))));
  }
}

Magnitude ScaledPair::unscaled(double x) const { return Magnitude::product(x, power_of_two(exponent), Side::upper); }

double ScaledPair::scaled(const Magnitude& norm) const {
  return add_up(Magnitude::product(norm, power_of_two(-exponent), Side::upper).round(Side::upper), lost);
}

std::vector<double> ScaledPair::slopes(const std::vector<bool>& at_hi) const {
  std::vector<double> sigma(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) sigma[static_cast<std::size_t>(i)] = slope(i, at_hi[static_cast<std::size_t>(i)]);
  return sigma;
}

std::vector<bool> ScaledPair::full_vertex(const std::vector<bool>& at_hi) const {
  std::vector<bool> full(static_cast<std::size_t>(total_), true);
  for (std::size_t i = 0; i < neuron.size(); ++i) full[static_cast<std::size_t>(neuron[i])] = at_hi[i];
  return full;
}

std::vector<bool> ScaledPair::own_vertex(const std::vector<bool>& of_the_problem) const {
  std::vector<bool> own;
  for (const Index i : neuron) own.push_back(of_the_problem[static_cast<std::size_t>(i)]);
  return own;
}

void ScaledPair::improve_direction(const std::vector<double>& sigma, std::vector<double>& x, int steps) const {
  Operator op(*this, sigma);
  const auto size = static_cast<blasint>(q);
  if (static_cast<Index>(x.size()) != q || !(cblas_dnrm2(size, x.data(), 1) > 0.0)) {
    x.resize(static_cast<std::size_t>(q));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1.0 + 0.5 * std::sin(static_cast<double>(i * i + 1));
  }
  constexpr int longest = 24;
  std::vector<double> basis(static_cast<std::size_t>(q) * (longest + 1)), overlap(longest + 1), diagonal, below, z;
  for (int done = 0; done < steps;) {
    cblas_dcopy(size, x.data(), 1, basis.data(), 1);
    cblas_dscal(size, 1.0 / cblas_dnrm2(size, x.data(), 1), basis.data(), 1);
    diagonal.clear(), below.clear();
    const int most = static_cast<int>(std::min<Index>({longest, q, steps - done}));
    double residual = 0.0;
    for (int k = 0; k < most; ++k) {
      double* const next = basis.data() + static_cast<Index>(k + 1) * q;
      op.gram(basis.data() + static_cast<Index>(k) * q, next);
      diagonal.push_back(cblas_ddot(size, basis.data() + static_cast<Index>(k) * q, 1, next, 1));
      for (int twice = 0; twice < 2; ++twice) {
        cblas_dgemv(CblasRowMajor, CblasNoTrans, k + 1, size, 1.0, basis.data(), size, next, 1, 0.0, overlap.data(), 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, k + 1, size, -1.0, basis.data(), size, overlap.data(), 1, 1.0, next, 1);
      }
      residual = cblas_dnrm2(size, next, 1);
      below.push_back(residual);
      if (!(residual > 1e-15 * std::fabs(diagonal.front()))) break;
      cblas_dscal(size, 1.0 / residual, next, 1);
    }
    const auto made = static_cast<lapack_int>(diagonal.size());
    z.resize(static_cast<std::size_t>(made) * static_cast<std::size_t>(made));
    if (LAPACKE_dstev(LAPACK_COL_MAJOR, 'V', made, diagonal.data(), below.data(), z.data(), made) != 0) return;
    const double* const top = z.data() + static_cast<std::ptrdiff_t>(made) * (made - 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, made, size, 1.0, basis.data(), size, top, 1, 0.0, x.data(), 1);
    done += made;
    if (std::fabs(residual * top[made - 1]) <= 1e-12 * diagonal.back() || made == static_cast<lapack_int>(q)) return;
  }
}

double ScaledPair::attained(const std::vector<double>& sigma, const std::vector<double>& x) const {
  if (n == 0) return 0.0;
  const double length = euclidean(x, Side::upper).round(Side::upper);
  if (!(length > 0.0) || !std::isfinite(length)) return 0.0;
  Operator op(*this, sigma);
  op.apply(x.data());
  // Two inner products and one product in between, each relative to the sum of the magnitudes of its terms.
  const double rounding = add_up(mul_up(gamma_factor(n + q + 1, u), mul_up(mass_, length)), 0x1p-900);
  const double image = euclidean(op.outer, Side::lower).round(Side::lower);
  return std::max(0.0, sub_down(div_down(std::max(0.0, sub_down(image, rounding)), length), lost));
}

Magnitude product_bound(const PairProblem& problem, const Budget& budget) {
  double steepest = 0.0;
  for (Index i = 0; i < problem.neurons(); ++i)
    steepest = std::max({steepest, std::fabs(problem.lo.at(i)), std::fabs(problem.hi.at(i))});
  const Magnitude left = dense_norm(problem.left, Norm::l2, budget).upper.magnitude();
  const Magnitude right = dense_norm(problem.right, Norm::l2, budget).upper.magnitude();
  return Magnitude::product(steepest, Magnitude::product(left, right, Side::upper), Side::upper);
}

}  // namespace taut::detail
