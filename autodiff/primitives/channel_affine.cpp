// channel_affine and the batch normalisations that are made of it.
#include <cmath>

#include "autodiff/kernels/elementwise.h"
#include "autodiff/primitives/select.h"

namespace taut {

using primitives::located;

// y = x · scale[c] + shift[c], c the index along one axis; the shift is optional.
class ChannelAffine final : public Primitive {
 public:
  static constexpr OpInfo static_info{"channel_affine", "x · scale[c] + shift[c] along one axis", "", ""};
  explicit ChannelAffine(int axis) : axis_(axis) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"axis", axis_}}; }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "channel_affine");
    const Shape channels{in[0].shape()[axis_]};
    for (int i = 1; i < in.count(); ++i)
      if (in[i].shape() != channels)
        throw ShapeError(cat("[channel_affine] scale and shift must have shape ", channels, " for axis ", axis_, " of ",
                             in[0].shape(), ", got ", in[i].shape()));
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const Shape& s = out.shape;
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::channel_affine(in[0].data<T>().data(), in[1].data<T>().data(),
                              in.count() == 3 ? in[2].data<T>().data() : nullptr, y.mutable_data<T>().data(),
                              s.product(0, axis_), s[axis_], s.product(axis_ + 1, s.rank()));
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();
    if (site.wanted(0)) site.add(0, channel_affine(c, site.in(1), Var(), axis_));
    if (site.wanted(1)) site.add(1, dots(c, site.in(0)));
    if (site.arity() == 3 && site.wanted(2)) site.add(2, per_channel(c));
  }
  Var jvp(const JvpSite& site) const override {
    Var total;
    const auto join = [&](const Var& t) { total = total.defined() ? total + t : t; };
    if (const Var* t = site.tangent(0)) join(channel_affine(*t, site.in(1), Var(), axis_));
    if (const Var* t = site.tangent(1)) join(channel_affine(site.in(0), *t, Var(), axis_));
    if (site.arity() == 3 && site.tangent(2) != nullptr) join(spread(*site.tangent(2), site.out().shape()));
    return total;
  }
  Rule lipschitz(const RuleSite& site) const override {
    const Shape& shape = site.out.shape();
    const Shape channels{shape[axis_]};
    std::vector<LinearMap> maps(static_cast<std::size_t>(site.in.count()));
    if (site.in.count() == 3 && site.varies(2)) maps[2] = repeat(shape);
    const auto of_input = [&](const Tensor& scale) {
      return LinearMap(shape, shape, structure::Diagonal{scale, shape.product(axis_ + 1, shape.rank())});
    };
    const auto of_scale = [&](const Tensor& x) {
      return compose(LinearMap(shape, shape, structure::Diagonal{x.reshaped(Shape{x.size()}), 1}), repeat(shape));
    };
    if (!site.varies(0) || !site.varies(1)) {
      if (site.varies(0)) maps[0] = of_input(site.in[1]);
      if (site.varies(1)) maps[1] = of_scale(site.in[0]);
      return rule::Affine{std::move(maps)};
    }
    const char* const why = "the product of a varying operand and a varying scale";
    if (!site.on_domain()) return primitives::unbounded_product(site, why);
    const Tensor x = primitives::magnitude(site.ranges[0]), scale = primitives::magnitude(site.ranges[1]);
    if (!primitives::all_finite(x) || !primitives::all_finite(scale)) return primitives::unbounded(site, why);
    maps[0] = of_input(scale);
    maps[1] = of_scale(x);
    return rule::Bilinear{std::move(maps)};
  }
  Range range(const RangeSite& site) const override {
    const Shape& shape = site.out.shape();
    const Range scale = primitives::spread(site.ranges[1], shape, axis_);
    Range y = Range::uninitialised(shape);
    const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const auto k = static_cast<Index>(i);
      const Interval p = site.ranges[0].at(k) * scale.at(k);
      lo[i] = p.lo;
      hi[i] = p.hi;
    }
    if (site.dtype() == DType::f32) widen_for(y, site.dtype(), 0.5);
    if (site.in.count() < 3) return y;
    return primitives::add_ranges(y, primitives::spread(site.ranges[2], shape, axis_), site.dtype());
  }
  int sample_axis(const SampleSite& site) const override {
    for (std::size_t i = 1; i < site.axis.size(); ++i)
      if (site.axis[i] != no_sample_axis) return mixes_samples;
    return site.axis[0] == axis_ ? mixes_samples : site.axis[0];
  }

 private:
  LinearMap repeat(const Shape& shape) const {
    auto source = std::make_shared<std::vector<Index>>();
    const Index inner = shape.product(axis_ + 1, shape.rank());
    for (Index i = 0; i < shape.size(); ++i) source->push_back(i / inner % shape[axis_]);
    return LinearMap(Shape{shape[axis_]}, shape, structure::Selection{std::move(source)});
  }
  Shape aligned(const Shape& shape) const {
    Shape s = shape;
    for (int i = 0; i < s.rank(); ++i)
      if (i != axis_) s = s.with(i, 1);
    return s;
  }
  Var spread(const Var& channel, const Shape& shape) const {
    return broadcast_to(reshape(channel, aligned(shape)), shape);
  }
  Var per_channel(const Var& v) const { return reshape(sum_to(v, aligned(v.shape())), Shape{v.shape()[axis_]}); }
  // Σ a·b per channel, in one pass when no tape watches.
  Var dots(const Var& a, const Var& b) const {
    if (a.on_tape() || b.on_tape()) return per_channel(a * b);
    const Shape& s = a.shape();
    Tensor sums = Tensor::uninitialised(Shape{s[axis_]}, a.dtype());
    dispatch(a.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::channel_dots(a.value().data<T>().data(), b.value().data<T>().data(), sums.mutable_data<T>().data(),
                            s.product(0, axis_), s[axis_], s.product(axis_ + 1, s.rank()));
    });
    return Var(std::move(sums));
  }
  int axis_;
};

