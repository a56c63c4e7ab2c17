#include "tests/onnx/generated/window.h"

#include <algorithm>

namespace taut::test::generated {

Window::Window(const NodeView& n, const Sizes& size) : kernel(size) {
  const std::size_t rank = kernel.size();
  stride = n.list("strides").value_or(Sizes(rank, 1));
  dilation = n.list("dilations").value_or(Sizes(rank, 1));
  const Sizes pads = n.list("pads").value_or(Sizes(2 * rank, 0));
  if (n.list("kernel_shape").value_or(kernel) != kernel) n.fail("a kernel_shape that does not fit");
  if (stride.size() != rank || dilation.size() != rank || pads.size() != 2 * rank) n.fail("lists that do not fit");
  before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  after.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  for (std::size_t i = 0; i < rank; ++i)
    if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || before[i] < 0 || after[i] < 0) n.fail("no such window");
}

Window::Window(const NodeView& n, const Sizes& image, const Sizes& size) : Window(n, size) {
  const std::string automatic = n.text("auto_pad", "NOTSET");
  if (kernel.size() != image.size()) n.fail("a window of another rank");
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const std::int64_t wanted = (image[i] + stride[i] - 1) / stride[i];
      const std::int64_t total = std::max<std::int64_t>(0, (wanted - 1) * stride[i] + span(i) - image[i]);
      before[i] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      after[i] = total - before[i];
    }
    const std::int64_t room = image[i] + before[i] + after[i] - span(i);
    if (room < 0) n.fail("a window larger than the image");
    const bool up = n.whole("ceil_mode", 0) != 0;
    counts.push_back((up ? room + stride[i] - 1 : room) / stride[i] + 1);
    // No window starts in the padding behind the image.
    if (up && (counts.back() - 1) * stride[i] >= image[i] + before[i]) --counts.back();
  }
}

Sizes Window::transposed(const NodeView& n, const Sizes& windows) {
  const Sizes extra = n.list("output_padding").value_or(Sizes(kernel.size(), 0));
  const std::string automatic = n.text("auto_pad", "NOTSET");
  if (n.has("output_shape") || extra.size() != kernel.size()) n.fail("an output_shape");
  Sizes size;
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const std::int64_t whole = stride[i] * (windows[i] - 1) + span(i) + extra[i];
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const std::int64_t total = whole - windows[i] * stride[i];
      if (total < 0) n.fail("pads below 0");
      before[i] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      after[i] = total - before[i];
    }
    size.push_back(whole - before[i] - after[i]);
    if (size.back() < 1 || extra[i] < 0 || extra[i] >= std::max(stride[i], dilation[i])) n.fail("no such result");
  }
  return size;
}

}  // namespace taut::test::generated
