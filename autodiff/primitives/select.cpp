// slice and its transpose, pad, concat, gather, scatter, and pick.
// Long: every one is a choice of entries, given by the same lists of positions.
#include "autodiff/primitives/select.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace taut {
namespace primitives {

LinearMap selection_of(const Primitive& op, const Shape& in, const Shape& out) {
  Tensor positions = Tensor::uninitialised(in, DType::f64);
  const auto numbers = positions.mutable_data<double>();
  std::iota(numbers.begin(), numbers.end(), 1.0);
  const Tensor* const operand[] = {&positions};
  const Tensor taken = op.forward(Operands(operand), {out, DType::f64});
  auto source = std::make_shared<std::vector<Index>>();
  for (const double position : taken.data<double>()) source->push_back(static_cast<Index>(position) - 1);
  return LinearMap(in, out, structure::Selection{std::move(source)});
}

rule::Affine selection_rule(const Shape& in, const Shape& out, std::span<const Index> source) {
  auto positions = std::make_shared<std::vector<Index>>(source.begin(), source.end());
  return {{LinearMap(in, out, structure::Selection{std::move(positions)})}};
}

namespace {

// The position of every number, −1 for a zero.
std::vector<Index> positions(const kernels::Source& source) {
  std::vector<Index> list(static_cast<std::size_t>(source.size()));
  for (std::size_t i = 0; i < list.size(); ++i) list[i] = source[static_cast<Index>(i)];
  return list;
}

}  // namespace

int carried_axis(const Shape& in, int axis, const Shape& out, const kernels::Source& source) {
  const Index inner = in.product(axis + 1, in.rank());
  const auto carries = [&](int candidate) {
    if (out[candidate] != in[axis]) return false;
    const Index out_inner = out.product(candidate + 1, out.rank());
    for (Index p = 0; p < source.size(); ++p) {
      const Index from = source[p];
      if (from >= 0 && from / inner % in[axis] != p / out_inner % out[candidate]) return false;
    }
    return true;
  };
  if (axis < out.rank() && carries(axis)) return axis;
  for (int candidate = 0; candidate < out.rank(); ++candidate)
    if (carries(candidate)) return candidate;
  return in[axis] == 1 ? no_sample_axis : mixes_samples;
}

}  // namespace primitives

// Where a slice lies: element k of it is element from + k · stride of the whole.
struct Section {
  int axis;
  Index from, to, stride;

  Index count() const {
    if (from == to) return 0;
    return 1 + (stride > 0 ? to - from - 1 : to - from + 1) / stride;
  }
  Attributes attributes() const { return {{"axis", axis}, {"from", from}, {"to", to}, {"stride", stride}}; }
  bool whole(const Shape& shape) const {  // in the order of the whole
    return count() == shape[axis] && (stride == 1 || shape[axis] <= 1);
  }
  // Calls f(offset, strides) of the slice within a row-major tensor of this shape.
  template <class F>
  void locate(const Shape& shape, F&& f) const {
    auto strides = kernels::strides_of(shape);
    const auto a = static_cast<std::size_t>(axis);
    const Index offset = from * strides[a];
    if (count() > 1) strides[a] *= stride;
    f(offset, std::span<const Index>(strides).first(static_cast<std::size_t>(shape.rank())));
  }
};
Var slice_gradient(const Var& y, const Shape& x, const Section& section, Where where = Where::current());

class Slice final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"slice", "x[from:to:stride] along one axis", "", ""};
  explicit Slice(const Section& section) : section_(section) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return section_.attributes(); }
  TensorType infer(const Operands& in) const override {
    const Shape& shape = in[0].shape();
    const auto& [axis, from, to, stride] = section_;
    const bool up = stride >= 1 && 0 <= from && from <= to && to <= shape[axis];
    const bool down = stride <= -1 && -1 <= to && to <= from && from < shape[axis];
    if (!up && !down)
      throw ShapeError(cat("[slice] needs 0 ≤ from ≤ to ≤ ", shape[axis], " with stride ≥ 1, or −1 ≤ to ≤ from < ",
                           shape[axis], " with stride ≤ −1, along axis ", axis, " of ", shape, ", got from ", from,
                           " to ", to, " stride ", stride));
    return {shape.with(axis, section_.count()), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    section_.locate(in[0].shape(), [&](Index offset, std::span<const Index> strides) {
      kernels::strided_copy(in[0], offset, strides, y);
    });
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override { return primitives::selection_of(*this, in, out); }
  Var again(const Var& x) const override { return record(Where::current(), *this, x); }
  // A border of zeros where there are no gaps; a reversed axis is its own transpose.
  Var adjoint(const Var& y, const Shape& in) const override {
    const auto& [axis, from, to, stride] = section_;
    if (stride == 1) return pad(y, axis, from, in[axis] - to);
    if (stride == -1 && section_.count() == in[axis]) return again(y);
    return slice_gradient(y, in, section_);
  }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == section_.axis && !section_.whole(site.in[0].shape()) ? mixes_samples : site.axis[0];
  }

 private:
  Section section_;
};

