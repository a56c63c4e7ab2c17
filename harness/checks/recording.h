// One evaluation of a sample on a tape of its own, and the primitive that it ends in.
#pragma once

#include <span>
#include <vector>

#include "autodiff/tape.h"
#include "harness/sample.h"

namespace taut::harness {

class Recording {
 public:
  // UsageError when f returns a plain tensor.
  Recording(const Sample& sample, std::span<const Tensor> inputs);

  Tape& tape() { return tape_; }
  const std::vector<Var>& in() const { return in_; }
  const Var& out() const { return out_; }
  const Node& node() const { return tape_.node(out_.id()); }
  const Primitive& op() const { return *node().op; }
  // What the primitive itself was applied to: after broadcasting, unlike the sample's own operands.
  Inputs operands() const;

 private:
  Tape tape_;
  std::vector<Var> in_;
  Var out_;
};

// f on plain tensors.
Tensor value(const Sample& sample, std::span<const Tensor> inputs);
// A primitive applied to tensors, without a tape.
Tensor forward_of(const Primitive& op, std::span<const Tensor> operands);

// Pointers to tensors, in the form in which primitives see operands. The tensors must outlive it.
class OperandList {
 public:
  explicit OperandList(std::span<const Tensor> tensors) {
    for (const Tensor& t : tensors) pointers_.push_back(&t);
  }
  Operands view() const { return Operands(pointers_); }

 private:
  std::vector<const Tensor*> pointers_;
};

}  // namespace taut::harness
