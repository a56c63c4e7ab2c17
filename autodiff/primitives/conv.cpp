// conv2d, conv_transpose2d and conv2d_weight_gradient: the three partial gradients of T(x, w, y) = Σ y · (x ⋆ w), so
// the derivative of each is made of the other two.
// Long: the three share their shapes and their maps.
#include "autodiff/kernels/conv.h"

#include "autodiff/primitives/images.h"
#include "autodiff/primitives/select.h"

namespace taut {

// Attributes that all three share; the sizes are those of the convolution x (c_in, h, w) → y (c_out, out_h, out_w).
struct ConvSite {
  kernels::ConvShape shape;

  Shape x() const { return tensor(shape.c_in, shape.h, shape.w); }
  Shape y() const { return tensor(shape.c_out, shape.out_h, shape.out_w); }
  Shape kernel() const { return Shape{shape.c_out, shape.c_in / shape.options.groups, shape.kh, shape.kw}; }
  Attributes attributes() const {
    const Conv2dOptions& o = shape.options;
    return {{"stride", std::vector<Index>(o.stride.begin(), o.stride.end())},
            {"dilation", std::vector<Index>(o.dilation.begin(), o.dilation.end())},
            {"padding", std::vector<Index>(o.padding.begin(), o.padding.end())},
            {"groups", o.groups},
            {"batch_innermost", o.layout == Layout::chwn}};
  }
  int batch_axis() const { return shape.options.layout == Layout::nchw ? 0 : 3; }
  int channel_axis() const { return shape.options.layout == Layout::nchw ? 1 : 0; }