class SliceGradient final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"slice_gradient", "the transpose of slice", "", ""};
  SliceGradient(const Shape& x, const Section& section) : x_(x), section_(section) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return section_.attributes(); }
  TensorType infer(const Operands& in) const override { return {x_, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor x = Tensor::zeros(out.shape, out.dtype);
    section_.locate(
        x_, [&](Index offset, std::span<const Index> strides) { kernels::strided_write(in[0], offset, strides, x); });
    return x;
  }
  LinearMap map(const Shape& in, const Shape& out) const override { return primitives::selection_of(*this, in, out); }
  Var again(const Var& y) const override { return slice_gradient(y, x_, section_); }
  Var adjoint(const Var& x, const Shape&) const override { return record(Where::current(), Slice(section_), x); }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == section_.axis && !section_.whole(x_) ? mixes_samples : site.axis[0];
  }

 private:
  Shape x_;
  Section section_;
};

Var slice_gradient(const Var& y, const Shape& x, const Section& section, Where where) {
  return record(where, SliceGradient(x, section), y);
}

// Affine, not linear: the constant in the border is no part of the map.
class Pad final : public Primitive {
 public:
  static constexpr OpInfo static_info{"pad", "x with a constant before and after along one axis", "", ""};
  Pad(int axis, Index before, Index after, double value) : axis_(axis), before_(before), after_(after), value_(value) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override {
    return {{"axis", axis_}, {"before", before_}, {"after", after_}, {"value", value_}};
  }
  TensorType infer(const Operands& in) const override {
    if (before_ < 0 || after_ < 0)
      throw ShapeError(cat("[pad] paddings must be 0 or more, got ", before_, " and ", after_, "; crop with slice"));
    return {in[0].shape().with(axis_, in[0].shape()[axis_] + before_ + after_), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::full(out.shape, out.dtype, value_);
    const Shape& shape = in[0].shape();
    const Index inner = shape.product(axis_ + 1, shape.rank()), row = shape[axis_] * inner;
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      const auto from = in[0].data<T>();
      const auto to = y.mutable_data<T>();
      for (Index o = 0; o < shape.product(0, axis_); ++o)
        std::copy_n(from.begin() + o * row, row, to.begin() + o * out.shape[axis_] * inner + before_ * inner);
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    if (site.wanted(0)) site.add(0, slice(site.cotangent(), axis_, before_, before_ + site.in(0).shape()[axis_]));
  }
  Var jvp(const JvpSite& site) const override { return pad(*site.tangent(0), axis_, before_, after_); }
  Rule lipschitz(const RuleSite& site) const override {
    return rule::Affine{
        {primitives::selection_of(Pad(axis_, before_, after_, 0.0), site.in[0].shape(), site.out.shape())}};
  }
  Range range(const RangeSite& site) const override {
    const auto padded = [&](const Tensor& end) {
      const Tensor* const operand[] = {&end};
      return forward(Operands(operand), {site.out.shape(), DType::f64});
    };
    return {padded(site.ranges[0].lo), padded(site.ranges[0].hi)};
  }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == axis_ && before_ + after_ > 0 ? mixes_samples : site.axis[0];
  }

 private:
  int axis_;
  Index before_, after_;
  double value_;
};

