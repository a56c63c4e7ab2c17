// Forms of what moves numbers: shapes, slices, borders, positions, order.
#include <algorithm>
#include <numeric>
#include <optional>

#include "nn/onnx/export/forms.h"

namespace taut::nn::onnx::form {
namespace {

std::vector<std::int64_t> dims_of(const Shape& shape) { return {shape.dims().begin(), shape.dims().end()}; }

// x[from:to:stride] along one axis. With a negative stride −1 as an end would mean the last element, so what reaches
// the first element ends far before it.
std::string sliced(Site& site, const std::string& x, Index axis, Index from, Index to, Index stride, Index length) {
  const Index end = to < 0 ? -length - 1 : to;
  return site.emit("Slice", {x, site.whole({from}), site.whole({end}), site.whole({axis}), site.whole({stride})});
}

std::string padded(Site& site, const std::string& x, int rank, Index axis, Index before, Index after, double value) {
  std::vector<std::int64_t> pads(2 * static_cast<std::size_t>(rank), 0);
  pads[static_cast<std::size_t>(axis)] = before;
  pads[static_cast<std::size_t>(rank + axis)] = after;
  return site.emit("Pad", {x, site.whole(std::move(pads)), site.number(value)});
}

}  // namespace

std::string reshape(Site& site) { return site.reshape(site.in(0), site.out(), site.axis()); }

std::string permute(Site& site) {
  if (site.out().rank() == 0) return site.emit("Identity", {site.in(0)});
  return site.permute(site.in(0), site.get<std::vector<Index>>("order"));
}

// A 1 keeps what is there, as the axis of samples.
std::string broadcast_to(Site& site) { return site.emit("Expand", {site.in(0), site.whole(dims_of(site.out()))}); }

std::string sum_to(Site& site) {
  const Shape &from = site.shape(0), &to = site.out();
  const int shift = from.rank() - to.rank();
  std::vector<std::int64_t> axes;
  for (int i = 0; i < from.rank(); ++i)
    if (i < shift || (to[i - shift] == 1 && from[i] != 1)) axes.push_back(i);
  const bool all_in_front = std::ranges::all_of(axes, [=](std::int64_t axis) { return axis < shift; });
  const std::string sum =
      site.emit("ReduceSum", {site.in(0), site.whole(axes)}, {{"keepdims", std::int64_t{all_in_front ? 0 : 1}}});
  return shift > 0 && !all_in_front ? site.reshape(sum, to, site.axis()) : sum;
}

std::string slice(Site& site) {
  const auto axis = site.get<Index>("axis");
  return sliced(site, site.in(0), axis, site.get<Index>("from"), site.get<Index>("to"), site.get<Index>("stride"),
                site.shape(0)[static_cast<int>(axis)]);
}

// A step of k becomes k − 1 zeros behind every element, which lie along an axis of their own at first. Eight axes leave
// no room for it, unless those in front and behind are joined.
std::string slice_gradient(Site& site) {
  const auto from = site.get<Index>("from"), stride = site.get<Index>("stride");
  auto axis = site.get<Index>("axis");
  int a = static_cast<int>(axis), samples = site.axis();
  Shape in = site.shape(0);
  const Index count = in[a], length = site.out()[a], step = stride < 0 ? -stride : stride;
  std::string x = site.in(0);
  const bool joins = step > 1 && in.rank() == max_rank;
  if (joins) {
    if (samples >= 0) site.refuse("has eight axes, and ONNX needs one more; export with symbolic_batch = false");
    in = Shape{in.product(0, a), count, in.product(a + 1, in.rank())};
    x = site.reshape(x, in, samples);
    axis = a = 1;
  }
  if (stride < 0) x = sliced(site, x, axis, count - 1, -1, -1, count);
  Index spread = count;
  if (step > 1 && count > 1) {
    const std::string columns = site.emit("Unsqueeze", {x, site.whole({axis + 1})});
    const std::string gaps = padded(site, columns, in.rank() + 1, axis + 1, 0, step - 1, 0.0);
    const std::string joined = site.reshape(gaps, in.with(a, count * step), samples);
    spread = (count - 1) * step + 1;
    x = sliced(site, joined, axis, 0, spread, 1, count * step);
  }
  const Index first = stride < 0 ? from - (spread - 1) : from;
  x = padded(site, x, in.rank(), axis, first, length - first - spread, 0.0);
  return joins ? site.reshape(x, site.out(), samples) : x;
}

std::string pad(Site& site) {
  return padded(site, site.in(0), site.out().rank(), site.get<Index>("axis"), site.get<Index>("before"),
                site.get<Index>("after"), site.get<double>("value"));
}

std::string concat(Site& site) {
  std::vector<std::string> parts;
  for (int i = 0; i < site.count(); ++i) {
    if (site.axis() >= 0 && site.axis(i) < 0)
      site.refuse(
          "joins what is the same for every sample with what is not, for which the number of samples must be known; "
          "export with symbolic_batch = false");
    parts.push_back(site.in(i));
  }
  return site.emit("Concat", std::move(parts), {{"axis", site.get<Index>("axis")}});
}

namespace {

// The indices along one axis by which y[…, i, …] = x[…, indices[i], …] is described, if it is.
std::optional<std::vector<std::int64_t>> indices_along(const std::vector<Index>& source, const Shape& in,
                                                       const Shape& out, int axis) {
  if (out.rank() != in.rank() || out != in.with(axis, out[axis])) return {};
  const Index inner = in.product(axis + 1, in.rank()), n = in[axis], m = out[axis];
  std::vector<std::int64_t> indices(static_cast<std::size_t>(m));
  for (Index i = 0; i < m; ++i) {
    const Index at = source[static_cast<std::size_t>(i * inner)];
    if (at < 0) return {};
    indices[static_cast<std::size_t>(i)] = at / inner % n;
  }
  for (std::size_t p = 0; p < source.size(); ++p) {
    const auto at = static_cast<Index>(p), outer = at / inner / m;
    if (source[p] != (outer * n + indices[static_cast<std::size_t>(at / inner % m)]) * inner + at % inner) return {};
  }
  return indices;
}

// One long row, or one per sample: how deep that row's axis lies.
int flat_axis(Site& site) {
  const bool samples = site.axis(0) >= 0;
  if (samples && (site.axis(0) != 0 || site.axis() != 0))
    site.refuse("moves numbers while the samples do not lie along axis 0; export with symbolic_batch = false");
  return samples ? 1 : 0;
}
Shape flat_shape(int axis, Index size) { return axis == 0 ? Shape{size} : Shape{1, size}; }

// x[source] from a row, zeros where the source is negative.
std::string from_row(Site& site, const std::vector<Index>& source, int axis) {
  const Index size = site.shape(0).size();
  std::string row = site.reshape(site.in(0), flat_shape(axis, size), axis - 1);
  std::vector<std::int64_t> indices(source.begin(), source.end());
  if (std::ranges::any_of(indices, [](std::int64_t at) { return at < 0; })) {
    row = padded(site, row, axis + 1, axis, 0, 1, 0.0);
    for (std::int64_t& at : indices)
      if (at < 0) at = size;
  }
  return site.emit("Gather", {row, site.whole(std::move(indices))}, {{"axis", std::int64_t{axis}}});
}

}  // namespace

std::string gather(Site& site) {
  const auto source = site.get<std::vector<Index>>("source");
  for (int axis = 0; axis < site.out().rank(); ++axis) {
    if (axis == site.axis(0)) continue;
    if (auto indices = indices_along(source, site.shape(0), site.out(), axis))
      return site.emit("Gather", {site.in(0), site.whole(*std::move(indices))}, {{"axis", std::int64_t{axis}}});
  }
  return site.reshape(from_row(site, source, flat_axis(site)), site.out(), site.axis());
}

// Read from the result: which numbers are added up in each place. There are as many layers as most have.
std::string scatter(Site& site) {
  const auto target = site.get<std::vector<Index>>("target");
  const auto size = static_cast<std::size_t>(site.out().size());
  std::vector<std::vector<Index>> layers(1, std::vector<Index>(size, -1));
  std::vector<std::size_t> depth(size, 0);
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] < 0) continue;
    const auto to = static_cast<std::size_t>(target[i]);
    if (depth[to] == layers.size()) layers.emplace_back(size, -1);
    layers[depth[to]++][to] = static_cast<Index>(i);
  }
  std::vector<Index> source;
  for (const std::vector<Index>& layer : layers) source.insert(source.end(), layer.begin(), layer.end());
  const int axis = flat_axis(site);
  std::string row = from_row(site, source, axis);
  if (layers.size() > 1) {
    const auto count = static_cast<Index>(layers.size());
    const Shape grid = flat_shape(axis, count).inserted(axis + 1, site.out().size());
    row = site.emit("ReduceSum", {site.reshape(row, grid, axis - 1), site.whole({axis})},
                    {{"keepdims", std::int64_t{0}}});
  }
  return site.reshape(row, site.out(), site.axis());
}

