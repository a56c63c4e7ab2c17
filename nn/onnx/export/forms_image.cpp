// Forms of convolutions and pooling. ONNX knows images (n, c, h, w) alone: batches that lie innermost are transposed
// before and behind.
#include "autodiff/ops.h"
#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {
namespace {

using Numbers = std::vector<std::int64_t>;

struct Window {
  Numbers stride, dilation, pads;  // pads: top, left, bottom, right
};
Window window_of(const Site& site) {
  const auto padding = site.get<std::vector<Index>>("padding");  // top, bottom, left, right
  return {site.get<Numbers>("stride"), site.get<Numbers>("dilation"), {padding[0], padding[2], padding[1], padding[3]}};
}

bool innermost(const Site& site) { return site.get<bool>("batch_innermost"); }
Shape image(const Site& site, const Shape& s) { return innermost(site) ? Shape{s[3], s[0], s[1], s[2]} : s; }
std::string to_nchw(Site& site, const std::string& x) { return innermost(site) ? site.permute(x, {3, 0, 1, 2}) : x; }
std::string from_nchw(Site& site, const std::string& y) { return innermost(site) ? site.permute(y, {1, 2, 3, 0}) : y; }

// x, the kernel and the bias, if there is one.
std::vector<std::string> operands(Site& site) {
  std::vector<std::string> names{to_nchw(site, site.in(0)), site.in(1)};
  if (site.count() == 3) names.push_back(site.in(2));
  return names;
}

// What ConvTranspose must add behind the smallest size that it could give.
Numbers output_padding(const Window& w, const Shape& x, const Shape& y, std::array<Index, 2> kernel) {
  Numbers padding;
  for (std::size_t a = 0; a < 2; ++a) {
    const int axis = 2 + static_cast<int>(a);
    const Index reach = w.dilation[a] * (kernel[a] - 1) + 1;
    padding.push_back(y[axis] - ((x[axis] - 1) * w.stride[a] + reach - w.pads[a] - w.pads[a + 2]));
  }
  return padding;
}

NodeAttributes transposed_attributes(const Window& w, const Shape& x, const Shape& y, std::array<Index, 2> kernel,
                                     Index groups) {
  return {{"kernel_shape", Numbers{kernel[0], kernel[1]}},
          {"strides", w.stride},
          {"dilations", w.dilation},
          {"pads", w.pads},
          {"group", groups},
          {"output_padding", output_padding(w, x, y, kernel)}};
}

NodeAttributes conv_attributes(const Window& w, std::array<Index, 2> kernel, Index groups) {
  return {{"kernel_shape", Numbers{kernel[0], kernel[1]}},
          {"strides", w.stride},
          {"dilations", w.dilation},
          {"pads", w.pads},
          {"group", groups}};
}

// A kernel of one group per channel that takes the mean of every window.
std::string mean_kernel(Site& site, Index channels, const Numbers& window) {
  const double share = 1.0 / static_cast<double>(window[0] * window[1]);
  return site.numbers(Tensor::full(Shape{channels, 1, window[0], window[1]}, site.dtype(), share));
}

}  // namespace

std::string conv2d(Site& site) {
  const Shape& kernel = site.shape(1);
  return from_nchw(site,
                   site.emit("Conv", operands(site),
                             conv_attributes(window_of(site), {kernel[2], kernel[3]}, site.get<Index>("groups"))));
}

std::string conv_transpose2d(Site& site) {
  const Shape& kernel = site.shape(1);
  return from_nchw(site,
                   site.emit("ConvTranspose", operands(site),
                             transposed_attributes(window_of(site), image(site, site.shape(0)), image(site, site.out()),
                                                   {kernel[2], kernel[3]}, site.get<Index>("groups"))));
}

// Samples and channels exchange their roles, and so do strides and dilations; group by group. Where windows do not
// reach the end of the image, the result has rows and columns that belong to no weight.
std::string conv2d_weight_gradient(Site& site) {
  const Window w = window_of(site);
  const auto groups = site.get<Index>("groups");
  const Shape x = image(site, site.shape(0)), y = image(site, site.shape(1)), &kernel = site.out();
  const auto by_channel = [&](int i) {
    return innermost(site) ? site.permute(site.in(i), {0, 3, 1, 2}) : site.permute(site.in(i), {1, 0, 2, 3});
  };
  const auto part = [&](const std::string& all, Index channels, Index g) {
    const Index count = channels / groups;
    if (groups == 1) return all;
    return site.emit("Slice", {all, site.whole({g * count}), site.whole({(g + 1) * count}), site.whole({0})});
  };
  const std::string images = by_channel(0), results = by_channel(1);
  std::vector<std::string> parts;
  for (Index g = 0; g < groups; ++g) {
    const std::string all = site.emit("Conv", {part(images, x[1], g), part(results, y[1], g)},
                                      conv_attributes({w.dilation, w.stride, w.pads}, {y[2], y[3]}, 1));
    const std::string wanted =
        site.emit("Slice", {all, site.whole({0, 0}), site.whole({kernel[2], kernel[3]}), site.whole({2, 3})});
    parts.push_back(site.permute(wanted, {1, 0, 2, 3}));
  }
  return groups == 1 ? parts.front() : site.emit("Concat", std::move(parts), {{"axis", std::int64_t{0}}});
}

std::string max_pool2d(Site& site) {
  const Window w = window_of(site);
  return from_nchw(site, site.emit("MaxPool", {to_nchw(site, site.in(0))},
                                   {{"kernel_shape", site.get<Numbers>("window")},
                                    {"strides", w.stride},
                                    {"dilations", w.dilation},
                                    {"pads", w.pads}}));
}

// AveragePool has dilations from opset 19 on only; a convolution says the same.
std::string avg_pool2d(Site& site) {
  const Window w = window_of(site);
  const auto window = site.get<Numbers>("window");
  const std::string x = to_nchw(site, site.in(0));
  if (w.dilation == Numbers{1, 1})
    return from_nchw(site, site.emit("AveragePool", {x},
                                     {{"kernel_shape", window},
                                      {"strides", w.stride},
                                      {"pads", w.pads},
                                      {"count_include_pad", std::int64_t{1}}}));
  const Index channels = image(site, site.out())[1];
  return from_nchw(site, site.emit("Conv", {x, mean_kernel(site, channels, window)},
                                   conv_attributes(w, {window[0], window[1]}, channels)));
}

std::string avg_pool2d_gradient(Site& site) {
  const Window w = window_of(site);
  const auto window = site.get<Numbers>("window");
  const Shape from = image(site, site.shape(0)), to = image(site, site.out());
  return from_nchw(site, site.emit("ConvTranspose", {to_nchw(site, site.in(0)), mean_kernel(site, to[1], window)},
                                   transposed_attributes(w, from, to, {window[0], window[1]}, to[1])));
}

}  // namespace taut::nn::onnx::form
