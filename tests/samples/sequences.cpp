// Samples of convolutions and pools of sequences, and of pools over all of space.
#include <cmath>

#include "autodiff/error.h"
#include "tests/samples/compositions.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

struct Sequence {
  Index n, c_in, length, c_out, taps;
  Conv1dOptions options{};
  bool biased = true;

  Shape x() const { return {n, c_in, length}; }
  Shape kernel() const { return {c_out, c_in / options.groups, taps}; }
  Index results() const {
    return (length + options.padding[0] + options.padding[1] - options.dilation * (taps - 1) - 1) / options.stride + 1;
  }
  // Calls f(i, j, weight) for every entry of the matrix from sequence j = (channel, position) to result i.
  template <class F>
  void for_entries(const Tensor& kernel, F&& f) const {
    const Index per_group = c_in / options.groups;
    for (Index o = 0; o < c_out; ++o)
      for (Index c = 0; c < per_group; ++c)
        for (Index t = 0; t < results(); ++t)
          for (Index k = 0; k < taps; ++k) {
            const Index position = t * options.stride + k * options.dilation - options.padding[0];
            if (position < 0 || position >= length) continue;
            const Index channel = o / (c_out / options.groups) * per_group + c;
            f(o * results() + t, channel * length + position, kernel.at((o * per_group + c) * taps + k));
          }
  }
};

std::vector<Sequence> sequences() {
  return {{1, 2, 6, 3, 3},
          {2, 1, 5, 2, 2, {.padding = {1, 1}}},
          {1, 2, 7, 2, 3, {.stride = 2, .padding = {2, 0}}, false},
          {1, 4, 6, 2, 2, {.dilation = 2, .groups = 2}},
          {2, 2, 8, 4, 3, {.stride = 2, .dilation = 2, .padding = {1, 2}, .groups = 2}},
          {0, 1, 4, 1, 2}};
}

// One side of the matrix of a convolution, sample by sample, plus a bias per channel.
Sample convolving(const Sequence& q, bool transposed) {
  Sample s;
  const Shape y{q.n, q.c_out, q.results()};
  const Shape &in = transposed ? y : q.x(), &out = transposed ? q.x() : y;
  s.name = cat(in, " by ", q.kernel(), " stride ", q.options.stride, " dilation ", q.options.dilation);
  s.operands = {{.shape = in}, {.shape = q.kernel()}};
  if (q.biased) s.operands.push_back({.shape = {out[1]}});
  s.fixed_rank = true;
  s.reference_scale = 4.0 * static_cast<double>(q.c_in * q.c_out * q.taps);
  s.f = [q, transposed](std::span<const Var> operands) {
    const Var bias = q.biased ? operands[2] : Var();
    return transposed ? conv_transpose1d(operands[0], operands[1], bias, q.options, q.length)
                      : conv1d(operands[0], operands[1], bias, q.options);
  };
  s.reference = [=](std::span<const Tensor> operands) {
    const Index from = in[1] * in[2], to = out[1] * out[2];
    std::vector<Real> sums(static_cast<std::size_t>(out.size()));
    for (Index i = 0; i < out.size(); ++i)
      sums[static_cast<std::size_t>(i)] = q.biased ? operands[2].at(i / out[2] % out[1]) : 0;
    for (Index sample = 0; sample < q.n; ++sample)
      q.for_entries(operands[1], [&](Index i, Index j, double weight) {
        if (transposed) std::swap(i, j);
        sums[static_cast<std::size_t>(sample * to + i)] +=
            static_cast<Real>(weight) * operands[0].at(sample * from + j);
      });
    return tensor_of(out, std::vector<double>(sums.begin(), sums.end()));
  };
  return s;
}

std::vector<Sample> convolutions() {
  std::vector<Sample> list;
  for (const Sequence& q : sequences()) list.push_back(convolving(q, false));
  return list;
}
std::vector<Sample> transposed_convolutions() {
  std::vector<Sample> list;
  for (const Sequence& q : sequences()) list.push_back(convolving(q, true));
  // The smallest result when no size is asked for: stride 2 leaves a choice between 5 and 6.
  Sequence q{1, 1, 5, 2, 3, {.stride = 2}};
  Sample smallest = convolving(q, true);
  smallest.name += " without a size";
  smallest.f = [q](std::span<const Var> in) { return conv_transpose1d(in[0], in[1], in[2], q.options); };
  list.push_back(std::move(smallest));
  return list;
}

struct Window {
  Shape x;
  Pool1dOptions options{};
};

