// Cost of one node: recording plus reverse mode over chains of 1000 operations on small tensors. "per_node" is the time
// of the whole iteration (rewind, record, gradient) divided by the number of operations.
#include <benchmark/benchmark.h>

#include <functional>

#include "autodiff/diff.h"
#include "autodiff/ops.h"

namespace {

using namespace taut;

constexpr int length = 1000;

template <class Step>
void chain(benchmark::State& state, Step&& step) {
  const Tensor start = Tensor::full(Shape{state.range(0)}, DType::f64, 0.5);
  const Tensor factor = Tensor::full(Shape{state.range(0)}, DType::f64, 1.0000001);
  Tape tape;
  for (auto _ : state) {
    tape.rewind();
    const Var x = tape.input(start);
    const Var c = tape.constant(factor);
    Var y = x;
    for (int i = 0; i < length; ++i) y = step(y, x, c);
    benchmark::DoNotOptimize(vjp(y, Var(factor), x));
  }
  state.counters["per_node"] = benchmark::Counter(static_cast<double>(state.iterations()) * length,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void times_constant(benchmark::State& state) {
  chain(state, [](const Var& y, const Var&, const Var& c) { return y * c; });
}
void plus_constant(benchmark::State& state) {
  chain(state, [](const Var& y, const Var&, const Var& c) { return y + c; });
}
void times_number(benchmark::State& state) {
  chain(state, [](const Var& y, const Var&, const Var&) { return y * 1.0000001; });
}
void times_input(benchmark::State& state) {
  chain(state, [](const Var& y, const Var& x, const Var&) { return y * x; });
}
void tanh_chain(benchmark::State& state) {
  chain(state, [](const Var& y, const Var&, const Var&) { return tanh(y); });
}

BENCHMARK(times_constant)->Arg(1)->Arg(64);
BENCHMARK(plus_constant)->Arg(1)->Arg(64);
BENCHMARK(times_number)->Arg(1)->Arg(64);
BENCHMARK(times_input)->Arg(1)->Arg(64);
BENCHMARK(tanh_chain)->Arg(1)->Arg(64);

}  // namespace

BENCHMARK_MAIN();
