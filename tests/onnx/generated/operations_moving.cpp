// Operators that move numbers.
#include <algorithm>
#include <numeric>

#include "tests/onnx/generated/node_view.h"

namespace taut::test::generated {
namespace {

Results reshape(const NodeView& n) {
  Sizes shape = n.opset() >= 5 ? n.wholes(1) : n.list("shape").value();
  const bool zero_copies = n.whole("allowzero", 0) == 0;
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && zero_copies) {
      if (i >= n[0].shape.size()) n.fail("a size is copied that is not there");
      shape[i] = n[0].shape[i];
    }
    if (shape[i] >= 0) {
      known *= shape[i];
      continue;
    }
    if (shape[i] != -1 || open != nullptr) n.fail("two open sizes");
    open = &shape[i];
  }
  if (open != nullptr) {
    if (known == 0 || n[0].size() % known != 0) n.fail("an open size that does not fit");
    *open = n[0].size() / known;
  }
  return {reshaped(n[0], shape)};
}
Results flatten(const NodeView& n) {
  const std::int64_t given = n.whole("axis", 1);
  const int rank = n[0].rank(), axis = given == rank ? rank : n.axis(given, rank);
  return {reshaped(n[0], {product(n[0].shape, 0, axis), product(n[0].shape, axis, rank)})};
}
Results squeeze(const NodeView& n) {
  const auto axes = n.list_or_operand("axes", 1, 13);
  std::vector<bool> gone(n[0].shape.size(), false);
  for (std::size_t i = 0; i < gone.size(); ++i) gone[i] = !axes && n[0].shape[i] == 1;
  for (const std::int64_t given : axes.value_or(Sizes{}))
    gone[static_cast<std::size_t>(n.axis(given, n[0].rank()))] = true;
  Sizes shape;
  for (std::size_t i = 0; i < gone.size(); ++i)
    if (!gone[i])
      shape.push_back(n[0].shape[i]);
    else if (n[0].shape[i] != 1)
      n.fail("an axis that is not 1");
  return {reshaped(n[0], shape)};
}
Results unsqueeze(const NodeView& n) {
  const auto axes = n.list_or_operand("axes", 1, 13);
  if (!axes) n.fail("axes are needed");
  const auto rank = n[0].shape.size() + axes->size();
  Sizes shape(rank, 0);
  for (const std::int64_t given : *axes) {
    std::int64_t& dim = shape[static_cast<std::size_t>(n.axis(given, static_cast<int>(rank)))];
    if (dim == 1) n.fail("an axis named twice");
    dim = 1;
  }
  auto next = n[0].shape.begin();
  for (std::int64_t& dim : shape)
    if (dim == 0) dim = *next++;
  return {reshaped(n[0], shape)};
}
Results transpose(const NodeView& n) {
  std::vector<int> order;
  if (const auto perm = n.list("perm"))
    for (const std::int64_t axis : *perm) order.push_back(n.axis(axis, n[0].rank()));
  else
    for (int i = n[0].rank(); i-- > 0;) order.push_back(i);
  return {permuted(n[0], order)};
}
Results concat(const NodeView& n) {
  const int axis = n.axis(n.whole("axis", 1), n[0].rank());
  const auto at = static_cast<std::size_t>(axis);
  Value y = n[0];
  for (std::size_t k = 1; k < n.count(); ++k) {
    const Value& x = n[k];
    Sizes shape = y.shape, other = x.shape;
    if (x.rank() != y.rank() || x.is_float() != y.is_float()) n.fail("operands that do not fit");
    const std::int64_t before = shape[at];
    shape[at] += other[at];
    other[at] = before;
    if (other != y.shape) n.fail("operands that do not fit");
    Value longer = zeros(shape, y.type);
    for (std::int64_t i = 0; i < longer.size(); ++i) {
      Sizes p = position(i, shape);
      const bool first = p[at] < before;
      if (!first) p[at] -= before;
      longer.at(i) = first ? y.at(flat(p, y.shape)) : x.at(flat(p, x.shape));
    }
    y = std::move(longer);
  }
  return {y};
}
Value sliced(const Value& x, int axis, std::int64_t from, std::int64_t step, std::int64_t length) {
  Sizes shape = x.shape;
  shape[static_cast<std::size_t>(axis)] = length;
  return gathered(x, shape, [&](Sizes p) {
    std::int64_t& at = p[static_cast<std::size_t>(axis)];
    at = from + at * step;
    return p;
  });
}
Results split(const NodeView& n) {
  const int axis = n.axis(n.whole("axis", 0), n[0].rank());
  const std::int64_t all = n[0].dim(axis);
  auto sizes = n.list_or_operand("split", 1, 13);
  if (!sizes) {
    const auto parts = static_cast<std::int64_t>(n.output_count());
    const std::int64_t each = (all + parts - 1) / parts;
    sizes.emplace(n.output_count(), each);
    sizes->back() = all - each * (parts - 1);
  }
  if (std::accumulate(sizes->begin(), sizes->end(), std::int64_t{0}) != all) n.fail("parts that do not add up");
  Results parts;
  std::int64_t from = 0;
  for (const std::int64_t size : *sizes) {
    parts.push_back(sliced(n[0], axis, from, 1, size));
    from += size;
  }
  return parts;
}
Results slice(const NodeView& n) {
  const bool operands = n.opset() >= 10;
  const Sizes starts = operands ? n.wholes(1) : n.list("starts").value();
  const Sizes ends = operands ? n.wholes(2) : n.list("ends").value();
  Sizes axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (const auto given = n.list_or_operand("axes", 3, 10)) axes = *given;
  if (operands && n.has(4)) steps = n.wholes(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    n.fail("lists of several lengths");
  Value x = n[0];
  for (std::size_t k = 0; k < starts.size(); ++k) {
    const int axis = n.axis(axes[k], x.rank());
    const std::int64_t size = x.dim(axis), step = steps[k];
    if (step == 0) n.fail("a step of 0");
    const auto clamp = [&](std::int64_t at, std::int64_t lo, std::int64_t hi) {
      return std::clamp(at < 0 ? at + size : at, lo, hi);
    };
    const std::int64_t from = step > 0 ? clamp(starts[k], 0, size) : clamp(starts[k], 0, size - 1);
    const std::int64_t to = step > 0 ? clamp(ends[k], 0, size) : clamp(ends[k], -1, size - 1);
    const std::int64_t room = step > 0 ? to - from : from - to, stride = std::abs(step);
    x = sliced(x, axis, from, step, room > 0 ? (room + stride - 1) / stride : 0);
  }
  return {x};
}
std::int64_t index_of(const NodeView& n, const Dual& index, std::int64_t size) {
  auto at = static_cast<std::int64_t>(index.value);
  if (at < 0) at += size;
  if (index.varies() || at < 0 || at >= size) n.fail("no such index");
  return at;
}
Results gather(const NodeView& n) {
  const Value &x = n[0], &indices = n[1];
  const auto axis = static_cast<std::size_t>(n.axis(n.whole("axis", 0), x.rank()));
  if (indices.is_float()) n.fail("indices that are no whole numbers");
  Sizes shape(x.shape.begin(), x.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), x.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.shape.end());
  const std::size_t width = indices.shape.size();
  return {gathered(x, shape, [&](const Sizes& p) {
    const auto middle = p.begin() + static_cast<std::ptrdiff_t>(axis);
    const Sizes inner(middle, middle + static_cast<std::ptrdiff_t>(width));
    Sizes source(p.begin(), middle);
    source.push_back(index_of(n, indices.at(flat(inner, indices.shape)), x.shape[axis]));
    source.insert(source.end(), middle + static_cast<std::ptrdiff_t>(width), p.end());
    return source;
  })};
}
Results gather_elements(const NodeView& n) {
  const Value &x = n[0], &indices = n[1];
  const auto axis = static_cast<std::size_t>(n.axis(n.whole("axis", 0), x.rank()));
  if (indices.rank() != x.rank() || indices.is_float()) n.fail("indices that do not fit");
  for (std::size_t i = 0; i < x.shape.size(); ++i)
    if (i != axis && indices.shape[i] > x.shape[i]) n.fail("indices that do not fit");
  return {gathered(x, indices.shape, [&](Sizes p) {
    p[axis] = index_of(n, indices.at(flat(p, indices.shape)), x.shape[axis]);
    return p;
  })};
}
Results tile(const NodeView& n) {
  const Sizes repeats = n.wholes(1);
  if (repeats.size() != n[0].shape.size()) n.fail("one repeat per axis is needed");
  Sizes shape = n[0].shape;
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] *= repeats[i];
  return {gathered(n[0], shape, [&](Sizes p) {
    for (std::size_t i = 0; i < p.size(); ++i) p[i] %= n[0].shape[i];
    return p;
  })};
}
Results expand(const NodeView& n) {
  const Sizes shape = broadcast(n[0].shape, n.wholes(1));
  zeros(shape, n[0].type);
  return {spread(n[0], shape)};
}

}  // namespace

const OperationTable& moving_operations() {
  static const OperationTable table{
      {"Concat", concat},
      {"Expand", expand},
      {"Flatten", flatten},
      {"Gather", gather},
      {"GatherElements", gather_elements},
      {"Reshape", reshape},
      {"Slice", slice},
      {"Split", split},
      {"Squeeze", squeeze},
      {"Tile", tile},
      {"Transpose", transpose},
      {"Unsqueeze", unsqueeze},
  };
  return table;
}

}  // namespace taut::test::generated
