// Checkpoints: a training that was cut goes on as if it had not been, to the bit, on the same machine with the same
// number of threads.
//
//   const TrainingState state{net, adam, data, options, penalty.state(), "lenet, penalty 0.08"};
//   if (exists_checkpoint("run/net")) options.start = load_checkpoint("run/net", state);
//   const TrainResult result = train(net, data, adam, options);           // options.budget.stop cuts it
//   if (result.cut) save_checkpoint("run/net", state, result.position);
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/trainer.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// What a training consists of, by reference.
struct TrainingState {
  ModuleRef net;
  Optimiser& optimiser;
  const DataSet& data;
  const TrainOptions& options;
  // What else a step changes: the vectors of a penalty, averages of weights. There must be as many when a checkpoint is
  // read as when it was written. What callbacks keep in other forms is the caller's.
  std::vector<Tensor*> more{};
  // One line of what else the numbers depend on and nothing here can see, such as schedules and penalties; compared.
  std::string about{};
};

// Writes PATH.state: parameters, running statistics and counts of draws of the net, the optimiser's state, `more` and
// the position, every number exactly; and then PATH.onnx, the net for other tools (nn/onnx/export.h). Each appears
// whole or not at all. The state is an ONNX file too, whose initialisers are the tensors. When
// train() has returned, or in on_epoch with the position {.epoch = report.epoch + 1}.
// FileError when a file cannot be written, UsageError for an `about` of several lines; UnsupportedError of a net that
// has no ONNX form, when PATH.state is complete already.
void save_checkpoint(const std::filesystem::path& path, const TrainingState& training, const TrainPosition& position);

// Whether there is a PATH.state.
bool exists_checkpoint(const std::filesystem::path& path);

// Gives everything its values in PATH.state and returns the position for TrainOptions::start. A net whose modules make
// state in their first call in training is called once for that. FileError, with no value changed, unless the file is
// whole and that of such a training: names, shapes and types of tensors, kind of optimiser and what it trains, seed,
// batch size, size of the data, `about`. Options of the optimiser and of the training are not compared beyond that:
// more epochs may be asked for than before.
TrainPosition load_checkpoint(const std::filesystem::path& path, const TrainingState& training);

}  // namespace taut::nn

#pragma GCC visibility pop
