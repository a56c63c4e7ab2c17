// What reductions have in common: which axes they run over, and the shapes that follow. Included by their source files
// only.
#pragma once

#include <bit>

#include "autodiff/define.h"
#include "autodiff/kernels/elementwise.h"
#include "autodiff/kernels/strided.h"

namespace taut::primitives {

using kernels::AxisMask;
using kernels::Binary;
using kernels::Unary;

// Which axes a reduction runs over, and the shapes that follow.
// Bit i of the mask: axis i is reduced.
class Reduced {
 public:
  Reduced(AxisMask mask, bool keep) : mask_(mask), keep_(keep) {}
  AxisMask mask() const { return mask_; }
  bool keep() const { return keep_; }
  bool reduces(int axis) const { return (mask_ >> axis & 1U) != 0; }
  Shape kept(const Shape& in) const {  // with 1 in place of every reduced axis
    Shape shape = in;
    for (int i = 0; i < in.rank(); ++i)
      if (reduces(i)) shape = shape.with(i, 1);
    return shape;
  }
  Shape out(const Shape& in) const {
    if (keep_) return kept(in);
    Shape shape = in;
    for (int i = in.rank(); i-- > 0;)
      if (reduces(i)) shape = shape.without(i);
    return shape;
  }
  Attributes attributes() const {
    std::vector<Index> axes;
    for (int i = 0; i < max_rank; ++i)
      if (reduces(i)) axes.push_back(i);
    return {{"axes", std::move(axes)}, {"keep", keep_}};
  }
  Index count(const Shape& in) const {
    Index n = 1;
    for (int i = 0; i < in.rank(); ++i)
      if (reduces(i)) n *= in[i];
    return n;
  }
  // Do the reduced axes make contiguous rows?
  bool rows(const Shape& in) const {
    Index inner = 1;
    for (int i = in.rank(); i-- > 0;) {
      if (reduces(i) && inner != 1) return false;
      if (!reduces(i)) inner *= in[i];
    }
    return true;
  }
  int sample_axis(int axis) const {
    if (axis < 0) return axis;
    if (reduces(axis)) return mixes_samples;
    return keep_ ? axis : axis - std::popcount(mask_ & ((1U << axis) - 1));
  }

 private:
  AxisMask mask_;
  bool keep_;
};

inline void require_elements(const Reduced& over, const Shape& in, const char* op) {
  if (over.count(in) == 0)
    throw ShapeError(cat('[', op, "] of no elements is undefined: a reduced axis of ", in, " has length 0"));
}

inline Tensor expand(const Tensor& t, const Shape& kept, const Shape& shape) {
  return broadcast_to(Var(t.reshaped(kept)), shape).value();
}

inline Tensor apply(Unary op, const Tensor& x) {
  Tensor y = Tensor::uninitialised(x.type());
  kernels::unary(op, {}, x, y);
  return y;
}
inline Tensor apply(Binary op, const Tensor& a, const Tensor& b) {
  Tensor y = Tensor::uninitialised(a.type());
  kernels::binary(op, a, b, y);
  return y;
}
inline Tensor sum_kept(const Tensor& x, const Reduced& over) {
  Tensor y = Tensor::uninitialised(over.kept(x.shape()), x.dtype());
  kernels::sum(x, over.mask(), y);
  return y;
}
inline Tensor max_kept(const Tensor& x, const Reduced& over) {
  Tensor y = Tensor::uninitialised(over.kept(x.shape()), x.dtype());
  kernels::gather(x, {kernels::arg_max(x, over.mask())}, y);
  return y;
}

inline AxisMask mask_of(const Shape& shape, const Axes& axes, const char* op) {
  AxisMask mask = 0;
  for (const Index axis : axes.values()) {
    const AxisMask bit = 1U << shape.axis(axis, op);
    if ((mask & bit) != 0) throw ShapeError(cat('[', op, "] axis ", axis, " of ", shape, " is named twice"));
    mask |= bit;
  }
  return axes.values().empty() ? (1U << shape.rank()) - 1 : mask;
}

}  // namespace taut::primitives
