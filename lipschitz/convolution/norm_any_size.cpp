#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "autodiff/error.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/size_free.h"
#include "lipschitz/spectral.h"

namespace taut {
namespace {

using detail::u;

void require_kernel(const Tensor& kernel, const Conv2dOptions& conv) {
  const Shape& shape = kernel.shape();
  if (shape.rank() != 4 || shape.size() == 0 || conv.groups < 1 || shape[0] % conv.groups != 0)
    throw ShapeError(
        cat("[size_free_conv_norm] a kernel (c_out, c_in / groups, kh, kw) without empty axes, c_out a multiple "
            "of groups, is needed; got shape ",
            shape, " and groups ", conv.groups, "; reshape it"));
  if (std::ranges::min(conv.stride) < 1 || std::ranges::min(conv.dilation) < 1)
    throw ShapeError(cat("[size_free_conv_norm] stride and dilation are at least 1; got ", conv.stride[0], ", ",
                         conv.stride[1], " and ", conv.dilation[0], ", ", conv.dilation[1], "; correct them"));
  detail::require_finite(kernel, "a convolution kernel");
}

// One axis of the torus: its grid, and the degree of the symbols as trigonometric polynomials on it.
struct Axis {
  Index grid, degree;

  Axis(Index taps, Index stride, Index dilation, Index points_per_degree)
      : grid(stride), degree((stride == 1 ? 1 : dilation) * (taps - 1)) {
    const Index wanted = std::max<Index>(1, points_per_degree * degree);
    grid = (wanted + stride - 1) / stride * stride;
  }

  // ≥ 1 / cos(π d / (2 N)). The cosine is taken at four times its documented error.
  double inflation() const {
    if (degree == 0) return 1.0;
    const double pi = std::numbers::pi * (1.0 + 2.0 * u);
    const double angle = div_up(mul_up(pi, static_cast<double>(degree)), 2.0 * static_cast<double>(grid));
    return div_up(1.0, std::cos(angle) * (1.0 - 16.0 * u));
  }
};

// Multiplications of factorising the symbols on such a grid.
double operations(const Tensor& kernel, const Conv2dOptions& conv, const Axis& y, const Axis& x) {
  const auto rows = static_cast<double>(kernel.shape()[0] / conv.groups);
  const auto columns = static_cast<double>(kernel.shape()[1] * conv.stride[0] * conv.stride[1]);
  const auto blocks = static_cast<double>(y.grid * x.grid) / static_cast<double>(conv.stride[0] * conv.stride[1]);
  return 4.0 * blocks * static_cast<double>(conv.groups) * std::min(rows, columns) * rows * columns;
}

// The circular convolution on a grid.
structure::Convolution on_grid(const Tensor& kernel, const Conv2dOptions& conv, const Axis& y, const Axis& x) {
  structure::Convolution c{kernel, conv, {}, {}, Boundary::circular, false};
  for (std::size_t a = 0; a < 2; ++a)
    if (conv.stride[a] == 1)
      c.options.dilation[a] = 1;  // the symbols of a dilated kernel are those of the undilated one
  c.options.padding = {0, 0, 0, 0};
  c.image = {kernel.shape()[1] * conv.groups, y.grid, x.grid};
  c.result = {kernel.shape()[0], y.grid / conv.stride[0], x.grid / conv.stride[1]};
  return c;
}

// Rows and columns of an unfolding: which of (c_out, c_in, h, w) count the rows, in this order, the others the columns.
struct Unfolding {
  std::array<int, 4> order;
  int row_axes;
};

Tensor unfold(const Tensor& kernel, Index group, Index groups, const Unfolding& unfolding) {
  const Shape& shape = kernel.shape();
  const std::array<Index, 4> size{shape[0] / groups, shape[1], shape[2], shape[3]};
  Index rows = 1, columns = 1;
  for (std::size_t a = 0; a < 4; ++a)
    (static_cast<int>(a) < unfolding.row_axes ? rows : columns) *= size[static_cast<std::size_t>(unfolding.order[a])];
  Tensor matrix = Tensor::uninitialised({rows, columns}, DType::f64);
  const auto entries = matrix.mutable_data<double>();
  const Index offset = group * size[0] * size[1] * size[2] * size[3];
  std::array<Index, 4> at{};
  for (double& entry : entries) {
    entry = kernel.at(offset + ((at[0] * size[1] + at[1]) * size[2] + at[2]) * size[3] + at[3]);
    for (std::size_t a = 4; a-- > 0;) {
      const auto axis = static_cast<std::size_t>(unfolding.order[a]);
      if (++at[axis] < size[axis]) break;
      at[axis] = 0;
    }
  }
  return matrix;
}

}  // namespace

UpperBound unfoldings_bound(const Tensor& kernel, Index groups, const Budget& budget) {
  Conv2dOptions conv;
  conv.groups = groups;
  require_kernel(kernel, conv);
  constexpr Unfolding unfoldings[] = {{{0, 2, 1, 3}, 2}, {{0, 3, 1, 2}, 2}, {{0, 1, 2, 3}, 1}, {{0, 2, 3, 1}, 3}};
  Magnitude largest;
  for (Index g = 0; g < groups; ++g) {
    Magnitude smallest = infinity;
    for (const Unfolding& unfolding : unfoldings)
      smallest =
          std::min(smallest, dense_norm(unfold(kernel, g, groups, unfolding), Norm::l2, budget).upper.magnitude());
    largest = std::max(largest, smallest);
  }
  const auto taps = static_cast<double>(kernel.shape()[2] * kernel.shape()[3]);
  const Magnitude bound = Magnitude::product(largest, sqrt_up(taps), Side::upper);
  return UpperBound::certified(bound, Norm::l2, "kernel unfoldings", "every image size");
}

UpperBound size_free_conv_norm(const Tensor& kernel, const Conv2dOptions& conv, const Budget& budget) {
  require_kernel(kernel, conv);
  constexpr double most_operations = 2e11;
  const UpperBound screen = unfoldings_bound(kernel, conv.groups, budget);
  for (const Index points : {32, 16}) {
    const Axis y(kernel.shape()[2], conv.stride[0], conv.dilation[0], points);
    const Axis x(kernel.shape()[3], conv.stride[1], conv.dilation[1], points);
    if (points > 16 && operations(kernel, conv, y, x) > most_operations) continue;
    const std::optional<detail::CirculantNorm> grid = detail::circulant_norm(on_grid(kernel, conv, y, x), budget);
    if (!grid) break;
    const Magnitude bound = Magnitude::product(grid->upper, mul_up(y.inflation(), x.inflation()), Side::upper);
    return better(screen, UpperBound::certified(bound, Norm::l2, "symbols on the torus", "every image size"));
  }
  return screen;
}

}  // namespace taut
