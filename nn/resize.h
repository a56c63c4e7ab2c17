// Modules that change the size of images.
#pragma once

#include <array>
#include <optional>

#include "autodiff/ops.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

enum class Resize : std::uint8_t { nearest, bilinear };

// (n, c, h, w) → (n, c, h·factor, w·factor), or images of a given size.
class Upsample {
 public:
  static constexpr std::string_view type_name = "Upsample";
  explicit Upsample(Index factor, Resize mode = Resize::nearest, Where where = Where::current());
  explicit Upsample(std::array<Index, 2> size, Resize mode = Resize::nearest, Where where = Where::current());

  Var operator()(const Var& x) const;

 private:
  std::array<Index, 2> numbers_;  // rows, columns: factors or sizes
  bool are_factors_;
  Resize mode_;
  Where where_;
};

// The mean of every channel: (n, c, axes…) → (n, c, 1, …); Flatten makes it (n, c).
class GlobalAvgPool {
 public:
  static constexpr std::string_view type_name = "GlobalAvgPool";
  explicit GlobalAvgPool(Where where = Where::current()) : where_(where) {}

  Var operator()(const Var& x) const { return global_avg_pool(x, where_); }
  Var run(const Var& x, Layout layout) const {
    return layout == Layout::nchw ? global_avg_pool(x, where_) : mean(x, {1, 2}, true, where_);
  }
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  Where where_;
};

// Images repeated periodically around themselves, in front of a convolution that is to be circular: top, bottom, left,
// right, none more than the size.
class CircularPad2d {
 public:
  static constexpr std::string_view type_name = "CircularPad2d";
  explicit CircularPad2d(std::array<Index, 4> padding, Where where = Where::current())
      : padding_(padding), where_(where) {}

  Var operator()(const Var& x) const { return run(x, Layout::nchw); }
  Var run(const Var& x, Layout layout) const;
  LayoutUse layout_use() const { return LayoutUse::indifferent; }

 private:
  std::array<Index, 4> padding_;
  Where where_;
};

// (n, c, h·r, w·r) → (n, c·r², h, w): r × r blocks of pixels become channels, and back. Both only move numbers.
class PixelUnshuffle {
 public:
  static constexpr std::string_view type_name = "PixelUnshuffle";
  explicit PixelUnshuffle(Index r, Where where = Where::current());
  Var operator()(const Var& x) const { return pixel_unshuffle(x, r_, where_); }

 private:
  Index r_;
  Where where_;
};
class PixelShuffle {
 public:
  static constexpr std::string_view type_name = "PixelShuffle";
  explicit PixelShuffle(Index r, Where where = Where::current());
  Var operator()(const Var& x) const { return pixel_shuffle(x, r_, where_); }

 private:
  Index r_;
  Where where_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
