// The factor of SeqLip for two layers: greedy search, the exact search and the multiplier bound, on Gaussian pairs with
// slopes in [0, 1]. The argument is the number of neurons between (and of inputs and outputs, except where named
// otherwise). Counters: flips of greedy search, nodes of branch and bound, upper / lower − 1.
#include <benchmark/benchmark.h>

#include <cmath>
#include <fstream>

#include "lipschitz/pair_problem.h"
#include "nn/random.h"

namespace {

using namespace taut;

PairProblem gaussian(Index p, Index n, Index q, std::uint64_t seed) {
  nn::Random random(seed);
  Tensor left = Tensor::zeros({p, n}, DType::f64), right = Tensor::zeros({n, q}, DType::f64);
  nn::fill_normal(left, 0.0, 1.0, random);
  nn::fill_normal(right, 0.0, 1.0, random);
  return PairProblem::uniform(left, right);
}

// The same pair on the other side: n, k, then A (k, n) and B (n, k) as text.
void save(const PairProblem& pair, const std::string& path) {
  std::ofstream file(path);
  file.precision(17);
  file << pair.left.shape()[1] << ' ' << pair.left.shape()[0] << '\n';
  for (const Tensor* t : {&pair.left, &pair.right})
    for (const double x : t->data<double>()) file << x << '\n';
}

void greedy(benchmark::State& state) {
  const PairProblem pair = gaussian(state.range(1), state.range(0), state.range(1), 1);
  if (const char* const path = std::getenv("TAUT_BENCH_PAIR")) save(pair, path);
  PairResult result;
  for (auto _ : state) result = pair_greedy(pair);
  state.counters["flips"] = static_cast<double>(result.flips);
  state.counters["value"] = result.lower.value();
}

void exact(benchmark::State& state, PairSearch search) {
  const Index n = state.range(0);
  const PairProblem pair = gaussian(std::min<Index>(n, 20), n, std::min<Index>(n, 20), 1);
  PairExactOptions options;
  options.search = search;
  PairResult result;
  for (auto _ : state) result = pair_exact(pair, options);
  state.counters["nodes"] = static_cast<double>(result.nodes);
  state.counters["upper/lower-1"] = result.overshoot();
}

void multiplier(benchmark::State& state) {
  const PairProblem pair = gaussian(state.range(1), state.range(0), state.range(2), 1);
  PairResult result;
  for (auto _ : state) result = pair_multiplier(pair);
  state.counters["upper/lower-1"] = result.overshoot();
}

void enumeration(benchmark::State& state) { exact(state, PairSearch::enumeration); }
void branch_and_bound(benchmark::State& state) { exact(state, PairSearch::branch_and_bound); }

BENCHMARK(greedy)->Args({20, 20})->Args({100, 100})->Args({4608, 200})->Unit(benchmark::kMillisecond);
BENCHMARK(enumeration)->Arg(16)->Arg(20)->Unit(benchmark::kMillisecond);
BENCHMARK(branch_and_bound)->Arg(20)->Arg(40)->Unit(benchmark::kMillisecond);
BENCHMARK(multiplier)->Args({20, 20, 20})->Args({100, 100, 100})->Args({500, 300, 300})->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
