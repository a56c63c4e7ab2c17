#include "tests/autodiff/maps/linear_map_samples.h"

#include "autodiff/error.h"
#include "autodiff/kernels/conv.h"

namespace taut::test {
namespace {

using harness::Random;

SampleMap dense(const Tensor& weight) {
  const Index m = weight.shape()[0], n = weight.shape()[1];
  return {"dense", dense_map(weight, {n}, {m}), matrix_of(weight)};
}

SampleMap dense_along(const Tensor& weight, Index outer, Index inner) {
  const Index m = weight.shape()[0], n = weight.shape()[1];
  Matrix a(outer * m * inner, outer * n * inner);
  for (Index o = 0; o < outer; ++o)
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j)
        for (Index k = 0; k < inner; ++k) a.at((o * m + i) * inner + k, (o * n + j) * inner + k) = weight.at(i * n + j);
  return {cat("dense along, outer ", outer, ", inner ", inner),
          LinearMap({outer, n, inner}, {outer, m, inner}, structure::DenseAlong{weight, outer, inner}), a};
}

SampleMap scale(Index n, double factor) {
  Matrix a(n, n);
  for (Index i = 0; i < n; ++i) a.at(i, i) = factor;
  return {cat("scale ", factor), scale_map({n}, factor), a};
}

SampleMap diagonal(const Tensor& values, Index inner, Index repeats) {
  const Index count = values.size(), n = repeats * count * inner;
  Matrix a(n, n);
  Index at = 0;
  for (Index r = 0; r < repeats; ++r)
    for (Index c = 0; c < count; ++c)
      for (Index i = 0; i < inner; ++i, ++at) a.at(at, at) = values.at(c);
  const Shape shape{repeats, count, inner};
  return {cat("diagonal ", shape), LinearMap(shape, shape, structure::Diagonal{values, inner}), a};
}

SampleMap selection(std::vector<Index> source, Index n) {
  const auto m = static_cast<Index>(source.size());
  Matrix a(m, n);
  for (Index i = 0; i < m; ++i)
    if (source[static_cast<std::size_t>(i)] >= 0) a.at(i, source[static_cast<std::size_t>(i)]) = 1.0;
  return {"selection", LinearMap({n}, {m}, structure::Selection{list(std::move(source))}), a};
}

SampleMap gathering(const std::vector<Index>& target, Index m) {
  const SampleMap s = selection(target, m);
  return {"gathering", LinearMap(s.map.out_shape(), s.map.in_shape(), structure::Gathering{list(target)}),
          transposed(s.matrix)};
}

structure::Convolution convolution(std::array<Index, 3> image, const Tensor& kernel, const Conv2dOptions& options,
                                   Boundary boundary = Boundary::zero, bool is_transposed = false) {
  const kernels::ConvShape s = kernels::conv_shape(1, image, kernel.shape(), options, "test");
  return {kernel, options, image, {s.c_out, s.out_h, s.out_w}, boundary, is_transposed};
}

// [A B], [A; B], A + B.
SampleMap row(const SampleMap& a, const SampleMap& b) {
  Matrix m(a.matrix.rows, a.matrix.columns + b.matrix.columns);
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < m.columns; ++j)
      m.at(i, j) = j < a.matrix.columns ? a.matrix.at(i, j) : b.matrix.at(i, j - a.matrix.columns);
  return {"row of (" + a.name + ") and (" + b.name + ")",
          LinearMap({m.columns}, a.map.out_shape(), structure::BlockRow{{a.map, b.map}}), m, a.single && b.single};
}
SampleMap column(const SampleMap& a, const SampleMap& b) {
  Matrix m(a.matrix.rows + b.matrix.rows, a.matrix.columns);
  for (Index i = 0; i < m.rows; ++i)
    for (Index j = 0; j < m.columns; ++j)
      m.at(i, j) = i < a.matrix.rows ? a.matrix.at(i, j) : b.matrix.at(i - a.matrix.rows, j);
  return {"column of (" + a.name + ") and (" + b.name + ")",
          LinearMap(a.map.in_shape(), {m.rows}, structure::BlockColumn{{a.map, b.map}}), m, a.single && b.single};
}
SampleMap sum(const SampleMap& a, const SampleMap& b) {
  Matrix m = a.matrix;
  for (std::size_t i = 0; i < m.entries.size(); ++i) m.entries[i] += b.matrix.entries[i];
  return {"sum of (" + a.name + ") and (" + b.name + ")",
          LinearMap(a.map.in_shape(), a.map.out_shape(), structure::Sum{{a.map, b.map}}), m, false};
}
SampleMap composition(const SampleMap& a, const SampleMap& b) {
  return {"(" + a.name + ") after (" + b.name + ")",
          LinearMap(b.map.in_shape(), a.map.out_shape(), structure::Composition{{a.map, b.map}}),
          product(a.matrix, b.matrix), false};
}

}  // namespace

