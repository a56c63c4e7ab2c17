#include "lipschitz/upper/step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/dense/gram.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/spectral.h"

namespace taut::detail {
namespace {

// Between what is just possible and what would be proved with room to spare.
constexpr double barely = 1.0 + 1e-8;
constexpr std::array factors{barely, 1.02, 1.1, 1.25, 1.5, 2.0, 3.0, 6.0};

Index rows(const Tensor& a) { return a.shape()[0]; }
Index columns(const Tensor& a) { return a.shape()[1]; }
double frobenius(const Tensor& a) {
  return frobenius_up({a.data<double>().data(), rows(a), columns(a)}).round(Side::upper);
}

// c += a diag(d) b
void add_product(Tensor& c, const Tensor& a, const std::vector<double>& d, const Tensor& b) {
  Tensor scaled = b.copy();
  const auto entries = scaled.mutable_data<double>();
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] *= d[i / static_cast<std::size_t>(columns(b))];
  if (c.size() == 0 || d.empty()) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(rows(c)),
              static_cast<blasint>(columns(c)), static_cast<blasint>(d.size()), 1.0, a.data<double>().data(),
              static_cast<blasint>(columns(a)), scaled.data<double>().data(), static_cast<blasint>(columns(b)), 1.0,
              c.mutable_data<double>().data(), static_cast<blasint>(columns(c)));
}

// ≥ ‖(D + V diag(s) W)_computed − exact‖_F for |s| ≤ largest.
double product_error(const LayerStep& step, double largest) {
  const double masses =
      add_up(frobenius(step.past), mul_up(largest, mul_up(frobenius(step.after), frobenius(step.before))));
  const auto size = static_cast<double>(step.past.size() + step.after.size() + step.before.size());
  return add_up(mul_up(gamma_factor(columns(step.after) + 3, u), masses), mul_up(size, 0x1p-1000));
}

double largest_slope(const LayerStep& step) {
  double largest = 0.0;
  for (Index i = 0; i < step.lo.size(); ++i)
    largest = std::max({largest, std::fabs(step.lo.at(i)), std::fabs(step.hi.at(i))});
  return largest;
}

// The same step with slopes in [−1, 1]: slope = centre + radius · t.
struct Centred {
  Tensor past, after, before;
  double error = 0.0;                        // of past, in norm
  std::vector<double> cancelling, balanced;  // candidates for Λ = Θ²
};

Centred centred(const LayerStep& step) {
  const Index p = rows(step.past), m = step.lo.size(), n = columns(step.past);
  Centred c{step.past.copy(), step.after.copy(), step.before.copy(), product_error(step, largest_slope(step)), {}, {}};
  std::vector<double> centre, radius;
  for (Index i = 0; i < m; ++i) {
    const double lo = step.lo.at(i), hi = step.hi.at(i), middle = 0.5 * lo + 0.5 * hi;
    centre.push_back(middle);
    radius.push_back(std::max(sub_up(hi, middle), sub_up(middle, lo)));
  }
  add_product(c.past, step.after, centre, step.before);
  double* const v = c.after.mutable_data<double>().data();
  const double *const w = step.before.data<double>().data(), *const d = step.past.data<double>().data();
  for (Index i = 0; i < m; ++i) {
    const auto at = static_cast<std::size_t>(i);
    double of_w = 0.0, of_v = 0.0, cross = 0.0;
    for (Index j = 0; j < n; ++j) of_w += w[i * n + j] * w[i * n + j];
    for (Index k = 0; k < p; ++k) {
      const double weight = v[k * m + i];
      of_v += weight * weight;
      for (Index j = 0; weight != 0.0 && j < n; ++j) cross += weight * d[k * n + j] * w[i * n + j];
      v[k * m + i] = weight * radius[at];
    }
    // −DᵀV_i = λ (lo + hi) w_i is what lets D and V s W cancel; Λ = 2 λ radius².
    const double least = 1e-100, equal = std::sqrt(of_v / std::max(of_w, least)) * radius[at];
    const double cancels = -cross / std::max(2.0 * centre[at] * of_w, least) * 2.0 * radius[at] * radius[at];
    c.balanced.push_back(std::max(equal, least));
    c.cancelling.push_back(centre[at] > 0.0 && cancels > 1e-3 * equal ? cancels : std::max(equal, least));
  }
  return c;
}

double top_of_gram(const Tensor& a) {
  if (a.size() == 0) return 0.0;
  return std::max(0.0, Gram<double>(a.data<double>().data(), rows(a), columns(a)).top_eigenvalue());
}

// [D/g, V Θ⁻¹; Θ W/g, 0]
Tensor certificate(const Centred& c, const std::vector<double>& theta, double g) {
  const Index p = rows(c.past), m = columns(c.after), n = columns(c.past);
  Tensor k = Tensor::zeros({p + m, n + m}, DType::f64);
  double* const to = k.mutable_data<double>().data();
  for (Index i = 0; i < p; ++i) {
    for (Index j = 0; j < n; ++j) to[i * (n + m) + j] = c.past.data<double>()[static_cast<std::size_t>(i * n + j)] / g;
    for (Index j = 0; j < m; ++j)
      to[i * (n + m) + n + j] =
          c.after.data<double>()[static_cast<std::size_t>(i * m + j)] / theta[static_cast<std::size_t>(j)];
  }
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j)
      to[(p + i) * (n + m) + j] =
          theta[static_cast<std::size_t>(i)] * c.before.data<double>()[static_cast<std::size_t>(i * n + j)] / g;
  return k;
}