std::vector<Window> windows() {
  return {{{1, 2, 6}},
          {{2, 1, 7}, {.window = 3, .stride = 2, .padding = {1, 1}}},
          {{1, 1, 8}, {.window = 3, .stride = 1, .dilation = 2}},
          {{1, 1, 8}, {.window = 3, .stride = 2, .ceil_mode = true}},
          {{1, 2, 6}, {.window = 2, .stride = 3, .padding = {1, 0}, .ceil_mode = true, .count_padding = false}},
          {{1, 1, 5}, {.window = 3, .stride = 1, .padding = {1, 1}, .count_padding = false}},
          {{0, 1, 4}}};
}

// Windows that lie on the padded sequence, and with ceil_mode one that hangs over but starts on the sequence.
Index outputs(const Window& w) {
  const auto& o = w.options;
  const Index end = w.x[2] + o.padding[1];
  Index count = 0;
  for (Index start = -o.padding[0]; start + o.dilation * (o.window - 1) < end; start += o.stride) ++count;
  const Index next = count * o.stride - o.padding[0], covered = next - o.stride + o.dilation * (o.window - 1) + 1;
  return count + (o.ceil_mode && covered < end && next < w.x[2] ? 1 : 0);
}

Sample pooling(const Window& w, bool average) {
  Sample s =
      one_operand(cat(w.x, " window ", w.options.window, " stride ", w.options.stride,
                      w.options.ceil_mode ? " rounded up" : "", w.options.count_padding ? "" : " without padding"),
                  {.shape = w.x, .distinct = !average},
                  [=](const Var& x) { return average ? avg_pool1d(x, w.options) : max_pool1d(x, w.options); });
  s.fixed_rank = true;
  s.reference = [=](std::span<const Tensor> in) {
    return generate(w.x.with(2, outputs(w)), [&](const std::vector<Index>& index) {
      Real total = 0, largest = -INFINITY;
      Index count = 0;
      for (Index k = 0; k < w.options.window; ++k) {
        const Index i = index[2] * w.options.stride + k * w.options.dilation - w.options.padding[0];
        const bool inside = i >= 0 && i < w.x[2];
        if (inside) total += at(in[0], {index[0], index[1], i});
        if (inside) largest = std::fmax(largest, static_cast<Real>(at(in[0], {index[0], index[1], i})));
        count += inside || (w.options.count_padding && i < w.x[2] + w.options.padding[1]);
      }
      return static_cast<double>(average ? total / static_cast<Real>(count) : largest);
    });
  };
  s.reference_ulps = average ? 5 : 0;
  s.reference_scale = 2.0;
  return s;
}

std::vector<Sample> averages() {
  std::vector<Sample> list;
  for (const Window& w : windows()) list.push_back(pooling(w, true));
  return list;
}
std::vector<Sample> maxima() {
  std::vector<Sample> list;
  for (const Window& w : windows()) list.push_back(pooling(w, false));
  return list;
}

Sample over_space(const Shape& shape, bool average) {
  Sample s = one_operand(shape.str(), {.shape = shape, .distinct = !average},
                         [=](const Var& x) { return average ? global_avg_pool(x) : global_max_pool(x); });
  s.reference = [=](std::span<const Tensor> in) {
    Shape out = shape;
    for (int axis = 2; axis < shape.rank(); ++axis) out = out.with(axis, 1);
    const Index positions = shape.product(2, shape.rank());
    std::vector<double> values;
    for (Index i = 0; i < out.size(); ++i) {
      Real total = 0, largest = -INFINITY;
      for (Index p = 0; p < positions; ++p) {
        total += in[0].at(i * positions + p);
        largest = std::fmax(largest, static_cast<Real>(in[0].at(i * positions + p)));
      }
      values.push_back(static_cast<double>(average ? total / static_cast<Real>(positions) : largest));
    }
    return tensor_of(out, values);
  };
  s.reference_scale = 2.0 * static_cast<double>(shape.size());
  return s;
}

std::vector<Sample> spaces(bool average) {
  std::vector<Sample> list;
  for (const Shape& shape : {Shape{2, 3, 4}, Shape{1, 2, 3, 2}, Shape{1, 2, 2, 2, 2}, Shape{0, 2, 3}, Shape{2, 1, 1},
                             Shape{1, 2, 1, 3, 1, 1, 2, 1}})
    list.push_back(over_space(shape, average));
  return list;
}
std::vector<Sample> global_averages() { return spaces(true); }
std::vector<Sample> global_maxima() { return spaces(false); }

const AddComposition added[] = {
    {"conv1d", &convolutions}, {"conv_transpose1d", &transposed_convolutions}, {"avg_pool1d", &averages},
    {"max_pool1d", &maxima},   {"global_avg_pool", &global_averages},          {"global_max_pool", &global_maxima}};

}  // namespace
}  // namespace taut::harness
