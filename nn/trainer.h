// The training loop.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "lipschitz/budget.h"
#include "nn/data.h"
#include "nn/module.h"
#include "nn/optimiser.h"
#include "nn/schedule.h"

#pragma GCC visibility push(default)

namespace taut::nn {

struct BatchReport {
  Index epoch = 0, epochs = 0;       // from 0
  Index batch = 0, batches = 0;      // from 0, within the epoch
  double loss = 0.0;                 // of this batch, with the penalty
  std::optional<double> accuracy{};  // of this epoch so far, on the training batches; for classification
  double samples_per_second = 0.0;
  double seconds_left = 0.0;  // of the whole training, at this rate
};

struct EpochReport {
  Index epoch = 0, epochs = 0;
  double loss = 0.0;                 // mean over the samples
  std::optional<double> accuracy{};  // on the training batches, while the net was changing
  double seconds = 0.0;
};

// Where a training is: what comes next, and the running sums of what is reported of an epoch. From a checkpoint, or the
// beginning.
struct TrainPosition {
  Index epoch = 0, batch = 0;   // the next to be done, from 0
  double loss_sum = 0.0;        // over the samples of this epoch so far
  Index seen = 0, correct = 0;  // samples of this epoch so far; those among them that were classified correctly
  friend bool operator==(const TrainPosition&, const TrainPosition&) = default;
};

enum class ScheduleUnit : std::uint8_t { epoch, step };  // a step is one batch

struct TrainOptions {
  Index epochs = 5;
  Index batch_size = 64;
  // Deadline, stop token, progress and seed. The seed fixes the order of the samples: together with the initial weights
  // it fixes every number of a training, also of one that is cut and continued.
  Budget budget{};
  // From the net's output to the loss; when empty, cross entropy for classification and mse for regression.
  std::function<Var(const Var& output, const Batch& batch)> loss{};
  // Added to the loss of every batch; records on the tape of the step.
  std::function<Var(Tape& tape)> penalty{};
  // The learning rate of every epoch, or of every batch, counted from 0 in this training; when empty, the optimiser's
  // own.
  Schedule schedule{};
  ScheduleUnit schedule_unit = ScheduleUnit::epoch;
  // Gradients are cut to these before the update (nn/clip.h), first by value; infinity: not.
  double clip_value = infinity, clip_norm = infinity;
  // After every update, as for projections of weights onto norm balls.
  std::function<void()> after_step{};
  std::function<void(const BatchReport&)> on_batch{};
  std::function<void(const EpochReport&)> on_epoch{};
  // A training that was cut goes on here, as if it had not been: the position that train() returned, or that
  // load_checkpoint() did with everything else that is needed (nn/checkpoint.h).
  TrainPosition start{};
};

struct TrainResult {
  std::vector<EpochReport> epochs;  // those that this call finished
  bool cut = false;                 // the deadline passed or a stop was requested
  TrainPosition position;           // what would come next
};

// Trains in place; modules are in training mode meanwhile and in inference afterwards. The optimiser must hold the
// net's parameters. NumericError naming epoch and batch as soon as a loss is not finite: the parameters are then those
// before that batch. UsageError for a start outside of the training. A warm step allocates nothing beyond the pool of
// tensors.
TrainResult train(ModuleRef net, const DataSet& data, Optimiser& optimiser, const TrainOptions& options = {});

}  // namespace taut::nn

#pragma GCC visibility pop