// The least g of this Λ, in floating point: g² = ‖[R⁻¹ D; Θ W]‖² with R Rᵀ = I − V Λ⁻¹ Vᵀ. Negative where there is
// none.
double least_gain(const Centred& c, const std::vector<double>& theta) {
  const Index p = rows(c.past), m = columns(c.after), n = columns(c.past);
  const Tensor k = certificate(c, theta, 1.0);
  const double* const from = k.data<double>().data();
  Tensor left = Tensor::zeros({p, p}, DType::f64);
  double* const l = left.mutable_data<double>().data();
  for (Index i = 0; i < p; ++i) l[i * p + i] = 1.0;
  if (p > 0 && m > 0)
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, static_cast<blasint>(p), static_cast<blasint>(m), -1.0,
                from + n, static_cast<blasint>(n + m), 1.0, l, static_cast<blasint>(p));
  if (p > 0 && LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', static_cast<lapack_int>(p), l, static_cast<lapack_int>(p)) != 0)
    return -1.0;
  Tensor stacked = Tensor::uninitialised({p + m, n}, DType::f64);
  double* const to = stacked.mutable_data<double>().data();
  for (Index i = 0; i < p + m; ++i) std::copy_n(from + i * (n + m), n, to + i * n);
  if (p > 0 && n > 0)
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, static_cast<blasint>(p),
                static_cast<blasint>(n), 1.0, l, static_cast<blasint>(p), to, static_cast<blasint>(n));
  return std::sqrt(top_of_gram(stacked));
}

struct Choice {
  std::vector<double> theta;
  double gain = infinity;
};

// Λ up to a factor: the best of some.
void try_scales(const Centred& c, const std::vector<double>& lambda, const Budget& budget, Choice& best) {
  std::vector<double> theta;
  for (const double l : lambda) theta.push_back(std::sqrt(l));
  const Index p = rows(c.past), m = columns(c.after), n = columns(c.past);
  const Tensor k = certificate(c, theta, 1.0);
  Tensor behind = Tensor::uninitialised({p, m}, DType::f64);
  for (Index i = 0; i < p; ++i)
    std::copy_n(k.data<double>().data() + i * (n + m) + n, m, behind.mutable_data<double>().data() + i * m);
  const double least = top_of_gram(behind);
  std::vector<double> scales;
  if (least < 1.0) scales.push_back(barely);
  for (const double factor : factors) scales.push_back(least * factor);
  for (const double scale : scales) {
    if (!(scale > 0.0) || !budget.affords(multiplier_cost(p, m, n) / 8.0)) return;
    std::vector<double> scaled = theta;
    for (double& t : scaled) t *= std::sqrt(scale);
    const double gain = least_gain(c, scaled);
    if (gain > 0.0 && gain < best.gain) best = {std::move(scaled), gain};
  }
}

// ‖D + V diag(s) W‖ where s_i is the upper end of its slopes if bit i of the corner is set, else the lower one. Few
// operations, which are exact as a rule.
UpperBound bound_at(const LayerStep& step, std::size_t corner, Norm norm, const Budget& budget) {
  const Index p = rows(step.past), m = step.lo.size(), n = columns(step.past);
  Tensor matrix = Tensor::uninitialised({p, n}, DType::f64), error = Tensor::uninitialised({p, n}, DType::f64);
  for (Index k = 0; k < p; ++k)
    for (Index j = 0; j < n; ++j) {
      Interval sum = Interval::point(step.past.at(k * n + j));
      for (Index i = 0; i < m; ++i) {
        const double slope = (corner >> static_cast<std::size_t>(i) & 1U) != 0 ? step.hi.at(i) : step.lo.at(i);
        sum = sum + Interval::point(step.after.at(k * m + i)) * Interval::point(slope) *
                        Interval::point(step.before.at(i * n + j));
      }
      const auto at = static_cast<std::size_t>(k * n + j);
      matrix.mutable_data<double>()[at] = sum.lo;
      error.mutable_data<double>()[at] = sub_up(sum.hi, sum.lo);
    }
  const std::vector<UpperBound> parts{dense_norm(matrix, norm, budget).upper, dense_norm(error, norm, budget).upper};
  return sum(parts);
}

}  // namespace

double multiplier_cost(Index p, Index m, Index n) {
  const auto all = static_cast<double>(p + m + n);
  return 8.0 * all * all * all;
}

UpperBound bound_by_corners(const LayerStep& step, Norm norm, const Budget& budget) {
  std::optional<UpperBound> largest;
  for (std::size_t corner = 0; corner < std::size_t{1} << static_cast<std::size_t>(step.lo.size()); ++corner) {
    const UpperBound here = bound_at(step, corner, norm, budget);
    if (!largest || largest->magnitude() < here.magnitude()) largest = here;
  }
  return named(*largest, "corners of the slopes", "");
}

UpperBound bound_by_multiplier(const LayerStep& step, const Budget& budget) {
  const UpperBound nothing = UpperBound::certified(infinity, Norm::l2, "multiplier");
  const Centred c = centred(step);
  Choice best;
  try_scales(c, c.cancelling, budget, best);
  try_scales(c, c.balanced, budget, best);
  if (!(best.gain < infinity)) return nothing;
  const Tensor k = certificate(c, best.theta, best.gain);
  if (k.first_non_finite() >= 0) return nothing;
  // Each entry has at most four roundings: of the radius, two products or quotients, and one to spare.
  const double rounding = add_up(mul_up(gamma_factor(4, u), mul_up(2.0, frobenius(k))),
                                 add_up(mul_up(2.0, div_up(c.error, best.gain)), 0x1p-900));
  const double sigma = std::max(1.0, add_up(dense_norm(k, Norm::l2, budget).upper.value(), rounding));
  return UpperBound::certified(Magnitude::product(best.gain, mul_up(sigma, sigma), Side::upper), Norm::l2,
                               "multiplier");
}

}  // namespace taut::detail
