// Learning rates that change while a net is trained. A schedule is a value: rate = schedule(step), step counting from
// 0 in epochs or in batches, whichever the caller counts (TrainOptions::schedule_unit).
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "autodiff/shape.h"

#pragma GCC visibility push(default)

namespace taut::nn {

using Schedule = std::function<double(Index step)>;

// Rates are ≥ 0, counts of steps ≥ 1, factors > 0; UsageError otherwise.

Schedule constant_rate(double rate);
// rate · factor^⌊step / every⌋
Schedule step_decay(double rate, Index every, double factor = 0.1);
// rate · factor^(number of milestones ≤ step); milestones increase.
Schedule multi_step_decay(double rate, std::vector<Index> milestones, double factor = 0.1);

struct CosineOptions {
  double least = 0.0;     // the rate at the end of a period
  bool restarts = false;  // begin again at the end of a period, or stay at `least`
  Index lengthening = 1;  // every period is this many times as long as the one before it
};
// least + (rate − least)·(1 + cos(π·t / period)) / 2, t steps after the last start [Loshchilov2017].
Schedule cosine(double rate, Index period, const CosineOptions& options = {});

// Rises in equal steps to then(0), which is reached at step `steps`, and goes on with then(step − steps). Step 0 has
// the share 1 / (steps + 1) of it.
Schedule warm_up(Index steps, Schedule then);

struct PlateauOptions {
  double factor = 0.1;              // in (0, 1)
  Index patience = 10;              // observations without improvement that are borne
  double least_improvement = 1e-4;  // relative to the best so far
  double least_rate = 0.0;
};

// Lowers the rate when a metric, the smaller the better, stops falling:
//   options.on_epoch = [&](const EpochReport& r) { optimiser.set_learning_rate(plateau.observe(r.loss)); };
class ReduceOnPlateau {
 public:
  explicit ReduceOnPlateau(double rate, const PlateauOptions& options = {});

  // The rate from here on. A NaN is no improvement.
  double observe(double metric);
  double rate() const { return rate_; }
  double best() const { return best_; }

 private:
  PlateauOptions options_;
  double rate_;
  double best_ = std::numeric_limits<double>::infinity();
  Index waited_ = 0;
};

}  // namespace taut::nn

#pragma GCC visibility pop