 private:
  Shape tensor(Index c, Index h, Index w) const {
    return shape.options.layout == Layout::nchw ? Shape{shape.batch, c, h, w} : Shape{c, h, w, shape.batch};
  }
};

Var conv2d_again(const ConvSite& site, const Var& x, const Var& kernel, const Var& bias,
                 Where where = Where::current());
Var conv_transpose_again(const ConvSite& site, const Var& y, const Var& kernel, const Var& bias,
                         Where where = Where::current());
Var weight_gradient_again(const ConvSite& site, const Var& x, const Var& y, Where where = Where::current());

namespace {

// A bias per channel, over all other axes.
Var spread_bias(const ConvSite& site, const Var& bias, const Shape& shape) {
  const Index c = shape[site.channel_axis()];
  const Shape aligned = site.channel_axis() == 0 ? Shape{c, 1, 1, 1} : Shape{c, 1, 1};
  return broadcast_to(reshape(bias, aligned), shape);
}
Var sum_bias(const ConvSite& site, const Var& cotangent) {
  return site.channel_axis() == 0 ? sum(cotangent, {1, 2, 3}) : sum(cotangent, {0, 2, 3});
}
LinearMap bias_map(const ConvSite& site, const Shape& out) {
  const Index channels = out[site.channel_axis()];
  const Index inner = site.channel_axis() == 0 ? out.product(1, 4) : out.product(2, 4);
  auto source = std::make_shared<std::vector<Index>>();
  for (Index i = 0; i < out.size(); ++i) source->push_back(i / inner % channels);
  return LinearMap(Shape{channels}, out, structure::Selection{std::move(source)});
}

void require_single(const ConvSite& site, const char* op) {
  if (site.shape.batch != 1)
    throw UnsupportedError(cat('[', op, "] the rule of a varying kernel is that of one image, got a batch of ",
                               site.shape.batch, "; give one image"));
}

// (c, h, w, n) as (n, c, h, w).
LinearMap samples_first(const Shape& s) {
  auto source = std::make_shared<std::vector<Index>>();
  const Index inner = s[3], rest = s.size() / inner;
  for (Index n = 0; n < inner; ++n)
    for (Index i = 0; i < rest; ++i) source->push_back(i * inner + n);
  return LinearMap(s, Shape{s[3], s[0], s[1], s[2]}, structure::Selection{std::move(source)});
}

// Of a batch, where it is one input: the images are groups that do not meet, each with the same kernel.
LinearMap convolution_map(const ConvSite& site, const Tensor& kernel, bool transposed) {
  const kernels::ConvShape& s = site.shape;
  const Index n = s.batch;
  structure::Convolution structure{n == 1 ? kernel : tile(Var(kernel), std::vector<Index>{n, 1, 1, 1}).value(),
                                   s.options,
                                   {n * s.c_in, s.h, s.w},
                                   {n * s.c_out, s.out_h, s.out_w},
                                   Boundary::zero,
                                   transposed};
  structure.options.layout = Layout::nchw;
  structure.options.groups = n * s.options.groups;
  const Shape from = transposed ? site.y() : site.x(), to = transposed ? site.x() : site.y();
  if (n == 1) return LinearMap(from, to, std::move(structure));
  if (n == 0) return LinearMap(from, to, structure::Selection{std::make_shared<std::vector<Index>>()});
  const Shape x{n * s.c_in, s.h, s.w}, y{n * s.c_out, s.out_h, s.out_w};
  const Shape images = transposed ? y : x, results = transposed ? x : y;
  const LinearMap map(images, results, std::move(structure));
  const auto to_images = [&](const Shape& shape, const Shape& flat) {
    if (s.options.layout == Layout::nchw) return reshape_map(shape, flat);
    const LinearMap first = samples_first(shape);
    return compose(reshape_map(first.out_shape(), flat), first);
  };
  return compose(taut::transpose(to_images(to, results)), compose(map, to_images(from, images)));
}

// kernel ↦ x ⋆ kernel for a fixed x: per group, (I ⊗ columnsᵀ) on the group's rows of the kernel.
LinearMap kernel_map(const ConvSite& site, const Tensor& x) {
  const kernels::ConvShape& s = site.shape;
  const Index groups = s.options.groups, outs = s.c_out / groups, positions = s.out_h * s.out_w, taps = s.taps();
  const Tensor wide = x.to(DType::f64);
  structure::BlockColumn column;
  for (Index g = 0; g < groups; ++g) {
    Tensor unfolded = Tensor::uninitialised(Shape{taps, positions}, DType::f64);
    kernels::conv_unfold(s, g, wide.data<double>().data(), unfolded.mutable_data<double>().data());
    const Tensor by_position = transpose(Var(unfolded)).value();
    const LinearMap apply(Shape{outs * taps}, Shape{outs * positions}, structure::DenseAlong{by_position, outs, 1});
    auto source = std::make_shared<std::vector<Index>>();
    for (Index i = 0; i < outs * taps; ++i) source->push_back(g * outs * taps + i);
    const Shape all{s.c_out * taps};
    column.blocks.push_back(
        compose(apply, LinearMap(all, Shape{outs * taps}, structure::Selection{std::move(source)})));
  }
  const LinearMap stacked(Shape{s.c_out * taps}, Shape{s.c_out * positions}, std::move(column));
  return compose(reshape_map(stacked.out_shape(), site.y()),
                 compose(stacked, reshape_map(site.kernel(), stacked.in_shape())));
}

// kernel ↦ Σ of shifted y: linear in the kernel for a fixed y, with nonnegative coefficients |y| when y is.
LinearMap transposed_kernel_map(const ConvSite& site, const Tensor& y) {
  const Tensor wide = y.to(DType::f64);
  structure::Opaque opaque;
  opaque.apply = [site, wide](const Tensor& kernel) {
    Tensor x = Tensor::uninitialised(site.x(), DType::f64);
    kernels::conv_input_gradient<double>(site.shape, wide.data<double>().data(), kernel.data<double>().data(), nullptr,
                                         x.mutable_data<double>().data());
    return x;
  };
  opaque.apply_transpose = [site, wide](const Tensor& x) {
    Tensor kernel = Tensor::uninitialised(site.kernel(), DType::f64);
    kernels::conv_kernel_gradient<double>(site.shape, x.data<double>().data(), wide.data<double>().data(),
                                          kernel.mutable_data<double>().data());
    return kernel;
  };
  return LinearMap(site.kernel(), site.x(), std::move(opaque));
}

// Rules of a product of operands 0 and 1: affine when one varies, bilinear on a domain, else unbounded.
template <class First, class Second>
Rule product_rule(const RuleSite& site, LinearMap bias, First&& given_second, Second&& given_first) {
  std::vector<LinearMap> maps(static_cast<std::size_t>(site.in.count()));
  if (site.in.count() == 3 && site.varies(2)) maps[2] = std::move(bias);
  if (!site.varies(0) || !site.varies(1)) {
    if (site.varies(0)) maps[0] = given_second(site.in[1]);
    if (site.varies(1)) maps[1] = given_first(site.in[0]);
    return rule::Affine{std::move(maps)};
  }
  const char* const why = "the product of a varying image and a varying kernel";
  if (!site.on_domain()) return primitives::unbounded_product(site, why);
  const Tensor a = primitives::magnitude(site.ranges[0]), b = primitives::magnitude(site.ranges[1]);
  if (!primitives::all_finite(a) || !primitives::all_finite(b)) return primitives::unbounded(site, why);
  maps[0] = given_second(b);
  maps[1] = given_first(a);
  return rule::Bilinear{std::move(maps)};
}

// Samples of the image stay along the batch axis; a kernel or bias that depends on the sample mixes.
int image_sample_axis(const SampleSite& site, int batch_axis) {
  for (int i = 1; i < site.in.count(); ++i)
    if (site.axis[static_cast<std::size_t>(i)] != no_sample_axis) return mixes_samples;
  const int axis = site.axis[0];
  return axis == no_sample_axis || axis == batch_axis ? axis : mixes_samples;
}

// Runs a kernel with the operands' numbers as T*; the third operand may be missing.
template <class Kernel>
Tensor run(const Operands& in, const TensorType& out, Kernel&& kernel) {
  Tensor result = Tensor::uninitialised(out);
  dispatch(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* const third = in.count() == 3 ? in[2].data<T>().data() : nullptr;
    kernel(in[0].data<T>().data(), in[1].data<T>().data(), third, result.mutable_data<T>().data());
  });
  return result;
}

Range product_range(const RangeSite& site, const Shape& out, const ConvSite& conv, Index terms,
                    const std::function<void(const double*, const double*, double*)>& kernel) {
  const auto product = [&](const Tensor& a, const Tensor& b) {
    Tensor y = Tensor::uninitialised(out, DType::f64);
    kernel(a.data<double>().data(), b.data<double>().data(), y.mutable_data<double>().data());
    return y;
  };
  Range bias;
  if (site.in.count() == 3) bias = primitives::spread(site.ranges[2], out, conv.channel_axis());
  return primitives::bilinear_range(product, site.ranges[0], site.ranges[1], terms, site.dtype(), bias);
}

void require_bias(const Operands& in, Index channels, const char* op) {
  if (in.count() == 3 && in[2].shape() != Shape{channels})
    throw ShapeError(cat('[', op, "] the bias must have shape ", Shape{channels}, ", got ", in[2].shape()));
}

}  // namespace

