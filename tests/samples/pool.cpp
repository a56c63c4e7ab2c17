#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "tests/samples/compositions.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

struct Pooling {
  Shape x;  // in the options' layout
  Pool2dOptions options{};

  bool batch_first() const { return options.layout == Layout::nchw; }
  int rows_axis() const { return batch_first() ? 2 : 1; }
  // Windows one by one: each ends on the padded image. With ceil_mode there is one more while the last leaves positions
  // out, if it starts before the padding at the end.
  static Index span(const Pool2dOptions& options, std::size_t axis, Index size) {
    const auto start = [&](Index o) { return o * options.stride[axis] - options.padding[2 * axis]; };
    const auto last = [&](Index o) { return start(o) + options.dilation[axis] * (options.window[axis] - 1); };
    const Index end = size + options.padding[2 * axis + 1] - 1;
    Index count = 1;
    while (options.ceil_mode ? last(count - 1) < end && start(count) < size : last(count) <= end) ++count;
    return count;
  }
  Shape y() const {
    const int r = rows_axis();
    return x.with(r, span(options, 0, x[r])).with(r + 1, span(options, 1, x[r + 1]));
  }
  // Calls f(index in x) for the part of a window that lies on the image.
  template <class F>
  void for_each_in_window(std::vector<Index> index, F&& f) const {
    const auto r = static_cast<std::size_t>(rows_axis());
    const auto& o = options;
    const Index top = index[r] * o.stride[0] - o.padding[0], left = index[r + 1] * o.stride[1] - o.padding[2];
    for (Index p = 0; p < o.window[0]; ++p)
      for (Index q = 0; q < o.window[1]; ++q) {
        index[r] = top + p * o.dilation[0];
        index[r + 1] = left + q * o.dilation[1];
        if (index[r] >= 0 && index[r] < x[rows_axis()] && index[r + 1] >= 0 && index[r + 1] < x[rows_axis() + 1])
          f(index);
      }
  }
  // Positions of a window that an average is divided by.
  Index counted(const std::vector<Index>& index) const {
    Index count = 1;
    for (std::size_t axis = 0; axis < 2; ++axis) {
      const auto a = static_cast<std::size_t>(rows_axis()) + axis;
      const Index size = x[static_cast<int>(a)], before = options.padding[2 * axis];
      Index along = 0;
      for (Index k = 0; k < options.window[axis]; ++k) {
        const Index i = index[a] * options.stride[axis] + k * options.dilation[axis] - before;
        along += options.count_padding ? i < size + options.padding[2 * axis + 1] : i >= 0 && i < size;
      }
      count *= along;
    }
    return count;
  }
};

const std::vector<Pooling>& poolings() {
  constexpr Layout chwn = Layout::chwn;
  static const std::vector<Pooling> list{
      {{1, 2, 4, 4}},
      {{1, 1, 4, 5}, {.window = {3, 3}, .stride = {1, 1}}},  // one entry in up to six windows
      {{1, 1, 5, 5}, {.window = {3, 2}, .stride = {2, 1}, .padding = {1, 1, 1, 0}}},
      {{1, 1, 6, 6}, {.window = {2, 2}, .stride = {1, 1}, .dilation = {2, 3}}},
      {{1, 1, 6, 5}, {.window = {3, 2}, .stride = {2, 2}, .padding = {2, 1, 0, 1}, .dilation = {2, 1}}},
      {{2, 3, 4, 1}, {.window = {2, 2}, .stride = {1, 2}, .layout = chwn}},
      {{1, 4, 4, 3}, {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}, .layout = chwn}},
      {{2, 2, 3, 3}, {.window = {2, 2}, .stride = {1, 1}}},
      {{0, 1, 4, 4}},
  };
  return list;
}

const std::vector<Pooling>& rounded_up() {
  static const std::vector<Pooling> list{
      {{1, 1, 6, 5}, {.window = {3, 2}, .stride = {2, 2}, .ceil_mode = true}},
      // The windows of the last column would start in the padding: dropped.
      {{1, 2, 4, 3}, {.window = {2, 2}, .stride = {2, 2}, .padding = {1, 1, 1, 1}, .ceil_mode = true}},
      {{1, 1, 6, 7},
       {.window = {3, 3}, .stride = {2, 1}, .padding = {1, 0, 0, 1}, .dilation = {1, 2}, .ceil_mode = true}},
      {{1, 1, 7, 6}, {.window = {2, 3}, .stride = {3, 2}, .dilation = {3, 2}, .ceil_mode = true}},
      {{2, 4, 3, 2}, {.window = {3, 2}, .stride = {2, 2}, .layout = Layout::chwn, .ceil_mode = true}},
      {{1, 1, 2, 2}, {.window = {3, 1}, .stride = {2, 5}, .ceil_mode = true}},
  };
  return list;
}

