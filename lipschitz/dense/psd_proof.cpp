#include "lipschitz/dense/psd_proof.h"

#include "lipschitz/dense/lapack.h"

namespace taut::detail {
namespace {

lapack_int cholesky(lapack_int n, double* a) { return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, a, n); }
lapack_int cholesky(lapack_int n, std::complex<double>* a) {
  return LAPACKE_zpotrf_work(LAPACK_COL_MAJOR, 'L', n, a, n);
}

template <class T>
std::optional<double> factorised(T* a, Index n) {
  const auto diagonal = [&](Index i) { return std::real(a[i * (n + 1)]); };
  double trace = 0.0;
  for (Index i = 0; i < n; ++i) {
    if (!(diagonal(i) > 0.0)) return std::nullopt;
    trace = add_up(trace, diagonal(i));
  }
  if (n > 0 && cholesky(static_cast<lapack_int>(n), a) != 0) return std::nullopt;
  for (Index i = 0; i < n; ++i)  // a NaN may pass the pivot tests of a LAPACK
    if (!(diagonal(i) > 0.0 && std::isfinite(diagonal(i)))) return std::nullopt;
  return trace;
}

}  // namespace

std::optional<double> factorise(double* a, Index n) { return factorised(a, n); }
std::optional<double> factorise(std::complex<double>* a, Index n) { return factorised(a, n); }

}  // namespace taut::detail