class Conv2d final : public Primitive {
 public:
  static constexpr OpInfo static_info{"conv2d", "x ⋆ w + b (cross-correlation)", "", ""};
  explicit Conv2d(const ConvSite& site) : site_(site) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return site_.attributes(); }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "conv2d");
    require_bias(in, site_.shape.c_out, "conv2d");
    return {site_.y(), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return run(in, out, [&](auto* x, auto* w, auto* b, auto* y) { kernels::conv_forward(site_.shape, x, w, b, y); });
  }
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();
    if (site.wanted(0)) site.add(0, conv_transpose_again(site_, c, site.in(1), Var()));
    if (site.wanted(1)) site.add(1, weight_gradient_again(site_, site.in(0), c));
    if (site.arity() == 3 && site.wanted(2)) site.add(2, sum_bias(site_, c));
  }
  Var jvp(const JvpSite& site) const override {
    Var total;
    const auto join = [&](const Var& t) { total = total.defined() ? total + t : t; };
    if (const Var* t = site.tangent(0)) join(conv2d_again(site_, *t, site.in(1), Var()));
    if (const Var* t = site.tangent(1)) join(conv2d_again(site_, site.in(0), *t, Var()));
    if (site.arity() == 3 && site.tangent(2) != nullptr) join(spread_bias(site_, *site.tangent(2), site.out().shape()));
    return total;
  }
  Rule lipschitz(const RuleSite& site) const override {
    if (site.varies(1)) require_single(site_, "conv2d");
    return product_rule(
        site, bias_map(site_, site_.y()), [&](const Tensor& kernel) { return convolution_map(site_, kernel, false); },
        [&](const Tensor& x) { return kernel_map(site_, x); });
  }
  Range range(const RangeSite& site) const override {
    return product_range(site, site_.y(), site_, site_.shape.taps(), [&](const double* x, const double* w, double* y) {
      kernels::conv_forward<double>(site_.shape, x, w, nullptr, y);
    });
  }
  int sample_axis(const SampleSite& site) const override { return image_sample_axis(site, site_.batch_axis()); }

 private:
  ConvSite site_;
};

