#include "autodiff/error.h"
#include "nn/penalty.h"

namespace taut::nn {

class NetPenalty::Inference {
 public:
  explicit Inference(NetPenalty& penalty) : penalty_(penalty) {
    for (std::size_t i = 0; i < penalty_.flags_.size(); ++i) {
      penalty_.were_training_[i] = *penalty_.flags_[i];
      *penalty_.flags_[i] = false;
    }
  }
  ~Inference() {
    for (std::size_t i = 0; i < penalty_.flags_.size(); ++i) *penalty_.flags_[i] = penalty_.were_training_[i];
  }
  Inference(const Inference&) = delete;
  Inference& operator=(const Inference&) = delete;

 private:
  NetPenalty& penalty_;
};

NetPenalty::NetPenalty(ModuleRef net, Tensor sample, std::shared_ptr<BoundPenalty> penalty)
    : net_(net),
      flags_(training_flags(net)),
      were_training_(flags_.size()),
      sample_(std::move(sample)),
      penalty_(std::move(penalty)) {
  if (sample_.shape().rank() < 1 || sample_.shape()[0] != 1)
    throw UsageError(cat("[net_penalty] a bound is per sample: the sample must be (1, ...), got ", sample_.shape()));
  Tape tape;
  (*this)(tape);  // finds out what is kept from step to step
}

Var NetPenalty::operator()(Tape& tape) {
  const Inference inference(*this);
  const Var x = tape.constant(sample_, "penalty_sample");
  return (*penalty_)(net_(x), x);
}

}  // namespace taut::nn
