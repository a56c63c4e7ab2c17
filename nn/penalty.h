// The bounds of lipschitz/penalty.h as loss terms of modules.
#pragma once

#include <memory>
#include <vector>

#include "lipschitz/penalty.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// A bound of a module in every step of its training, LogAutoLip unless another is given:
//
//   nn::NetPenalty log_autolip(net, sample);
//   options.penalty = [&](Tape& tape) { return 0.05 * log_autolip(tape); };
//
// The module is recorded on one sample, in inference: with the running statistics of batch norms, without dropout, so
// that the bound is that of the network that is going to be used. Layers whose weights are constants in inference, as
// those of nn/constrained.h, give nothing to train.
class NetPenalty {
 public:
  // `sample`: (1, …), any numbers. The module must outlive this object and stay where it is. Errors are those of
  // BoundPenalty; UsageError unless there is one sample.
  NetPenalty(ModuleRef net, Tensor sample, std::shared_ptr<BoundPenalty> penalty = std::make_shared<LogAutoLip>());

  // A scalar of the tape.
  Var operator()(Tape& tape);
  // The bound as of the last call: for training, not proved.
  double estimate() const { return penalty_->estimate(); }
  // For checkpoints.
  std::vector<Tensor*> state() { return penalty_->state(); }

 private:
  class Inference;

  ModuleRef net_;
  // Switched to inference for a call, without asking for memory in every step.
  std::vector<bool*> flags_;
  std::vector<bool> were_training_;
  Tensor sample_;
  std::shared_ptr<BoundPenalty> penalty_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
