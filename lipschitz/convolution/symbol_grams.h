// The Gram matrices of the symbols of a convolution, without the symbols: their Fourier coefficients are correlations
// of the kernel with itself. Internal to lipschitz.
#pragma once

#include <complex>
#include <vector>

#include "lipschitz/convolution/symbols.h"

namespace taut::detail {

// With F(ω) = Σ_t K_t e^{iω·p_t} over the taps, F Fᴴ = Σ_d R_d e^{iω·d}, R_d = Σ_{p_t − p_t' = d} K_t K_t'ᵀ, R_{−d} =
// R_dᵀ. The sum over the aliases of a stride s leaves s_y s_x times the lags d that s divides. So every Gram matrix is
// a combination of few real matrices, all of them for all frequencies by one product. For kernels of one group with
// more inputs than outputs; else, at stride 1, of Fᴴ F with K_tᵀ in place of K_t (its conjugate, which has the same
// eigenvalues).
class ConvGrams {
 public:
  ConvGrams(const ConvSymbols& symbols, Index group);

  // Multiplications of making all Gram matrices of a group this way, and through the symbols.
  static double operations(const ConvSymbols& symbols);
  static double operations_of_symbols(const ConvSymbols& symbols);

  Index size() const { return size_; }
  // ≥ ‖computed − exact‖₂ of every matrix.
  double error() const { return error_; }
  // (F Fᴴ summed over the aliases) / number of aliases, for frequencies [from, to): lower triangles by columns, with
  // zeros above, one behind the other.
  memory::Buffer<std::complex<double>> compute(Index from, Index to) const;

 private:
  struct Lag {
    Index y, x;  // on the grid
  };
  const ConvSymbols& symbols_;
  Index size_;
  std::vector<Lag> lags_;     // a half plane, without 0
  std::vector<double> even_;  // R_0, then R_d + R_dᵀ, packed lower triangles
  std::vector<double> odd_;   // R_d − R_dᵀ
  double error_ = 0.0;
};

}  // namespace taut::detail
