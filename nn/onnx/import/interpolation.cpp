#include "nn/onnx/import/interpolation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "autodiff/error.h"

namespace taut::nn::onnx {
namespace {

Interval number(double x) { return Interval::point(x); }
Interval number(Index n) { return Interval::point(static_cast<double>(n)); }

// p / q for p ≥ 0 and q > 0.
Interval ratio(const Interval& p, const Interval& q) { return {div_down(p.lo, q.hi), div_up(p.hi, q.lo)}; }

// A place among the pixels, numerator / denominator from the centre of the first one on; denominator > 0.
struct PixelPlace {
  Interval numerator, denominator;
};

PixelPlace half_pixel(Index i, const ResizedAxis& axis) {  // (i + 1/2) / scale − 1/2
  return {number(2 * i + 1) * axis.denominator - axis.numerator, number(2.0) * axis.numerator};
}

std::optional<PixelPlace> place_of(const Resizing& r, Index i, const ResizedAxis& axis) {
  const Interval &p = axis.numerator, &q = axis.denominator;
  if (r.coordinates == "half_pixel") return half_pixel(i, axis);
  if (r.coordinates == "pytorch_half_pixel")
    return axis.to > 1 ? half_pixel(i, axis) : PixelPlace{number(0.0), number(1.0)};
  if (r.coordinates == "half_pixel_symmetric") {  // from/2 · (1 − to / (scale · from)) more
    PixelPlace place = half_pixel(i, axis);
    place.numerator = place.numerator + number(axis.from) * p - number(axis.to) * q;
    return place;
  }
  if (r.coordinates == "align_corners") {
    if (axis.to == 1) return PixelPlace{number(0.0), number(1.0)};
    // By scales, the length of the result counts before it is rounded down.
    const Interval length = axis.of_sizes ? number(axis.to) : p * number(axis.from);
    const PixelPlace place{number(i * (axis.from - 1)), length - number(1.0)};
    return place.denominator.lo > 0.0 ? std::optional(place) : std::nullopt;
  }
  if (r.coordinates == "tf_half_pixel_for_nn") return PixelPlace{number(2 * i + 1) * q, number(2.0) * p};
  return PixelPlace{number(i) * q, p};  // asymmetric
}

// place = whole + rest / denominator with 0 ≤ rest < denominator, where that is certain.
struct Split {
  Index whole;
  Interval rest;
};
std::optional<Split> split(const PixelPlace& place) {
  const double guess = std::floor(place.numerator.lo / place.denominator.hi);
  if (!(std::fabs(guess) < 0x1p40)) return std::nullopt;
  for (const double whole : {guess, guess - 1.0, guess + 1.0}) {
    const Interval rest = place.numerator - number(whole) * place.denominator;
    if (rest.lo >= 0.0 && rest.hi < place.denominator.lo) return Split{static_cast<Index>(whole), rest};
  }
  return std::nullopt;
}

// Beyond `whole` by half a pixel or more: −1 less, 0 half, 1 more.
std::optional<int> against_half(const Split& s, const Interval& denominator) {
  const Interval difference = number(2.0) * s.rest - denominator;
  if (difference.hi < 0.0) return -1;
  if (difference.lo > 0.0) return 1;
  return difference.lo == 0.0 && difference.hi == 0.0 ? std::optional(0) : std::nullopt;
}

std::optional<Index> nearest(const Resizing& r, const PixelPlace& place) {
  const std::optional<Split> s = split(place);
  if (!s) return std::nullopt;
  if (r.nearest == "floor") return s->whole;
  if (r.nearest == "ceil") {
    if (s->rest.lo > 0.0) return s->whole + 1;
    return s->rest.hi == 0.0 ? std::optional(s->whole) : std::nullopt;
  }
  const std::optional<int> side = against_half(*s, place.denominator);
  if (!side) return std::nullopt;
  return s->whole + ((r.nearest == "round_prefer_floor" ? *side > 0 : *side >= 0) ? 1 : 0);
}

// Weights of the pixels from `whole` − 1 on, with p = rest / denominator and q = 1 − p: cubic by [Keys1981], factored
// so that nothing cancels.
std::array<Interval, 4> weights_of(const Resizing& r, const Split& s, const Interval& denominator) {
  const Interval p = ratio(s.rest, denominator), q = ratio(denominator - s.rest, denominator);
  if (r.mode == "linear") return {number(0.0), q, p, number(0.0)};
  const Interval a = number(r.cubic), one = number(1.0), a2 = a + number(2.0);
  return {a * p * q * q, q * (one + p - a2 * p * p), p * (one + q - a2 * q * q), a * q * p * p};
}

}  // namespace

std::optional<std::vector<Index>> nearest_pixels(const Resizing& r, const ResizedAxis& axis) {
  std::vector<Index> pixels;
  for (Index i = 0; i < axis.to; ++i) {
    const std::optional<PixelPlace> place = place_of(r, i, axis);
    const std::optional<Index> pixel = place ? nearest(r, *place) : std::nullopt;
    if (!pixel) return std::nullopt;
    pixels.push_back(std::clamp<Index>(*pixel, 0, axis.from - 1));
  }
  return pixels;
}

std::optional<Range> interpolation_weights(const Resizing& r, const ResizedAxis& axis) {
  const Shape shape{axis.to, axis.from};
  Range matrix{Tensor::zeros(shape, DType::f64), Tensor::zeros(shape, DType::f64)};
  const auto lo = matrix.lo.mutable_data<double>(), hi = matrix.hi.mutable_data<double>();
  for (Index i = 0; i < axis.to; ++i) {
    const std::optional<PixelPlace> place = place_of(r, i, axis);
    const std::optional<Split> s = place ? split(*place) : std::nullopt;
    if (!s) return std::nullopt;
    const std::array<Interval, 4> weights = weights_of(r, *s, place->denominator);
    std::vector<Interval> row(static_cast<std::size_t>(axis.from), number(0.0));
    Interval total = number(0.0);
    for (std::size_t k = 0; k < 4; ++k) {
      const Index at = s->whole - 1 + static_cast<Index>(k), pixel = std::clamp<Index>(at, 0, axis.from - 1);
      if (r.exclude_outside && pixel != at) continue;
      Interval& entry = row[static_cast<std::size_t>(pixel)];
      entry = entry + weights[k];
      total = total + weights[k];
    }
    // The weights add up to 1, so that a pixel that takes all of them has the weight 1.
    const auto used = std::ranges::count_if(row, [](const Interval& w) { return w.lo != 0.0 || w.hi != 0.0; });
    for (std::size_t k = 0; k < row.size(); ++k) {
      Interval w = row[k];
      if (w.lo == 0.0 && w.hi == 0.0) continue;
      if (used == 1) {
        w = number(1.0);
      } else if (r.exclude_outside) {
        if (!(total.lo > 0.0)) return std::nullopt;
        w = {std::min(div_down(w.lo, total.lo), div_down(w.lo, total.hi)),
             std::max(div_up(w.hi, total.lo), div_up(w.hi, total.hi))};
      }
      lo[static_cast<std::size_t>(i * axis.from) + k] = w.lo;
      hi[static_cast<std::size_t>(i * axis.from) + k] = w.hi;
    }
  }
  return matrix;
}

void require_known(const Resizing& r) {
  const auto one_of = [](const std::string& name, const std::string& what,
                         std::initializer_list<std::string_view> known) {
    if (std::ranges::find(known, what) == known.end())
      throw UnsupportedError(cat(name, " '", what.substr(0, 40), "' is not known"));
  };
  one_of("mode", r.mode, {"nearest", "linear", "cubic"});
  one_of("coordinate_transformation_mode", r.coordinates,
         {"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "tf_half_pixel_for_nn",
          "asymmetric"});
  one_of("nearest_mode", r.nearest, {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"});
}

}  // namespace taut::nn::onnx
