// matrix_along and cumsum: constant matrices along one axis.
#include <cmath>

#include "autodiff/blas.h"
#include "autodiff/define.h"
#include "autodiff/kernels/strided.h"

namespace taut {
namespace {

// I ⊗ W ⊗ I on one axis; nothing at all where a side is empty.
LinearMap along_axis(const Tensor& weight, int axis, const Shape& in, const Shape& out) {
  if (in.size() == 0 || out.size() == 0)
    return LinearMap(in, out, structure::Selection{std::make_shared<std::vector<Index>>(out.size(), Index{-1})});
  return LinearMap(in, out, structure::DenseAlong{weight, in.product(0, axis), in.product(axis + 1, in.rank())});
}

}  // namespace

class MatrixAlong final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"matrix_along", "W x along one axis, W constant", "", ""};
  // Forward multiplies with `matrix`, of its operand's dtype; exact entries lie within `error` of those of `entries`.
  MatrixAlong(const Tensor& matrix, const Tensor& entries, double error, int axis)
      : matrix_(matrix), entries_(entries), error_(error), axis_(axis) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"matrix", matrix_}, {"transposed", transposed_}, {"axis", axis_}}; }
  TensorType infer(const Operands& in) const override {
    const Shape& shape = in[0].shape();
    if (shape[axis_] != columns())
      throw ShapeError(cat("[matrix_along] a matrix with ", shape[axis_], " columns is required along axis ", axis_,
                           " of ", shape, ", got ", matrix_.shape(), "; transpose or reshape it"));
    return {shape.with(axis_, rows()), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    const Shape& shape = in[0].shape();
    const Index m = rows(), n = columns(), width = matrix_.shape()[1];
    const Index outer = shape.product(0, axis_), inner = shape.product(axis_ + 1, shape.rank());
    Tensor y = Tensor::uninitialised(out);
    const Tensor matrix = matrix_.to(out.dtype);  // a range may be asked for in f64
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      const T *w = matrix.data<T>().data(), *x = in[0].data<T>().data();
      T* to = y.mutable_data<T>().data();
      if (inner == 1) return kernels::gemm(false, !transposed_, outer, m, n, T{1}, x, n, w, width, T{0}, to, m);
      for (Index o = 0; o < outer; ++o, x += n * inner, to += m * inner)
        kernels::gemm(transposed_, false, m, inner, n, T{1}, w, width, x, inner, T{0}, to, inner);
    });
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override {
    return along_axis(transposed_ ? transpose(Var(entries_)).value() : entries_, axis_, in, out);
  }
  double map_error() const override { return error_; }
  Var again(const Var& x) const override { return record(Where::current(), *this, x); }
  Var adjoint(const Var& y, const Shape&) const override {
    MatrixAlong turned = *this;
    turned.transposed_ = !transposed_;
    return record(Where::current(), turned, y);
  }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == axis_ ? mixes_samples : site.axis[0];
  }

 private:
  Index rows() const { return matrix_.shape()[transposed_ ? 1 : 0]; }
  Index columns() const { return matrix_.shape()[transposed_ ? 0 : 1]; }
  Tensor matrix_, entries_;
  double error_;
  bool transposed_ = false;  // the matrix is read so, which spares a copy of it in every derivative
  int axis_;
};

// The matrix of zeros and ones whose row i has its ones before or after i, at i unless exclusive.
class CumulativeSum final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"cumsum", "y_i = Σ_{j ≤ i} x_j along one axis", "", ""};
  CumulativeSum(int axis, bool exclusive, bool reverse) : axis_(axis), exclusive_(exclusive), reverse_(reverse) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"axis", axis_}, {"exclusive", exclusive_}, {"reverse", reverse_}}; }
  TensorType infer(const Operands& in) const override { return in[0].type(); }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    kernels::cumulative_sum(in[0], axis_, exclusive_, reverse_, y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override {
    const Index n = in[axis_];
    Tensor ones = Tensor::zeros(Shape{n, n}, DType::f64);
    const auto entries = ones.mutable_data<double>();
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        entries[static_cast<std::size_t>(i * n + j)] =
            (reverse_ ? j > i : j < i) || (j == i && !exclusive_) ? 1.0 : 0.0;
    return along_axis(ones, axis_, in, out);
  }
  Var again(const Var& x) const override { return record(Where::current(), *this, x); }
  Var adjoint(const Var& y, const Shape&) const override { return cumsum(y, axis_, exclusive_, !reverse_); }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == axis_ ? mixes_samples : site.axis[0];
  }

 private:
  int axis_;
  bool exclusive_, reverse_;
};

namespace {

// The matrix in the dtype in which values are computed.
Tensor stored_matrix(const Tensor& matrix, DType dtype, Where where) {
  if (!matrix.defined() || matrix.shape().rank() != 2)
    throw ShapeError(cat("[matrix_along] a matrix (m, n) is required, got ",
                         matrix.defined() ? "shape " + matrix.shape().str() : "an undefined tensor",
                         "; reshape it to two axes"));
  Tensor stored = matrix.to(dtype);
  if (const Index bad = stored.first_non_finite(); bad >= 0)
    throw NumericError(cat("[matrix_along] at ", where, ": the matrix must be finite in ", dtype, ", element ", bad,
                           " is ", matrix.at(bad), "; replace it"));
  return stored;
}

}  // namespace

Var matrix_along(const Var& x, const Tensor& matrix, Index axis, Where where) {
  return primitives::checked(x, "matrix_along", where, [&] {
    const Tensor stored = stored_matrix(matrix, x.dtype(), where);
    return record(where, MatrixAlong(stored, stored, 0.0, x.shape().axis(axis, "matrix_along")), x);
  });
}

Var matrix_along(const Var& x, const Range& matrix, Index axis, Where where) {
  return primitives::checked(x, "matrix_along", where, [&] {
    const auto [entries, error] = midpoints(matrix);
    const Tensor stored = stored_matrix(entries, x.dtype(), where);
    if (!(error < 1.0))
      throw DomainError(
          "[matrix_along] an entry is known by an interval that is not small beside it; enclose it better");
    return record(where, MatrixAlong(stored, entries, error, x.shape().axis(axis, "matrix_along")), x);
  });
}

Var cumsum(const Var& x, Index axis, bool exclusive, bool reverse, Where where) {
  return primitives::checked(x, "cumsum", where, [&] {
    return record(where, CumulativeSum(x.shape().axis(axis, "cumsum"), exclusive, reverse), x);
  });
}

template const OpInfo& describe<MatrixAlong>();
template const OpInfo& describe<CumulativeSum>();

}  // namespace taut
