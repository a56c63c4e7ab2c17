// Images in other resolutions: selections and matrices along the rows and columns.
#include <algorithm>
#include <cmath>

#include "autodiff/primitives/define.h"

namespace taut {
namespace {

using primitives::checked;

void require_sizes(const Shape& x, Index height, Index width, const char* op) {
  constexpr Index absurd = Index{1} << 31;
  if (x.rank() != 4 || x[2] < 1 || x[3] < 1)
    throw ShapeError(cat('[', op, "] needs an image (n, c, h, w) with at least one pixel, got ", x, "; reshape it"));
  if (std::min(height, width) < 1 || std::max(height, width) >= absurd)
    throw ShapeError(cat('[', op, "] the new height and width must be 1 or more, got ", height, " and ", width,
                         " for an image ", x));
}

Var nearest_along(const Var& x, int axis, Index size, Where where) {
  const Index from = x.shape()[axis];
  if (from == size) return x;
  std::vector<Index> indices(static_cast<std::size_t>(size));
  for (Index i = 0; i < size; ++i) indices[static_cast<std::size_t>(i)] = i * from / size;
  return gather(x, axis, indices, where);
}

// Row i weighs the two pixels between whose centres pixel i of the result lies.
Tensor interpolation(Index from, Index size, bool align_corners) {
  Tensor matrix = Tensor::zeros(Shape{size, from}, DType::f64);
  const auto weights = matrix.mutable_data<double>();
  const auto n = static_cast<double>(from), m = static_cast<double>(size);
  for (Index i = 0; i < size; ++i) {
    const auto at = static_cast<double>(i);
    double position = (at + 0.5) * n / m - 0.5;
    if (align_corners) position = size > 1 ? at * (n - 1) / (m - 1) : 0.0;
    position = std::clamp(position, 0.0, n - 1);
    const auto left = static_cast<Index>(position), right = std::min(left + 1, from - 1);
    const double share = position - static_cast<double>(left);
    weights[static_cast<std::size_t>(i * from + left)] += 1.0 - share;
    weights[static_cast<std::size_t>(i * from + right)] += share;
  }
  return matrix;
}

Var bilinear_along(const Var& x, int axis, Index size, bool align_corners, Where where) {
  const Index from = x.shape()[axis];
  return from == size ? x : matrix_along(x, interpolation(from, size, align_corners), axis, where);
}

void require_blocks(const Shape& x, Index r, bool fits, const char* op, const char* what) {
  if (!fits)
    throw ShapeError(cat('[', op, "] needs ", what, ", got ", x, " and r = ", r, "; reshape it or choose another r"));
}

}  // namespace

Var resize_nearest(const Var& x, Index height, Index width, Where where) {
  return checked(x, "resize_nearest", where, [&] {
    require_sizes(x.shape(), height, width, "resize_nearest");
    return nearest_along(nearest_along(x, 2, height, where), 3, width, where);
  });
}

Var resize_bilinear(const Var& x, Index height, Index width, bool align_corners, Where where) {
  return checked(x, "resize_bilinear", where, [&] {
    require_sizes(x.shape(), height, width, "resize_bilinear");
    return bilinear_along(bilinear_along(x, 2, height, align_corners, where), 3, width, align_corners, where);
  });
}

Var pixel_shuffle(const Var& x, Index r, Where where) {
  return checked(x, "pixel_shuffle", where, [&] {
    const Shape s = x.shape();
    const bool fits = s.rank() == 4 && r >= 1 && s[1] % r == 0 && s[1] / r % r == 0;
    require_blocks(s, r, fits, "pixel_shuffle", "(n, c·r², h, w) with r ≥ 1");
    const Index c = s[1] / r / r;
    const Var blocks = permute(reshape(x, {s[0], c, r, r, s[2], s[3]}, where), {0, 1, 4, 2, 5, 3}, where);
    return reshape(blocks, {s[0], c, s[2] * r, s[3] * r}, where);
  });
}

Var pixel_unshuffle(const Var& x, Index r, Where where) {
  return checked(x, "pixel_unshuffle", where, [&] {
    const Shape s = x.shape();
    const bool fits = s.rank() == 4 && r >= 1 && s[2] % r == 0 && s[3] % r == 0;
    require_blocks(s, r, fits, "pixel_unshuffle", "(n, c, h·r, w·r) with r ≥ 1");
    const Shape parts{s[0], s[1], s[2] / r, r, s[3] / r, r};
    const Var blocks = permute(reshape(x, parts, where), {0, 1, 3, 5, 2, 4}, where);
    return reshape(blocks, {s[0], s[1] * r * r, s[2] / r, s[3] / r}, where);
  });
}

}  // namespace taut
