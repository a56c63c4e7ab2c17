#include "lipschitz/network/fold_convolution.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "autodiff/outward.h"

namespace taut::detail {
namespace {

using structure::Convolution;

// Smaller products might underflow, and an absolute error is no relative one.
constexpr double smallest_product = 0x1p-900;

// One factor per channel of an image (channels, pixels), or nothing when the map is no such thing.
std::optional<std::vector<double>> channel_factors(const LinearMap& map, Index channels) {
  const Index size = map.out_shape().size();
  if (channels == 0 || size % channels != 0) return std::nullopt;
  if (const auto* scale = std::get_if<structure::Scale>(&map.structure()))
    return std::vector<double>(static_cast<std::size_t>(channels), scale->factor);
  const auto* diagonal = std::get_if<structure::Diagonal>(&map.structure());
  if (diagonal == nullptr) return std::nullopt;
  const Index pixels = size / channels;
  std::vector<double> factors;
  for (Index i = 0; i < size; ++i) {
    const double d = diagonal->values.at(i / diagonal->inner % diagonal->values.size());
    if (i % pixels == 0) factors.push_back(d);
    if (d != factors.back()) return std::nullopt;
  }
  return factors;
}

Index result_channels(const Convolution& c) { return c.transposed ? c.image[0] : c.result[0]; }
Index argument_channels(const Convolution& c) { return c.transposed ? c.result[0] : c.image[0]; }

// The convolution with the channels of one side multiplied by factors, or nothing when a product may underflow or
// overflow.
std::optional<Convolution> with_factors(const Convolution& c, const std::vector<double>& factors, bool of_result,
                                        double& relative_error) {
  const bool rows = of_result != c.transposed;  // the kernel's first axis
  Convolution scaled = c;
  scaled.kernel = c.kernel.to(DType::f64).copy();
  const Shape& shape = scaled.kernel.shape();
  const Index per_group = shape[0] / c.options.groups, taps = shape[2] * shape[3];
  const auto entries = scaled.kernel.mutable_data<double>();
  bool exact = true;
  for (Index o = 0; o < shape[0]; ++o)
    for (Index i = 0; i < shape[1]; ++i) {
      const Index channel = rows ? o : o / per_group * shape[1] + i;
      const double factor = factors[static_cast<std::size_t>(channel)];
      for (Index t = 0; t < taps; ++t) {
        double& entry = entries[static_cast<std::size_t>((o * shape[1] + i) * taps + t)];
        const double product = entry * factor;
        if (!std::isfinite(product) || (entry != 0.0 && factor != 0.0 && std::fabs(product) < smallest_product))
          return std::nullopt;
        exact = exact && std::fma(entry, factor, -product) == 0.0;
        entry = product;
      }
    }
  // One rounding per entry, off by at most u / (1 − u) of the computed one, on top of the errors there were: (1 + a)(1
  // + b) − 1.
  constexpr double rounding = 0x1.000001p-53;
  if (!exact) relative_error = add_up(add_up(relative_error, rounding), mul_up(relative_error, rounding));
  return scaled;
}

// How far a selection pads an image (channels, h, w) to the convolution's: zeros at the top and left, or nothing.
struct Margins {
  Index top, left, h, w;
};
// The convolution on the image before padding, which it does itself.
Convolution padding_itself(const Convolution& c, const Margins& m, Boundary boundary) {
  Convolution padded = c;
  auto& p = padded.options.padding;
  p = {p[0] + m.top, p[1] + c.image[1] - m.h - m.top, p[2] + m.left, p[3] + c.image[2] - m.w - m.left};
  padded.image = {c.image[0], m.h, m.w};
  padded.boundary = boundary;
  return padded;
}
std::optional<Margins> zero_margins(const LinearMap& map, const Convolution& c) {
  const auto* selection = std::get_if<structure::Selection>(&map.structure());
  const Shape& in = map.in_shape();
  if (selection == nullptr || in.rank() < 2) return std::nullopt;
  const auto [channels, height, width] = c.image;
  const Index h = in[in.rank() - 2], w = in[in.rank() - 1];
  if (in.size() != channels * h * w || h > height || w > width) return std::nullopt;
  const std::vector<Index>& source = *selection->source;
  const auto first = static_cast<Index>(std::ranges::find(source, Index{0}) - source.begin());
  const Margins m{first / width, first % width, h, w};
  if (m.top + h > height || m.left + w > width) return std::nullopt;  // a part of the image is cut off
  for (Index k = 0; k < channels; ++k)
    for (Index y = 0; y < height; ++y)
      for (Index x = 0; x < width; ++x) {
        const bool inside = y >= m.top && y < m.top + h && x >= m.left && x < m.left + w;
        const Index expected = inside ? (k * h + y - m.top) * w + x - m.left : -1;
        if (source[static_cast<std::size_t>((k * height + y) * width + x)] != expected) return std::nullopt;
      }
  return m;
}

// The same for an image that is repeated periodically around itself, if the convolution adds no zeros. Margins count
// modulo the size of the image, as circular convolutions read it.
std::optional<Margins> periodic_margins(const LinearMap& map, const Convolution& c) {
  const auto* selection = std::get_if<structure::Selection>(&map.structure());
  const Shape& in = map.in_shape();
  if (selection == nullptr || in.rank() < 2 || c.options.padding != std::array<Index, 4>{}) return std::nullopt;
  const auto [channels, height, width] = c.image;
  const Index h = in[in.rank() - 2], w = in[in.rank() - 1];
  if (in.size() != channels * h * w || in.size() == 0 || h > height || w > width) return std::nullopt;
  const std::vector<Index>& source = *selection->source;
  if (source.front() < 0 || source.front() >= h * w) return std::nullopt;
  const Index row = source.front() / w, column = source.front() % w;  // what the first padded pixel shows
  for (Index k = 0; k < channels; ++k)
    for (Index y = 0; y < height; ++y)
      for (Index x = 0; x < width; ++x)
        if (source[static_cast<std::size_t>((k * height + y) * width + x)] !=
            (k * h + (row + y) % h) * w + (column + x) % w)
          return std::nullopt;
  const Margins m{(h - row) % h, (w - column) % w, h, w};
  if (m.top + h > height || m.left + w > width) return std::nullopt;
  return m;
}

// The smallest number of rows (axis 0) or columns (axis 1) after which a selection of images repeats itself.
Index period_of(const std::vector<Index>& source, const std::array<Index, 3>& image, std::size_t axis) {
  const auto [channels, height, width] = image;
  const Index length = image[axis + 1], step = axis == 0 ? width : 1;
  for (Index period = 1; period < length; ++period) {
    bool repeats = true;
    for (Index i = 0; repeats && i < channels * height * width; ++i) {
      const Index at = axis == 0 ? i / width % height : i % width;
      repeats = at + period >= length ||
                source[static_cast<std::size_t>(i)] == source[static_cast<std::size_t>(i + period * step)];
    }
    if (repeats) return period;
  }
  return length;
}

// A periodic repetition behind another selection, as padding behind a pixel_unshuffle is once the two are one: the
// circular convolution on the image that repeats, and what selects that image.
struct Periodic {
  LinearMap convolution, image;
};
std::optional<Periodic> split_periodic(const LinearMap& outer, const LinearMap& inner) {
  const auto* c = std::get_if<Convolution>(&outer.structure());
  const auto* selection = std::get_if<structure::Selection>(&inner.structure());
  if (c == nullptr || selection == nullptr || c->transposed || c->boundary != Boundary::zero) return std::nullopt;
  if (c->options.padding != std::array<Index, 4>{} || selection->source->empty()) return std::nullopt;
  const auto [channels, height, width] = c->image;
  const std::vector<Index>& source = *selection->source;
  const Index h = period_of(source, c->image, 0), w = period_of(source, c->image, 1);
  if ((h == height && w == width) || height > 2 * h || width > 2 * w) return std::nullopt;
  auto once = std::make_shared<std::vector<Index>>();
  for (Index k = 0; k < channels; ++k)
    for (Index y = 0; y < h; ++y)
      for (Index x = 0; x < w; ++x) once->push_back(source[static_cast<std::size_t>((k * height + y) * width + x)]);
  const Shape image{channels, h, w};
  return Periodic{LinearMap(image, outer.out_shape(), padding_itself(*c, {0, 0, h, w}, Boundary::circular)),
                  LinearMap(inner.in_shape(), image, structure::Selection{std::move(once)})};
}

std::optional<LinearMap> merge_pair(const LinearMap& outer, const LinearMap& inner, double& relative_error) {
  if (const auto* c = std::get_if<Convolution>(&inner.structure()))
    if (const auto factors = channel_factors(outer, result_channels(*c)))
      if (const auto scaled = with_factors(*c, *factors, true, relative_error))
        return LinearMap(inner.in_shape(), outer.out_shape(), *scaled);
  if (const auto* c = std::get_if<Convolution>(&outer.structure())) {
    if (const auto factors = channel_factors(inner, argument_channels(*c)))
      if (const auto scaled = with_factors(*c, *factors, false, relative_error))
        return LinearMap(inner.in_shape(), outer.out_shape(), *scaled);
    if (c->transposed || c->boundary != Boundary::zero) return std::nullopt;
    if (const auto m = zero_margins(inner, *c))
      return LinearMap(inner.in_shape(), outer.out_shape(), padding_itself(*c, *m, Boundary::zero));
    if (const auto m = periodic_margins(inner, *c))
      return LinearMap(inner.in_shape(), outer.out_shape(), padding_itself(*c, *m, Boundary::circular));
  }
  return std::nullopt;
}

}  // namespace

LinearMap merge_into_convolutions(const LinearMap& map, double& relative_error) {
  const auto* composition = std::get_if<structure::Composition>(&map.structure());
  if (composition == nullptr) return map;
  std::vector<LinearMap> factors;
  bool changed = false;
  for (const LinearMap& factor : composition->factors) {
    std::optional<LinearMap> merged = factor;
    // What merged may merge again with the factor before.
    while (!factors.empty()) {
      const auto further = merge_pair(factors.back(), *merged, relative_error);
      if (!further) break;
      factors.pop_back();
      merged = further;
      changed = true;
    }
    if (!factors.empty())
      if (auto periodic = split_periodic(factors.back(), *merged)) {
        factors.back() = std::move(periodic->convolution);
        merged = std::move(periodic->image);
        changed = true;
      }
    factors.push_back(*merged);
  }
  if (!changed) return map;
  if (factors.size() > 1) return LinearMap(map.in_shape(), map.out_shape(), structure::Composition{std::move(factors)});
  return LinearMap(map.in_shape(), map.out_shape(), factors.front().structure());
}

}  // namespace taut::detail