class ConvTranspose2d final : public Primitive {
 public:
  static constexpr OpInfo static_info{"conv_transpose2d", "the transpose of x ↦ x ⋆ w, + b", "", ""};
  explicit ConvTranspose2d(const ConvSite& site) : site_(site) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return site_.attributes(); }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "conv_transpose2d");
    require_bias(in, site_.shape.c_in, "conv_transpose2d");
    return {site_.x(), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return run(in, out,
               [&](auto* y, auto* w, auto* b, auto* x) { kernels::conv_input_gradient(site_.shape, y, w, b, x); });
  }
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();
    if (site.wanted(0)) site.add(0, conv2d_again(site_, c, site.in(1), Var()));
    if (site.wanted(1)) site.add(1, weight_gradient_again(site_, c, site.in(0)));
    if (site.arity() == 3 && site.wanted(2)) site.add(2, sum_bias(site_, c));
  }
  Var jvp(const JvpSite& site) const override {
    Var total;
    const auto join = [&](const Var& t) { total = total.defined() ? total + t : t; };
    if (const Var* t = site.tangent(0)) join(conv_transpose_again(site_, *t, site.in(1), Var()));
    if (const Var* t = site.tangent(1)) join(conv_transpose_again(site_, site.in(0), *t, Var()));
    if (site.arity() == 3 && site.tangent(2) != nullptr) join(spread_bias(site_, *site.tangent(2), site.out().shape()));
    return total;
  }
  Rule lipschitz(const RuleSite& site) const override {
    if (site.varies(1)) require_single(site_, "conv_transpose2d");
    return product_rule(
        site, bias_map(site_, site_.x()), [&](const Tensor& kernel) { return convolution_map(site_, kernel, true); },
        [&](const Tensor& y) { return transposed_kernel_map(site_, y); });
  }
  Range range(const RangeSite& site) const override {
    const Index terms = site_.shape.c_out / site_.shape.options.groups * site_.shape.kh * site_.shape.kw;
    return product_range(site, site_.x(), site_, terms, [&](const double* y, const double* w, double* x) {
      kernels::conv_input_gradient<double>(site_.shape, y, w, nullptr, x);
    });
  }
  int sample_axis(const SampleSite& site) const override { return image_sample_axis(site, site_.batch_axis()); }

 private:
  ConvSite site_;
};

class Conv2dWeightGradient final : public Primitive {
 public:
  static constexpr OpInfo static_info{"conv2d_weight_gradient", "∂/∂w Σ y · (x ⋆ w)", "", ""};
  explicit Conv2dWeightGradient(const ConvSite& site) : site_(site) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return site_.attributes(); }
  TensorType infer(const Operands& in) const override {
    primitives::require_same_dtype(in, "conv2d_weight_gradient");
    return {site_.kernel(), in[0].dtype()};
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    return run(in, out, [&](auto* x, auto* y, auto*, auto* w) { kernels::conv_kernel_gradient(site_.shape, x, y, w); });
  }
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();  // a kernel
    if (site.wanted(0)) site.add(0, conv_transpose_again(site_, site.in(1), c, Var()));
    if (site.wanted(1)) site.add(1, conv2d_again(site_, site.in(0), c, Var()));
  }
  Var jvp(const JvpSite& site) const override {
    Var total;
    if (const Var* t = site.tangent(0)) total = weight_gradient_again(site_, *t, site.in(1));
    if (const Var* t = site.tangent(1)) {
      const Var second = weight_gradient_again(site_, site.in(0), *t);
      total = total.defined() ? total + second : second;
    }
    return total;
  }
  // For a fixed y the transpose of kernel ↦ x, for a fixed x that of kernel ↦ y.
  Rule lipschitz(const RuleSite& site) const override {
    require_single(site_, "conv2d_weight_gradient");
    return product_rule(
        site, LinearMap(), [&](const Tensor& y) { return taut::transpose(transposed_kernel_map(site_, y)); },
        [&](const Tensor& x) { return taut::transpose(kernel_map(site_, x)); });
  }
  Range range(const RangeSite& site) const override {
    const Index terms = site_.shape.batch * site_.shape.out_h * site_.shape.out_w;
    return product_range(site, site_.kernel(), site_, terms, [&](const double* x, const double* y, double* w) {
      kernels::conv_kernel_gradient<double>(site_.shape, x, y, w);
    });
  }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == no_sample_axis && site.axis[1] == no_sample_axis ? no_sample_axis : mixes_samples;
  }

 private:
  ConvSite site_;
};

