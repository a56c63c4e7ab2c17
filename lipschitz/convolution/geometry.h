// Which taps of a convolution's kernel touch what, along one axis. Internal to lipschitz.
#pragma once

#include <set>
#include <vector>

#include "autodiff/linear_map.h"

namespace taut::detail {

// One axis of a convolution: output o reads the image at position o·stride − padding + dilation·t for tap t.
struct ConvAxis {
  Index image, taps, stride, dilation, padding, outputs;
  bool circular;

  ConvAxis(const structure::Convolution& c, int axis);  // 0: rows, 1: columns

  Index span() const { return dilation * (taps - 1); }  // from the first to the last tap
  Index position(Index output, Index tap) const { return output * stride - padding + dilation * tap; }
  // The image position that a tap of an output reads, or −1 for padding.
  Index read(Index output, Index tap) const;
  // True if no output reads one image position with two taps, so that every kernel entry is an entry of the matrix.
  bool reads_once() const { return !circular || span() < image; }

  using TapLists = std::set<std::vector<Index>>;
  TapLists taps_per_output() const;    // the distinct lists of taps that touch the image
  TapLists taps_per_position() const;  // the distinct lists of taps through which outputs read one image position
  // For every tap the number of outputs that read the image with it.
  std::vector<Index> readers() const;
};

// The same map by a kernel without the taps that never meet the image: cut off at its ends, 0 in between. Bounds that
// look at the kernel alone would count them.
structure::Convolution without_dead_taps(const structure::Convolution& c);

}  // namespace taut::detail