std::shared_ptr<const std::vector<Index>> list(std::vector<Index> indices) {
  return std::make_shared<const std::vector<Index>>(std::move(indices));
}

Matrix transposed(const Matrix& a) {
  Matrix t(a.columns, a.rows);
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < a.columns; ++j) t.at(j, i) = a.at(i, j);
  return t;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.columns);
  for (Index i = 0; i < a.rows; ++i)
    for (Index k = 0; k < a.columns; ++k)
      for (Index j = 0; j < b.columns; ++j) c.at(i, j) += a.at(i, k) * b.at(k, j);
  return c;
}

Matrix matrix_of(const Tensor& entries) {
  Matrix a(entries.shape()[0], entries.shape()[1]);
  for (Index i = 0; i < entries.size(); ++i) a.entries[static_cast<std::size_t>(i)] = entries.at(i);
  return a;
}

Tensor random_weights(Random& random, const Shape& shape, Weights weights, DType dtype) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  for (double& w : t.mutable_data<double>())
    w = weights == Weights::dyadic ? static_cast<double>(random.integer(-8, 8)) / 4.0 : random.uniform(-2.0, 2.0);
  return t.to(dtype);
}

// y[co, oy, ox] = Σ kernel[co, ci, ky, kx] · x[ci, oy·stride + ky·dilation − top, ox·stride + kx·dilation − left], ci
// over the input channels of co's group; outside of the image 0, or its periodic continuation.
SampleMap convolution_sample(const structure::Convolution& c) {
  const Index c_in = c.image[0], h = c.image[1], w = c.image[2];
  const Index c_out = c.result[0], oh = c.result[1], ow = c.result[2];
  const Conv2dOptions& o = c.options;
  const Index per_group = c_in / o.groups, kh = c.kernel.shape()[2], kw = c.kernel.shape()[3];
  Matrix a(c_out * oh * ow, c_in * h * w);
  const auto entry = [&](Index co, Index oy, Index ox, Index k, Index ky, Index kx) {
    const Index ci = co / (c_out / o.groups) * per_group + k;
    Index y = oy * o.stride[0] + ky * o.dilation[0] - o.padding[0];
    Index x = ox * o.stride[1] + kx * o.dilation[1] - o.padding[2];
    if (c.boundary == Boundary::circular) {
      while (y < 0) y += h;
      while (x < 0) x += w;
      y %= h;
      x %= w;
    }
    if (y < 0 || y >= h || x < 0 || x >= w) return;
    a.at((co * oh + oy) * ow + ox, (ci * h + y) * w + x) += c.kernel.at(((co * per_group + k) * kh + ky) * kw + kx);
  };
  for (Index co = 0; co < c_out; ++co)
    for (Index oy = 0; oy < oh; ++oy)
      for (Index ox = 0; ox < ow; ++ox)
        for (Index k = 0; k < per_group; ++k)
          for (Index ky = 0; ky < kh; ++ky)
            for (Index kx = 0; kx < kw; ++kx) entry(co, oy, ox, k, ky, kx);
  const Shape image{c_in, h, w}, result{c_out, oh, ow};
  const std::string name =
      cat(c.transposed ? "transposed " : "", c.boundary == Boundary::circular ? "circular " : "", "convolution of ",
          image, " by ", c.kernel.shape(), ", stride ", o.stride[0], 'x', o.stride[1], ", dilation ", o.dilation[0],
          'x', o.dilation[1], ", padding ", o.padding[0], ',', o.padding[1], ',', o.padding[2], ',', o.padding[3]);
  const bool single = c.boundary == Boundary::zero;
  if (c.transposed) return {name, LinearMap(result, image, c), transposed(a), single};
  return {name, LinearMap(image, result, c), a, single};
}