class Concat final : public Primitive {
 public:
  static constexpr OpInfo static_info{"concat", "operands one after the other along one axis", "", ""};
  explicit Concat(int axis) : axis_(axis) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "concat");
    Index length = 0;
    for (int i = 0; i < in.count(); ++i) {
      const Shape& shape = in[i].shape();
      if (shape.rank() != in[0].shape().rank() || shape.with(axis_, 0) != in[0].shape().with(axis_, 0))
        throw ShapeError(
            cat("[concat] operands may differ along axis ", axis_, " only, got ", in[0].shape(), " and ", shape));
      length += shape[axis_];
    }
    return {in[0].shape().with(axis_, length), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Index outer = out.shape.product(0, axis_), inner = out.shape.product(axis_ + 1, out.shape.rank());
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      auto to = y.mutable_data<T>().begin();
      for (Index o = 0; o < outer; ++o)
        for (int i = 0; i < in.count(); ++i) {
          const Index row = in[i].shape()[axis_] * inner;
          to = std::copy_n(in[i].data<T>().begin() + o * row, row, to);
        }
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    Index at = 0;
    for (int i = 0; i < site.arity(); ++i) {
      const Index length = site.in(i).shape()[axis_];
      if (site.wanted(i)) site.add(i, slice(site.cotangent(), axis_, at, at + length));
      at += length;
    }
  }
  Var jvp(const JvpSite& site) const override {
    std::vector<Var> parts;
    for (int i = 0; i < site.arity(); ++i) {
      const Var in = site.in(i);
      parts.push_back(site.tangent(i) != nullptr ? *site.tangent(i) : Var(Tensor::zeros(in.shape(), in.dtype())));
    }
    return concat(parts, axis_);
  }
  Rule lipschitz(const RuleSite& site) const override {
    rule::Affine rule;
    Index at = 0;
    for (int i = 0; i < site.in.count(); ++i) {
      const Shape& shape = site.in[i].shape();
      const Index after = site.out.shape()[axis_] - at - shape[axis_];
      rule.maps.push_back(site.varies(i) ? primitives::selection_of(Pad(axis_, at, after, 0.0), shape, site.out.shape())
                                         : LinearMap());
      at += shape[axis_];
    }
    return rule;
  }
  Range range(const RangeSite& site) const override {
    std::vector<const Tensor*> lo, hi;
    for (const Range& r : site.ranges) {
      lo.push_back(&r.lo);
      hi.push_back(&r.hi);
    }
    const TensorType type{site.out.shape(), DType::f64};
    return {forward(Operands(lo), type), forward(Operands(hi), type)};
  }
  int sample_axis(const SampleSite& site) const override {
    const int axis = primitives::common_sample_axis(site);
    return axis == axis_ ? mixes_samples : axis;
  }

 private:
  int axis_;
};

