#include "lipschitz/convolution/sum_norms.h"

#include "autodiff/error.h"
#include "lipschitz/convolution/geometry.h"

namespace taut::detail {
namespace {

struct Kernel {
  Tensor wide;
  const double* data;
  Index c_out, c_in, kh, kw;  // c_in: per group
  Index groups;

  explicit Kernel(const structure::Convolution& c)
      : wide(c.kernel.to(DType::f64)),
        data(std::as_const(wide).data<double>().data()),
        c_out(wide.shape()[0]),
        c_in(wide.shape()[1]),
        kh(wide.shape()[2]),
        kw(wide.shape()[3]),
        groups(c.options.groups) {}
  double at(Index o, Index i, Index y, Index x) const { return data[((o * c_in + i) * kh + y) * kw + x]; }
};

// Sum of |kernel| over channels [o_from, o_to) × [i_from, i_to) and the listed taps, rounded to one side.
struct Block {
  Index o_from, o_to, i_from, i_to;
};
double sum(const Kernel& k, const Block& b, const std::vector<Index>& rows, const std::vector<Index>& columns,
           Side side) {
  double total = 0.0;
  for (Index o = b.o_from; o < b.o_to; ++o)
    for (Index i = b.i_from; i < b.i_to; ++i)
      for (const Index y : rows)
        for (const Index x : columns) {
          const double v = std::fabs(k.at(o, i, y, x));
          total = side == Side::upper ? add_up(total, v) : add_down(total, v);
        }
  return total;
}

// The channels that meet in one row (linf: an output channel) or column (l1: an input channel) of the matrix.
std::vector<Block> blocks(const Kernel& k, bool rows) {
  std::vector<Block> list;
  if (rows) {
    for (Index o = 0; o < k.c_out; ++o) list.push_back({o, o + 1, 0, k.c_in});
  } else {
    const Index per_group = k.c_out / k.groups;
    for (Index g = 0; g < k.groups; ++g)
      for (Index i = 0; i < k.c_in; ++i) list.push_back({g * per_group, (g + 1) * per_group, i, i + 1});
  }
  return list;
}

}  // namespace

Enclosure convolution_sum_norm(const structure::Convolution& c, Norm norm) {
  const bool rows = (norm == Norm::linf) != c.transposed;
  const ConvAxis vertical(c, 0), horizontal(c, 1);
  const auto row_taps = rows ? vertical.taps_per_output() : vertical.taps_per_position();
  const auto column_taps = rows ? horizontal.taps_per_output() : horizontal.taps_per_position();
  const bool exact = vertical.reads_once() && horizontal.reads_once();
  const Kernel kernel(c);
  double upper = 0.0, lower = 0.0;
  for (const Block& block : blocks(kernel, rows))
    for (const auto& y : row_taps)
      for (const auto& x : column_taps) {
        const double s = sum(kernel, block, y, x, Side::upper);
        if (s <= upper) continue;
        upper = s;
        if (exact) lower = sum(kernel, block, y, x, Side::lower);
      }
  constexpr const char* method = "tap sums";
  return {LowerBound::certified(lower, norm, method), UpperBound::certified(upper, norm, method)};
}

Magnitude convolution_frobenius(const structure::Convolution& c) {
  const ConvAxis vertical(c, 0), horizontal(c, 1);
  const auto y_count = vertical.readers(), x_count = horizontal.readers();
  const Kernel k(c);
  // Entries of an overlapping circular kernel may add up in one entry of the matrix: (a + b)² ≤ r (a² + b²) for r of
  // them.
  const Index repeated = (vertical.reads_once() ? 1 : vertical.span() / vertical.image + 1) *
                         (horizontal.reads_once() ? 1 : horizontal.span() / horizontal.image + 1);
  Magnitude total;
  for (Index o = 0; o < k.c_out; ++o)
    for (Index i = 0; i < k.c_in; ++i)
      for (Index y = 0; y < k.kh; ++y)
        for (Index x = 0; x < k.kw; ++x) {
          const Magnitude v = std::fabs(k.at(o, i, y, x));
          const auto times = static_cast<double>(repeated * y_count[static_cast<std::size_t>(y)] *
                                                 x_count[static_cast<std::size_t>(x)]);
          total = Magnitude::sum(total, Magnitude::product(Magnitude::product(v, v, Side::upper), times, Side::upper),
                                 Side::upper);
        }
  return Magnitude::root(total, Side::upper);
}

}  // namespace taut::detail
