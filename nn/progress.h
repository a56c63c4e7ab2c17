// How far a training run is, written to a stream: one line that is rewritten on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <iosfwd>

#include "nn/trainer.h"

#pragma GCC visibility push(default)

namespace taut::nn {

//   epoch 2/5  batch 340/938  loss 0.1021  accuracy 96.9 %  81000/s  3 s left
// On a terminal the line is rewritten up to ten times a second and stays at the end of an epoch. Elsewhere there is a
// line per epoch, and one per half minute in between.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}

  void batch(const BatchReport& report);
  void epoch(const EpochReport& report);
  // Sets on_batch and on_epoch of `options` to this object, which must outlive the training.
  void attach(TrainOptions& options);

 private:
  using Clock = std::chrono::steady_clock;
  void write(const std::string& text, bool stays);

  std::ostream& out_;
  bool terminal_;
  Clock::time_point last_ = Clock::now();
  std::size_t width_ = 0;  // of what stands in the terminal's line
};

}  // namespace taut::nn

#pragma GCC visibility pop
