// The proof that a Hermitian matrix is positive semidefinite but for a known multiple of the identity [Rump2006], which
// all certificates of spectral norms rest on: docs/mathematics/10-rounding.md#dense-certificate. Internal to lipschitz.
#pragma once

#include <cmath>
#include <complex>
#include <optional>
#include <type_traits>

#include "autodiff/config.h"
#include "autodiff/outward.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"

namespace taut::detail {

// |fl(x·y) − x·y| ≤ factor · Σ|x_i||y_i| for an inner product of n terms with `extra` further roundings, summed in any
// order, with or without fma. Real and imaginary part of a complex one are real inner products of 2n terms.
template <class T>
double inner_product_error(Index n, Index extra) {
  if constexpr (std::is_same_v<T, std::complex<double>>)
    return mul_up(std::sqrt(2.0) * (1.0 + 4.0 * u), gamma_factor(2 * n + extra, u));
  return gamma_factor(n + extra, u);
}

// Bound of everything that underflow adds. The entries are at most 2 and the sizes below 2^31, so all sums of
// intermediate underflows, each at most 2^-1074 times a factor of at most 2^100, stay far below.
constexpr double most_by_underflow = 0x1p-900;

// Replaces A (n × n, its lower triangle by columns, entries about 1 at most) by its Cholesky factor. The trace of A,
// rounded up, where the factorisation runs to completion; nothing where it breaks down.
std::optional<double> factorise(double* a, Index n);
std::optional<double> factorise(std::complex<double>* a, Index n);

// e with A + e I ⪰ 0 for every A of this size and trace that factorise() has factorised; infinity where n is too large.
// The computed factor has R̃ᴴR̃ = A + Δ with |Δ| ≤ c |R̃|ᴴ|R̃|, hence λ_min(A) ≥ −c/(1 − c) tr A. Four roundings more than
// in the textbook cover a LAPACK that multiplies with reciprocals of pivots.
template <class T>
double least_shift(Index n, double trace) {
  const double c = inner_product_error<T>(n, 4);
  if (!(c < 0.5)) return infinity;
  return add_up(mul_up(div_up(c, sub_down(1.0, c)), trace), most_by_underflow);
}

// Both: e, or nothing.
template <class T>
std::optional<double> prove_psd(T* a, Index n) {
  const std::optional<double> trace = factorise(a, n);
  if (!trace) return std::nullopt;
  const double shift = least_shift<T>(n, *trace);
  return shift < infinity ? std::optional(shift) : std::nullopt;
}

}  // namespace taut::detail
