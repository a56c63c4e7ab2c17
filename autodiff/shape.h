// Shape of a tensor: up to eight dimensions, held inline.
#pragma once

#include <array>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include "autodiff/config.h"

#pragma GCC visibility push(default)

namespace taut {

inline constexpr int max_rank = 8;

class Shape {
 public:
  constexpr Shape() = default;  // rank 0: a scalar
  // Throws ShapeError for more than eight dimensions, a negative one, or a product beyond 2^62.
  Shape(std::initializer_list<Index> dims) : Shape(std::span<const Index>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const Index> dims);

  constexpr int rank() const { return rank_; }
  constexpr Index operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  constexpr Index size() const { return size_; }  // number of elements; 1 for a scalar
  std::span<const Index> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }

  // Number of elements in axes [from, to).
  Index product(int from, int to) const;
  // Maps an axis in [-rank, rank) to [0, rank); throws ShapeError naming `op` otherwise.
  int axis(Index axis, const char* op) const;
  // The same shape with one dimension replaced, removed or put in.
  Shape with(int axis, Index dim) const;
  Shape without(int axis) const;
  Shape inserted(int axis, Index dim) const;

  std::string str() const;  // "(64, 1, 28, 28)"; "()" for a scalar

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  std::array<Index, max_rank> dims_{};
  Index size_ = 1;
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

// NumPy's broadcasting: axes are aligned at the end, a dimension of 1 stretches.
// Throws ShapeError naming `op` when the shapes do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op);

}  // namespace taut

#pragma GCC visibility pop
