#include "nn/trainer.h"

#include <cmath>

#include "autodiff/error.h"
#include "nn/clip.h"
#include "nn/evaluate.h"
#include "nn/loss.h"

namespace taut::nn {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class TrainingScope {
 public:
  explicit TrainingScope(ModuleRef net) : net_(net) { set_training(net, true); }
  ~TrainingScope() { set_training(net_, false); }
  TrainingScope(const TrainingScope&) = delete;
  TrainingScope& operator=(const TrainingScope&) = delete;

 private:
  ModuleRef net_;
};

class Training {
 public:
  Training(ModuleRef net, const DataSet& data, Optimiser& optimiser, const TrainOptions& options)
      : net_(net),
        optimiser_(optimiser),
        options_(options),
        loader_(data, {.batch_size = options.batch_size, .seed = options.run.seed}) {}

  TrainResult run() {
    const TrainingScope training(net_);
    TrainResult result;
    for (Index epoch = 0; epoch < options_.epochs && !result.cut; ++epoch) result.cut = !run_epoch(epoch, result);
    return result;
  }

 private:
  // False when it was cut.
  bool run_epoch(Index epoch, TrainResult& result) {
    const auto start = Clock::now();
    double loss_sum = 0.0;
    Index seen = 0, correct = 0;
    for (const Batch& batch : loader_.epoch(epoch)) {
      if (options_.run.expired()) return false;
      follow_schedule(epoch, batch.number);
      const double loss = step(epoch, batch, correct);
      loss_sum += loss * static_cast<double>(batch.size());
      seen += batch.size();
      done_ += batch.size();
      report(epoch, batch.number, loss, share(correct, seen));
    }
    result.epochs.push_back(
        {epoch, options_.epochs, loss_sum / static_cast<double>(seen), share(correct, seen), seconds_since(start)});
    if (options_.on_epoch) options_.on_epoch(result.epochs.back());
    return true;
  }

  double step(Index epoch, const Batch& batch, Index& correct) {
    const Var output = net_(tape_.input(batch.inputs, "x"));
    if (classifies()) correct += count_correct(output.value(), batch.labels);
    Var loss = loss_of(output, batch);
    if (options_.penalty) loss = add(loss, options_.penalty(tape_));
    const double value = loss.item();
    if (!std::isfinite(value)) {
      tape_.rewind();
      throw NumericError(cat("[train] the loss is ", value, " in epoch ", epoch + 1, ", batch ", batch.number + 1,
                             " of ", loader_.batches(), "; lower the learning rate or check the inputs' scale"));
    }
    optimiser_.backward(loss);
    if (options_.clip_value < infinity) clip_value(optimiser_, options_.clip_value);
    if (options_.clip_norm < infinity) clip_norm(optimiser_, options_.clip_norm);
    tape_.rewind();
    optimiser_.update();
    return value;
  }

  void follow_schedule(Index epoch, Index batch) {
    if (!options_.schedule) return;
    const bool per_step = options_.schedule_unit == ScheduleUnit::step;
    if (per_step || batch == 0)
      optimiser_.set_learning_rate(options_.schedule(per_step ? epoch * loader_.batches() + batch : epoch));
  }

  Var loss_of(const Var& output, const Batch& batch) const {
    if (options_.loss) return options_.loss(output, batch);
    return classifies() ? cross_entropy(output, batch.labels) : mse(output, batch.targets);
  }

  bool classifies() const { return loader_.data().classes() > 0; }

  std::optional<double> share(Index correct, Index seen) const {
    if (!classifies()) return std::nullopt;
    return static_cast<double>(correct) / static_cast<double>(seen);
  }

  void report(Index epoch, Index batch, double loss, std::optional<double> accuracy) const {
    const auto all = static_cast<double>(options_.epochs * loader_.samples());
    const auto done = static_cast<double>(done_);
    options_.run.report("train", done / all);
    if (!options_.on_batch) return;
    const double rate = done / std::max(1e-9, seconds_since(start_));
    options_.on_batch({epoch, options_.epochs, batch, loader_.batches(), loss, accuracy, rate, (all - done) / rate});
  }

  ModuleRef net_;
  Optimiser& optimiser_;
  const TrainOptions& options_;
  DataLoader loader_;
  Tape tape_;
  Clock::time_point start_ = Clock::now();
  Index done_ = 0;
};

}  // namespace

TrainResult train(ModuleRef net, const DataSet& data, Optimiser& optimiser, const TrainOptions& options) {
  if (options.epochs < 0) throw UsageError(cat("[train] epochs must be 0 or more, got ", options.epochs));
  if (!(options.clip_value > 0.0 && options.clip_norm > 0.0))
    throw UsageError(cat("[train] limits of gradients must be positive, got clip_value ", options.clip_value,
                         " and clip_norm ", options.clip_norm));
  return Training(net, data, optimiser, options).run();
}

}  // namespace taut::nn
