// The l2 norm of convolutions through the symbols of a circular convolution. Internal to lipschitz.
#pragma once

#include <complex>
#include <optional>
#include <vector>

#include "autodiff/memory.h"
#include "lipschitz/budget.h"
#include "lipschitz/convolution/geometry.h"
#include "lipschitz/magnitude.h"

namespace taut::detail {

// One axis of a circular convolution of which the given one is a compression (some rows and columns of its matrix).
//
// Zero padding: the image is put on a grid N large enough that no window wraps around onto it, N ≥ n + k − 1 at most
// ([Sedghi2019], docs/mathematics/08-convolutions.md#zero-padding); the transform on the image's own grid
// would lie below the true norm. With stride s the grid is a multiple of s. A dilated kernel of stride 1 splits into
// independent undilated ones on N / δ. Circular boundary: the grid is the image; a stride that does not divide it is
// replaced by 1 (more rows, never less).
struct CirculantAxis {
  Index grid = 1, stride = 1;
  std::vector<Index> positions;  // of the taps on the grid
  Index repeats = 1;             // how often one output of the circular convolution occurs among the outputs
  bool whole = false;            // the axis is circular and its outputs are those of the circular convolution

  explicit CirculantAxis(const ConvAxis& axis);
};

// The symbols of all groups: for an output frequency f the matrix (c_out / groups) × (c_in / groups · s_y s_x) of the
// transforms at its s_y s_x aliases, side by side. The norm of the circular convolution is the largest of their norms
// over half of the frequencies (the kernel is real), divided by √(s_y s_x).
class ConvSymbols {
 public:
  explicit ConvSymbols(const structure::Convolution& convolution);

  Index rows() const { return c_out_; }
  Index columns() const { return c_in_ * aliases_; }
  Index frequencies() const { return half_columns_ * (vertical_.grid / vertical_.stride); }
  Index groups() const { return groups_; }
  Index aliases() const { return aliases_; }
  Index channels() const { return c_in_; }  // of the input, per group
  const CirculantAxis& vertical() const { return vertical_; }
  const CirculantAxis& horizontal() const { return horizontal_; }
  Index repeats() const { return vertical_.repeats * horizontal_.repeats; }
  int exponent() const { return exponent_; }  // symbols are computed of the kernel times 2^-exponent
  // ≥ spectral norm of the error of every computed symbol.
  double error() const { return error_; }

  // A scaled weight of a group, by channels and tap.
  double kernel(Index group, Index out, Index in, Index tap) const {
    return kernel_[static_cast<std::size_t>(((group * c_out_ + out) * c_in_ + in) * taps() + tap)];
  }
  // ≥ ‖Σ_t |K_t|‖₂ over the taps of a group.
  double sum_norm(Index group) const { return sum_norms_[static_cast<std::size_t>(group)]; }
  // e^{iω·d} at an output frequency, each component within 16 u, for a distance on the grid.
  std::complex<double> root(Index frequency, Index y, Index x) const;

  // The symbols of frequencies [from, to) of one group, one behind the other, row-major.
  memory::Buffer<std::complex<double>> compute(Index group, Index from, Index to) const;

 private:
  Index taps() const { return static_cast<Index>(vertical_.positions.size() * horizontal_.positions.size()); }
  memory::Buffer<double> twiddles(Index from, Index to) const;

  CirculantAxis vertical_, horizontal_;
  Index groups_, c_out_, c_in_, aliases_, half_columns_;  // channels per group
  int exponent_ = 0;
  double error_ = 0.0;
  std::vector<double> sum_norms_;
  std::vector<double> kernel_;               // scaled, (groups · c_out) × c_in × taps
  std::vector<std::complex<double>> roots_;  // e^{2πi r / (N_y N_x)}
};

// Of the circular convolution of which A is a compression, all rounding included.
struct CirculantNorm {
  Magnitude upper;  // ≥ ‖A‖₂
  Magnitude lower;  // ≤ ‖A‖₂; 0 unless A is the circular convolution itself
  // An input (c_in, h, w) of the convolution close to where ‖A x‖ / ‖x‖ is large: the leading wave, falling off to the
  // borders unless A is circular.
  Tensor wave;
};
// Nothing when the deadline does not allow it.
std::optional<CirculantNorm> circulant_norm(const structure::Convolution& convolution, const Budget& budget);

}  // namespace taut::detail
