#include "lipschitz/dense/gram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/outward.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/dense/psd_proof.h"

namespace taut::detail {
namespace {

using Complex = std::complex<double>;

template <class T>
constexpr bool is_complex = std::is_same_v<T, Complex>;

// Row-major upper triangle = column-major lower triangle (of the conjugate, which has the same eigenvalues).
void form(const double* b, Index rows, Index columns, bool of_rows, double* h, Index size) {
  cblas_dsyrk(CblasRowMajor, CblasUpper, of_rows ? CblasNoTrans : CblasTrans, static_cast<blasint>(size),
              static_cast<blasint>(of_rows ? columns : rows), 1.0, b, static_cast<blasint>(columns), 0.0, h,
              static_cast<blasint>(size));
}
void form(const Complex* b, Index rows, Index columns, bool of_rows, Complex* h, Index size) {
  cblas_zherk(CblasRowMajor, CblasUpper, of_rows ? CblasNoTrans : CblasConjTrans, static_cast<blasint>(size),
              static_cast<blasint>(of_rows ? columns : rows), 1.0, b, static_cast<blasint>(columns), 0.0, h,
              static_cast<blasint>(size));
}

// Eigenvalues only, by reduction to tridiagonal form and QL: unlike a search for the largest alone, it does not fail on
// clusters.
lapack_int eigenvalues(lapack_int n, double* a, double* values) {
  return LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'N', 'L', n, a, n, values);
}
lapack_int eigenvalues(lapack_int n, Complex* a, double* values) {
  return LAPACKE_zheevd(LAPACK_COL_MAJOR, 'N', 'L', n, a, n, values);
}

lapack_int solve(lapack_int n, const double* factor, double* x) {
  return LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'L', n, 1, factor, n, x, n);
}
lapack_int solve(lapack_int n, const Complex* factor, Complex* x) {
  return LAPACKE_zpotrs(LAPACK_COL_MAJOR, 'L', n, 1, factor, n, x, n);
}

// Beyond this size the top eigenvalue comes from Lanczos' method instead of all eigenvalues.
constexpr Index most_by_reduction = 512;

// The largest eigenvalue of a symmetric matrix (lower triangle by columns) by Lanczos' method with full
// reorthogonalisation: from below, close to it as a rule. Whatever it is, it has to be proved.
double top_by_lanczos(const memory::Buffer<double>& h, Index size) {
  constexpr Index most_steps = 240;
  const auto n = static_cast<blasint>(size);
  const Index steps = std::min(most_steps, size);
  std::vector<double> basis(static_cast<std::size_t>(size * steps)), w(static_cast<std::size_t>(size)),
      overlap(w.size());
  std::vector<double> diagonal, below;
  for (Index i = 0; i < size; ++i)
    basis[static_cast<std::size_t>(i)] = 1.0 + 0.5 * std::sin(static_cast<double>(i * i));
  cblas_dscal(n, 1.0 / cblas_dnrm2(n, basis.data(), 1), basis.data(), 1);
  double top = 0.0;
  for (Index k = 0; k < steps; ++k) {
    const double* const v = basis.data() + k * size;
    cblas_dsymv(CblasColMajor, CblasLower, n, 1.0, h.data(), n, v, 1, 0.0, w.data(), 1);
    diagonal.push_back(cblas_ddot(n, v, 1, w.data(), 1));
    const auto made = static_cast<blasint>(k + 1);
    for (int twice = 0; twice < 2; ++twice) {
      cblas_dgemv(CblasColMajor, CblasTrans, n, made, 1.0, basis.data(), n, w.data(), 1, 0.0, overlap.data(), 1);
      cblas_dgemv(CblasColMajor, CblasNoTrans, n, made, -1.0, basis.data(), n, overlap.data(), 1, 1.0, w.data(), 1);
    }
    const double length = cblas_dnrm2(n, w.data(), 1);
    const bool last = k + 1 == steps || !(length > 0x1p-40 * std::fabs(diagonal[0]));
    if (last || (k + 1) % 20 == 0) {
      // The residual of the top Ritz vector: the next length times its last component.
      std::vector<double> d = diagonal, e = below, z(d.size() * d.size());
      e.push_back(0.0);
      if (LAPACKE_dstev(LAPACK_COL_MAJOR, 'V', made, d.data(), e.data(), z.data(), made) != 0) return top;
      top = d.back();
      if (last || std::fabs(length * z.back()) <= 1e-8 * top) return top;
    }
    below.push_back(length);
    cblas_daxpby(n, 1.0 / length, w.data(), 1, 0.0, basis.data() + (k + 1) * size, 1);
  }
  return top;
}
double top_by_lanczos(const memory::Buffer<Complex>&, Index) { return -1.0; }  // symbols are small

}  // namespace

