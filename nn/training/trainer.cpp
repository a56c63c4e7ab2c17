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
        loader_(data, {.batch_size = options.batch_size, .seed = options.budget.seed}),
        at_(options.start) {
    require_start();
  }

  TrainResult run() {
    const TrainingScope training(net_);
    TrainResult result;
    while (at_.epoch < options_.epochs && !result.cut) result.cut = !run_epoch(result);
    result.position = at_;
    return result;
  }

 private:
  // False when it was cut.
  bool run_epoch(TrainResult& result) {
    const auto start = Clock::now();
    for (const Batch& batch : loader_.epoch(at_.epoch, at_.batch)) {
      if (options_.budget.expired()) return false;
      follow_schedule(at_.epoch, batch.number);
      const double loss = step(at_.epoch, batch);
      at_.loss_sum += loss * static_cast<double>(batch.size());
      at_.seen += batch.size();
      done_ += batch.size();
      ++at_.batch;
      report(batch.number, loss);
    }
    result.epochs.push_back(
        {at_.epoch, options_.epochs, at_.loss_sum / static_cast<double>(at_.seen), share(), seconds_since(start)});
    at_ = {.epoch = at_.epoch + 1};
    if (options_.on_epoch) options_.on_epoch(result.epochs.back());
    return true;
  }

  double step(Index epoch, const Batch& batch) {
    const Var output = net_(tape_.input(batch.inputs, "x"));
    const Index correct = classifies() ? count_correct(output.value(), batch.labels) : 0;
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
    if (options_.after_step) options_.after_step();
    at_.correct += correct;
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

  std::optional<double> share() const {
    if (!classifies()) return std::nullopt;
    return static_cast<double>(at_.correct) / static_cast<double>(at_.seen);
  }

  void report(Index batch, double loss) const {
    const auto all = static_cast<double>(options_.epochs * loader_.samples());
    const auto done = static_cast<double>(at_.epoch * loader_.samples() + at_.seen);
    options_.budget.report("train", done / all);
    if (!options_.on_batch) return;
    const double rate = static_cast<double>(done_) / std::max(1e-9, seconds_since(start_));
    options_.on_batch({at_.epoch, options_.epochs, batch, loader_.batches(), loss, share(), rate, (all - done) / rate});
  }

  void require_start() const {
    const bool within = at_.epoch >= 0 && at_.batch >= 0 && at_.batch < loader_.batches();
    if (!within || at_.seen != std::min(at_.batch * options_.batch_size, loader_.samples()))
      throw UsageError(cat("[train] the start, epoch ", at_.epoch, ", batch ", at_.batch, " after ", at_.seen,
                           " samples, is no position of a training with ", loader_.batches(), " batches of ",
                           options_.batch_size, "; take it from the TrainResult or the checkpoint of that training"));
  }

  ModuleRef net_;
  Optimiser& optimiser_;
  const TrainOptions& options_;
  DataLoader loader_;
  Tape tape_;
  Clock::time_point start_ = Clock::now();
  TrainPosition at_;
  Index done_ = 0;  // samples of this call
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
