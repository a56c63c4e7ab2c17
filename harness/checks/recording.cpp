#include "harness/checks/recording.h"

#include "autodiff/error.h"

namespace taut::harness {

Recording::Recording(const Sample& sample, std::span<const Tensor> inputs) {
  for (const Tensor& t : inputs) in_.push_back(tape_.input(t));
  out_ = sample.f(in_);
  if (!out_.on_tape() || node().op == nullptr)
    throw UsageError(cat("[harness] the function of sample '", sample.name, "' recorded nothing"));
}

Inputs Recording::operands() const {
  Inputs values;
  for (const NodeId id : node().operands()) values.push_back(tape_.node(id).value);
  return values;
}

Tensor value(const Sample& sample, std::span<const Tensor> inputs) {
  const std::vector<Var> plain(inputs.begin(), inputs.end());
  return sample.f(plain).value();
}

Tensor forward_of(const Primitive& op, std::span<const Tensor> operands) {
  const OperandList list(operands);
  return op.forward(list.view(), op.infer(list.view()));
}

}  // namespace taut::harness
