#include "autodiff/diff.h"
#include "autodiff/error.h"
#include "tests/samples/sample_helpers.h"

namespace taut::harness {
namespace {

// One convolution. The result's size is recomputed here, independently of the library.
struct Convolution {
  Index batch, c_in, h, w, c_out, kh, kw;
  Conv2dOptions options{};
  bool biased = true;

  static Index span(Index size, Index before, Index after, Index kernel, Index stride, Index dilation) {
    return (size + before + after - dilation * (kernel - 1) - 1) / stride + 1;
  }
  Index out_h() const {
    return span(h, options.padding[0], options.padding[1], kh, options.stride[0], options.dilation[0]);
  }
  Index out_w() const {
    return span(w, options.padding[2], options.padding[3], kw, options.stride[1], options.dilation[1]);
  }
  bool batch_first() const { return options.layout == Layout::nchw; }
  Shape image(Index c, Index rows, Index columns) const {
    return batch_first() ? Shape{batch, c, rows, columns} : Shape{c, rows, columns, batch};
  }
  Shape x() const { return image(c_in, h, w); }
  Shape y() const { return image(c_out, out_h(), out_w()); }
  Shape kernel() const { return {c_out, c_in / options.groups, kh, kw}; }
  std::vector<Index> index(Index n, Index c, Index i, Index j) const {
    return batch_first() ? std::vector<Index>{n, c, i, j} : std::vector<Index>{c, i, j, n};
  }

  // Calls f(index in x, index in kernel, index in y) for every product of the trilinear form Σ y · (x ⋆ w).
  template <class F>
  void for_each_product(F&& f) const {
    const Index in_group = c_in / options.groups, out_group = c_out / options.groups;
    const auto& o = options;
    for (Index n = 0; n < batch; ++n)
      for (Index c = 0; c < c_out; ++c)
        for (Index i = 0; i < out_h(); ++i)
          for (Index j = 0; j < out_w(); ++j)
            for (Index t = 0; t < in_group; ++t)
              for (Index p = 0; p < kh; ++p)
                for (Index q = 0; q < kw; ++q) {
                  const Index row = i * o.stride[0] + p * o.dilation[0] - o.padding[0];
                  const Index column = j * o.stride[1] + q * o.dilation[1] - o.padding[2];
                  if (row < 0 || row >= h || column < 0 || column >= w) continue;
                  f(index(n, c / out_group * in_group + t, row, column), std::vector<Index>{c, t, p, q},
                    index(n, c, i, j));
                }
  }
  std::string text() const {
    const auto& o = options;
    return cat(x(), " by ", kernel(), " stride ", o.stride[0], ' ', o.stride[1], " dilation ", o.dilation[0], ' ',
               o.dilation[1], " padding ", o.padding[0], ' ', o.padding[1], ' ', o.padding[2], ' ', o.padding[3],
               " groups ", o.groups);
  }
};

// A tensor that sums are collected in.
class Sums {
 public:
  explicit Sums(const Shape& shape) : values_(static_cast<std::size_t>(shape.size()), 0), shape_(shape) {}
  Real& operator[](const std::vector<Index>& index) {
    Index flat = 0;
    for (int axis = 0; axis < shape_.rank(); ++axis) flat = flat * shape_[axis] + index[static_cast<std::size_t>(axis)];
    return values_[static_cast<std::size_t>(flat)];
  }
  Tensor tensor() const { return tensor_of(shape_, std::vector<double>(values_.begin(), values_.end())); }