Var channel_affine(const Var& x, const Var& scale, const Var& shift, Index axis, Where where) {
  return primitives::checked(x, "channel_affine", where, [&] {
    const ChannelAffine op(x.shape().axis(axis, "channel_affine"));
    return shift.defined() ? record(where, op, x, scale, shift) : record(where, op, x, scale);
  });
}

namespace {

// Everything that a batch norm needs of its operands; returns the axis.
int batch_norm_axis(const Var& x, Index axis, double eps, std::initializer_list<const Var*> per_channel, Where where) {
  const int a = primitives::given(x, "batch_norm", where).shape().axis(axis, "batch_norm");
  for (const Var* v : per_channel) primitives::given(*v, "batch_norm", where);
  const Shape channels{x.shape()[a]};
  for (const Var* v : per_channel)
    if (v->shape() != channels)
      throw ShapeError(cat("[batch_norm] gamma, beta, mean and variance must have shape ", channels, " for axis ", a,
                           " of ", x.shape(), ", got ", v->shape()));
  if (!(eps >= 0.0) || !std::isfinite(eps))
    throw NumericError(cat("[batch_norm] at ", where, ": eps is ", eps, "; it must be finite and 0 or more"));
  return a;
}

Var scale_of(const Var& gamma, const Var& variance, double eps, Where where) {
  return div(gamma, sqrt(shift(variance, eps, where), where), where);
}

}  // namespace

Var batch_norm(const Var& x, const Var& gamma, const Var& beta, const Var& mean, const Var& variance, double eps,
               Index axis, Where where) {
  return located(where, [&] {
    const int a = batch_norm_axis(x, axis, eps, {&gamma, &beta, &mean, &variance}, where);
    const Var factor = scale_of(gamma, variance, eps, where);
    return channel_affine(x, factor, sub(beta, mul(mean, factor, where), where), a, where);
  });
}

Var batch_norm_training(const Var& x, const Var& gamma, const Var& beta, double eps, Index axis, Var* batch_mean,
                        Var* batch_variance, Where where) {
  return located(where, [&] {
    const int a = batch_norm_axis(x, axis, eps, {&gamma, &beta}, where);
    const Shape& shape = x.shape();
    const Shape per_channel{shape[a]};
    if (shape.size() == 0) throw ShapeError(cat("[batch_norm] statistics of no elements: shape ", shape));
    Shape aligned = shape;
    for (int i = 0; i < shape.rank(); ++i)
      if (i != a) aligned = aligned.with(i, 1);
    const Index count = shape.size() / shape[a];
    const Var mean = mean_of_sum(sum_to(x, aligned, where), count, where);
    const Var centred = sub(x, broadcast_to(mean, shape, where), where);
    const Var variance =
        reshape(mean_of_sum(sum_to(square(centred, where), aligned, where), count, where), per_channel, where);
    if (batch_mean != nullptr) *batch_mean = reshape(mean, per_channel, where);
    if (batch_variance != nullptr) *batch_variance = variance;
    return channel_affine(centred, scale_of(gamma, variance, eps, where), beta, a, where);
  });
}

template const OpInfo& describe<ChannelAffine>();

}  // namespace taut
