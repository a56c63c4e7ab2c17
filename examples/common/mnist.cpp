#include "examples/common/mnist.h"

#include <iostream>

#include "nn/progress.h"

namespace taut::examples {

nn::TrainAndTest load_mnist(const std::string& folder, const CommonOptions& options) {
  nn::TrainAndTest data = nn::load_mnist(folder);
  if (!options.quick) return data;
  return {data.train.first(data.train.size() / 10), data.test.first(data.test.size() / 10)};
}

void train(nn::Sequential& net, const nn::DataSet& data, const Recipe& recipe, const CommonOptions& options) {
  nn::Adam optimiser(nn::parameters(net), {.learning_rate = recipe.learning_rate});
  nn::ProgressLine progress(std::cerr, stderr_is_terminal());
  nn::TrainOptions training{.epochs = options.quick ? 1 : recipe.epochs, .batch_size = recipe.batch_size};
  training.run.seed = options.seed;
  if (recipe.penalty_strength > 0.0)
    training.penalty = [&](Tape& tape) { return recipe.penalty_strength * (*recipe.penalty)(tape); };
  progress.attach(training);
  training.on_batch = [&](const nn::BatchReport& report) {
    progress.batch(report);
    const auto done = static_cast<double>(report.epoch * report.batches + report.batch + 1);
    const auto all = static_cast<double>(report.epochs * report.batches);
    optimiser.set_learning_rate(recipe.learning_rate * (1.0 - 0.95 * done / all));
  };
  nn::train(net, data, optimiser, training);
}

}  // namespace taut::examples
