// reshape, permute, broadcast_to, sum_to.
#include <numeric>

#include "autodiff/kernels/strided.h"
#include "autodiff/primitives/select.h"

namespace taut {

class Reshape final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"reshape", "the same numbers in another shape", "", ""};
  explicit Reshape(const Shape& shape) : shape_(shape) {}
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override {
    if (in[0].size() != shape_.size())
      throw ShapeError(cat("[reshape] ", in[0].shape(), " has ", in[0].size(), " elements but ", shape_, " has ",
                           shape_.size(), "; the sizes must be equal"));
    return {shape_, in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType&) const override { return in[0].reshaped(shape_); }
  LinearMap map(const Shape& in, const Shape& out) const override { return reshape_map(in, out); }
  Var again(const Var& x) const override { return reshape(x, shape_); }
  Var adjoint(const Var& y, const Shape& in) const override { return reshape(y, in); }
  // The axis stays where an axis of the same length has the same number of elements before it.
  int sample_axis(const SampleSite& site) const override {
    const int axis = site.axis[0];
    if (axis == no_sample_axis) return axis;
    const Shape& in = site.in[0].shape();
    const Index before = in.product(0, axis);
    for (int i = 0; i < shape_.rank(); ++i)
      if (shape_[i] == in[axis] && shape_.product(0, i) == before) return i;
    return in[axis] == 1 ? no_sample_axis : mixes_samples;
  }

 private:
  Shape shape_;
};

