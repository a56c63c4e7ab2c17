// Certified l2 norms of layers: dense matrices, convolutions with circular and with zero padding, and the eight layers
// of AlexNet. Gaussian weights with the deviation of He. The counter is upper / lower − 1 of the last enclosure.
#include <benchmark/benchmark.h>

#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/spectral.h"
#include "nn/random.h"

namespace {

using namespace taut;

void run(benchmark::State& state, const LinearMap& map) {
  double overshoot = 0;
  for (auto _ : state) {
    const auto bounds = operator_norm(map, Norm::l2);
    overshoot = bounds.upper.value() / bounds.lower.value() - 1;
  }
  state.counters["upper/lower-1"] = overshoot;
}

struct Layer {
  Index in, out, kernel, image, stride = 1, padding = -1;  // −1: half of the kernel
};

LinearMap convolution(const Layer& layer, Boundary boundary) {
  const auto [in, out, k, n, stride, given] = layer;
  const Index p = given < 0 ? k / 2 : given, m = (n + 2 * p - k) / stride + 1;
  Tensor kernel = Tensor::zeros(Shape{out, in, k, k}, DType::f32);
  nn::Random random(1);
  nn::fill_normal(kernel, 0.0, std::sqrt(2.0 / static_cast<double>(in * k * k)), random);
  const Conv2dOptions options{.stride = {stride, stride}, .padding = {p, p, p, p}};
  return LinearMap(Shape{in, n, n}, Shape{out, m, m},
                   structure::Convolution{kernel, options, {in, n, n}, {out, m, m}, boundary, false});
}

LinearMap dense(Index out, Index in) {
  Tensor weight = Tensor::zeros(Shape{out, in}, DType::f32);
  nn::Random random(1);
  nn::fill_normal(weight, 0.0, std::sqrt(2.0 / static_cast<double>(in)), random);
  return dense_map(weight, Shape{in}, Shape{out});
}

void add(const std::string& name, const LinearMap& map) {
  benchmark::RegisterBenchmark(name.c_str(), [map](benchmark::State& state) {
    run(state, map);
  })->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Layer& l :
       {Layer{16, 16, 3, 32}, {64, 64, 3, 32}, {128, 128, 3, 32}, {64, 192, 5, 27}, {256, 256, 3, 16}}) {
    const std::string size = cat(l.in, ',', l.out, ',', l.kernel, ',', l.image);
    add("circular/" + size, convolution(l, Boundary::circular));
    add("zero/" + size, convolution(l, Boundary::zero));
  }
  for (const Index n : {100, 400, 1000}) add(cat("dense/", n, 'x', n), dense(n, n));
  const Layer alexnet[] = {
      {3, 64, 11, 224, 4, 2}, {64, 192, 5, 27, 1, 2}, {192, 384, 3, 13}, {384, 256, 3, 13}, {256, 256, 3, 13}};
  for (std::size_t i = 0; i < std::size(alexnet); ++i)
    add(cat("alexnet/conv", i + 1), convolution(alexnet[i], Boundary::zero));
  add("alexnet/dense1", dense(4096, 9216));
  add("alexnet/dense2", dense(4096, 4096));
  add("alexnet/dense3", dense(1000, 4096));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
