// max_pool2d, avg_pool2d and the transpose of the latter.
#include "autodiff/kernels/pool.h"

#include "autodiff/primitives/select.h"

namespace taut {
namespace {

Shape pooled(const Shape& x, const kernels::PoolShape& s) {
  return s.options.layout == Layout::nchw ? Shape{x[0], x[1], s.out_h, s.out_w} : Shape{x[0], s.out_h, s.out_w, x[3]};
}

Attributes attributes_of(const Pool2dOptions& o) {
  return {{"window", std::vector<Index>(o.window.begin(), o.window.end())},
          {"stride", std::vector<Index>(o.stride.begin(), o.stride.end())},
          {"dilation", std::vector<Index>(o.dilation.begin(), o.dilation.end())},
          {"padding", std::vector<Index>(o.padding.begin(), o.padding.end())},
          {"batch_innermost", o.layout == Layout::chwn}};
}

int image_axis(const SampleSite& site, Layout layout) {
  const int axis = site.axis[0];
  return axis == no_sample_axis || axis == (layout == Layout::nchw ? 0 : 3) ? axis : mixes_samples;
}

IndexList positions(const kernels::PoolShape& s, const Tensor& x) {
  return dispatch(x.dtype(),
                  [&](auto zero) { return kernels::max_pool_positions(s, x.data<decltype(zero)>().data()); });
}

// 1 / (window size), which the kernel multiplies sums with as the dtype holds it, and the map as f64 does.
double share_of(const Pool2dOptions& o) { return 1.0 / static_cast<double>(o.window[0] * o.window[1]); }
double error_of_share(const Pool2dOptions& o) {
  return relative_distance(share_of(o), quotient(1.0, static_cast<double>(o.window[0] * o.window[1])));
}

// Average pooling is a convolution with one group per channel and a constant kernel. For a batch in chwn, whose samples
// are innermost, between two permutations.
LinearMap average_map(const Shape& in, const Shape& out, const Pool2dOptions& o) {
  if (in.size() == 0 || out.size() == 0)
    return LinearMap(in, out, structure::Selection{std::make_shared<std::vector<Index>>(out.size(), Index{-1})});
  const auto [kh, kw] = o.window;
  const bool nchw = o.layout == Layout::nchw;
  const auto planes = [&](const Shape& s) {  // (N·C, h, w)
    return nchw ? Shape{s[0] * s[1], s[2], s[3]} : Shape{s[3] * s[0], s[1], s[2]};
  };
  const Shape from = planes(in), to = planes(out);
  Conv2dOptions options{o.stride, o.dilation, o.padding, from[0], Layout::nchw};
  const LinearMap convolution(from, to,
                              structure::Convolution{Tensor::full(Shape{from[0], 1, kh, kw}, DType::f64, share_of(o)),
                                                     options,
                                                     {from[0], from[1], from[2]},
                                                     {to[0], to[1], to[2]},
                                                     Boundary::zero,
                                                     false});
  if (nchw || in[3] == 1) return compose(reshape_map(to, out), compose(convolution, reshape_map(in, from)));
  const auto batch_first = [](const Shape& s) {  // (c, h, w, n) → (n, c, h, w)
    auto source = std::make_shared<std::vector<Index>>();
    const Index inner = s[3], rest = s.size() / inner;
    for (Index n = 0; n < inner; ++n)
      for (Index i = 0; i < rest; ++i) source->push_back(i * inner + n);
    return LinearMap(s, Shape{s[3] * s[0], s[1], s[2]}, structure::Selection{std::move(source)});
  };
  return compose(taut::transpose(batch_first(out)), compose(convolution, batch_first(in)));
}

}  // namespace

class MaxPool2d final : public Primitive {
 public:
  static constexpr OpInfo static_info{"max_pool2d", "largest of every window", "ties: the derivative goes to the first",
                                      ""};
  explicit MaxPool2d(const Pool2dOptions& options) : options_(options) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return attributes_of(options_); }
  TensorType infer(const Operands& in) const override {
    return {pooled(in[0].shape(), shape(in[0].shape())), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::max_pool(shape(in[0].shape()), in[0].data<T>().data(), y.mutable_data<T>().data());
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    const Var x = site.in(0);
    site.add(0, scatter_flat(site.cotangent(), {positions(shape(x.shape()), x.value())}, x.shape()));
  }
  Var jvp(const JvpSite& site) const override {
    const Var x = site.in(0);
    return gather_flat(*site.tangent(0), {positions(shape(x.shape()), x.value())}, site.out().shape());
  }
  // A selection where every window has one winner all over a domain.
  Rule lipschitz(const RuleSite& site) const override {
    const Shape& in = site.in[0].shape();
    const kernels::PoolShape s = shape(in);
    if (site.on_domain()) {
      const primitives::Ahead ahead(site.ranges[0]);
      const IndexList winners = positions(s, site.ranges[0].lo);
      bool proved = true;
      kernels::for_windows(
          s, [&](Index out, Index i) { proved = proved && (i == winners[out] || ahead(winners[out], i)); });
      if (proved) return primitives::selection_rule(in, site.out.shape(), winners.values());
    }
    return rule::Selects{kernels::largest_overlap(s)};
  }
  Range range(const RangeSite& site) const override {
    const auto end = [&](const Tensor& x) {
      const Tensor* const operand[] = {&x};
      return forward(Operands(operand), {site.out.shape(), DType::f64});
    };
    return {end(site.ranges[0].lo), end(site.ranges[0].hi)};
  }
  int sample_axis(const SampleSite& site) const override { return image_axis(site, options_.layout); }

 private:
  kernels::PoolShape shape(const Shape& x) const { return kernels::pool_shape(x, options_, "max_pool2d"); }
  Pool2dOptions options_;
};

Var avg_pool_gradient(const Var& y, const Shape& x, const Pool2dOptions& options, Where where = Where::current());

class AvgPool2d final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"avg_pool2d", "mean of every window; padding counts as zeros", "", ""};
  explicit AvgPool2d(const Pool2dOptions& options) : options_(options) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return attributes_of(options_); }
  TensorType infer(const Operands& in) const override {
    return {pooled(in[0].shape(), kernels::pool_shape(in[0].shape(), options_, "avg_pool2d")), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    const auto shape = kernels::pool_shape(in[0].shape(), options_, "avg_pool2d");
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::sum_pool(shape, static_cast<T>(share_of(options_)), in[0].data<T>().data(), y.mutable_data<T>().data());
    });
    return y;
  }
  LinearMap map(const Shape& in, const Shape& out) const override { return average_map(in, out, options_); }
  double map_error() const override { return error_of_share(options_); }
  Var again(const Var& x) const override { return record(Where::current(), *this, x); }
  Var adjoint(const Var& y, const Shape& in) const override { return avg_pool_gradient(y, in, options_); }
  int sample_axis(const SampleSite& site) const override { return image_axis(site, options_.layout); }

 private:
  Pool2dOptions options_;
};

