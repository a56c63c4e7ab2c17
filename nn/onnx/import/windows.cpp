#include "nn/onnx/import/windows.h"

#include <algorithm>

#include "autodiff/error.h"

namespace taut::nn::onnx {

Index Windows::count(std::size_t k) const {
  const Index room = size[k] + before[k] + after[k] - span(k);
  if (room < 0) return 0;
  Index n = (ceil ? (room + stride[k] - 1) / stride[k] : room / stride[k]) + 1;
  // A window must not start beyond the image and what lies before it.
  if (ceil && (n - 1) * stride[k] >= size[k] + before[k]) --n;
  return n;
}

Windows windows_of(Call& call, const Shape& x, std::vector<Index> window) {
  const int rank = x.rank() - 2;
  if (rank < 1 || static_cast<int>(window.size()) != rank)
    call.fail(cat("a window of ", window.size(), " axes does not fit an image of shape ", x));
  Windows w;
  w.window = std::move(window);
  const auto n = static_cast<std::size_t>(rank);
  const auto list = [&](const char* name, Index otherwise, Index least) {
    std::vector<Index> values = call.is(name).value_or(std::vector<Index>(n, otherwise));
    if (values.size() != n) call.fail(cat("its ", name, " has ", values.size(), " numbers for ", n, " axes"));
    constexpr Index most = 1 << 20;
    for (const Index v : values)
      if (v < least || v > most) call.fail(cat("its ", name, " holds ", v));
    return values;
  };
  for (std::size_t k = 0; k < n; ++k) {
    w.size.push_back(x[static_cast<int>(k) + 2]);
    if (w.window[k] < 1 || w.window[k] > (Index{1} << 20)) call.fail(cat("a window of ", w.window[k]));
  }
  w.stride = list("strides", 1, 1);
  w.dilation = list("dilations", 1, 1);
  w.ceil = call.i("ceil_mode", 0) != 0;
  w.before.assign(n, 0);
  w.after.assign(n, 0);
  const std::string pad = call.s("auto_pad", "NOTSET");
  if (pad == "NOTSET") {
    const auto pads = call.is("pads").value_or(std::vector<Index>(2 * n, 0));
    if (pads.size() != 2 * n) call.fail(cat("its pads has ", pads.size(), " numbers for ", n, " axes"));
    for (std::size_t k = 0; k < n; ++k) {
      w.before[k] = pads[k];
      w.after[k] = pads[k + n];
      if (pads[k] < 0 || pads[k + n] < 0 || pads[k] > (1 << 20) || pads[k + n] > (1 << 20))
        call.unsupported(cat("pads of ", pads[k], " and ", pads[k + n]));
    }
  } else if (pad == "SAME_UPPER" || pad == "SAME_LOWER") {
    for (std::size_t k = 0; k < n; ++k) {
      const Index wanted = (w.size[k] + w.stride[k] - 1) / w.stride[k];
      const Index total = std::max<Index>(0, (wanted - 1) * w.stride[k] + w.span(k) - w.size[k]);
      w.before[k] = pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      w.after[k] = total - w.before[k];
    }
  } else if (pad != "VALID") {
    call.fail(cat("auto_pad must be NOTSET, SAME_UPPER, SAME_LOWER or VALID, got '", pad.substr(0, 40), "'"));
  }
  return w;
}

Shape pooled_shape(const Shape& x, const Windows& w) {
  Shape shape = x;
  for (std::size_t k = 0; k < w.rank(); ++k) shape = shape.with(static_cast<int>(k) + 2, w.count(k));
  return shape;
}

namespace {

// f(position of the window, position within it, position in the flattened image or −1)
template <class F>
void for_each(const Windows& w, F&& f) {
  Index windows = 1, numbers = 1;
  for (std::size_t k = 0; k < w.rank(); ++k) {
    windows *= w.count(k);
    numbers *= w.window[k];
  }
  for (Index o = 0; o < windows; ++o)
    for (Index i = 0; i < numbers; ++i) {
      Index of_window = o, of_number = i, at = 0, stride = 1;
      bool inside = true;
      for (std::size_t k = w.rank(); k-- > 0;) {
        const Index position =
            of_window % w.count(k) * w.stride[k] + of_number % w.window[k] * w.dilation[k] - w.before[k];
        of_window /= w.count(k);
        of_number /= w.window[k];
        inside = inside && position >= 0 && position < w.size[k];
        at += position * stride;
        stride *= w.size[k];
      }
      f(o, i, inside ? at : -1);
    }
}

}  // namespace

Var unfold(Call& call, const Var& x, const Windows& w, Outside outside) {
  double count = static_cast<double>(x.shape()[0]) * static_cast<double>(x.shape()[1]);
  Index windows = 1, numbers = 1, image = 1;
  for (std::size_t k = 0; k < w.rank(); ++k) {
    if (w.count(k) < 1) call.fail(cat("its window is larger than the padded image of shape ", x.shape()));
    count *= static_cast<double>(w.count(k)) * static_cast<double>(w.window[k]);
    windows *= w.count(k);
    numbers *= w.window[k];
    image *= w.size[k];
  }
  call.require_moderate(count);
  std::vector<Index> source(static_cast<std::size_t>(windows * numbers), -1);
  for_each(w, [&](Index o, Index i, Index at) { source[static_cast<std::size_t>(o * numbers + i)] = at; });
  const Shape flat{x.shape()[0], x.shape()[1], image};
  Var y = reshape(x, flat, call.where());
  bool hole = false;
  for (Index o = 0; o < windows; ++o) {
    const auto window = source.begin() + o * numbers;
    const auto first = std::find_if(window, window + numbers, [](Index at) { return at >= 0; });
    if (outside == Outside::repeat && first == window + numbers)
      call.fail("a window lies outside of the image altogether");
    for (auto at = window; at != window + numbers; ++at)
      if (*at < 0) {
        *at = outside == Outside::repeat ? *first : image;
        hole = true;
      }
  }
  if (hole && outside == Outside::zero) y = pad(y, 2, 0, 1, 0.0, call.where());
  return reshape(gather(y, 2, source, call.where()), Shape{x.shape()[0], x.shape()[1], windows, numbers}, call.where());
}

}  // namespace taut::nn::onnx
