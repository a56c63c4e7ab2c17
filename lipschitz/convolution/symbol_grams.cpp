#include "lipschitz/convolution/symbol_grams.h"

#include <algorithm>

#include "autodiff/blas.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"

namespace taut::detail {
namespace {

bool of_rows(const ConvSymbols& s) { return s.aliases() > 1 || s.rows() <= s.columns(); }
Index small_side(const ConvSymbols& s) { return of_rows(s) ? s.rows() : s.channels(); }
Index long_side(const ConvSymbols& s) { return of_rows(s) ? s.channels() : s.rows(); }
Index triangle(Index n) { return n * (n + 1) / 2; }

// Differences of tap indices along one axis whose distance on the grid the stride divides.
std::vector<Index> allowed(const CirculantAxis& axis) {
  std::vector<Index> differences;
  const auto taps = static_cast<Index>(axis.positions.size());
  for (Index d = 1 - taps; d < taps; ++d) {
    const Index distance = d == 0 ? 0 : (axis.positions[1] - axis.positions[0]) * d;
    if (distance % axis.stride == 0) differences.push_back(d);
  }
  return differences;
}

Index lag_count(const ConvSymbols& s) {
  return static_cast<Index>(allowed(s.vertical()).size() * allowed(s.horizontal()).size()) / 2;
}

}  // namespace

double ConvGrams::operations(const ConvSymbols& s) {
  const auto n = static_cast<double>(small_side(s)), m = static_cast<double>(long_side(s));
  const auto taps = static_cast<double>(s.vertical().positions.size() * s.horizontal().positions.size());
  const auto lags = static_cast<double>(lag_count(s)), frequencies = static_cast<double>(s.frequencies());
  return 0.5 * taps * taps / static_cast<double>(s.aliases()) * n * n * m + frequencies * 2.0 * lags * n * n / 2.0;
}

double ConvGrams::operations_of_symbols(const ConvSymbols& s) {
  const auto rows = static_cast<double>(s.rows()), columns = static_cast<double>(s.columns());
  const auto taps = static_cast<double>(s.vertical().positions.size() * s.horizontal().positions.size());
  return static_cast<double>(s.frequencies()) * rows * columns * (2.0 * taps + 2.0 * std::min(rows, columns));
}

ConvGrams::ConvGrams(const ConvSymbols& symbols, Index group) : symbols_(symbols), size_(small_side(symbols)) {
  const Index n = size_, m = long_side(symbols);
  const auto ky = static_cast<Index>(symbols.vertical().positions.size());
  const auto kx = static_cast<Index>(symbols.horizontal().positions.size());
  // Of every row of taps the matrix n × (kx · m), so that a run of taps is a block of columns.
  memory::Buffer<double> packed(static_cast<std::size_t>(ky * n * kx * m));
  for (Index ty = 0; ty < ky; ++ty)
    for (Index a = 0; a < n; ++a)
      for (Index tx = 0; tx < kx; ++tx)
        for (Index b = 0; b < m; ++b)
          packed[static_cast<std::size_t>(((ty * n + a) * kx + tx) * m + b)] =
              of_rows(symbols) ? symbols.kernel(group, a, b, ty * kx + tx) : symbols.kernel(group, b, a, ty * kx + tx);

  const auto distance = [](const CirculantAxis& axis, Index d) {
    return d == 0 ? 0 : (axis.positions[1] - axis.positions[0]) * d;
  };
  std::vector<double> r(static_cast<std::size_t>(n * n));
  for (const Index dy : allowed(symbols.vertical()))
    for (const Index dx : allowed(symbols.horizontal())) {
      if (dy < 0 || (dy == 0 && dx < 0)) continue;
      std::ranges::fill(r, 0.0);
      for (Index ty = dy; ty < ky; ++ty) {
        const Index from = std::max<Index>(0, dx), other = std::max<Index>(0, -dx), run = kx - from - other;
        if (run <= 0) continue;
        const double* const left = packed.data() + (ty * n * kx + from) * m;
        const double* const right = packed.data() + ((ty - dy) * n * kx + other) * m;
        kernels::gemm(false, true, n, n, run * m, 1.0, left, kx * m, right, kx * m, 1.0, r.data(), n);
      }
      const bool zero = dy == 0 && dx == 0;
      if (!zero) lags_.push_back({distance(symbols.vertical(), dy), distance(symbols.horizontal(), dx)});
      for (Index j = 0; j < n; ++j)
        for (Index i = j; i < n; ++i) {
          const double a = r[static_cast<std::size_t>(i * n + j)], b = r[static_cast<std::size_t>(j * n + i)];
          even_.push_back(zero ? a : a + b);
          if (!zero) odd_.push_back(a - b);
        }
    }
  // The entries of every R are sums of at most taps · m products, those of the result combinations of lags + 1 of them
  // with sines and cosines within 16 u: each part errs by at most γ (Σ_t |K_t|)(Σ_t |K_t|)ᵀ entry by entry.
  const double gamma = gamma_factor(ky * kx * m + static_cast<Index>(lags_.size()) + 48, u);
  const double sums = symbols.sum_norm(group);
  error_ = add_up(mul_up(mul_up(1.4142135623730952, gamma), mul_up(sums, sums)), 0x1p-900);
}

memory::Buffer<std::complex<double>> ConvGrams::compute(Index from, Index to) const {
  const Index count = to - from, lags = static_cast<Index>(lags_.size()), packed = triangle(size_);
  memory::Buffer<double> cosines, sines;
  cosines.reserve(static_cast<std::size_t>(count * (lags + 1)));
  sines.reserve(static_cast<std::size_t>(count * lags));
  for (Index f = from; f < to; ++f) {
    cosines.push_back(1.0);
    for (const Lag& lag : lags_) {
      const std::complex<double> root = symbols_.root(f, lag.y, lag.x);
      cosines.push_back(root.real());
      sines.push_back(root.imag());
    }
  }
  memory::Buffer<double> real(static_cast<std::size_t>(count * packed)), imaginary(real.size(), 0.0);
  kernels::gemm(false, false, count, packed, lags + 1, 1.0, cosines.data(), lags + 1, even_.data(), packed, 0.0,
                real.data(), packed);
  if (lags > 0)
    kernels::gemm(false, false, count, packed, lags, 1.0, sines.data(), lags, odd_.data(), packed, 0.0,
                  imaginary.data(), packed);
  memory::Buffer<std::complex<double>> grams(static_cast<std::size_t>(count * size_ * size_));
  for (Index f = 0; f < count; ++f) {
    const double *re = real.data() + f * packed, *im = imaginary.data() + f * packed;
    std::complex<double>* const h = grams.data() + f * size_ * size_;
    for (Index j = 0; j < size_; ++j)
      for (Index i = j; i < size_; ++i) h[j * size_ + i] = {*re++, *im++};
  }
  return grams;
}

}  // namespace taut::detail
