#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

Sample moving(std::string name, const Shape& from, std::function<Var(const Var&)> f,
              std::function<Tensor(const Tensor&)> exact) {
  Sample s = one_operand(std::move(name), {.shape = from}, std::move(f));
  s.reference = [exact = std::move(exact)](std::span<const Tensor> in) { return exact(in[0]); };
  s.reference_ulps = 0;
  return s;
}

template <class... Attributes>
std::string described(const Shape& shape, const Attributes&... attributes) {
  return cat(shape, ((std::string(" ") += cat(attributes)) + ...));
}

// Number of positions from, from + stride, … on the way to `to`.
Index steps(Index from, Index to, Index stride) {
  Index count = 0;
  for (Index i = from; stride > 0 ? i < to : i > to; i += stride) ++count;
  return count;
}

Sample slicing(const Shape& shape, Index axis, Index from, Index to, Index stride) {
  return moving(
      described(shape, axis, from, to, stride), shape, [=](const Var& x) { return slice(x, axis, from, to, stride); },
      [=](const Tensor& x) {
        const int a = shape.axis(axis, "sample");
        return generate(shape.with(a, steps(from, to, stride)), [&](std::vector<Index> index) {
          index[static_cast<std::size_t>(a)] = from + stride * index[static_cast<std::size_t>(a)];
          return at(x, index);
        });
      });
}

// slice_gradient has no function of its own: it is what the vjp of a slice with gaps records.
Sample spreading(const Shape& shape, int axis, Index from, Index to, Index stride) {
  const Shape part = shape.with(axis, steps(from, to, stride));
  Sample s = moving(described(shape, axis, from, to, stride), part, nullptr, [=](const Tensor& y) {
    return generate(shape, [&](std::vector<Index> index) {
      Index& i = index[static_cast<std::size_t>(axis)];
      const Index step = (i - from) / stride;
      if (i != from + step * stride || step < 0 || step >= part[axis]) return 0.0;
      i = step;
      return at(y, index);
    });
  });
  const auto f = [=](Tape& tape, std::span<const Var> in) {
    const Var x = tape.input(Tensor::zeros(shape, in[0].dtype()));
    return vjp(slice(x, axis, from, to, stride), in[0], x, {.create_graph = true});
  };
  s.f = [f](std::span<const Var> in) { return on_some_tape(in, f); };
  return s;
}

Sample padding(const Shape& shape, Index axis, Index before, Index after, double value) {
  return moving(
      described(shape, axis, before, after, value), shape,
      [=](const Var& x) { return pad(x, axis, before, after, value); },
      [=](const Tensor& x) {
        const int a = shape.axis(axis, "sample");
        return generate(shape.with(a, shape[a] + before + after), [&](std::vector<Index> index) {
          Index& i = index[static_cast<std::size_t>(a)];
          i -= before;
          return i >= 0 && i < shape[a] ? at(x, index) : value;
        });
      });
}

Sample joining(const std::vector<Shape>& shapes, int axis) {
  Sample s;
  for (const Shape& shape : shapes) {
    s.name += (s.name.empty() ? "" : " and ") + shape.str();
    s.operands.push_back({.shape = shape});
  }
  s.f = [axis](std::span<const Var> in) { return concat(in, axis); };
  s.reference = [axis](std::span<const Tensor> in) {
    Index length = 0;
    for (const Tensor& t : in) length += t.shape()[axis];
    return generate(in[0].shape().with(axis, length), [&](std::vector<Index> index) {
      Index& i = index[static_cast<std::size_t>(axis)];
      std::size_t part = 0;
      for (; i >= in[part].shape()[axis]; ++part) i -= in[part].shape()[axis];
      return at(in[part], index);
    });
  };
  s.reference_ulps = 0;
  return s;
}

struct Picking {
  Shape shape;
  Index axis;
  std::vector<Index> indices;
};
const std::vector<Picking>& pickings() {
  static const std::vector<Picking> list{{{4}, 0, {3, 0}},       {{4}, 0, {1, 1, 1, 2}}, {{2, 3}, 1, {2, 2, 0, 1}},
                                         {{3, 2}, 0, {2, 0, 2}}, {{2, 3}, -1, {}},       {{0, 2}, 1, {1}},
                                         {rank_8(), 3, {2, 0}}};
  return list;
}

Tensor gathered(const Picking& p, const Tensor& x) {
  const int a = p.shape.axis(p.axis, "sample");
  return generate(p.shape.with(a, static_cast<Index>(p.indices.size())), [&](std::vector<Index> index) {
    Index& i = index[static_cast<std::size_t>(a)];
    i = p.indices[static_cast<std::size_t>(i)];
    return at(x, index);
  });
}

