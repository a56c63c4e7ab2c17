// Symbols of convolutions: the matrices into which a circular one falls apart, one per frequency.
// Long: how a kernel is folded, transformed and bounded is one computation over the frequencies.
#include "lipschitz/convolution/symbols.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <numbers>
#include <numeric>

#include "autodiff/blas.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/convolution/symbol_grams.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/dense/gram.h"

namespace taut::detail {
namespace {

using Complex = std::complex<double>;

// e^{2πi r/n}, each component within 16 u: the angle is reduced exactly to [0, π/4], rounds three times there (4 u),
// and the C library's sine and cosine are taken at four times their documented error (4 u).
Complex unit_root(Index r, Index n) {
  Index eighths = 8 * r / n;  // octant
  const Index within =
      eighths % 2 == 0 ? 8 * r - eighths * n : (eighths + 1) * n - 8 * r;  // eighths of n, from an axis
  const double angle = std::numbers::pi * (static_cast<double>(within) / (4.0 * static_cast<double>(n)));
  double c = std::cos(angle), s = std::sin(angle);
  if (eighths == 1 || eighths == 2 || eighths == 5 || eighths == 6) std::swap(c, s);
  if (eighths >= 2 && eighths <= 5) c = -c;
  if (eighths >= 4) s = -s;
  return {c, s};
}

// Smallest grid on which the windows of `axis` meet the image as they do with zero padding.
Index zero_padding_grid(const ConvAxis& axis) {
  const Index before = std::min(axis.padding, axis.span());
  const Index last = std::min(axis.position(axis.outputs - 1, 0), axis.image - 1);
  return std::max({axis.image + before, last + axis.span() + 1, Index{1}});
}

Index round_up(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

double spectral_bound(const std::vector<double>& sums, Index rows, Index columns) {
  double largest_row = 0.0;
  std::vector<double> column(static_cast<std::size_t>(columns));
  for (Index i = 0; i < rows; ++i) {
    double row = 0.0;
    for (Index j = 0; j < columns; ++j) {
      const double v = sums[static_cast<std::size_t>(i * columns + j)];
      row = add_up(row, v);
      column[static_cast<std::size_t>(j)] = add_up(column[static_cast<std::size_t>(j)], v);
    }
    largest_row = std::max(largest_row, row);
  }
  return sqrt_up(mul_up(largest_row, std::ranges::max(column)));
}

// 0 … n − 1, neighbours far apart: norms vary slowly with the frequency, so that a threshold which grows along with
// them would be raised at every step.
std::vector<Index> scattered(Index n) {
  Index step = std::max<Index>(1, static_cast<Index>(0.618 * static_cast<double>(n)));
  while (std::gcd(step, n) != 1) ++step;
  std::vector<Index> order(static_cast<std::size_t>(n));
  for (Index k = 0; k < n; ++k) order[static_cast<std::size_t>(k)] = k * step % n;
  return order;
}

// Proves one threshold for Gram matrix after Gram matrix, and raises it where it does not hold.
class Threshold {
 public:
  void include(const Gram<Complex>& gram, Index group, Index frequency) {
    if (gram.frobenius_squared() <= proved_) return;
    if (tested_ > 0.0)
      if (const auto proof = gram.prove(tested_)) {
        proved_ = std::max(proved_, proof->bound);
        return;
      }
    const double top = gram.top_eigenvalue();
    if (top > top_ || group_ < 0) {
      top_ = top;
      group_ = group;
      frequency_ = frequency;
    }
    tested_ = std::max(tested_, top * (1.0 + 8.0 * u * static_cast<double>(gram.size())));
    proved_ = std::max(proved_, gram.prove_top(top).bound);
  }
  double proved() const { return proved_; }
  double top() const { return top_; }
  Index group() const { return group_; }  // where the largest eigenvalue was; −1: nowhere
  Index frequency() const { return frequency_; }

 private:
  double tested_ = 0.0;  // tI − H is factorised with this t
  double proved_ = 0.0;  // ≥ the largest eigenvalue of every matrix so far
  double top_ = 0.0;
  Index group_ = -1, frequency_ = 0;
};

}  // namespace

CirculantAxis::CirculantAxis(const ConvAxis& axis) : stride(axis.stride) {
  Index dilation = axis.dilation;
  if (axis.circular) {
    grid = axis.image;
    if (grid % stride != 0) stride = 1;
    const Index period = grid / std::gcd(grid, axis.stride);
    repeats = (axis.outputs + period - 1) / period;
    whole = stride == axis.stride && axis.outputs == grid / stride;
  } else {
    grid = zero_padding_grid(axis);
    if (stride == 1) {
      grid = round_up(grid, dilation) / dilation;
      dilation = 1;
    } else {
      grid = round_up(grid, stride);
    }
  }
  for (Index t = 0; t < axis.taps; ++t) positions.push_back(dilation * t);
}

ConvSymbols::ConvSymbols(const structure::Convolution& c)
    : vertical_(ConvAxis(c, 0)),
      horizontal_(ConvAxis(c, 1)),
      groups_(c.options.groups),
      c_out_(c.kernel.shape()[0] / groups_),
      c_in_(c.kernel.shape()[1]),
      aliases_(vertical_.stride * horizontal_.stride),
      half_columns_(horizontal_.grid / horizontal_.stride / 2 + 1) {
  const Tensor wide = c.kernel.to(DType::f64);
  const auto values = wide.data<double>();
  const Index taps = c.kernel.shape()[2] * c.kernel.shape()[3];
  kernel_.assign(values.begin(), values.end());
  double largest = 0.0;
  for (const double v : kernel_) largest = std::max(largest, std::fabs(v));
  exponent_ = largest > 0.0 ? std::ilogb(largest) : 0;
  for (double& v : kernel_) v = std::ldexp(v, -exponent_);

  // Every entry of a symbol is a sum of `taps` products with roots of unity. Each component errs by at most
  // (γ_taps + 16 u (1 + γ_taps)) Σ|k|, hence the entry by at most 2 γ_{taps+32} Σ|k|; a matrix of such entries has at
  // most the norm of the matrix of the sums Σ|k|.
  const double relative = 2.0 * gamma_factor(taps + 32, u);
  const auto per_group = static_cast<std::size_t>(c_out_ * c_in_);
  for (Index g = 0; g < groups_; ++g) {
    std::vector<double> sums(per_group, 0.0);
    for (std::size_t e = 0; e < per_group; ++e)
      for (Index t = 0; t < taps; ++t)
        sums[e] = add_up(
            sums[e], std::fabs(kernel_[(static_cast<std::size_t>(g) * per_group + e) * static_cast<std::size_t>(taps) +
                                       static_cast<std::size_t>(t)]));
    sum_norms_.push_back(spectral_bound(sums, c_out_, c_in_));
    error_ = std::max(error_, mul_up(relative, sum_norms_.back()));
  }
  // Aliases stand side by side; 2^-900 covers what underflows.
  error_ = add_up(mul_up(error_, sqrt_up(static_cast<double>(aliases_))), 0x1p-900);

  const Index points = vertical_.grid * horizontal_.grid;
  roots_.reserve(static_cast<std::size_t>(points));
  for (Index r = 0; r < points; ++r) roots_.push_back(unit_root(r, points));
}

Complex ConvSymbols::root(Index frequency, Index y, Index x) const {
  const Index ny = vertical_.grid, nx = horizontal_.grid;
  const Index fy = frequency / half_columns_, fx = frequency % half_columns_;
  const Index turn = (fy * (y % ny) % ny * nx + fx * (x % nx) % nx * ny) % (ny * nx);
  return roots_[static_cast<std::size_t>(turn < 0 ? turn + ny * nx : turn)];
}

// Rows: for every frequency and alias the real and the imaginary parts; columns: taps.
memory::Buffer<double> ConvSymbols::twiddles(Index from, Index to) const {
  const Index ny = vertical_.grid, nx = horizontal_.grid;
  const Index step_y = ny / vertical_.stride, step_x = nx / horizontal_.stride;
  memory::Buffer<double> rows;
  for (Index f = from; f < to; ++f)
    for (Index ay = 0; ay < vertical_.stride; ++ay)
      for (Index ax = 0; ax < horizontal_.stride; ++ax) {
        const Index fy = f / half_columns_ + ay * step_y, fx = f % half_columns_ + ax * step_x;
        const auto root = [&](Index py, Index px) {
          return roots_[static_cast<std::size_t>((fy * py % ny * nx + fx * px % nx * ny) % (ny * nx))];
        };
        for (const Index py : vertical_.positions)
          for (const Index px : horizontal_.positions) rows.push_back(root(py, px).real());
        for (const Index py : vertical_.positions)
          for (const Index px : horizontal_.positions) rows.push_back(root(py, px).imag());
      }
  return rows;
}

memory::Buffer<Complex> ConvSymbols::compute(Index group, Index from, Index to) const {
  const Index entries = c_out_ * c_in_;
  const auto taps = static_cast<Index>(vertical_.positions.size() * horizontal_.positions.size());
  const Index count = (to - from) * aliases_;
  const memory::Buffer<double> waves = twiddles(from, to);
  memory::Buffer<double> parts(static_cast<std::size_t>(2 * count * entries));
  kernels::gemm(false, true, 2 * count, entries, taps, 1.0, waves.data(), taps, kernel_.data() + group * entries * taps,
                taps, 0.0, parts.data(), entries);
  memory::Buffer<Complex> symbols(static_cast<std::size_t>(count * entries));
  auto next = symbols.begin();
  for (Index f = 0; f < to - from; ++f)
    for (Index o = 0; o < c_out_; ++o)
      for (Index a = 0; a < aliases_; ++a) {
        const double* const real = parts.data() + 2 * (f * aliases_ + a) * entries + o * c_in_;
        const double* const imaginary = real + entries;
        for (Index i = 0; i < c_in_; ++i) *next++ = {real[i], imaginary[i]};
      }
  return symbols;
}

namespace {

// The singular vectors of the symbol at one frequency, and a lower bound of its norm.
struct Leading {
  std::vector<Complex> right;  // channel by channel, alias by alias
  double norm = 0.0;
};
Leading leading_of(const ConvSymbols& symbols, Index group, Index frequency) {
  const Index rows = symbols.rows(), columns = symbols.columns();
  const memory::Buffer<Complex> b = symbols.compute(group, frequency, frequency + 1);
  const Gram<Complex> gram(b.data(), rows, columns);
  const std::vector<Complex> v = gram.leading_vector(gram.prove_top(gram.top_eigenvalue()));
  if (v.empty()) return {};
  // Gram's triangle is that of the conjugate: v is a conjugated left vector where it is of the rows, else a right one.
  const bool left = gram.of_rows();
  Leading result;
  std::vector<Complex> w(static_cast<std::size_t>(left ? columns : rows));
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const Complex entry = b[static_cast<std::size_t>(i * columns + j)];
      if (left)
        w[static_cast<std::size_t>(j)] += std::conj(entry) * std::conj(v[static_cast<std::size_t>(i)]);
      else
        w[static_cast<std::size_t>(i)] += entry * std::conj(v[static_cast<std::size_t>(j)]);
    }
  const auto length = [](const std::vector<Complex>& x, Side side) {
    return euclidean({reinterpret_cast<const double*>(x.data()), 2 * x.size()}, side).round(side);
  };
  const double size = length(v, Side::upper);
  // |fl(B v) − B v| ≤ √2 γ_{2n} |B| |v| for the computed symbol B, which is off by symbols.error().
  const double rounding = mul_up(mul_up(1.4142135623730952, gamma_factor(2 * std::max(rows, columns) + 2, u)),
                                 sqrt_up(gram.frobenius_squared()));
  const double gained = sub_down(length(w, Side::lower), mul_up(add_up(rounding, symbols.error()), size));
  result.norm = size > 0.0 ? std::max(0.0, sub_down(div_down(std::max(0.0, gained), size), 0x1p-900)) : 0.0;
  result.right = left ? std::move(w) : v;
  if (!left)
    for (Complex& x : result.right) x = std::conj(x);
  return result;
}

// Re Σ_aliases v e^{iω·position} on the image, which the convolution multiplies with the symbol.
Tensor wave_of(const structure::Convolution& c, const ConvSymbols& symbols, Index group, Index frequency,
               const std::vector<Complex>& v, bool falls_off) {
  const auto [channels, h, w] = c.image;
  Tensor wave = Tensor::zeros(Shape{channels, h, w}, DType::f64);
  const auto to = wave.mutable_data<double>();
  const Index per_group = symbols.channels();
  const Index ny = symbols.vertical().grid, nx = symbols.horizontal().grid;
  const Index half = nx / symbols.horizontal().stride / 2 + 1;
  const ConvAxis rows(c, 0), columns(c, 1);
  // At stride 1 dilated kernels are undilated ones on a coarser grid: one of the sublattices carries the wave.
  const Index step_y = rows.stride == 1 && !rows.circular ? rows.dilation : 1;
  const Index step_x = columns.stride == 1 && !columns.circular ? columns.dilation : 1;
  const auto taper = [&](Index i, Index n) {
    return falls_off ? std::sin(std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(n)) : 1.0;
  };
  Index alias = 0;
  for (Index ay = 0; ay < symbols.vertical().stride; ++ay)
    for (Index ax = 0; ax < symbols.horizontal().stride; ++ax, ++alias) {
      const double wy = 2 * std::numbers::pi *
                        static_cast<double>(frequency / half + ay * (ny / symbols.vertical().stride)) /
                        static_cast<double>(ny);
      const double wx = 2 * std::numbers::pi *
                        static_cast<double>(frequency % half + ax * (nx / symbols.horizontal().stride)) /
                        static_cast<double>(nx);
      for (Index y = 0; y < h; y += step_y)
        for (Index x = 0; x < w; x += step_x) {
          const double phase = wy * static_cast<double>(y / step_y) + wx * static_cast<double>(x / step_x);
          const Complex turn = std::polar(taper(y, h) * taper(x, w), phase);
          for (Index i = 0; i < per_group; ++i)
            to[static_cast<std::size_t>(((group * per_group + i) * h + y) * w + x)] +=
                (v[static_cast<std::size_t>(alias * per_group + i)] * turn).real();
        }
    }
  return wave;
}

}  // namespace

std::optional<CirculantNorm> circulant_norm(const structure::Convolution& with_dead_taps, const Budget& budget) {
  const structure::Convolution convolution = without_dead_taps(with_dead_taps);
  const ConvSymbols symbols(convolution);
  const Index rows = symbols.rows(), columns = symbols.columns(), size = rows * columns;
  const bool by_correlation = ConvGrams::operations(symbols) < ConvGrams::operations_of_symbols(symbols);
  const double smaller = static_cast<double>(std::min(rows, columns));
  const double operations = 8.0 * smaller * static_cast<double>(size * symbols.frequencies() * symbols.groups());
  if (!budget.affords(operations)) return std::nullopt;

  // A block of symbols and its table of roots of unity take a few MiB.
  const Index roots = symbols.aliases() * convolution.kernel.shape()[2] * convolution.kernel.shape()[3];
  const Index largest_part = std::max({size, roots, Index{1}});
  const Index chunk = std::clamp<Index>((Index{1} << 18) / largest_part, 1, symbols.frequencies());
  const Index chunks = (symbols.frequencies() + chunk - 1) / chunk;
  const Index workers = std::clamp<Index>(budget.threads, 1, chunks);
  const auto aliases = static_cast<double>(symbols.aliases());
  // Every worker proves its own part; the largest of the proved values holds for all. Values are squares, divided by
  // the number of aliases.
  const auto work = [&](Index worker) -> std::optional<Threshold> {
    Threshold threshold;
    for (Index g = 0; g < symbols.groups(); ++g) {
      const std::optional<ConvGrams> grams =
          by_correlation ? std::optional<ConvGrams>(std::in_place, symbols, g) : std::nullopt;
      for (Index c = worker; c < chunks; c += workers) {
        if (budget.expired()) return std::nullopt;
        const Index from = c * chunk, to = std::min(from + chunk, symbols.frequencies());
        const memory::Buffer<Complex> block = grams ? grams->compute(from, to) : symbols.compute(g, from, to);
        for (const Index f : scattered(to - from)) {
          if (grams)
            threshold.include(
                Gram<Complex>::given(block.data() + f * grams->size() * grams->size(), grams->size(), grams->error()),
                g, from + f);
          else
            threshold.include(Gram<Complex>(block.data() + f * size, rows, columns), g, from + f);
        }
      }
    }
    return threshold;
  };
  std::vector<std::future<std::optional<Threshold>>> others;
  for (Index w = 1; w < workers; ++w) others.push_back(std::async(std::launch::async, work, w));
  std::vector<std::optional<Threshold>> parts{work(0)};
  for (auto& other : others) parts.push_back(other.get());
  double proved = 0.0;
  const Threshold* top = nullptr;
  for (const std::optional<Threshold>& part : parts) {
    if (!part) return std::nullopt;
    proved = std::max(proved, part->proved());
    if (part->group() >= 0 && (top == nullptr || part->top() > top->top())) top = &*part;
  }

  // The squares of symbols still count every alias and lack the symbols' error; those of correlations have both.
  const double widest =
      by_correlation ? sqrt_up(proved) : div_up(add_up(sqrt_up(proved), symbols.error()), sqrt_down(aliases));
  const double scale = std::ldexp(1.0, symbols.exponent());
  const double repeats = sqrt_up(static_cast<double>(symbols.repeats()));
  CirculantNorm result;
  result.upper = Magnitude::product(Magnitude::product(widest, repeats, Side::upper), scale, Side::upper);
  if (top == nullptr) return result;
  const bool whole = symbols.vertical().whole && symbols.horizontal().whole;
  const Leading leading = leading_of(symbols, top->group(), top->frequency());
  if (leading.right.empty()) return result;
  if (whole)
    result.lower = Magnitude::product(div_down(leading.norm, sqrt_up(aliases)), scale, Side::lower);
  else
    result.wave = wave_of(convolution, symbols, top->group(), top->frequency(), leading.right, true);
  return result;
}

}  // namespace taut::detail