class Gather final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"gather", "y_i = x_{source(i)} with constant positions", "", ""};
  Gather(kernels::Source source, const Shape& out) : source_(std::move(source)), out_(out) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"source", primitives::positions(source_)}}; }
  TensorType infer(const Operands& in) const override { return {out_, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    kernels::gather(in[0], source_, y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override { return primitives::selection_of(*this, in, out); }
  Var again(const Var& x) const override { return gather_flat(x, source_, out_); }
  Var adjoint(const Var& y, const Shape& in) const override { return scatter_flat(y, source_, in); }
  int sample_axis(const SampleSite& site) const override {
    if (site.axis[0] < 0) return site.axis[0];
    return primitives::carried_axis(site.in[0].shape(), site.axis[0], out_, source_);
  }

 private:
  kernels::Source source_;
  Shape out_;
};

class Scatter final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"scatter", "y_{target(i)} += x_i on zeros: the transpose of gather", "", ""};
  Scatter(kernels::Source target, const Shape& out) : target_(std::move(target)), out_(out) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"target", primitives::positions(target_)}}; }
  TensorType infer(const Operands& in) const override { return {out_, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    kernels::scatter(in[0], target_, y);
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override {
    return taut::transpose(primitives::selection_of(Gather(target_, in), out, in));
  }
  Var again(const Var& x) const override { return scatter_flat(x, target_, out_); }
  Var adjoint(const Var& y, const Shape& in) const override { return gather_flat(y, target_, in); }
  // Read from the output: position p of the input goes to target(p), so the roles of the shapes are exchanged.
  int sample_axis(const SampleSite& site) const override {
    const int axis = site.axis[0];
    if (axis < 0) return axis;
    const Shape& in = site.in[0].shape();
    for (int candidate = 0; candidate < out_.rank(); ++candidate)
      if (out_[candidate] == in[axis] && primitives::carried_axis(out_, candidate, in, target_) == axis)
        return candidate;
    return in[axis] == 1 ? no_sample_axis : mixes_samples;
  }

 private:
  kernels::Source target_;
  Shape out_;
};

Var gather_flat(const Var& x, const kernels::Source& source, const Shape& out, Where where) {
  return record(where, Gather(source, out), x);
}
Var scatter_flat(const Var& x, const kernels::Source& target, const Shape& out, Where where) {
  return record(where, Scatter(target, out), x);
}

using primitives::checked;

namespace {

// The runs that indices along an axis take: as long as the indices that follow one another allow.
kernels::Source runs_along(std::span<const Index> indices, const Shape& shape, int axis) {
  const auto count = static_cast<Index>(indices.size());
  Index together = std::gcd(count, shape[axis]);
  for (Index i = 0; i < count && together > 1; ++i) {
    const Index at = indices[static_cast<std::size_t>(i)];
    if (i == 0 || at != indices[static_cast<std::size_t>(i - 1)] + 1) together = std::gcd(together, std::gcd(i, at));
  }
  together = std::max<Index>(together, 1);
  IndexList runs(count / together);
  for (std::size_t i = 0; i < runs.size(); ++i)
    runs.writable()[i] = indices[i * static_cast<std::size_t>(together)] / together;
  return {runs, shape.product(0, axis), shape[axis] / together, together * shape.product(axis + 1, shape.rank())};
}

}  // namespace

Var slice(const Var& x, Index axis, Index from, Index to, Index stride, Where where) {
  return checked(x, "slice", where, [&] {
    return record(where, Slice(Section{x.shape().axis(axis, "slice"), from, to, stride}), x);
  });
}

Var pad(const Var& x, Index axis, Index before, Index after, double value, Where where) {
  return checked(x, "pad", where, [&] {
    const double constant = primitives::finite_constant("pad", value, x.dtype(), where);
    return record(where, Pad(x.shape().axis(axis, "pad"), before, after, constant), x);
  });
}

Var concat(std::span<const Var> parts, Index axis, Where where) {
  if (parts.empty()) throw ShapeError(cat("[concat] at ", where, " needs at least one operand, got none"));
  return checked(parts[0], "concat", where, [&] {
    const Concat op(parts[0].shape().axis(axis, "concat"));
    std::array<const Var*, 16> few{};
    std::vector<const Var*> many(parts.size() > few.size() ? parts.size() : 0);  // the heap only for many parts
    const std::span<const Var*> operands(many.empty() ? few.data() : many.data(), parts.size());
    std::ranges::transform(parts, operands.begin(), [](const Var& part) { return &part; });
    return record(op, operands, where);
  });
}
Var concat(std::initializer_list<Var> parts, Index axis, Where where) {
  return concat(std::span<const Var>(parts.begin(), parts.size()), axis, where);
}

Var gather(const Var& x, Index axis, std::span<const Index> indices, Where where) {
  return checked(x, "gather", where, [&] {
    const Shape& shape = x.shape();
    const int a = shape.axis(axis, "gather");
    for (const Index i : indices)
      if (i < 0 || i >= shape[a])
        throw ShapeError(cat("[gather] index ", i, " does not exist along axis ", a, " of ", shape, "; valid are 0 to ",
                             shape[a] - 1));
    return gather_flat(x, runs_along(indices, shape, a), shape.with(a, static_cast<Index>(indices.size())), where);
  });
}

Var pick(const Var& x, std::span<const Index> indices, Where where) {
  return checked(x, "pick", where, [&] {
    const Shape& shape = x.shape();
    if (shape.rank() != 2 || shape[0] != static_cast<Index>(indices.size()))
      throw ShapeError(
          cat("[pick] needs one index per row of a matrix, got ", indices.size(), " indices for shape ", shape));
    IndexList source(shape[0]);
    const auto at = source.writable();
    for (std::size_t row = 0; row < indices.size(); ++row) {
      if (indices[row] < 0 || indices[row] >= shape[1])
        throw ShapeError(cat("[pick] index ", indices[row], " of row ", row, " is not a column of ", shape,
                             "; valid are 0 to ", shape[1] - 1));
      at[row] = static_cast<Index>(row) * shape[1] + indices[row];
    }
    return gather_flat(x, {source}, Shape{shape[0]}, where);
  });
}

template const OpInfo& describe<Slice>();
template const OpInfo& describe<SliceGradient>();
template const OpInfo& describe<Pad>();
template const OpInfo& describe<Concat>();
template const OpInfo& describe<Gather>();
template const OpInfo& describe<Scatter>();

}  // namespace taut
