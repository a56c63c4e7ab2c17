// Convolutions, pools and resizing of images (n, c, …) with one to three spatial axes.
#include <algorithm>
#include <array>
#include <cmath>

#include "autodiff/error.h"
#include "nn/onnx/import/operators.h"
#include "nn/onnx/import/whole.h"
#include "nn/onnx/import/windows.h"

namespace taut::nn::onnx {
namespace {

std::vector<Index> kernel_sizes(Call& call, const Shape& weight) {
  if (weight.rank() < 3) call.fail(cat("the kernel must have spatial axes, got the shape ", weight));
  std::vector<Index> sizes(weight.dims().begin() + 2, weight.dims().end());
  if (const auto given = call.is("kernel_shape"); given && *given != sizes)
    call.fail(cat("kernel_shape does not agree with the kernel's shape ", weight));
  return sizes;
}

Conv2dOptions options2d(const Windows& w, Index groups) {
  return {.stride = {w.stride[0], w.stride[1]},
          .dilation = {w.dilation[0], w.dilation[1]},
          .padding = {w.before[0], w.after[0], w.before[1], w.after[1]},
          .groups = groups};
}

// Three spatial axes: every slice of the result is a convolution in two, over the slices of the image that it meets,
// whose channels lie side by side.
Var conv3d(Call& call, const Var& x, const Var& weight, const Var& bias, const Windows& w, Index groups) {
  const Where where = call.where();
  const Shape &s = x.shape(), &k = weight.shape();
  const Var padded = w.before[0] + w.after[0] > 0 ? pad(x, 2, w.before[0], w.after[0], 0.0, where) : x;
  const Var flat_weight = reshape(weight, Shape{k[0], k[1] * k[2], k[3], k[4]}, where);
  const Conv2dOptions options{.stride = {w.stride[1], w.stride[2]},
                              .dilation = {w.dilation[1], w.dilation[2]},
                              .padding = {w.before[1], w.after[1], w.before[2], w.after[2]},
                              .groups = groups};
  std::vector<Var> slices;
  for (Index z = 0; z < w.count(0); ++z) {
    const Index from = z * w.stride[0];
    const Var part = slice(padded, 2, from, from + w.span(0), w.dilation[0], where);
    const Var image = reshape(part, Shape{s[0], s[1] * k[2], s[3], s[4]}, where);
    const Var y = conv2d(image, flat_weight, bias, options, where);
    slices.push_back(reshape(y, y.shape().inserted(2, 1), where));
  }
  return concat(slices, 2, where);
}

void conv(Call& call) {
  const Var &x = call.x(0), &weight = call.x(1);
  const Var bias = call.optional_x(2);
  const Index groups = call.i("group", 1);
  const Shape &s = x.shape(), &k = weight.shape();
  const Windows w = windows_of(call, s, kernel_sizes(call, k));
  if (groups < 1 || k[0] % groups != 0 || s[1] != k[1] * groups)
    call.fail(cat("an image of shape ", s, " and a kernel of shape ", k, " do not fit with ", groups, " groups"));
  if (bias.defined() && bias.shape() != Shape{k[0]})
    call.fail(cat("its bias has the shape ", bias.shape(), " for ", k[0], " channels"));
  double count = static_cast<double>(s[0]) * static_cast<double>(k[0]);
  for (std::size_t i = 0; i < w.rank(); ++i) {
    if (w.count(i) < 1) call.fail(cat("its kernel is larger than the padded image of shape ", s));
    count *= static_cast<double>(w.count(i));
  }
  call.require_moderate(count);
  if (w.rank() == 1)
    return call.out(conv1d(
        x, weight, bias,
        {.stride = w.stride[0], .dilation = w.dilation[0], .padding = {w.before[0], w.after[0]}, .groups = groups},
        call.where()));
  if (w.rank() == 2) return call.out(conv2d(x, weight, bias, options2d(w, groups), call.where()));
  if (w.rank() == 3) return call.out(conv3d(call, x, weight, bias, w, groups));
  call.unsupported(cat("convolutions along ", w.rank(), " axes; at most three are supported"));
}

void conv_transpose(Call& call) {
  const Var &x = call.x(0), &weight = call.x(1);
  const Var bias = call.optional_x(2);
  const Index groups = call.i("group", 1);
  const Shape &s = x.shape(), &k = weight.shape();
  const std::vector<Index> sizes = kernel_sizes(call, k);
  if (sizes.size() > 2)
    call.unsupported(cat("transposed convolutions along ", sizes.size(), " axes; one or two are supported"));
  if (groups < 1 || s.rank() != k.rank() || k[0] != s[1] || k[0] % groups != 0)
    call.fail(cat("an image of shape ", s, " and a kernel of shape ", k, " do not fit with ", groups, " groups"));
  const std::string auto_pad = call.s("auto_pad", "NOTSET");
  Windows w = windows_of(call, s, sizes);
  const std::vector<Index> extra = call.is("output_padding").value_or(std::vector<Index>(w.rank(), 0));
  const auto wanted = call.is("output_shape");
  std::vector<Index> out;
  double count = static_cast<double>(s[0]) * static_cast<double>(k[1] * groups);
  for (std::size_t i = 0; i < w.rank(); ++i) {
    if (extra.size() != w.rank() || extra[i] < 0) call.fail("its output_padding does not fit");
    const Index whole = w.stride[i] * (w.size[i] - 1) + w.span(i) + extra[i];
    std::optional<Index> size;
    if (wanted) {
      // The shape may be given with the axes of samples and channels.
      if (wanted->size() < w.rank()) call.fail("its output_shape does not fit");
      size = (*wanted)[wanted->size() - w.rank() + i];
    } else if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      size = w.size[i] * w.stride[i];
    }
    if (size) {
      // Rows beyond the last that the kernel reaches, fewer than the stride, are left without contributions.
      if (*size >= whole + w.stride[i])
        call.unsupported(cat("an output of ", *size, " where ", whole + w.stride[i] - 1, " is the most"));
      const Index total = std::max<Index>(0, whole - *size);
      w.before[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.after[i] = total - w.before[i];
    }
    out.push_back(size.value_or(whole - w.before[i] - w.after[i]));
    // A stride or more of output_padding takes back what the padding cuts off.
    if (!size && extra[i] >= w.stride[i]) w.after[i] -= std::min(extra[i], w.after[i]);
    if (out.back() < 1) call.fail("nothing is left of its result behind the pads");
    count *= static_cast<double>(out.back());
  }
  call.require_moderate(count);
  const Where where = call.where();
  if (w.rank() == 1)
    return call.out(conv_transpose1d(
        x, weight, bias,
        {.stride = w.stride[0], .dilation = w.dilation[0], .padding = {w.before[0], w.after[0]}, .groups = groups},
        out[0], where));
  call.out(conv_transpose2d(x, weight, bias, options2d(w, groups), out, where));
}

std::vector<Index> pool_window(Call& call) {
  const auto window = call.is("kernel_shape");
  if (!window) call.fail("its kernel_shape is missing");
  return *window;
}

Pool2dOptions pool2d(const Windows& w) {
  return {.window = {w.window[0], w.window[1]},
          .stride = {w.stride[0], w.stride[1]},
          .padding = {w.before[0], w.after[0], w.before[1], w.after[1]},
          .dilation = {w.dilation[0], w.dilation[1]},
          .ceil_mode = w.ceil};
}
Pool1dOptions pool1d(const Windows& w) {
  return {.window = w.window[0],
          .stride = w.stride[0],
          .padding = {w.before[0], w.after[0]},
          .dilation = w.dilation[0],
          .ceil_mode = w.ceil};
}
// Windows that lie in the padding with at most half of their size, as the operations of ops.h take them.
bool usual(const Windows& w) {
  for (std::size_t k = 0; k < w.rank(); ++k)
    if (2 * w.before[k] > w.span(k) || 2 * w.after[k] > w.span(k) || w.count(k) < 1) return false;
  return w.rank() <= 2;
}

void max_pool(Call& call) {
  if (call.wants(1)) call.unsupported("the positions of maxima (its second output) are not computed");
  const Var& x = call.x(0);
  const Windows w = windows_of(call, x.shape(), pool_window(call));
  if (usual(w) && w.rank() == 1) return call.out(max_pool1d(x, pool1d(w), call.where()));
  if (usual(w)) return call.out(max_pool2d(x, pool2d(w), call.where()));
  const Var y = max(unfold(call, x, w, Outside::repeat), {-1}, false, call.where());
  call.out(reshape(y, pooled_shape(x.shape(), w), call.where()));
}

bool power_of_two(Index n) { return (n & (n - 1)) == 0; }

// How many positions every window counts, in row-major order of the windows.
Tensor counts_of(const Windows& w, bool count_padding) {
  std::vector<Index> dims;
  Index size = 1;
  for (std::size_t k = 0; k < w.rank(); ++k) {
    dims.push_back(w.count(k));
    size *= w.count(k);
  }
  Tensor counts = Tensor::uninitialised(Shape(dims), DType::f64);
  double* to = counts.mutable_data<double>().data();
  for (Index o = 0; o < size; ++o) {
    Index rest = o, product = 1;
    for (std::size_t k = w.rank(); k-- > 0;) {
      const Index from = rest % w.count(k) * w.stride[k] - w.before[k];
      rest /= w.count(k);
      Index n = 0;
      for (Index i = 0; i < w.window[k]; ++i) {
        const Index at = from + i * w.dilation[k];
        n += count_padding ? at < w.size[k] + w.after[k] : at >= 0 && at < w.size[k];
      }
      product *= n;
    }
    to[o] = static_cast<double>(product);
  }
  return counts;
}

// Sums over windows, by a kernel of ones for every channel.
Var window_sums(Call& call, const Var& x, const Windows& w) {
  const Where where = call.where();
  const Index c = x.shape()[1];
  if (w.rank() > 2) {
    const Var sums = sum(unfold(call, x, w, Outside::zero), {-1}, false, where);
    return reshape(sums, pooled_shape(x.shape(), w), where);
  }
  Shape kernel{c, 1};
  Windows whole = w;
  for (std::size_t k = 0; k < w.rank(); ++k) {
    kernel = kernel.inserted(kernel.rank(), w.window[k]);
    // Windows may hang over the end.
    whole.after[k] = std::max(w.after[k], (w.count(k) - 1) * w.stride[k] + w.span(k) - w.size[k] - w.before[k]);
  }
  const Var ones(Tensor::full(kernel, x.dtype(), 1.0));
  if (w.rank() == 2) return conv2d(x, ones, Var(), options2d(whole, c), where);
  return conv1d(
      x, ones, Var(),
      {.stride = w.stride[0], .dilation = w.dilation[0], .padding = {w.before[0], whole.after[0]}, .groups = c}, where);
}

void average_pool(Call& call) {
  const Var& x = call.x(0);
  const Windows w = windows_of(call, x.shape(), pool_window(call));
  const bool count_padding = call.i("count_include_pad", 0) != 0;
  Index all = 1;
  bool exact = usual(w);  // every window divides by a power of two, which is a number of any dtype
  for (std::size_t k = 0; k < w.rank(); ++k) {
    if (w.count(k) < 1) call.fail(cat("its window is larger than the padded image of shape ", x.shape()));
    all *= w.window[k];
    exact = exact && w.dilation[k] == 1 && !w.ceil && (count_padding || w.before[k] + w.after[k] == 0);
  }
  if (exact && power_of_two(all)) {
    if (w.rank() == 1) return call.out(avg_pool1d(x, pool1d(w), call.where()));
    return call.out(avg_pool2d(x, pool2d(w), call.where()));
  }
  call.out(divided(window_sums(call, x, w), counts_of(w, count_padding).to(x.dtype()), call.where()));
}

void lp_pool(Call& call) {
  const Var& x = call.x(0);
  const Index p = call.i("p", 2);
  if (p != 1 && p != 2) call.unsupported(cat("p = ", p, "; p = 1 and p = 2 are supported"));
  const Windows w = windows_of(call, x.shape(), pool_window(call));
  const Var parts = unfold(call, x, w, Outside::zero);
  const Var y = p == 2 ? l2_norm(parts, {-1}, false, call.where()) : l1_norm(parts, {-1}, false, call.where());
  call.out(reshape(y, pooled_shape(x.shape(), w), call.where()));
}

// (n, c, spatial…) → (n, c, 1, …)
template <class F>
void global(Call& call, F&& f) {
  const Var& x = call.x(0);
  if (x.shape().rank() < 3) call.fail(cat("it needs an image, got the shape ", x.shape()));
  std::vector<Index> axes;
  for (int i = 2; i < x.shape().rank(); ++i) axes.push_back(i);
  call.out(f(x, Axes(std::span<const Index>(axes))));
}
void global_average(Call& call) {
  global(call, [&](const Var& x, const Axes& axes) {
    return divided(sum(x, axes, true, call.where()), x.shape().product(2, x.shape().rank()), call.where());
  });
}
void global_max(Call& call) {
  global(call, [&](const Var& x, const Axes& axes) { return max(x, axes, true, call.where()); });
}
void global_lp(Call& call) {
  const Index p = call.i("p", 2);
  if (p != 1 && p != 2) call.unsupported(cat("p = ", p, "; p = 1 and p = 2 are supported"));
  global(call, [&](const Var& x, const Axes& axes) {
    return p == 2 ? l2_norm(x, axes, true, call.where()) : l1_norm(x, axes, true, call.where());
  });
}

constexpr Operator image_table[] = {
    {"AveragePool", Kind::computes, 1, average_pool, "avg_pool2d"},
    {"Conv", Kind::computes, 1, conv, "conv2d", "one to three spatial axes"},
    {"ConvTranspose", Kind::computes, 1, conv_transpose, "conv_transpose2d", "one or two spatial axes"},
    {"GlobalAveragePool", Kind::computes, 1, global_average, "sum, div"},
    {"GlobalLpPool", Kind::computes, 1, global_lp, "l2_norm, l1_norm", "p = 1 and 2"},
    {"GlobalMaxPool", Kind::computes, 1, global_max, "max"},
    {"LpPool", Kind::computes, 1, lp_pool, "gather, l2_norm, l1_norm", "p = 1 and 2"},
    {"MaxPool", Kind::computes, 1, max_pool, "max_pool2d", "without the positions"},
};

}  // namespace

std::span<const Operator> image_operators() { return image_table; }

}  // namespace taut::nn::onnx
