// Pools, and what moves pixels.
#include <algorithm>

#include "tests/onnx/generated/node_view.h"
#include "tests/onnx/generated/window.h"

namespace taut::test::generated {
namespace {

using Numbers = std::vector<Dual>;

Dual sum_of(const Numbers& x) {
  Dual y;
  for (const Dual& e : x) y += e;
  return y;
}
Dual largest_of(const Numbers& x) { return *std::ranges::max_element(x, {}, &Dual::value); }
Dual norm_of(const NodeView& n, const Numbers& x) {
  const std::int64_t p = n.whole("p", 2);
  if (p != 1 && p != 2) throw Invalid("p");
  Dual y;
  for (const Dual& e : x) y += p == 2 ? e * e : e.value > 0 ? e : -e;
  return p == 2 ? sqrt(y) : y;
}

// f(numbers inside of the image, how many the window covers with padding) for every window of every plane.
template <class F>
Results pool(const NodeView& n, F&& f) {
  const Value& x = n[0];
  if (x.rank() < 3 || !n.has("kernel_shape")) n.fail("an image is needed");
  const Sizes image(x.shape.begin() + 2, x.shape.end());
  const Window w(n, image, n.list("kernel_shape").value());
  Sizes shape{x.dim(0), x.dim(1)};
  shape.insert(shape.end(), w.counts.begin(), w.counts.end());
  Value y = zeros(shape, x.type);
  const std::int64_t windows = count(w.counts), pixels = count(image);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const Sizes start = position(i % windows, w.counts);
    Numbers numbers;
    std::int64_t covered = 0;
    for (std::int64_t k = 0; k < count(w.kernel); ++k) {
      Sizes at = position(k, w.kernel);
      bool inside = true, padded = true;
      for (std::size_t a = 0; a < at.size(); ++a) {
        at[a] = start[a] * w.stride[a] + at[a] * w.dilation[a] - w.before[a];
        inside = inside && at[a] >= 0 && at[a] < image[a];
        padded = padded && at[a] < image[a] + w.after[a];
      }
      covered += padded ? 1 : 0;
      if (inside) numbers.push_back(x.at(i / windows * pixels + flat(at, image)));
    }
    if (numbers.empty()) n.fail("a window without numbers");
    y.at(i) = f(numbers, covered);
  }
  return {y};
}
Results average_pool(const NodeView& n) {
  const bool padding = n.whole("count_include_pad", 0) != 0;
  return pool(n, [&](const Numbers& x, std::int64_t covered) {
    return sum_of(x) * Dual(1 / static_cast<Real>(padding ? covered : static_cast<std::int64_t>(x.size())));
  });
}
Results max_pool(const NodeView& n) {
  return pool(n, [](const Numbers& x, std::int64_t) { return largest_of(x); });
}
Results lp_pool(const NodeView& n) {
  return pool(n, [&](const Numbers& x, std::int64_t) { return norm_of(n, x); });
}

template <class F>
Results global(const NodeView& n, F&& f) {
  const Value& x = n[0];
  if (x.rank() < 3) n.fail("an image is needed");
  Sizes shape{x.dim(0), x.dim(1)};
  shape.resize(x.shape.size(), 1);
  const Value planes = reshaped(x, {x.dim(0) * x.dim(1), product(x.shape, 2, x.rank())});
  return {reshaped(along(planes, 1, [&](const Numbers& e) { return Numbers{f(e)}; }), shape)};
}
Results global_average(const NodeView& n) {
  return global(n, [](const Numbers& x) { return sum_of(x) * Dual(1 / static_cast<Real>(x.size())); });
}
Results global_max(const NodeView& n) { return global(n, largest_of); }
Results global_norm(const NodeView& n) {
  return global(n, [&](const Numbers& x) { return norm_of(n, x); });
}

Results depth_to_space(const NodeView& n) {
  const std::int64_t b = n.whole("blocksize", 0);
  const Sizes& s = n[0].shape;
  if (s.size() != 4 || b < 1 || s[1] % (b * b) != 0) n.fail("a block that does not fit");
  const std::int64_t c = s[1] / (b * b);
  const bool depth_first = n.text("mode", "DCR") == "DCR";
  return {gathered(n[0], {s[0], c, s[2] * b, s[3] * b}, [&](const Sizes& p) {
    const std::int64_t block = p[2] % b * b + p[3] % b;
    return Sizes{p[0], depth_first ? block * c + p[1] : p[1] * b * b + block, p[2] / b, p[3] / b};
  })};
}
Results space_to_depth(const NodeView& n) {
  const std::int64_t b = n.whole("blocksize", 0);
  const Sizes& s = n[0].shape;
  if (s.size() != 4 || b < 1 || s[2] % b != 0 || s[3] % b != 0) n.fail("a block that does not fit");
  return {gathered(n[0], {s[0], s[1] * b * b, s[2] / b, s[3] / b}, [&](const Sizes& p) {
    const std::int64_t block = p[1] / s[1];
    return Sizes{p[0], p[1] % s[1], p[2] * b + block / b, p[3] * b + block % b};
  })};
}

}  // namespace

const OperationTable& image_operations() {
  static const OperationTable table{
      {"AveragePool", average_pool}, {"DepthToSpace", depth_to_space}, {"GlobalAveragePool", global_average},
      {"GlobalLpPool", global_norm}, {"GlobalMaxPool", global_max},    {"LpPool", lp_pool},
      {"MaxPool", max_pool},         {"SpaceToDepth", space_to_depth},
  };
  return table;
}

}  // namespace taut::test::generated
