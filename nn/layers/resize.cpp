#include "nn/resize.h"

#include "autodiff/error.h"
#include "nn/module/layer_parts.h"

namespace taut::nn {

Upsample::Upsample(Index factor, Resize mode, Where where)
    : numbers_{factor, factor}, are_factors_(true), mode_(mode), where_(where) {
  parts::require_positive("upsample", "the factor", factor);
}

Upsample::Upsample(std::array<Index, 2> size, Resize mode, Where where)
    : numbers_(size), are_factors_(false), mode_(mode), where_(where) {
  parts::require_positive("upsample", "the height", size[0]);
  parts::require_positive("upsample", "the width", size[1]);
}

Var Upsample::operator()(const Var& x) const {
  if (x.shape().rank() != 4)
    throw ShapeError(cat("[upsample] at ", where_, ": needs images (n, c, h, w), got ", x.shape()));
  const Index height = are_factors_ ? numbers_[0] * x.shape()[2] : numbers_[0];
  const Index width = are_factors_ ? numbers_[1] * x.shape()[3] : numbers_[1];
  return mode_ == Resize::nearest ? resize_nearest(x, height, width, where_)
                                  : resize_bilinear(x, height, width, false, where_);
}

Var CircularPad2d::run(const Var& x, Layout layout) const {
  if (x.shape().rank() != 4)
    throw ShapeError(cat("[circular_pad2d] at ", where_, ": needs images (n, c, h, w), got ", x.shape()));
  const Index rows = parts::axis_in(layout, 2);
  const Var tall = pad(x, rows, padding_[0], padding_[1], PadMode::circular, where_);
  return pad(tall, rows + 1, padding_[2], padding_[3], PadMode::circular, where_);
}

PixelUnshuffle::PixelUnshuffle(Index r, Where where) : r_(r), where_(where) {
  parts::require_positive("pixel_unshuffle", "the factor", r);
}
PixelShuffle::PixelShuffle(Index r, Where where) : r_(r), where_(where) {
  parts::require_positive("pixel_shuffle", "the factor", r);
}

}  // namespace taut::nn
