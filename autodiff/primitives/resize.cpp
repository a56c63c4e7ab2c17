// Images in other resolutions: selections and matrices along the rows and columns.
#include <algorithm>

#include "autodiff/define.h"

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

// A place among pixels, numerator / denominator from the centre of the first one on.
struct Place {
  Index numerator, denominator;
};
Place place_of(Index i, Index from, Index size, bool align_corners) {
  if (align_corners) return size > 1 ? Place{i * (from - 1), size - 1} : Place{0, 1};
  return {(2 * i + 1) * from - size, 2 * size};
}

// Row i weighs the two pixels between whose centres pixel i of the result lies. The weights are quotients of whole
// numbers, of which the intervals hold the exact ones.
Range interpolation(Index from, Index size, bool align_corners) {
  Range matrix{Tensor::zeros(Shape{size, from}, DType::f64), Tensor::zeros(Shape{size, from}, DType::f64)};
  const auto lo = matrix.lo.mutable_data<double>(), hi = matrix.hi.mutable_data<double>();
  for (Index i = 0; i < size; ++i) {
    const Place place = place_of(i, from, size, align_corners);
    const Index denominator = place.denominator;
    const Index inside = std::clamp<Index>(place.numerator, 0, (from - 1) * denominator);
    const Index left = inside / denominator, rest = inside % denominator;
    const auto put = [&](Index pixel, Index share) {
      const Interval weight = quotient(static_cast<double>(share), static_cast<double>(denominator));
      lo[static_cast<std::size_t>(i * from + pixel)] = weight.lo;
      hi[static_cast<std::size_t>(i * from + pixel)] = weight.hi;
    };
    put(left, denominator - rest);
    if (rest > 0) put(left + 1, rest);
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
