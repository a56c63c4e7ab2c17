// flip, split, padding by repetition, tile and repeat: compositions of slice and gather.
#include <algorithm>
#include <numeric>

#include "autodiff/define.h"

namespace taut {
namespace {

using primitives::checked;

// x[…, source(i), …] for i from 0 to count − 1.
template <class F>
Var gathered(const Var& x, int axis, Index count, F&& source, Where where) {
  std::vector<Index> indices(static_cast<std::size_t>(x.shape().with(axis, count)[axis]));
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = source(static_cast<Index>(i));
  return gather(x, axis, indices, where);
}

// Repetitions that shapes can count.
void require_times(Index times, const char* op, const Shape& shape) {
  constexpr Index absurd = Index{1} << 31;
  if (times < 0 || times >= absurd)
    throw ShapeError(cat('[', op, "] repetitions must be 0 or more and below 2^31, got ", times, " for shape ", shape));
}

Index mirrored(Index i, Index n) { return i < 0 ? -i : i < n ? i : 2 * (n - 1) - i; }

}  // namespace

Var flip(const Var& x, Index axis, Where where) {
  return checked(x, "flip", where, [&] {
    const int a = x.shape().axis(axis, "flip");
    return slice(x, a, x.shape()[a] - 1, -1, -1, where);
  });
}

std::vector<Var> split(const Var& x, Index axis, std::span<const Index> sizes, Where where) {
  primitives::given(x, "split", where);
  return primitives::located(where, [&] {
    const Shape& shape = x.shape();
    const int a = shape.axis(axis, "split");
    Index left = shape[a];
    for (const Index size : sizes) left = size < 0 || size > left ? -1 : left - size;
    if (left != 0)
      throw ShapeError(cat("[split] sizes of 0 or more that add up to ", shape[a], " are required along axis ", a,
                           " of ", shape, "; drop what is not wanted with slice"));
    std::vector<Var> parts;
    Index from = 0;
    for (const Index size : sizes) {
      parts.push_back(slice(x, a, from, from + size, 1, where));
      from += size;
    }
    return parts;
  });
}

std::vector<Var> split(const Var& x, Index axis, Index parts, Where where) {
  primitives::given(x, "split", where);
  return primitives::located(where, [&] {
    const Shape& shape = x.shape();
    const int a = shape.axis(axis, "split");
    if (parts < 1 || shape[a] % parts != 0)
      throw ShapeError(cat("[split] a number of parts that divides ", shape[a], " is required along axis ", a, " of ",
                           shape, ", got ", parts, "; give the sizes instead"));
    return split(x, a, std::vector<Index>(static_cast<std::size_t>(parts), shape[a] / parts), where);
  });
}

Var pad(const Var& x, Index axis, Index before, Index after, PadMode mode, Where where) {
  return checked(x, "pad", where, [&] {
    const Shape& shape = x.shape();
    const int a = shape.axis(axis, "pad");
    const Index n = shape[a], longest = std::max(before, after);
    const auto require = [&](bool fits, const char* what) {
      if (!fits)
        throw ShapeError(cat("[pad] ", what, ", got ", before, " and ", after, " along axis ", a, " of ", shape,
                             "; pad in several steps or crop with slice"));
    };
    require(std::min(before, after) >= 0 && longest < Index{1} << 31, "paddings must be 0 or more and below 2^31");
    const auto from = [&](auto&& source) {
      return gathered(
          x, a, before + n + after, [&](Index i) { return source(i - before); }, where);
    };
    switch (mode) {
      case PadMode::edge:
        require(n > 0 || longest == 0, "edge padding needs at least one element");
        return from([n](Index i) { return std::clamp<Index>(i, 0, n - 1); });
      case PadMode::reflect:
        require(longest == 0 || longest < n, "reflected paddings must be shorter than the axis");
        return from([n](Index i) { return mirrored(i, n); });
      case PadMode::circular:
        require(longest <= n, "circular paddings must not be longer than the axis");
        return from([n](Index i) { return (i + n) % n; });
    }
    throw UsageError("[pad] the mode must be edge, reflect or circular");
  });
}

Var tile(const Var& x, std::span<const Index> repeats, Where where) {
  return checked(x, "tile", where, [&] {
    const Shape shape = x.shape();
    if (static_cast<int>(repeats.size()) != shape.rank())
      throw ShapeError(cat("[tile] needs one number per axis of ", shape, ", got ", repeats.size(), "; reshape first"));
    Var y = x;
    for (int a = 0; a < shape.rank(); ++a) {
      const Index times = repeats[static_cast<std::size_t>(a)], n = shape[a];
      require_times(times, "tile", shape);
      if (times != 1)
        y = gathered(
            y, a, n * times, [n](Index i) { return i % n; }, where);
    }
    return y;
  });
}
Var tile(const Var& x, std::initializer_list<Index> repeats, Where where) {
  return tile(x, std::span<const Index>(repeats.begin(), repeats.size()), where);
}

Var repeat(const Var& x, Index axis, Index times, Where where) {
  return checked(x, "repeat", where, [&] {
    const int a = x.shape().axis(axis, "repeat");
    require_times(times, "repeat", x.shape());
    return gathered(
        x, a, x.shape()[a] * times, [times](Index i) { return i / times; }, where);
  });
}

}  // namespace taut