class AvgPool2dGradient final : public LinearPrimitive {
 public:
  static constexpr OpInfo static_info{"avg_pool2d_gradient", "the transpose of avg_pool2d", "", ""};
  AvgPool2dGradient(const Shape& x, const Pool2dOptions& options) : x_(x), options_(options) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return attributes_of(options_); }
  TensorType infer(const Operands& in) const override { return {x_, in[0].dtype()}; }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor x = Tensor::uninitialised(out);
    const auto shape = kernels::pool_shape(x_, options_, "avg_pool2d");
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::sum_pool_adjoint(shape, static_cast<T>(share_of(options_)), in[0].data<T>().data(),
                                x.mutable_data<T>().data());
    });
    return x;
  }
  LinearMap map(const Shape& in, const Shape& out) const override {
    return taut::transpose(average_map(out, in, options_));
  }
  double map_error() const override { return error_of_share(options_); }
  Var again(const Var& x) const override { return avg_pool_gradient(x, x_, options_); }
  Var adjoint(const Var& y, const Shape&) const override { return record(Where::current(), AvgPool2d(options_), y); }
  int sample_axis(const SampleSite& site) const override { return image_axis(site, options_.layout); }

 private:
  Shape x_;
  Pool2dOptions options_;
};

namespace {

// The positions that count of every window as a share of the size of the window, the inverse of what its plain average
// is multiplied with: numbers of positions, over the rows and columns of the result. Undefined where all of them count.
Tensor counts(const Shape& x, const Pool2dOptions& options, const kernels::PoolShape& s, DType dtype) {
  const bool nchw = options.layout == Layout::nchw;
  const auto counted = [&](std::size_t axis, Index o) {
    const Index size = x[static_cast<int>(axis) + (nchw ? 2 : 1)];
    const Index end = options.count_padding ? size + options.padding[2 * axis + 1] : size;
    return kernels::positions_in_window(s, axis, o, end, options.count_padding);
  };
  bool whole = true;
  for (Index o = 0; o < s.out_h; ++o) whole = whole && counted(0, o) == options.window[0];
  for (Index o = 0; o < s.out_w; ++o) whole = whole && counted(1, o) == options.window[1];
  if (whole) return {};
  Tensor numbers = Tensor::uninitialised(nchw ? Shape{s.out_h, s.out_w} : Shape{s.out_h, s.out_w, 1}, DType::f64);
  auto to = numbers.mutable_data<double>().begin();
  for (Index row = 0; row < s.out_h; ++row)
    for (Index column = 0; column < s.out_w; ++column)
      *to++ = static_cast<double>(counted(0, row) * counted(1, column));
  return numbers.to(dtype);
}

}  // namespace

Var max_pool2d(const Var& x, const Pool2dOptions& options, Where where) {
  return primitives::checked(x, "max_pool2d", where, [&] {
    return record(where, MaxPool2d(kernels::pool_shape(x.shape(), options, "max_pool2d").options), x);
  });
}
Var avg_pool2d(const Var& x, const Pool2dOptions& options, Where where) {
  return primitives::checked(x, "avg_pool2d", where, [&] {
    const kernels::PoolShape shape = kernels::pool_shape(x.shape(), options, "avg_pool2d");
    const Var plain = record(where, AvgPool2d(shape.options), x);
    const Tensor numbers = counts(x.shape(), options, shape, x.dtype());
    if (!numbers.defined()) return plain;
    // Recorded, so that analyses enclose the quotients.
    Tape* const tape = Tape::of(x);
    const Var shares = reciprocal(tape != nullptr ? tape->constant(numbers) : Var(numbers), where);
    return mul(plain, scale(shares, static_cast<double>(options.window[0] * options.window[1]), where), where);
  });
}
Var avg_pool_gradient(const Var& y, const Shape& x, const Pool2dOptions& options, Where where) {
  return record(where, AvgPool2dGradient(x, options), y);
}

template const OpInfo& describe<MaxPool2d>();
template const OpInfo& describe<AvgPool2d>();
template const OpInfo& describe<AvgPool2dGradient>();

}  // namespace taut