Tensor scattered(const Picking& p, const Tensor& y) {
  const auto a = static_cast<std::size_t>(p.shape.axis(p.axis, "sample"));
  return generate(p.shape, [&](std::vector<Index> index) {
    const Index own = index[a];
    Real total = 0;
    for (std::size_t i = 0; i < p.indices.size(); ++i) {
      if (p.indices[i] != own) continue;
      index[a] = static_cast<Index>(i);
      total += at(y, index);
    }
    return static_cast<double>(total);
  });
}

std::string name_of(const Picking& p) {
  std::string name =
      std::to_string(p.indices.size()) + " along axis " + std::to_string(p.axis) + " of " + p.shape.str();
  return name;
}

}  // namespace

template <>
std::vector<Sample> samples<Slice>() {
  return {slicing({5}, 0, 1, 4, 1),      slicing({5}, 0, 0, 5, 2),      slicing({2, 5}, 1, 1, 5, 3),
          slicing({4, 2}, 0, 0, 4, 1),   slicing({3, 2}, -1, 1, 2, 1),  slicing({3, 2}, 0, 1, 1, 1),
          slicing({0, 4}, 1, 1, 3, 1),   slicing(rank_8(), 3, 0, 3, 2), slicing({5}, 0, 4, -1, -1),
          slicing({2, 6}, 1, 4, 0, -2),  slicing({3, 2}, 0, 2, 0, -1),  slicing({4, 2}, 0, 1, 1, -3),
          slicing({0, 3}, 0, -1, -1, -1)};
}

template <>
std::vector<Sample> samples<SliceGradient>() {
  return {spreading({5}, 0, 0, 5, 2),       spreading({2, 7}, 1, 1, 6, 3),  spreading({6}, 0, 5, -1, -2),
          spreading({4, 2}, 0, 2, 0, -1),   spreading({3, 2}, 0, 1, 1, -1), spreading({0, 4}, 1, 0, 4, 3),
          spreading({3, 2, 2}, 0, 0, 3, 2), spreading(rank_8(), 3, 0, 3, 2)};
}

template <>
std::vector<Sample> samples<Pad>() {
  return {padding({3}, 0, 2, 1, 0.0),  padding({2, 3}, 1, 0, 2, -1.5), padding({2, 3}, 0, 1, 0, 0.25),
          padding({2}, -1, 0, 0, 3.0), padding({2, 0}, 1, 1, 1, 0.5),  padding(rank_8(), 6, 1, 1, 0.0)};
}

template <>
std::vector<Sample> samples<Concat>() {
  return {joining({{2, 3}}, 1),
          joining({{2}, {3}}, 0),
          joining({{2, 3}, {2, 1}, {2, 2}}, 1),
          joining({{1, 2}, {2, 2}}, 0),
          joining({{2, 0}, {2, 3}}, 1),
          joining({{0, 2}, {0, 1}}, 1),
          joining({rank_8(), rank_8()}, 3)};
}

template <>
std::vector<Sample> samples<Gather>() {
  std::vector<Sample> list;
  for (const Picking& p : pickings())
    list.push_back(moving(
        name_of(p), p.shape, [p](const Var& x) { return gather(x, p.axis, p.indices); },
        [p](const Tensor& x) { return gathered(p, x); }));
  list.push_back(moving(
      "one per row", {3, 4},
      [](const Var& x) {
        return pick(x, std::vector<Index>{2, 0, 3});
      },
      [](const Tensor& x) {
        return tensor_of({3}, {x.at(2), x.at(4), x.at(11)});
      }));
  return list;
}

// scatter has no function of its own: it is what gather's vjp records.
template <>
std::vector<Sample> samples<Scatter>() {
  std::vector<Sample> list;
  for (const Picking& p : pickings()) {
    const Shape out = gathered(p, Tensor::zeros(p.shape, DType::f64)).shape();
    const auto f = [p](Tape& tape, std::span<const Var> in) {
      const Var x = tape.input(Tensor::zeros(p.shape, in[0].dtype()));
      return vjp(gather(x, p.axis, p.indices), in[0], x, {.create_graph = true});
    };
    Sample s = moving(name_of(p), out, nullptr, [p](const Tensor& y) { return scattered(p, y); });
    s.f = [f](std::span<const Var> in) { return on_some_tape(in, f); };
    s.reference_ulps = 1;
    s.reference_scale = 2.0 * static_cast<double>(p.indices.size());
    list.push_back(std::move(s));
  }
  return list;
}

}  // namespace taut::harness
