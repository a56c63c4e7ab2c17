// Linear regions per second of random ReLU networks of the plane, 20 neurons a layer.
#include "lipschitz/exact.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "autodiff/ops.h"
#include "nn/random.h"

namespace {

using namespace taut;

// Gaussian weights with the deviation of He, and biases of deviation 0.3.
struct Network {
  std::vector<Tensor> weights, biases;

  explicit Network(int layers) {
    nn::Random random(7);
    for (int k = 0; k < layers; ++k) {
      const Index in = k == 0 ? 2 : 20, out = k == layers - 1 ? 1 : 20;
      weights.push_back(Tensor::zeros(Shape{out, in}, DType::f32));
      biases.push_back(Tensor::zeros(Shape{out}, DType::f32));
      nn::fill_normal(weights.back(), 0.0, std::sqrt(2.0 / static_cast<double>(in)), random);
      nn::fill_normal(biases.back(), 0.0, 0.3, random);
    }
  }
  Var operator()(const Var& x) const {
    Var h = dense(x, weights[0], biases[0]);
    for (std::size_t k = 1; k < weights.size(); ++k) h = dense(relu(h), weights[k], biases[k]);
    return h;
  }
};

void exact(benchmark::State& state) {
  const Network f(static_cast<int>(state.range(0)));
  const Tensor sample = Tensor::zeros({1, 2}, DType::f32);
  Index regions = 0;
  double overshoot = 0.0;
  for (auto _ : state) {
    const ExactResult result = exact_constant(f, sample);
    regions = result.regions;
    overshoot = result.upper.value() / result.lower.value() - 1.0;
    benchmark::DoNotOptimize(regions);
  }
  state.counters["regions"] = static_cast<double>(regions);
  state.counters["regions/s"] =
      benchmark::Counter(static_cast<double>(regions), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["upper/lower-1"] = overshoot;
}

}  // namespace

BENCHMARK(exact)->Arg(4)->Arg(5)->Arg(7)->Arg(10)->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
