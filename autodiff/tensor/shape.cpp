#include "autodiff/shape.h"

#include <algorithm>
#include <ostream>

#include "autodiff/error.h"

namespace taut {

Shape::Shape(std::span<const Index> dims) {
  if (dims.size() > static_cast<std::size_t>(max_rank))
    throw ShapeError(cat("[shape] a tensor has at most ", max_rank, " dimensions, got ", dims.size(),
                         "; merge axes with reshape first"));
  rank_ = static_cast<int>(dims.size());
  constexpr Index limit = Index{1} << 62;
  bool empty = false;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 0) throw ShapeError(cat("[shape] dimension ", i, " is ", dims[i], "; dimensions must be 0 or more"));
    dims_[i] = dims[i];
    empty = empty || dims[i] == 0;
  }
  if (empty) {
    size_ = 0;
    return;
  }
  for (const Index dim : dims) {
    if (dim > limit / size_) throw ShapeError(cat("[shape] ", str(), " has more than 2^62 elements"));
    size_ *= dim;
  }
}

Index Shape::product(int from, int to) const {
  Index n = 1;
  for (int i = from; i < to; ++i) n *= (*this)[i];
  return n;
}

int Shape::axis(Index axis, const char* op) const {
  if (axis < -rank_ || axis >= rank_)
    throw ShapeError(
        cat('[', op, "] axis ", axis, " does not exist in shape ", str(), "; valid are ", -rank_, " to ", rank_ - 1));
  return static_cast<int>(axis < 0 ? axis + rank_ : axis);
}

Shape Shape::with(int axis, Index dim) const {
  std::array<Index, max_rank> dims = dims_;
  dims[static_cast<std::size_t>(axis)] = dim;
  return Shape(std::span<const Index>(dims.data(), static_cast<std::size_t>(rank_)));
}

Shape Shape::without(int axis) const {
  std::array<Index, max_rank> dims{};
  std::size_t n = 0;
  for (int i = 0; i < rank_; ++i)
    if (i != axis) dims[n++] = (*this)[i];
  return Shape(std::span<const Index>(dims.data(), n));
}

Shape Shape::inserted(int axis, Index dim) const {
  std::array<Index, max_rank + 1> dims{};
  std::size_t n = 0;
  for (int i = 0; i <= rank_; ++i) {
    if (i == axis) dims[n++] = dim;
    if (i < rank_) dims[n++] = (*this)[i];
  }
  return Shape(std::span<const Index>(dims.data(), n));
}

std::string Shape::str() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string((*this)[i]);
  return text + ")";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.str(); }

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<Index, max_rank> dims{};
  for (int i = 1; i <= rank; ++i) {
    const Index da = i <= a.rank() ? a[a.rank() - i] : 1;
    const Index db = i <= b.rank() ? b[b.rank() - i] : 1;
    if (da != db && da != 1 && db != 1)
      throw ShapeError(cat('[', op, "] shapes ", a, " and ", b, " do not broadcast: dimensions ", da, " and ", db,
                           " differ and neither is 1; reshape one operand"));
    dims[static_cast<std::size_t>(rank - i)] = da == 1 ? db : da;
  }
  return Shape(std::span<const Index>(dims.data(), static_cast<std::size_t>(rank)));
}

}  // namespace taut
