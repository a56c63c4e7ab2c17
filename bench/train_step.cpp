// One training step: forward, loss, backward, update, on a batch that is in memory; one BLAS thread.
// bench/side_by_side.py runs the same steps in PyTorch beside it. "+autolip" adds log AutoLip to the loss, "+gradient"
// the mean square norm of the loss's gradient by the images, which needs second derivatives.
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <functional>
#include <memory>

#include "lipschitz/penalty.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "nn/sequential.h"

namespace {

using namespace taut;
using nn::AnyModule;

struct Case {
  nn::Sequential net;
  Shape input;
  bool classifies = true;
};

Case mlp(std::vector<Index> widths, Index batch, bool classifies, nn::LayerOptions options) {
  nn::Random random(0);
  Case c{{}, Shape{batch, widths[0]}, classifies};
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    c.net.add(nn::Linear(widths[i], widths[i + 1], random, options));
    if (i + 2 < widths.size()) c.net.add(nn::ReLU());
  }
  return c;
}

// The 4-layer network of the AutoLip paper's table on MNIST.
Case mnist4(Index batch, nn::LayerOptions options) {
  nn::Random random(0);
  const Conv2dOptions stride_two{.stride = {2, 2}};
  Case c{{}, Shape{batch, 1, 28, 28}, true};
  c.net.add(nn::Conv2d(1, 32, {5, 5}, random, stride_two, options));
  c.net.add(nn::ReLU());
  c.net.add(nn::Conv2d(32, 64, {3, 3}, random, stride_two, options));
  c.net.add(nn::ReLU());
  c.net.add(nn::Conv2d(64, 128, {3, 3}, random, stride_two, options));
  c.net.add(nn::ReLU());
  c.net.add(nn::Conv2d(128, 10, {2, 2}, random, {}, options));
  c.net.add(nn::Flatten());
  return c;
}

enum class Rule { sgd, adam };
enum class Penalty { none, log_autolip, gradient };

// Of the batch's loss, the mean over the samples of the square norm of a sample's gradient.
Var gradient_penalty(const Var& loss, const Var& images) {
  const auto batch = static_cast<double>(images.shape()[0]);
  return batch * sum(square(grad(loss, images, {.create_graph = true})));
}

template <class Make>
void step(benchmark::State& state, Make&& make, DType dtype, Rule rule, Penalty penalty) {
  openblas_set_num_threads(1);
  Case c = make(nn::LayerOptions{.dtype = dtype});
  const auto parameters = nn::parameters(c.net);
  std::unique_ptr<nn::Optimiser> optimiser;
  if (rule == Rule::sgd)
    optimiser = std::make_unique<nn::Sgd>(parameters, nn::SgdOptions{.learning_rate = 1e-3});
  else
    optimiser = std::make_unique<nn::Adam>(parameters, nn::AdamOptions{.learning_rate = 1e-4});
  nn::Random random(1);
  Tensor images = Tensor::zeros(c.input, dtype);
  nn::fill_normal(images, 0.0, 1.0, random);
  const Index batch = c.input[0];
  Tensor targets = Tensor::zeros(Shape{batch, 1}, dtype);
  nn::fill_normal(targets, 0.0, 1.0, random);
  std::vector<Index> labels(static_cast<std::size_t>(batch));
  for (Index& label : labels) label = random.below(10);

  LogAutoLip log_autolip;
  const Tensor one = slice(images, 0, 0, 1).value();
  Tape tape;
  const auto once = [&] {
    tape.rewind();
    const Var x = tape.input(images);
    const Var y = c.net(x);
    Var loss = c.classifies ? nn::cross_entropy(y, labels) : nn::mse(y, Var(targets));
    if (penalty == Penalty::gradient) loss = loss + 0.1 * gradient_penalty(loss, x);
    if (penalty == Penalty::log_autolip) {
      const Var sample = tape.constant(one);
      loss = loss + 0.1 * log_autolip(c.net(sample), sample);
    }
    return optimiser->step(loss);
  };
  for (int i = 0; i < 3; ++i) once();
  for (auto _ : state) benchmark::DoNotOptimize(once());
}

void add(const std::string& name, std::function<Case(nn::LayerOptions)> make, Penalty penalty = Penalty::none) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Rule rule : {Rule::sgd, Rule::adam}) {
      const std::string full = name + (rule == Rule::sgd ? "/sgd/" : "/adam/") + to_string(dtype);
      benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
        step(state, make, dtype, rule, penalty);
      })->Unit(benchmark::kMicrosecond);
    }
}

}  // namespace

int main(int argc, char** argv) {
  add("mlp784-b64", [](nn::LayerOptions o) { return mlp({784, 128, 64, 10}, 64, true, o); });
  add("mlp784-b128", [](nn::LayerOptions o) { return mlp({784, 128, 64, 10}, 128, true, o); });
  add("tiny-b128", [](nn::LayerOptions o) { return mlp({2, 20, 20, 20, 1}, 128, false, o); });
  add("mnist4-b128", [](nn::LayerOptions o) { return mnist4(128, o); });
  for (const auto& [suffix, penalty] :
       {std::pair{"+autolip", Penalty::log_autolip}, {"+gradient", Penalty::gradient}}) {
    const std::string after = suffix;
    add(
        "mlp784-b64" + after,
        [](nn::LayerOptions o) {
          return mlp({784, 128, 64, 10}, 64, true, o);
        },
        penalty);
    add(
        "mlp784-b128" + after,
        [](nn::LayerOptions o) {
          return mlp({784, 128, 64, 10}, 128, true, o);
        },
        penalty);
    add(
        "mnist4-b128" + after, [](nn::LayerOptions o) { return mnist4(128, o); }, penalty);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
