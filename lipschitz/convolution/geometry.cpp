#include "lipschitz/convolution/geometry.h"

#include <algorithm>

namespace taut::detail {

ConvAxis::ConvAxis(const structure::Convolution& c, int axis)
    : image(c.image[static_cast<std::size_t>(1 + axis)]),
      taps(c.kernel.shape()[2 + axis]),
      stride(c.options.stride[static_cast<std::size_t>(axis)]),
      dilation(c.options.dilation[static_cast<std::size_t>(axis)]),
      padding(c.options.padding[static_cast<std::size_t>(2 * axis)]),
      outputs(c.result[static_cast<std::size_t>(1 + axis)]),
      circular(c.boundary == Boundary::circular) {}

Index ConvAxis::read(Index output, Index tap) const {
  const Index at = position(output, tap);
  if (circular) return (at % image + image) % image;
  return at >= 0 && at < image ? at : -1;
}

ConvAxis::TapLists ConvAxis::taps_per_output() const {
  TapLists lists;
  for (Index o = 0; o < outputs; ++o) {
    std::vector<Index> list;
    for (Index t = 0; t < taps; ++t)
      if (read(o, t) >= 0) list.push_back(t);
    lists.insert(std::move(list));
  }
  return lists;
}

ConvAxis::TapLists ConvAxis::taps_per_position() const {
  std::vector<std::vector<Index>> per_position(static_cast<std::size_t>(image));
  for (Index o = 0; o < outputs; ++o)
    for (Index t = 0; t < taps; ++t)
      if (const Index at = read(o, t); at >= 0) per_position[static_cast<std::size_t>(at)].push_back(t);
  for (auto& list : per_position) std::ranges::sort(list);
  return {per_position.begin(), per_position.end()};
}

std::vector<Index> ConvAxis::readers() const {
  std::vector<Index> count(static_cast<std::size_t>(taps), 0);
  for (Index o = 0; o < outputs; ++o)
    for (Index t = 0; t < taps; ++t) count[static_cast<std::size_t>(t)] += read(o, t) >= 0;
  return count;
}

namespace {

// Taps [from, to) are kept, of which some may be dead: padding takes no more than there is.
struct Kept {
  std::vector<Index> readers;
  Index from = 0, to;

  explicit Kept(const ConvAxis& axis) : readers(axis.readers()), to(axis.taps) {
    const Index most_cut = std::min(axis.padding / axis.dilation, axis.taps - 1);
    while (from < most_cut && readers[static_cast<std::size_t>(from)] == 0) ++from;
    while (to > from + 1 && readers[static_cast<std::size_t>(to - 1)] == 0) --to;
  }
  bool all_alive() const { return std::ranges::find(readers, Index{0}) == readers.end(); }
  bool alive(Index tap) const { return readers[static_cast<std::size_t>(tap)] > 0; }
};

}  // namespace

structure::Convolution without_dead_taps(const structure::Convolution& c) {
  const Kept rows(ConvAxis(c, 0)), columns(ConvAxis(c, 1));
  if (rows.all_alive() && columns.all_alive()) return c;
  structure::Convolution alive = c;
  const Shape& shape = c.kernel.shape();
  alive.kernel =
      Tensor::uninitialised({shape[0], shape[1], rows.to - rows.from, columns.to - columns.from}, DType::f64);
  const auto entries = alive.kernel.mutable_data<double>();
  std::size_t at = 0;
  for (Index channels = 0; channels < shape[0] * shape[1]; ++channels)
    for (Index y = rows.from; y < rows.to; ++y)
      for (Index x = columns.from; x < columns.to; ++x)
        entries[at++] = rows.alive(y) && columns.alive(x) ? c.kernel.at((channels * shape[2] + y) * shape[3] + x) : 0.0;
  // What is cut off at the end was read beyond the image, whatever the padding there.
  alive.options.padding[0] -= c.options.dilation[0] * rows.from;
  alive.options.padding[2] -= c.options.dilation[1] * columns.from;
  return alive;
}

}  // namespace taut::detail