template <class T>
Gram<T>::Gram(const T* b, Index rows, Index columns) : size_(std::min(rows, columns)), of_rows_(rows <= columns) {
  h_.assign(static_cast<std::size_t>(size_ * size_), T{});
  form(b, rows, columns, of_rows_, h_.data(), size_);
  double trace = 0.0;
  for (Index i = 0; i < size_; ++i) trace = add_up(trace, std::real(h_[static_cast<std::size_t>(i * (size_ + 1))]));
  // Every diagonal entry is a sum of nonnegative terms: exact ≤ computed / (1 − γ) ≤ computed · (1 + 2γ).
  const double relative = inner_product_error<T>(std::max(rows, columns), 0);
  frobenius_squared_ = add_up(trace, add_up(mul_up(2.0 * relative, trace), most_by_underflow));
  // |fl(B Bᴴ) − B Bᴴ| ≤ γ |B||B|ᴴ entry by entry, and ‖ |B||B|ᴴ ‖₂ ≤ ‖B‖_F².
  forming_error_ = add_up(mul_up(relative, frobenius_squared_), most_by_underflow);
}

template <class T>
Gram<T> Gram<T>::given(const T* h, Index size, double error) {
  Gram gram;
  gram.size_ = size;
  gram.forming_error_ = error;
  gram.h_.assign(h, h + size * size);
  // The trace of the exact matrix is off by at most its size times the error.
  double trace = mul_up(static_cast<double>(size), error);
  for (Index i = 0; i < size; ++i) trace = add_up(trace, std::real(gram.h_[static_cast<std::size_t>(i * (size + 1))]));
  gram.frobenius_squared_ = add_up(trace, most_by_underflow);
  return gram;
}

template <class T>
double Gram<T>::top_eigenvalue() const {
  if (size_ > most_by_reduction && !is_complex<T>) return top_by_lanczos(h_, size_);
  memory::Buffer<T> work = h_;
  std::vector<double> values(static_cast<std::size_t>(size_));
  const lapack_int info = eigenvalues(static_cast<lapack_int>(size_), work.data(), values.data());
  return info == 0 && values.back() >= 0.0 ? values.back() : -1.0;
}

template <class T>
auto Gram<T>::prove(double t) const -> std::optional<Proof> {
  memory::Buffer<T> g(h_.size());
  std::ranges::transform(h_, g.begin(), [](const T& x) { return -x; });
  for (Index i = 0; i < size_; ++i) {
    T& d = g[static_cast<std::size_t>(i * (size_ + 1))];
    d = add_down(t, std::real(d));  // rounded down: G ≤ tI − H
  }
  const std::optional<double> shift = prove_psd(g.data(), size_);
  if (!shift) return std::nullopt;
  return Proof{add_up(t, add_up(forming_error_, *shift)), std::move(g)};
}

template <class T>
auto Gram<T>::prove_top(double computed_top) const -> Proof {
  if (computed_top > 0.0)
    for (double slack = 4.0 * u * static_cast<double>(size_); slack < 1.0; slack *= 4.0)
      if (std::optional<Proof> proof = prove(computed_top * (1.0 + slack))) {
        proof->bound = std::min(proof->bound, frobenius_squared_);
        return *std::move(proof);
      }
  return {frobenius_squared_, {}};
}

template <class T>
std::vector<T> Gram<T>::leading_vector(const Proof& proof) const {
  if (proof.factor.empty()) return {};
  std::vector<T> x(static_cast<std::size_t>(size_));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = 1.0 + 0.5 * std::sin(static_cast<double>(i));  // orthogonal to nothing usual
  for (int step = 0; step < 3; ++step) {
    if (solve(static_cast<lapack_int>(size_), proof.factor.data(), x.data()) != 0) return {};
    double largest = 0.0;
    for (const T& e : x) largest = std::max(largest, std::abs(e));
    if (!(largest > 0.0) || !std::isfinite(largest)) return {};
    for (T& e : x) e /= largest;
  }
  return x;
}

template class Gram<double>;
template class Gram<Complex>;

}  // namespace taut::detail
