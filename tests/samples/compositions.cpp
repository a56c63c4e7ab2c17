// Samples of functions that move numbers or resize images.
#include "tests/samples/compositions.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

// y[…, i, …] = x[…, source(i), …].
Sample moved(const std::string& name, const Shape& shape, int axis, Index length, std::function<Var(const Var&)> f,
             std::function<Index(Index)> source) {
  Sample s = one_operand(cat(name, " along axis ", axis, " of ", shape), {.shape = shape}, std::move(f));
  s.reference_ulps = 0;
  s.reference = [=](std::span<const Tensor> in) {
    return generate(shape.with(axis, length), [&](std::vector<Index> index) {
      Index& i = index[static_cast<std::size_t>(axis)];
      i = source(i);
      return at(in[0], index);
    });
  };
  return s;
}

std::vector<Sample> flips() {
  std::vector<Sample> list;
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int>>{
           {{4}, 0}, {{2, 3}, 1}, {{3, 2}, 0}, {{0, 2}, 1}, {{2, 0}, 1}, {rank_8(), 3}}) {
    const Index n = shape[axis];
    list.push_back(moved(
        "flip", shape, axis, n, [axis = axis](const Var& x) { return flip(x, axis); },
        [n](Index i) { return n - 1 - i; }));
  }
  return list;
}

// The parts joined again in the opposite order.
Var exchanged(std::vector<Var> parts, Index axis) {
  std::ranges::reverse(parts);
  return concat(parts, axis);
}

std::vector<Sample> splits() {
  const auto by_sizes = [](const Shape& shape, int axis, const std::vector<Index>& sizes) {
    std::vector<Index> order;
    Index end = shape[axis];
    for (auto size = sizes.rbegin(); size != sizes.rend(); end -= *size++)
      for (Index i = end - *size; i < end; ++i) order.push_back(i);
    return moved(
        cat(sizes.size(), " sizes"), shape, axis, shape[axis],
        [=](const Var& x) { return exchanged(split(x, axis, sizes), axis); },
        [=](Index i) { return order[static_cast<std::size_t>(i)]; });
  };
  const auto in_equal_parts = [](const Shape& shape, int axis, Index parts) {
    const Index size = shape[axis] / parts;
    return moved(
        cat(parts, " parts"), shape, axis, shape[axis],
        [=](const Var& x) { return exchanged(split(x, axis, parts), axis); },
        [=](Index i) { return (parts - 1 - i / size) * size + i % size; });
  };
  return {by_sizes({5}, 0, {2, 3}),      by_sizes({2, 4}, 1, {1, 0, 3}), by_sizes({0, 3}, 1, {2, 1}),
          in_equal_parts({2, 6}, 1, 3),  in_equal_parts({4, 2}, 0, 2),   in_equal_parts({2, 0}, 1, 2),
          in_equal_parts(rank_8(), 3, 3)};
}

// Walks from the border one step at a time, turning or jumping where the image ends.
Index walked(Index i, Index n, PadMode mode) {
  if (mode == PadMode::edge) return std::min(std::max<Index>(i, 0), n - 1);
  Index at = 0, step = i < 0 ? -1 : 1;
  for (Index left = std::abs(i); left > 0; --left) {
    if (at + step >= 0 && at + step < n) {
      at += step;
    } else if (mode == PadMode::circular) {
      at = step > 0 ? 0 : n - 1;
    } else {
      step = -step;
      at += step;
    }
  }
  return at;
}

std::vector<Sample> paddings() {
  struct Padding {
    Shape shape;
    int axis;
    Index before, after;
  };
  std::vector<Sample> list;
  for (const PadMode mode : {PadMode::edge, PadMode::reflect, PadMode::circular})
    for (const auto& [shape, axis, before, after] : std::vector<Padding>{{{4}, 0, 2, 1},
                                                                         {{2, 3}, 1, 0, 2},
                                                                         {{3, 2}, 0, 1, 2},
                                                                         {{0, 3}, 1, 1, 1},
                                                                         {{2, 0}, 1, 0, 0},
                                                                         {rank_8(), 3, 2, 2}}) {
      const Index n = shape[axis];
      list.push_back(moved(
          cat("mode ", static_cast<int>(mode), " by ", before, " and ", after), shape, axis, before + n + after,
          [=, axis = axis, before = before, after = after](const Var& x) { return pad(x, axis, before, after, mode); },
          [=, before = before](Index i) { return walked(i - before, n, mode); }));
    }
  return list;
}