 private:
  std::vector<Real> values_;
  Shape shape_;
};

void add_bias(const Convolution& c, Sums& sums, const Shape& shape, std::span<const Tensor> in) {
  if (!c.biased) return;
  generate(shape, [&](const std::vector<Index>& index) {
    sums[index] += in[2].at(index[c.batch_first() ? 1 : 0]);
    return 0.0;
  });
}

const std::vector<Convolution>& convolutions() {
  constexpr Layout chwn = Layout::chwn;
  static const std::vector<Convolution> list{
      {1, 1, 4, 4, 1, 3, 3},
      {1, 2, 4, 3, 3, 3, 2, {.stride = {2, 1}, .padding = {1, 0, 2, 1}}},
      {1, 1, 5, 5, 2, 2, 2, {.stride = {2, 2}, .dilation = {2, 2}, .padding = {2, 1, 1, 2}}, false},
      {1, 1, 5, 4, 1, 2, 2, {.stride = {3, 2}, .dilation = {1, 2}}, false},
      {1, 2, 3, 3, 4, 2, 2, {.groups = 2}},
      {1, 3, 3, 3, 3, 2, 3, {.stride = {1, 2}, .padding = {1, 1, 1, 1}, .groups = 3, .layout = chwn}},
      {1, 2, 3, 4, 2, 1, 1, {.layout = chwn}, false},
      {3, 2, 3, 3, 2, 2, 2, {.padding = {1, 0, 0, 1}}},
      {2, 1, 4, 3, 2, 3, 3, {.stride = {2, 2}, .padding = {1, 1, 1, 1}, .layout = chwn}},
      {2, 2, 4, 4, 2, 2, 2, {.dilation = {2, 1}, .groups = 2, .layout = chwn}, false},
      {2, 4, 9, 11, 6, 3, 3, {.stride = {2, 2}, .padding = {1, 1, 1, 1}, .groups = 2}},
      {0, 1, 3, 3, 1, 2, 2},
  };
  return list;
}

Sample convolving(const Convolution& c, const Shape& image, Index bias_size, std::size_t arity) {
  Sample s;
  s.name = c.text();
  s.operands = {{.shape = image}, {.shape = c.kernel()}};
  if (arity == 3) s.operands.push_back({.shape = {bias_size}});
  s.weights = 0b110;
  s.batch_axis = c.batch_first() ? 0 : 3;
  s.rules = c.batch == 1;
  s.fixed_rank = true;
  s.reference_scale = 4.0 * static_cast<double>(c.c_in * c.c_out * c.kh * c.kw) + 2;
  s.unbounded = {3, 7};
  s.witness = product_witness(shapes_of(s));
  return s;
}

}  // namespace

template <>
std::vector<Sample> samples<Conv2d>() {
  std::vector<Sample> list;
  for (const Convolution& c : convolutions()) {
    Sample s = convolving(c, c.x(), c.c_out, c.biased ? 3 : 2);
    s.f = [c](std::span<const Var> in) { return conv2d(in[0], in[1], c.biased ? in[2] : Var(), c.options); };
    s.reference = [c](std::span<const Tensor> in) {
      Sums y(c.y());
      c.for_each_product([&](const auto& x, const auto& w, const auto& out) {
        y[out] += static_cast<Real>(at(in[0], x)) * at(in[1], w);
      });
      add_bias(c, y, c.y(), in);
      return y.tensor();
    };
    list.push_back(std::move(s));
  }
  return list;
}

template <>
std::vector<Sample> samples<ConvTranspose2d>() {
  std::vector<Sample> list;
  for (const Convolution& c : convolutions()) {
    Sample s = convolving(c, c.y(), c.c_in, c.biased ? 3 : 2);
    s.f = [c](std::span<const Var> in) {
      const std::array<Index, 2> size{c.h, c.w};
      return conv_transpose2d(in[0], in[1], c.biased ? in[2] : Var(), c.options, size);
    };
    s.reference = [c](std::span<const Tensor> in) {
      Sums x(c.x());
      c.for_each_product([&](const auto& image, const auto& w, const auto& y) {
        x[image] += static_cast<Real>(at(in[0], y)) * at(in[1], w);
      });
      add_bias(c, x, c.x(), in);
      return x.tensor();
    };
    list.push_back(std::move(s));
  }
  return list;
}

// conv2d_weight_gradient has no function of its own: it is what conv2d's vjp records for its kernel.
template <>
std::vector<Sample> samples<Conv2dWeightGradient>() {
  std::vector<Sample> list;
  for (const Convolution& c : convolutions()) {
    Sample s = convolving(c, c.x(), 0, 2);
    s.operands[1].shape = c.y();
    s.weights = 0;
    s.unbounded = {3};
    s.witness = product_witness(shapes_of(s));
    s.reference_scale = 4.0 * static_cast<double>(c.y().size());
    const auto f = [c](Tape& tape, std::span<const Var> in) {
      const Var kernel = tape.input(Tensor::zeros(c.kernel(), in[0].dtype()));
      return vjp(conv2d(in[0], kernel, Var(), c.options), in[1], kernel, {.create_graph = true});
    };
    s.f = [f](std::span<const Var> in) { return on_some_tape(in, f); };
    s.reference = [c](std::span<const Tensor> in) {
      Sums kernel(c.kernel());
      c.for_each_product([&](const auto& x, const auto& w, const auto& y) {
        kernel[w] += static_cast<Real>(at(in[0], x)) * at(in[1], y);
      });
      return kernel.tensor();
    };
    list.push_back(std::move(s));
  }
  return list;
}

}  // namespace taut::harness
