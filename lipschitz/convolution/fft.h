// Two-dimensional real Fourier transforms by FFTW. Internal to lipschitz.
#pragma once

#include <complex>
#include <vector>

#include "autodiff/config.h"

namespace taut::detail {

// Σ_{y,x} in[y, x] e^{−2πi (fy y / ny + fx x / nx)} for fy < ny and fx ≤ nx / 2, row-major (ny, nx / 2 + 1). Plans are
// made by FFTW_ESTIMATE, once per size, and kept; safe to call from several threads.
std::vector<std::complex<double>> real_transform(const std::vector<double>& in, Index ny, Index nx);

}  // namespace taut::detail
