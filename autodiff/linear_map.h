// Linear maps as values: apply, apply_transpose, shapes, and a structure that follows from how the map was made.
// Analyses visit the structure; nobody can claim one that was not constructed. All application is in f64; weights are
// kept in the type in which they are stored, so a map of an f32 layer is the map of exactly those f32 numbers.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "autodiff/shape.h"
#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut {

class LinearMap;

// Memory order of images. With a batch of 1 both are the same numbers in the same order.
enum class Layout : std::uint8_t {
  nchw,  // (N, C, H, W), as users write it
  chwn,  // (C, H, W, N), batch innermost: what convolutions compute in
};

// Attributes of a 2-D convolution (cross-correlation, as in every deep learning framework) and of pooling windows.
struct Conv2dOptions {
  std::array<Index, 2> stride{1, 1};  // rows, columns
  std::array<Index, 2> dilation{1, 1};
  std::array<Index, 4> padding{0, 0, 0, 0};  // zeros added at the top, bottom, left and right
  Index groups = 1;
  Layout layout = Layout::nchw;
  friend bool operator==(const Conv2dOptions&, const Conv2dOptions&) = default;
};

enum class Boundary : std::uint8_t { zero, circular };

// What a map is made of. Only element counts matter: a map carries the numbers of its input, in row-major order, to the
// numbers of its output, so reshapes cost nothing and the shapes of blocks and factors may differ from their
// neighbours'.
namespace structure {

// y = W x.
struct Dense {
  Tensor weight;  // (m, n)
};
// I_outer ⊗ W ⊗ I_inner: W along the middle axis of (outer, n, inner) → (outer, m, inner).
struct DenseAlong {
  Tensor weight;  // (m, n)
  Index outer = 1, inner = 1;
};
// c · identity. The shapes may differ: a reshape is Scale{1}.
struct Scale {
  double factor = 1.0;
};
// y_i = d_{(i / inner) mod size of d} x_i.
struct Diagonal {
  Tensor values;
  // Elements in a row that share one value: 1 for a value per element or per last axis, h·w for a value per channel of
  // (c, h, w). inner · size of d divides the number of elements.
  Index inner = 1;
};
// y_i = x_{source[i]}, or 0 where source[i] = −1. Reshape, slice, gather, permute, zero padding, broadcasting.
struct Selection {
  std::shared_ptr<const std::vector<Index>> source;
};
// y_k = Σ x_i over all i with target[i] = k: the transpose of a Selection. Sums over axes, scatter-add.
struct Gathering {
  std::shared_ptr<const std::vector<Index>> target;  // target[i]: where input i is added, or −1
};
// (c_in, h, w) → (c_out, h', w'); transposed: the other way.
struct Convolution {
  Tensor kernel;  // (c_out, c_in / groups, kh, kw)
  Conv2dOptions options;
  std::array<Index, 3> image;   // (c_in, h, w) of the convolution, also when transposed
  std::array<Index, 3> result;  // (c_out, h', w') of the convolution, also when transposed
  // Circular: the padding repeats the image periodically instead of putting zeros; the sizes are the same.
  Boundary boundary = Boundary::zero;
  bool transposed = false;
};
// Blocks meet in one flat vector: every part is flattened in row-major order, and the parts lie one behind the other in
// the order of the blocks (concatenation along the first axis; along another axis, compose with a Selection).
// Row: y = A x_1 + B x_2 + …, the input is the parts x_1, x_2, … Column: the output is the parts A x, B x, …
struct BlockRow {
  std::vector<LinearMap> blocks;
};
struct BlockColumn {
  std::vector<LinearMap> blocks;
};
// factors[0] ∘ factors[1] ∘ …: the last is applied first.
struct Composition {
  std::vector<LinearMap> factors;
};
struct Sum {
  std::vector<LinearMap> terms;
};
// f64 functions; `apply_transpose` must be the transpose of `apply`.
struct Opaque {
  std::function<Tensor(const Tensor&)> apply, apply_transpose;
};

}  // namespace structure

using Structure = std::variant<structure::Dense, structure::DenseAlong, structure::Scale, structure::Diagonal,
                               structure::Selection, structure::Gathering, structure::Convolution, structure::BlockRow,
                               structure::BlockColumn, structure::Composition, structure::Sum, structure::Opaque>;

// Immutable, cheap to copy, safe to share between threads. A default-made map is empty: "this argument does not vary";
// using it throws UsageError.
class LinearMap {
 public:
  LinearMap() = default;
  // Throws ShapeError when the structure does not carry as many numbers as `in` has to as many as `out` has.
  LinearMap(Shape in, Shape out, Structure structure);

  explicit operator bool() const { return state_ != nullptr; }
  const Shape& in_shape() const;
  const Shape& out_shape() const;
  const Structure& structure() const;

  // f32 arguments are widened first. ShapeError when the shape is not in_shape() or out_shape().
  Tensor apply(const Tensor& x) const;            // f64 of out_shape
  Tensor apply_transpose(const Tensor& y) const;  // f64 of in_shape
  // Of several flattened vectors at once, f64 (count, size): products of matrices where there are some.
  Tensor apply_each(const Tensor& xs) const;
  Tensor apply_transpose_each(const Tensor& ys) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

LinearMap identity_map(const Shape& shape);
LinearMap reshape_map(const Shape& in, const Shape& out);
LinearMap scale_map(const Shape& shape, double factor);
LinearMap dense_map(const Tensor& weight, const Shape& in, const Shape& out);

// outer ∘ inner. Identities and reshapes vanish; scales and diagonals of one pattern, selections and gatherings merge
// where that is exact; anything whose merging would round stays a Composition of its factors, flattened. ShapeError
// when inner.out_shape() is not outer.in_shape().
LinearMap compose(const LinearMap& outer, const LinearMap& inner);
// ShapeError when their shapes differ. Scales and diagonals of one pattern become one where that is exact.
LinearMap add(const LinearMap& a, const LinearMap& b);
LinearMap transpose(const LinearMap& map);  // transpose(transpose(A)) is A
// A map with nonnegative entries that dominates |A| entry by entry: equal to |A| for maps in which no two products meet
// in one entry; the composition or sum of the absolute parts otherwise. UnsupportedError for an Opaque map.
LinearMap absolute(const LinearMap& map);
// The matrix, f64 (out_size, in_size). For small maps: the memory is out_size · in_size · 8 bytes.
Tensor to_dense(const LinearMap& map);

// Largest number of roundings that one input passes through on its way into an output entry of apply(), in whatever
// order terms are added: the n of the bound |fl(A x) − A x| ≤ γ_n |A| |x| (underflow aside), with |A| as absolute()
// gives it [Higham2002, 3.1]. A sum of n products has n, a plain sum of n terms n − 1, a composition the sum over its
// factors. UnsupportedError for an Opaque map.
Index accumulation_length(const LinearMap& map);
Index accumulation_length_transposed(const LinearMap& map);  // of apply_transpose()
// True only if every entry is 0, 1 or −1 with at most one per row, so that apply() does not round. Convolutions and
// sums of maps are not looked into and answer false.
bool applies_exactly(const LinearMap& map);
// True only if no entry is negative. Products and sums of maps answer true when each part is nonnegative.
bool is_nonnegative(const LinearMap& map);

}  // namespace taut

#pragma GCC visibility pop