std::vector<Sample> tilings() {
  std::vector<Sample> list;
  for (const auto& [shape, repeats] :
       std::vector<std::pair<Shape, std::vector<Index>>>{{{3}, {3}},
                                                         {{2, 3}, {2, 2}},
                                                         {{2, 2}, {1, 3}},
                                                         {{2, 2}, {0, 2}},
                                                         {{0, 2}, {3, 2}},
                                                         {rank_8(), {2, 1, 1, 1, 1, 1, 2, 1}}}) {
    Shape out = shape;
    std::string name = shape.str() + " times";
    for (int a = 0; a < shape.rank(); ++a) {
      out = out.with(a, shape[a] * repeats[static_cast<std::size_t>(a)]);
      name = cat(name, ' ', repeats[static_cast<std::size_t>(a)]);
    }
    Sample s = one_operand(name, {.shape = shape}, [repeats = repeats](const Var& x) { return tile(x, repeats); });
    s.reference_ulps = 0;
    s.reference = [shape = shape, out](std::span<const Tensor> in) {
      return generate(out, [&](std::vector<Index> index) {
        for (int a = 0; a < shape.rank(); ++a) index[static_cast<std::size_t>(a)] %= shape[a];
        return at(in[0], index);
      });
    };
    list.push_back(std::move(s));
  }
  return list;
}

std::vector<Sample> repetitions() {
  struct Repetition {
    Shape shape;
    int axis;
    Index times;
  };
  std::vector<Sample> list;
  for (const auto& [shape, axis, times] : std::vector<Repetition>{
           {{3}, 0, 3}, {{2, 3}, 1, 2}, {{2, 2}, 0, 2}, {{2, 2}, 1, 0}, {{0, 2}, 1, 2}, {rank_8(), 3, 2}})
    list.push_back(moved(
        cat("each ", times, " times"), shape, axis, shape[axis] * times,
        [axis = axis, times = times](const Var& x) { return repeat(x, axis, times); },
        [times = times](Index i) { return i / times; }));
  return list;
}

struct Resizing {
  Shape x;
  Index height, width;
};
std::vector<Resizing> resizings() {
  return {{{1, 2, 3, 4}, 6, 8}, {{2, 1, 5, 4}, 3, 6}, {{1, 1, 4, 3}, 4, 7},
          {{1, 1, 1, 3}, 2, 1}, {{0, 1, 2, 2}, 3, 3}, {{1, 1, 7, 5}, 2, 2}};
}

Sample resized(const Resizing& r, std::function<Var(const Var&)> f) {
  Sample s = one_operand(cat(r.x, " to ", r.height, " by ", r.width), {.shape = r.x}, std::move(f));
  s.fixed_rank = true;
  return s;
}

std::vector<Sample> nearest() {
  std::vector<Sample> list;
  for (const Resizing& r : resizings()) {
    Sample s = resized(r, [r](const Var& x) { return resize_nearest(x, r.height, r.width); });
    s.reference_ulps = 0;
    s.reference = [r](std::span<const Tensor> in) {
      return generate({r.x[0], r.x[1], r.height, r.width}, [&](std::vector<Index> index) {
        index[2] = index[2] * r.x[2] / r.height;
        index[3] = index[3] * r.x[3] / r.width;
        return at(in[0], index);
      });
    };
    list.push_back(std::move(s));
  }
  return list;
}

