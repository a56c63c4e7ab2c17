// l2 norms of layers: dense matrices, convolutions with circular and with zero padding, and the eight layers of
// AlexNet, certified and probabilistic; and all singular values of circular convolutions. Gaussian weights with the
// deviation of He. The counter is upper / lower − 1 of the last enclosure.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "autodiff/error.h"
#include "lipschitz/singular_values.h"
#include "lipschitz/spectral.h"
#include "nn/random.h"

namespace {

using namespace taut;

int threads = 1;  // --threads=N, before the options of Google Benchmark

void run(benchmark::State& state, const LinearMap& map, Effort effort) {
  double overshoot = 0;
  NormOptions options;
  options.effort = effort;
  options.budget.threads = threads;
  for (auto _ : state) {
    const Enclosure bounds = operator_norm(map, Norm::l2, options);
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

void add(const std::string& name, const LinearMap& map, Effort effort = Effort::certified) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { run(state, map, effort); })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
void add_spectrum(const std::string& name, const LinearMap& map) {
  const auto all = [map](benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(singular_values(map));
  };
  benchmark::RegisterBenchmark(name.c_str(), all)->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]).starts_with("--threads=")) {
    threads = std::max(1, std::atoi(argv[1] + std::string_view("--threads=").size()));
    argv[1] = argv[0];
    ++argv, --argc;
  }
  for (const Layer& l :
       {Layer{16, 16, 3, 32}, {64, 64, 3, 32}, {128, 128, 3, 32}, {64, 192, 5, 27}, {256, 256, 3, 16}}) {
    const std::string size = cat(l.in, ',', l.out, ',', l.kernel, ',', l.image);
    add("circular/" + size, convolution(l, Boundary::circular));
    add("zero/" + size, convolution(l, Boundary::zero));
    add_spectrum("spectrum/" + size, convolution(l, Boundary::circular));
  }
  for (const Index n : {100, 400, 1000}) add(cat("dense/", n, 'x', n), dense(n, n));
  const Layer alexnet[] = {
      {3, 64, 11, 224, 4, 2}, {64, 192, 5, 27, 1, 2}, {192, 384, 3, 13}, {384, 256, 3, 13}, {256, 256, 3, 13}};
  const auto layers = [&](const std::string& name, Effort effort) {
    for (std::size_t i = 0; i < std::size(alexnet); ++i)
      add(cat(name, "/conv", i + 1), convolution(alexnet[i], Boundary::zero), effort);
    add(name + "/dense1", dense(4096, 9216), effort);
    add(name + "/dense2", dense(4096, 4096), effort);
    add(name + "/dense3", dense(1000, 4096), effort);
  };
  layers("alexnet", Effort::certified);
  layers("probabilistic", Effort::probabilistic);
  for (const Index channels : {8, 16, 32, 64, 128, 256})
    add(cat("growth/channels/", channels), convolution({channels, channels, 3, 32}, Boundary::zero));
  for (const Index side : {8, 16, 32, 64, 128, 256})
    add(cat("growth/image/", side), convolution({16, 16, 3, side}, Boundary::zero));
  for (const Index n : {128, 256, 512, 1024, 2048, 4096}) add(cat("growth/dense/", n), dense(n, n));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