// Groups get an axis of their own.
std::string group_sort(Site& site) {
  const auto group = site.get<Index>("group");
  const int axis = static_cast<int>(site.get<Index>("axis"));
  const Shape& shape = site.out();
  const auto sorted = [&](const std::string& x, int along) {
    return site.emit("TopK", {x, site.whole(std::vector<std::int64_t>{group})},
                     {{"axis", std::int64_t{along}}, {"largest", std::int64_t{site.get<bool>("descending")}}}, 2);
  };
  if (group == 1) return site.emit("Identity", {site.in(0)});
  if (group == shape[axis]) return sorted(site.in(0), axis);
  const Index groups = shape[axis] / group, inner = shape.product(axis + 1, shape.rank());
  Shape wide{shape.product(0, axis) * groups, group, inner};
  int along = 1;
  if (shape.rank() < max_rank) {
    wide = shape.with(axis, groups).inserted(axis + 1, group);
    along = axis + 1;
  } else if (site.axis() >= 0) {
    site.refuse("has eight axes, and ONNX needs one more for the groups; export with symbolic_batch = false");
  }
  const int samples = site.axis() > axis ? site.axis() + 1 : site.axis();
  return site.reshape(sorted(site.reshape(site.in(0), wide, samples), along), shape, site.axis());
}

}  // namespace taut::nn::onnx::form