// The four pixels around a point in the coordinates of the image, weighed by the opposite areas.
double interpolated(const Tensor& x, const std::vector<Index>& index, Real y_at, Real x_at) {
  const Index h = x.shape()[2], w = x.shape()[3];
  y_at = std::clamp<Real>(y_at, 0, static_cast<Real>(h - 1));
  x_at = std::clamp<Real>(x_at, 0, static_cast<Real>(w - 1));
  Real total = 0;
  for (Index i = 0; i < h; ++i)
    for (Index j = 0; j < w; ++j) {
      const Real share = std::max<Real>(0, 1 - std::fabs(y_at - static_cast<Real>(i))) *
                         std::max<Real>(0, 1 - std::fabs(x_at - static_cast<Real>(j)));
      total += share * at(x, {index[0], index[1], i, j});
    }
  return static_cast<double>(total);
}

Real source(Index i, Index from, Index size, bool align_corners) {
  const auto at = static_cast<Real>(i), n = static_cast<Real>(from), m = static_cast<Real>(size);
  if (align_corners) return size == 1 ? 0 : at * (n - 1) / (m - 1);
  return (at + 0.5L) * n / m - 0.5L;
}

std::vector<Sample> bilinear() {
  std::vector<Sample> list;
  for (const bool align : {false, true})
    for (const Resizing& r : resizings()) {
      Sample s = resized(r, [r, align](const Var& x) { return resize_bilinear(x, r.height, r.width, align); });
      s.name += align ? " with aligned corners" : "";
      s.reference_scale = 4.0;
      s.reference = [r, align](std::span<const Tensor> in) {
        return generate({r.x[0], r.x[1], r.height, r.width}, [&](const std::vector<Index>& index) {
          return interpolated(in[0], index, source(index[2], r.x[2], r.height, align),
                              source(index[3], r.x[3], r.width, align));
        });
      };
      list.push_back(std::move(s));
    }
  return list;
}

std::vector<Sample> shuffles() {
  std::vector<Sample> list;
  for (const auto& [shape, r] : std::vector<std::pair<Shape, Index>>{
           {{1, 4, 2, 3}, 2}, {{2, 9, 1, 2}, 3}, {{1, 8, 2, 1}, 2}, {{0, 4, 1, 1}, 2}}) {
    Sample s =
        one_operand(cat(shape, " by ", r), {.shape = shape}, [r = r](const Var& x) { return pixel_shuffle(x, r); });
    s.fixed_rank = true;
    s.reference_ulps = 0;
    s.reference = [shape = shape, r = r](std::span<const Tensor> in) {
      return generate({shape[0], shape[1] / (r * r), shape[2] * r, shape[3] * r}, [&](const std::vector<Index>& i) {
        const Index channel = i[1] * r * r + i[2] % r * r + i[3] % r;
        return at(in[0], {i[0], channel, i[2] / r, i[3] / r});
      });
    };
    list.push_back(std::move(s));
  }
  return list;
}

std::vector<Sample> unshuffles() {
  std::vector<Sample> list;
  for (const auto& [shape, r] : std::vector<std::pair<Shape, Index>>{
           {{1, 1, 4, 6}, 2}, {{2, 2, 3, 3}, 3}, {{1, 2, 2, 4}, 2}, {{0, 1, 2, 2}, 2}}) {
    Sample s =
        one_operand(cat(shape, " by ", r), {.shape = shape}, [r = r](const Var& x) { return pixel_unshuffle(x, r); });
    s.fixed_rank = true;
    s.reference_ulps = 0;
    s.reference = [shape = shape, r = r](std::span<const Tensor> in) {
      return generate({shape[0], shape[1] * r * r, shape[2] / r, shape[3] / r}, [&](const std::vector<Index>& i) {
        return at(in[0], {i[0], i[1] / (r * r), i[2] * r + i[1] / r % r, i[3] * r + i[1] % r});
      });
    };
    list.push_back(std::move(s));
  }
  return list;
}

const AddComposition moving[] = {{"flip", &flips},
                                 {"split", &splits},
                                 {"pad", &paddings},
                                 {"tile", &tilings},
                                 {"repeat", &repetitions},
                                 {"resize_nearest", &nearest},
                                 {"resize_bilinear", &bilinear},
                                 {"pixel_shuffle", &shuffles},
                                 {"pixel_unshuffle", &unshuffles}};

}  // namespace
}  // namespace taut::harness
