#include "lipschitz/conv_geometry.h"

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

}  // namespace taut::detail