std::vector<SampleMap> atoms(Random& random, Weights weights, DType dtype) {
  const auto random_tensor = [&](const Shape& shape) { return random_weights(random, shape, weights, dtype); };
  std::vector<SampleMap> maps{
      dense(random_tensor({3, 5})),
      dense(random_tensor({7, 2})),
      dense_along(random_tensor({3, 4}), 2, 1),
      dense_along(random_tensor({3, 4}), 2, 3),
      dense_along(random_tensor({4, 2}), 1, 5),
      scale(4, -0.75),
      diagonal(random_tensor({6}), 1, 1),
      diagonal(random_tensor({3}), 4, 2),
      diagonal(random_tensor({3}), 1, 2),
      selection({2, 0, 0, -1, 3, 0}, 4),
      gathering({2, 0, 0, -1, 1, 0}, 4),
      gathering({1, 0, 2}, 3),
  };
  const std::vector<structure::Convolution> plain{
      convolution({2, 4, 5}, random_tensor({3, 2, 3, 3}), {{1, 1}, {1, 1}, {1, 1, 1, 1}}),
      convolution({2, 6, 5}, random_tensor({2, 2, 2, 3}), {{2, 1}, {1, 2}, {0, 1, 2, 1}}),
      convolution({4, 5, 5}, random_tensor({2, 2, 3, 2}), {{1, 2}, {1, 1}, {1, 0, 0, 1}, 2}),
      convolution({1, 3, 3}, random_tensor({1, 1, 5, 4}), {{1, 1}, {1, 1}, {2, 2, 2, 1}}),
      convolution({3, 4, 4}, random_tensor({3, 1, 1, 1}), {{1, 1}, {1, 1}, {0, 0, 0, 0}, 3}),
      convolution({1, 5, 4}, random_tensor({2, 1, 2, 2}), {{3, 2}, {2, 3}, {1, 2, 0, 1}}),
  };
  for (structure::Convolution c : plain)
    for (const Boundary boundary : {Boundary::zero, Boundary::circular})
      for (const bool is_transposed : {false, true}) {
        c.boundary = boundary;
        c.transposed = is_transposed;
        maps.push_back(convolution_sample(c));
      }
  return maps;
}

std::vector<SampleMap> all_maps(Random& random, Weights weights, DType dtype) {
  const auto matrix = [&](Index m, Index n) { return dense(random_weights(random, {m, n}, weights, dtype)); };
  const SampleMap a = matrix(4, 3), b = matrix(4, 3), c = matrix(3, 4), g = gathering({2, 0, 0, -1, 1, 0}, 4);
  std::vector<SampleMap> maps = atoms(random, weights, dtype);
  maps.insert(maps.end(), {
                              row(a, g),
                              row(scale(4, 1.0), b),
                              column(a, b),
                              column(c, selection({1, 1, -1}, 4)),
                              sum(a, b),
                              composition(a, c),
                              composition(selection({3, 3, 0}, 4), g),
                              composition(composition(a, c), scale(4, -0.5)),
                              row(composition(a, c), sum(b, a)),
                              composition(column(a, b), scale(3, 3.0)),
                              sum(composition(a, c), scale(4, -1.0)),
                              sum(column(a, b), column(b, a)),
                          });
  return maps;
}

}  // namespace taut::test
