// Random nodes that move numbers, reduce them or look at shapes.
#include <algorithm>
#include <numeric>

#include "tests/onnx/generated/draft.h"

namespace taut::test::generated {
namespace {

// Another shape of as many numbers: axes merged, split, dropped, put in or simply different.
Sizes other_shape(Draft& d, const Sizes& shape) {
  Sizes y = shape;
  for (std::int64_t k = d.random.whole(1, 3); k > 0; --k) {
    const auto at = static_cast<std::ptrdiff_t>(d.random.whole(0, static_cast<std::int64_t>(y.size())));
    if (y.size() >= 2 && d.random.coin()) {
      const auto axis = static_cast<std::size_t>(d.random.whole(0, static_cast<std::int64_t>(y.size()) - 2));
      y[axis] *= y[axis + 1];
      y.erase(y.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
    } else if (y.size() < 4 && d.random.coin()) {
      y.insert(y.begin() + at, 1);
    } else if (!y.empty()) {
      const auto axis = static_cast<std::size_t>(d.random.whole(0, static_cast<std::int64_t>(y.size()) - 1));
      const std::int64_t divisor = d.random.of({2, 3});
      if (y[axis] % divisor != 0 || y.size() > 3) continue;
      y[axis] /= divisor;
      y.insert(y.begin() + static_cast<std::ptrdiff_t>(axis) + d.random.whole(0, 1), divisor);
    }
  }
  return y;
}
void reshape(Draft& d) {
  const std::string x = d.any();
  const Sizes& from = d.shape(x);
  Sizes to = other_shape(d, from);
  if (!to.empty() && d.random.coin())
    to[static_cast<std::size_t>(d.random.whole(0, static_cast<std::int64_t>(to.size()) - 1))] = -1;
  for (std::size_t i = 0; i < std::min(to.size(), from.size()); ++i)
    if (to[i] == from[i] && d.random.chance(0.3)) to[i] = 0;
  d.add("Reshape", {x, d.wholes(to)});
}
// The first size is taken from the shape of the value, as exporters write it.
void reshape_by_shape(Draft& d) {
  const std::string x = d.any_of_rank(1, 5), of = d.random.chance(0.8) ? x : d.any_of_rank(1, 5);
  const std::string size =
      d.add("Gather", {d.add("Shape", {of}), d.wholes({d.random.chance(0.7) ? 0 : d.any_axis(of)})},
            {{"axis", std::int64_t{0}}});
  Names parts{size, d.wholes({-1})};
  if (d.random.chance(0.3)) std::swap(parts[0], parts[1]);
  if (d.random.chance(0.3)) parts.insert(parts.begin() + d.random.whole(0, 2), d.wholes({1}));
  d.add("Reshape", {x, d.add("Concat", parts, {{"axis", std::int64_t{0}}})});
}
void flatten(Draft& d) {
  const std::string x = d.any();
  d.add("Flatten", {x}, {{"axis", d.random.whole(0, d.rank(x))}});
}
void transpose(Draft& d) {
  const std::string x = d.any_of_rank(2, 5);
  Sizes order(d.shape(x).size());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i-- > 1;)
    std::swap(order[i], order[static_cast<std::size_t>(d.random.whole(0, static_cast<std::int64_t>(i)))]);
  d.add("Transpose", {x}, d.random.chance(0.2) ? Attributes{} : Attributes{{"perm", order}});
}
void squeeze(Draft& d) {
  const std::string x = d.any();
  Sizes ones;
  for (int i = 0; i < d.rank(x); ++i)
    if (d.shape(x)[static_cast<std::size_t>(i)] == 1) ones.push_back(i);
  if (ones.empty()) throw Invalid("no axis of 1");
  Names inputs{x};
  Attributes attributes;
  if (d.random.chance(0.8)) d.give_axes({d.random.of(ones)}, 13, inputs, attributes);
  d.add("Squeeze", inputs, attributes);
}
void unsqueeze(Draft& d) {
  const std::string x = d.any_of_rank(0, 4);
  Names inputs{x};
  Attributes attributes;
  d.give_axes({d.spelled(d.random.whole(0, d.rank(x)), d.rank(x) + 1)}, 13, inputs, attributes);
  d.add("Unsqueeze", inputs, attributes);
}
void slice(Draft& d) {
  const std::string x = d.any_of_rank(1, 6);
  const int axis = d.any_axis(x);
  const std::int64_t n = d.shape(x)[static_cast<std::size_t>(axis)], from = d.random.whole(0, n - 1);
  const std::int64_t to = d.random.chance(0.3) ? std::int64_t{1} << 40 : d.random.whole(from + 1, n);
  if (d.opset() < 10)
    d.add("Slice", {x}, {{"starts", Sizes{from}}, {"ends", Sizes{to}}, {"axes", Sizes{axis}}});
  else if (d.random.chance(0.3))
    d.add("Slice", {x, d.wholes({n - 1}), d.wholes({-n - 1}), d.wholes({axis}), d.wholes({-d.random.whole(1, 2)})});
  else
    d.add("Slice", {x, d.wholes({from}), d.wholes({to}), d.wholes({d.spelled(axis, d.rank(x))})});
}
void split(Draft& d) {
  const std::string x = d.any_of_rank(1, 6);
  const int axis = d.any_axis(x);
  const std::int64_t n = d.shape(x)[static_cast<std::size_t>(axis)],
                     first = d.random.whole(1, std::max<std::int64_t>(1, n - 1));
  if (n < 2) throw Invalid("one number is not split");
  Names inputs{x};
  Attributes attributes{{"axis", static_cast<std::int64_t>(axis)}};
  if (d.opset() >= 13)
    inputs.push_back(d.wholes({first, n - first}));
  else
    attributes["split"] = Sizes{first, n - first};
  const std::string y = d.add("Split", inputs, attributes, 2);
  if (d.random.chance(0.4)) d.add("Add", {y, d.live.back()});
}
void concat(Draft& d) {
  const std::string x = d.any_of_rank(1, 5);
  const int axis = d.any_axis(x);
  Names parts{x};
  for (std::int64_t k = d.random.whole(1, 2); k > 0; --k) {
    Sizes shape = d.shape(x);
    shape[static_cast<std::size_t>(axis)] = d.random.whole(1, 2);
    parts.push_back(d.random.chance(0.3) ? d.numbers(shape) : d.random.chance(0.4) ? x : d.any());
  }
  d.add("Concat", parts, {{"axis", d.spelled(axis, d.rank(x))}});
}
void gather(Draft& d) {
  const std::string x = d.any_of_rank(1, 5);
  const int axis = d.any_axis(x);
  const std::int64_t n = d.shape(x)[static_cast<std::size_t>(axis)];
  Sizes list(static_cast<std::size_t>(d.random.whole(1, 3)));
  for (std::int64_t& i : list) i = d.random.whole(-n, n - 1);
  std::string indices = d.wholes(list);
  if (list.size() == 1 && d.random.coin()) indices = d.add("Reshape", {indices, d.wholes({})});
  d.add("Gather", {x, indices}, {{"axis", d.spelled(axis, d.rank(x))}});
}
void gather_elements(Draft& d) {
  const std::string x = d.any_of_rank(1, 3);
  if (d.opset() < 11) throw Invalid("not yet");
  const int axis = d.any_axis(x);
  const std::int64_t n = d.shape(x)[static_cast<std::size_t>(axis)];
  Sizes shape = d.shape(x);
  if (d.random.coin()) shape[static_cast<std::size_t>(axis)] = d.random.whole(1, 3);
  Sizes list(static_cast<std::size_t>(count(shape)));
  for (std::int64_t& i : list) i = d.random.whole(0, n - 1);
  const std::string indices = d.add("Reshape", {d.wholes(list), d.wholes(shape)});
  d.add("GatherElements", {x, indices}, {{"axis", static_cast<std::int64_t>(axis)}});
}
void tile(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  Sizes repeats(d.shape(x).size(), 1);
  repeats[static_cast<std::size_t>(d.any_axis(x))] = d.random.whole(1, 3);
  d.add("Tile", {x, d.wholes(repeats)});
}
void expand(Draft& d) {
  const std::string x = d.any_of_rank(0, 4);
  Sizes shape = d.shape(x);
  for (std::int64_t& dim : shape)
    if (dim == 1 && d.random.coin()) dim = d.random.whole(1, 3);
  if (d.random.chance(0.3)) shape.insert(shape.begin(), d.random.whole(1, 3));
  if (!shape.empty() && d.random.chance(0.3))
    shape[static_cast<std::size_t>(d.random.whole(0, static_cast<std::int64_t>(shape.size()) - 1))] = 1;
  d.add("Expand", {x, d.wholes(shape)});
}
void pad(Draft& d) {
  const std::string x = d.any_of_rank(1, 5);
  Sizes pads(2 * d.shape(x).size(), 0);
  const auto axis = static_cast<std::size_t>(d.any_axis(x));
  pads[axis] = d.random.whole(-1, 2);
  pads[axis + d.shape(x).size()] = d.random.whole(0, 1);
  Attributes attributes{{"mode", std::string(d.random.of({"constant", "constant", "edge", "reflect"}))}};
  Names inputs{x};
  if (d.opset() >= 11)
    inputs.push_back(d.wholes(pads));
  else
    attributes["pads"] = pads;
  d.add("Pad", inputs, attributes);
}
void triangle(Draft& d) {
  if (d.opset() < 14) throw Invalid("not yet");
  d.add("Trilu", {d.any_of_rank(2, 4)}, {{"upper", d.random.whole(0, 1)}});
}
void cumulative(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  if (d.opset() < 11) throw Invalid("not yet");
  const std::string axis = d.add("Reshape", {d.wholes({d.any_axis(x)}), d.wholes({})});
  d.add("CumSum", {x, axis}, {{"exclusive", d.random.whole(0, 1)}, {"reverse", d.random.whole(0, 1)}});
}
void top_k(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  if (d.opset() < 11) throw Invalid("not yet");
  const int axis = d.any_axis(x);
  d.add("TopK", {x, d.wholes({d.random.whole(1, d.shape(x)[static_cast<std::size_t>(axis)])})},
        {{"axis", static_cast<std::int64_t>(axis)}, {"largest", d.random.whole(0, 1)}});
}
void reduce(Draft& d) {
  const std::string x = d.any_of_rank(1, 5);
  const std::string op = d.random.of({"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
                                      "ReduceLogSumExp", "ReduceSum", "ReduceMean", "ReduceSumSquare"});
  Names inputs{x};
  Attributes attributes{{"keepdims", d.random.whole(0, 1)}};
  Sizes axes;
  for (int i = 0; i < d.rank(x); ++i)
    if (d.random.chance(0.45)) axes.push_back(d.spelled(i, d.rank(x)));
  if (!axes.empty()) d.give_axes(axes, op == "ReduceSum" ? 13 : 18, inputs, attributes);
  if (axes.empty() && d.opset() >= (op == "ReduceSum" ? 13 : 18) && d.random.coin())
    attributes["noop_with_empty_axes"] = d.random.whole(0, 1);
  d.add(op, inputs, attributes);
}
void soft_max(Draft& d) {
  const std::string x = d.any_of_rank(1, 4);
  const int axis = d.any_axis(x);
  Attributes attributes{{"axis", d.spelled(axis, d.rank(x))}};
  if (d.rank(x) >= 2 && d.random.chance(0.3)) attributes.clear();
  d.add(d.random.of({"Softmax", "Softmax", "LogSoftmax"}), {x}, attributes);
}
void blocks(Draft& d) {
  const std::string x = d.any_of_rank(4, 4);
  const std::int64_t b = d.random.of({1, 2, 2});
  if (d.random.coin())
    d.add("SpaceToDepth", {x}, {{"blocksize", b}});
  else
    d.add("DepthToSpace", {x}, {{"blocksize", b}, {"mode", std::string(d.random.of({"DCR", "CRD"}))}});
}

}  // namespace

const std::vector<Weighted>& moving_recipes() {
  static const std::vector<Weighted> list{
      {8, reshape},         {4, reshape_by_shape},
      {3, flatten},         {6, transpose},
      {2, squeeze},         {4, unsqueeze},
      {4, slice},           {2, split},
      {4, concat},          {3, gather},
      {2, gather_elements}, {2, tile},
      {3, expand},          {3, pad},
      {1, triangle},        {2, cumulative},
      {2, top_k},           {9, reduce},
      {4, soft_max},        {2, blocks},
  };
  return list;
}

}  // namespace taut::test::generated