Sample pooling(const Pooling& p, const Shape& operand) {
  Sample s;
  const auto& o = p.options;
  s.name = cat(p.x, " window ", o.window[0], ' ', o.window[1], " stride ", o.stride[0], ' ', o.stride[1], " dilation ",
               o.dilation[0], ' ', o.dilation[1], " padding ", o.padding[0], ' ', o.padding[1], ' ', o.padding[2], ' ',
               o.padding[3], o.ceil_mode ? " rounded up" : "");
  s.operands = {{.shape = operand}};
  s.batch_axis = p.batch_first() ? 0 : 3;
  s.fixed_rank = true;
  s.reference_scale = 2.0;
  return s;
}

Real average_share(const Pooling& p) { return Real{1} / static_cast<Real>(p.options.window[0] * p.options.window[1]); }

// Averages whose divisor depends on the position: a plain pool and factors.
std::vector<Sample> averages() {
  std::vector<Pooling> all = rounded_up();
  for (Pooling p : poolings()) {
    p.options.count_padding = false;
    all.push_back(p);
  }
  for (Pooling p : rounded_up()) {
    p.options.count_padding = false;
    all.push_back(p);
  }
  std::vector<Sample> list;
  for (const Pooling& p : all) {
    Sample s = pooling(p, p.x);
    s.name += p.options.count_padding ? "" : " without padding";
    s.f = [p](std::span<const Var> in) { return avg_pool2d(in[0], p.options); };
    s.reference = [p](std::span<const Tensor> in) {
      return generate(p.y(), [&](const std::vector<Index>& index) {
        Real total = 0;
        p.for_each_in_window(index, [&](const auto& i) { total += at(in[0], i); });
        return static_cast<double>(total / static_cast<Real>(p.counted(index)));
      });
    };
    list.push_back(std::move(s));
  }
  return list;
}

const AddComposition average("avg_pool2d", &averages);

}  // namespace

template <>
std::vector<Sample> samples<MaxPool2d>() {
  std::vector<Pooling> all = poolings();
  all.insert(all.end(), rounded_up().begin(), rounded_up().end());
  std::vector<Sample> list;
  for (const Pooling& p : all) {
    Sample s = pooling(p, p.x);
    s.operands[0].distinct = true;
    s.operands[0].probes = {-1, 1};
    s.f = [p](std::span<const Var> in) { return max_pool2d(in[0], p.options); };
    s.reference_ulps = 0;
    s.reference = [p](std::span<const Tensor> in) {
      return generate(p.y(), [&](const std::vector<Index>& index) {
        double largest = -INFINITY;
        p.for_each_in_window(index, [&](const auto& i) { largest = std::fmax(largest, at(in[0], i)); });
        return largest;
      });
    };
    s.extremes_at_corners = true;
    list.push_back(std::move(s));
  }
  return list;
}

template <>
std::vector<Sample> samples<AvgPool2d>() {
  std::vector<Sample> list;
  for (const Pooling& p : poolings()) {
    Sample s = pooling(p, p.x);
    s.f = [p](std::span<const Var> in) { return avg_pool2d(in[0], p.options); };
    s.reference = [p](std::span<const Tensor> in) {
      return generate(p.y(), [&](const std::vector<Index>& index) {
        Real total = 0;
        p.for_each_in_window(index, [&](const auto& i) { total += at(in[0], i); });
        return static_cast<double>(total * average_share(p));
      });
    };
    list.push_back(std::move(s));
  }
  return list;
}

// avg_pool2d_gradient has no function of its own: it is what avg_pool2d's vjp records.
template <>
std::vector<Sample> samples<AvgPool2dGradient>() {
  std::vector<Sample> list;
  for (const Pooling& p : poolings()) {
    Sample s = pooling(p, p.y());
    const auto f = [p](Tape& tape, std::span<const Var> in) {
      const Var x = tape.input(Tensor::zeros(p.x, in[0].dtype()));
      return vjp(avg_pool2d(x, p.options), in[0], x, {.create_graph = true});
    };
    s.f = [f](std::span<const Var> in) { return on_some_tape(in, f); };
    s.reference_scale = 8.0;
    s.reference = [p](std::span<const Tensor> in) {
      std::vector<double> sums(static_cast<std::size_t>(p.x.size()), 0.0);
      generate(p.y(), [&](const std::vector<Index>& index) {
        p.for_each_in_window(index, [&](const auto& i) {
          Index flat = 0;
          for (int axis = 0; axis < 4; ++axis) flat = flat * p.x[axis] + i[static_cast<std::size_t>(axis)];
          sums[static_cast<std::size_t>(flat)] += static_cast<double>(at(in[0], index) * average_share(p));
        });
        return 0.0;
      });
      return tensor_of(p.x, sums);
    };
    list.push_back(std::move(s));
  }
  return list;
}

}  // namespace taut::harness
