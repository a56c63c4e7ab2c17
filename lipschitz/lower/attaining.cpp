#include "lipschitz/lower/attaining.h"

#include <algorithm>
#include <cmath>

#include "lipschitz/dense/lapack.h"

namespace taut::detail {
namespace {

std::size_t size(Index n) { return static_cast<std::size_t>(n); }

double sign(double x) { return x < 0.0 ? -1.0 : 1.0; }

Index largest(std::span<const double> x) {
  Index best = 0;
  for (Index i = 1; i < static_cast<Index>(x.size()); ++i)
    if (std::fabs(x[size(i)]) > std::fabs(x[size(best)])) best = i;
  return best;
}

double euclidean(std::span<const double> x) {
  double top = 0.0, sum = 0.0;
  for (const double e : x) top = std::max(top, std::fabs(e));
  if (!(top > 0.0) || !std::isfinite(top)) return top;
  for (const double e : x) sum += (e / top) * (e / top);
  return top * std::sqrt(sum);
}

}  // namespace

double length(std::span<const double> x, Norm norm) {
  if (norm == Norm::l2) return euclidean(x);
  double total = 0.0;
  for (const double e : x) total = norm == Norm::l1 ? total + std::fabs(e) : std::max(total, std::fabs(e));
  return total;
}

void aligned(std::span<const double> x, Norm norm, std::span<double> to) {
  if (norm == Norm::linf) {
    std::ranges::transform(x, to.begin(), sign);
    return;
  }
  std::ranges::fill(to, 0.0);
  if (norm == Norm::l1) {
    const Index at = largest(x);
    to[size(at)] = sign(x[size(at)]);
    return;
  }
  if (const double l = euclidean(x); l > 0.0)
    for (std::size_t i = 0; i < x.size(); ++i) to[i] = x[i] / l;
}

Norm dual(Norm norm) { return norm == Norm::l1 ? Norm::linf : norm == Norm::linf ? Norm::l1 : norm; }

double l1_norm(const RowMajor& a, std::span<double> left, std::span<double> right) {
  std::vector<double> sums(size(a.columns), 0.0);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) sums[size(j)] += std::fabs(a.row(i)[size(j)]);
  const Index best = largest(sums);
  if (!right.empty()) {
    std::ranges::fill(right, 0.0);
    right[size(best)] = 1.0;
    for (Index i = 0; i < a.rows; ++i) left[size(i)] = sign(a.row(i)[size(best)]);
  }
  return sums[size(best)];
}

double linf_norm(const RowMajor& a, std::span<double> left, std::span<double> right) {
  Index best = 0;
  double most = -1.0;
  for (Index i = 0; i < a.rows; ++i)
    if (const double sum = length(a.row(i), Norm::l1); sum > most) most = sum, best = i;
  if (!right.empty()) {
    std::ranges::transform(a.row(best), right.begin(), sign);
    std::ranges::fill(left, 0.0);
    left[size(best)] = 1.0;
  }
  return most;
}

SpectralNorms::SpectralNorms(Index rows, Index columns)
    : n_(std::min(rows, columns)), scaled_(size(rows * columns)), gram_(size(n_ * n_)), eigenvalues_(size(n_)) {
  if (n_ <= 1) return;
  double wanted = 0.0;
  const auto n = static_cast<lapack_int>(n_);
  LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', n, gram_.data(), n, eigenvalues_.data(), &wanted, -1);
  work_.resize(static_cast<std::size_t>(wanted));
}

double SpectralNorms::norm(const RowMajor& a, std::span<double> left, std::span<double> right) {
  const std::span<const double> all(a.data, scaled_.size());
  if (n_ == 0) return 0.0;
  const bool wide = a.rows <= a.columns, vectors = !right.empty();
  const std::span<double> small = wide ? left : right, large = wide ? right : left;
  if (n_ == 1) {
    if (vectors) aligned(all, Norm::l2, large), small[0] = 1.0;
    return euclidean(all);
  }
  const double top = std::fabs(all[size(largest(all))]);
  if (!(top > 0.0)) return 0.0;
  const double scale = std::ldexp(1.0, -std::ilogb(top));
  std::ranges::transform(all, scaled_.begin(), [&](double e) { return e * scale; });
  const auto n = static_cast<blasint>(n_), m = static_cast<blasint>(a.rows), k = static_cast<blasint>(a.columns);
  cblas_dsyrk(CblasRowMajor, CblasLower, wide ? CblasNoTrans : CblasTrans, n, std::max(m, k), 1.0, scaled_.data(), k,
              0.0, gram_.data(), n);
  // A row-major lower triangle is an upper one by columns.
  if (LAPACKE_dsyev_work(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'U', n, gram_.data(), n, eigenvalues_.data(),
                         work_.data(), static_cast<lapack_int>(work_.size())) != 0)
    return 0.0;
  if (vectors) {
    std::copy_n(gram_.end() - n_, n_, small.begin());  // the last eigenvector
    cblas_dgemv(CblasRowMajor, wide ? CblasTrans : CblasNoTrans, m, k, 1.0, scaled_.data(), k, small.data(), 1, 0.0,
                large.data(), 1);
    std::copy(large.begin(), large.end(), scaled_.begin());
    aligned(std::span(scaled_).first(large.size()), Norm::l2, large);
  }
  return std::sqrt(std::max(eigenvalues_.back(), 0.0)) / scale;
}

}  // namespace taut::detail