namespace {

template <class P>
Var record_conv(Where where, const P& op, const Var& a, const Var& b, const Var& bias) {
  return bias.defined() ? record(where, op, a, b, bias) : record(where, op, a, b);
}

// Batch and (channels, rows, columns) of an image in the layout.
struct Image {
  Index batch;
  std::array<Index, 3> size;
};
Image image_of(const Var& x, Layout layout, const char* op) {
  const Shape& s = x.shape();
  if (s.rank() != 4)
    throw ShapeError(cat('[', op, "] the image must have four axes, ",
                         layout == Layout::nchw ? "(n, c, h, w)" : "(c, h, w, n)", ", got ", s, "; reshape it"));
  return layout == Layout::nchw ? Image{s[0], {s[1], s[2], s[3]}} : Image{s[3], {s[0], s[1], s[2]}};
}

}  // namespace

Var conv2d_again(const ConvSite& site, const Var& x, const Var& kernel, const Var& bias, Where where) {
  return record_conv(where, Conv2d(site), x, kernel, bias);
}
Var conv_transpose_again(const ConvSite& site, const Var& y, const Var& kernel, const Var& bias, Where where) {
  return record_conv(where, ConvTranspose2d(site), y, kernel, bias);
}
Var weight_gradient_again(const ConvSite& site, const Var& x, const Var& y, Where where) {
  return record(where, Conv2dWeightGradient(site), x, y);
}

Var primitives::convolution(const char* op, const Var& x, const Var& weight, const Var& bias,
                            const Conv2dOptions& options, Where where) {
  return checked(x, op, where, [&] {
    const Shape& kernel = given(weight, op, where).shape();
    const Image image = image_of(x, options.layout, op);
    return conv2d_again({kernels::conv_shape(image.batch, image.size, kernel, options, op)}, x, weight, bias, where);
  });
}

namespace {

// The convolution of which an image y is a result.
ConvSite transposed_site(const Var& y, const Shape& kernel, const Conv2dOptions& options,
                         std::span<const Index> output_size, const char* op) {
  const Image image = image_of(y, options.layout, op);
  if (kernel.rank() != 4)
    throw ShapeError(cat('[', op, "] the kernel must have shape (c_out, c_in / groups, kh, kw), got ", kernel));
  if (!output_size.empty() && output_size.size() != 2)
    throw ShapeError(cat('[', op, "] the output size must be (h, w), got ", output_size.size(), " numbers"));
  std::array<Index, 3> size{kernel[1] * options.groups, 0, 0};
  for (std::size_t a = 0; a < 2; ++a) {
    const Index pads = options.padding[2 * a] + options.padding[2 * a + 1];
    const Index reach = options.dilation[a] * (kernel[2 + static_cast<int>(a)] - 1) + 1;
    const Index least = (image.size[a + 1] - 1) * options.stride[a] + reach - pads;
    size[a + 1] = output_size.empty() ? least : output_size[a];
    if (size[a + 1] < least || size[a + 1] >= least + options.stride[a] || size[a + 1] < 1)
      throw ShapeError(cat('[', op, "] axis ", a, " of the output must have a size from ", std::max<Index>(1, least),
                           " to ", least + options.stride[a] - 1, " for an input of ", image.size[a + 1], ", got ",
                           size[a + 1], ", for x ", y.shape(), " and a kernel ", kernel));
  }
  const ConvSite site{kernels::conv_shape(image.batch, size, kernel, options, op)};
  if (y.shape() != site.y())
    throw ShapeError(cat('[', op, "] the kernel ", kernel, " needs an image ", site.y(), ", got ", y.shape()));
  return site;
}

}  // namespace

Var primitives::transposed_convolution(const char* op, const Var& x, const Var& weight, const Var& bias,
                                       const Conv2dOptions& options, std::span<const Index> output_size, Where where) {
  return checked(x, op, where, [&] {
    const Shape& kernel = given(weight, op, where).shape();
    return conv_transpose_again(transposed_site(x, kernel, options, output_size, op), x, weight, bias, where);
  });
}

Var conv2d(const Var& x, const Var& weight, const Var& bias, const Conv2dOptions& options, Where where) {
  return primitives::convolution("conv2d", x, weight, bias, options, where);
}
Var conv_transpose2d(const Var& x, const Var& weight, const Var& bias, const Conv2dOptions& options,
                     std::span<const Index> output_size, Where where) {
  return primitives::transposed_convolution("conv_transpose2d", x, weight, bias, options, output_size, where);
}

template const OpInfo& describe<Conv2d>();
template const OpInfo& describe<ConvTranspose2d>();
template const OpInfo& describe<Conv2dWeightGradient>();

}  // namespace taut
