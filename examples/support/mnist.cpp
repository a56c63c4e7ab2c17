#include "examples/support/mnist.h"

#include <iostream>

#include "autodiff/error.h"
#include "examples/support/interrupt.h"
#include "nn/checkpoint.h"
#include "nn/progress.h"

namespace taut::examples {
namespace {

nn::Adam optimiser_of(nn::Sequential& net, const Recipe& recipe) {
  return nn::Adam(nn::parameters(net), {.learning_rate = recipe.learning_rate});
}

nn::TrainOptions training_of(nn::Adam& optimiser, const Recipe& recipe, const CommonOptions& options,
                             nn::ProgressLine& progress) {
  nn::TrainOptions training{.epochs = options.quick ? 1 : recipe.epochs, .batch_size = recipe.batch_size};
  training.budget.seed = options.seed;
  training.loss = recipe.loss;
  training.penalty = recipe.penalty;
  training.after_step = recipe.after_step;
  progress.attach(training);
  training.on_batch = [&](const nn::BatchReport& report) {
    progress.batch(report);
    const auto done = static_cast<double>(report.epoch * report.batches + report.batch + 1);
    const auto all = static_cast<double>(report.epochs * report.batches);
    optimiser.set_learning_rate(recipe.learning_rate * (1.0 - 0.95 * done / all));
  };
  return training;
}

}  // namespace

nn::TrainAndTest load_mnist(const std::string& folder, const CommonOptions& options) {
  nn::TrainAndTest data = nn::load_mnist(folder);
  if (!options.quick) return data;
  return {data.train.first(data.train.size() / 10), data.test.first(data.test.size() / 10)};
}

std::vector<Option> Checkpoints::options() {
  return {{"--checkpoint", "FILE", "save trainings as FILE.*, after every epoch and on Ctrl-C", &file},
          {"--resume", "", "go on from what --checkpoint saved", nullptr, &resume}};
}

void train(nn::Sequential& net, const nn::DataSet& data, const Recipe& recipe, const CommonOptions& options) {
  nn::Adam optimiser = optimiser_of(net, recipe);
  nn::ProgressLine progress(std::cerr, stderr_is_terminal());
  nn::train(net, data, optimiser, training_of(optimiser, recipe, options, progress));
}

void train(nn::Sequential& net, const nn::DataSet& data, const Recipe& recipe, const CommonOptions& options,
           const Checkpointed& as) {
  const Checkpoints& checkpoints = as.checkpoints;
  if (checkpoints.file.empty()) return train(net, data, recipe, options);
  const std::string path = checkpoints.file + '.' + as.name;
  nn::Adam optimiser = optimiser_of(net, recipe);
  nn::ProgressLine progress(std::cerr, stderr_is_terminal());
  nn::TrainOptions training = training_of(optimiser, recipe, options, progress);
  Interrupt interrupt;
  training.budget.stop = interrupt.token();
  const nn::TrainingState state{net,
                                optimiser,
                                data,
                                training,
                                recipe.penalty_state,
                                cat(as.name, ", ", as.about, ", ", training.epochs, " epochs, rate ",
                                    recipe.learning_rate, ", ", options.threads, " threads")};
  training.on_batch = [&, on_batch = training.on_batch](const nn::BatchReport& report) {
    on_batch(report);
    interrupt.poll();
  };
  training.on_epoch = [&, on_epoch = training.on_epoch](const nn::EpochReport& report) {
    on_epoch(report);
    nn::save_checkpoint(path, state, {.epoch = report.epoch + 1});
  };
  if (checkpoints.resume && nn::exists_checkpoint(path)) training.start = nn::load_checkpoint(path, state);
  std::cerr << "Ctrl-C saves the training as " << path << ".state and stops\n";
  const nn::TrainResult result = nn::train(net, data, optimiser, training);
  if (!result.cut) return;
  nn::save_checkpoint(path, state, result.position);
  throw Stopped(cat("stopped in epoch ", result.position.epoch + 1, " after ", result.position.batch,
                    " batches of it and saved as ", path, ".state; the same command with --resume goes on"));
}

}  // namespace taut::examples