class Permute final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"permute", "axes in another order", "", ""};
  explicit Permute(std::span<const int> order) : rank_(static_cast<int>(order.size())) {
    if (order.size() > static_cast<std::size_t>(max_rank))
      throw ShapeError(cat("[permute] ", order.size(), " axes given; a tensor has at most ", max_rank));
    std::ranges::copy(order, order_.begin());
  }
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"order", std::vector<Index>(order().begin(), order().end())}}; }
  TensorType infer(const Operands& in) const override {
    const Shape& shape = in[0].shape();
    std::array<bool, max_rank> seen{};
    std::array<Index, max_rank> dims{};
    bool fits = shape.rank() == rank_;
    for (int i = 0; i < rank_ && fits; ++i) {
      const int axis = order_[static_cast<std::size_t>(i)];
      fits = axis >= 0 && axis < rank_ && !seen[static_cast<std::size_t>(axis)];
      if (!fits) break;
      seen[static_cast<std::size_t>(axis)] = true;
      dims[static_cast<std::size_t>(i)] = shape[axis];
    }
    if (!fits) throw ShapeError(cat("[permute] the order must name every axis of ", shape, " once, got ", written()));
    return {Shape(std::span<const Index>(dims.data(), static_cast<std::size_t>(rank_))), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    const auto from = kernels::strides_of(in[0].shape());
    std::array<Index, max_rank> strides{};
    for (std::size_t i = 0; i < static_cast<std::size_t>(rank_); ++i)
      strides[i] = from[static_cast<std::size_t>(order_[i])];
    Tensor y = Tensor::uninitialised(out);
    kernels::strided_copy(in[0], 0, std::span(strides).first(static_cast<std::size_t>(rank_)), y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override { return primitives::selection_of(*this, in, out); }
  Var again(const Var& x) const override { return permute(x, order()); }
  Var adjoint(const Var& y, const Shape&) const override {
    std::array<int, max_rank> inverse{};
    for (int i = 0; i < rank_; ++i) inverse[static_cast<std::size_t>(order_[static_cast<std::size_t>(i)])] = i;
    return permute(y, std::span<const int>(inverse.data(), static_cast<std::size_t>(rank_)));
  }
  int sample_axis(const SampleSite& site) const override {
    for (int i = 0; i < rank_; ++i)
      if (order_[static_cast<std::size_t>(i)] == site.axis[0]) return i;
    return site.axis[0];
  }

 private:
  std::span<const int> order() const { return {order_.data(), static_cast<std::size_t>(rank_)}; }
  std::string written() const {
    std::string text = "(";
    for (const int axis : order()) text += (text.size() > 1 ? ", " : "") + std::to_string(axis);
    return text + ")";
  }
  std::array<int, max_rank> order_{};
  int rank_;
};

namespace {

// Axes of `to` that broadcasting from `from` stretches or puts in front.
kernels::AxisMask stretched(const Shape& from, const Shape& to) {
  kernels::AxisMask mask = 0;
  const int shift = to.rank() - from.rank();
  for (int i = 0; i < to.rank(); ++i)
    if (i < shift || (from[i - shift] == 1 && to[i] != 1)) mask |= 1U << i;
  return mask;
}

void require_broadcasts(const Shape& from, const Shape& to, const char* op) {
  bool fits = from.rank() <= to.rank();
  for (int i = 1; fits && i <= from.rank(); ++i) {
    const Index d = from[from.rank() - i];
    fits = d == 1 || d == to[to.rank() - i];
  }
  if (!fits)
    throw ShapeError(cat('[', op, "] ", from, " does not broadcast to ", to,
                         ": aligned at the end, every dimension must be equal or 1; reshape first"));
}

}  // namespace

class BroadcastTo final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"broadcast_to", "x repeated along stretched axes", "", ""};
  explicit BroadcastTo(const Shape& shape) : shape_(shape) {}
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override {
    require_broadcasts(in[0].shape(), shape_, "broadcast_to");
    return {shape_, in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    const Shape& from = in[0].shape();
    const auto own = kernels::strides_of(from);
    std::array<Index, max_rank> strides{};
    for (int i = 1; i <= from.rank(); ++i)
      if (from[from.rank() - i] != 1)
        strides[static_cast<std::size_t>(shape_.rank() - i)] = own[static_cast<std::size_t>(from.rank() - i)];
    Tensor y = Tensor::uninitialised(out);
    kernels::strided_copy(in[0], 0, std::span(strides).first(static_cast<std::size_t>(shape_.rank())), y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override { return primitives::selection_of(*this, in, out); }
  Var again(const Var& x) const override { return broadcast_to(x, shape_); }
  Var adjoint(const Var& y, const Shape& in) const override { return sum_to(y, in); }
  int sample_axis(const SampleSite& site) const override {
    const int axis = site.axis[0];
    if (axis < 0) return axis;
    const int moved = axis + shape_.rank() - site.in[0].shape().rank();
    return shape_[moved] == site.in[0].shape()[axis] ? moved : mixes_samples;
  }

 private:
  Shape shape_;
};

class SumTo final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"sum_to", "the transpose of broadcast_to", "", ""};
  explicit SumTo(const Shape& shape) : shape_(shape) {}
  const OpInfo& info() const override { return static_info; }
  TensorType infer(const Operands& in) const override {
    require_broadcasts(shape_, in[0].shape(), "sum_to");
    return {shape_, in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    kernels::sum(in[0], stretched(shape_, in[0].shape()), y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override {
    return taut::transpose(primitives::selection_of(BroadcastTo(in), out, in));
  }
  Var again(const Var& x) const override { return sum_to(x, shape_); }
  Var adjoint(const Var& y, const Shape& in) const override { return broadcast_to(y, in); }
  int sample_axis(const SampleSite& site) const override {
    const int axis = site.axis[0];
    if (axis < 0) return axis;
    const int moved = axis - (site.in[0].shape().rank() - shape_.rank());
    return moved >= 0 && shape_[moved] == site.in[0].shape()[axis] ? moved : mixes_samples;
  }

 private:
  Shape shape_;
};

Var reshape(const Var& x, const Shape& shape, Where where) { return record(where, Reshape(shape), x); }

Var flatten(const Var& x, Where where) {
  return primitives::checked(x, "flatten", where, [&] {
    const Shape& shape = x.shape();
    if (shape.rank() < 2)
      throw ShapeError(cat("[flatten] needs a batch axis and at least one more, got shape ", shape, "; use reshape"));
    return reshape(x, Shape{shape[0], shape.product(1, shape.rank())}, where);
  });
}

Var permute(const Var& x, std::span<const int> order, Where where) {
  return primitives::checked(x, "permute", where, [&] { return record(where, Permute(order), x); });
}
Var permute(const Var& x, std::initializer_list<int> order, Where where) {
  return permute(x, std::span<const int>(order.begin(), order.size()), where);
}

Var transpose(const Var& x, Where where) {
  return primitives::checked(x, "transpose", where, [&] {
    const int rank = x.shape().rank();
    if (rank < 2)
      throw ShapeError(cat("[transpose] needs at least two axes, got shape ", x.shape(), "; reshape first"));
    std::array<int, max_rank> order{};
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[static_cast<std::size_t>(rank - 1)], order[static_cast<std::size_t>(rank - 2)]);
    return permute(x, std::span<const int>(order.data(), static_cast<std::size_t>(rank)), where);
  });
}

Var broadcast_to(const Var& x, const Shape& shape, Where where) {
  if (x.defined() && x.shape() == shape) return x;
  return record(where, BroadcastTo(shape), x);
}
Var sum_to(const Var& x, const Shape& shape, Where where) {
  if (x.defined() && x.shape() == shape) return x;
  return record(where, SumTo(shape), x);
}

template const OpInfo& describe<Reshape>();
template const OpInfo& describe<Permute>();
template const OpInfo& describe<BroadcastTo>();
template const OpInfo& describe<SumTo>();

}  // namespace taut
