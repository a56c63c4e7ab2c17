// Dense layers whose bound is trained with them, in linf.
#pragma once

#include <span>

#include "autodiff/tape.h"
#include "nn/constrained_weight.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// y = x·Wᵀ + b: (n, in) → (n, out), every row i of V scaled by min(1, s / Σ_j |V_ij|), s = softplus(c) with c trained:
// ‖W‖_∞ ≤ s [Liu2022]. At first s is the largest Σ_j |V_ij|, so that no row is scaled. A loss with
// lipschitz_mlp_penalty draws s down.
class LipschitzLinear {
 public:
  static constexpr std::string_view type_name = "LipschitzLinear";
  LipschitzLinear(Index in, Index out, Random& random, const LayerOptions& options = {},
                  Where where = Where::current());

  Var operator()(const Var& x);
  void visit(Visitor& visitor) {
    visitor("raw", raw);
    visitor("bias", bias);
    visitor("c", c);
    visitor.training_flag(training);
  }
  Var bound(Tape& tape) const;  // s, on the tape
  double bound() const;         // s; the certified linf norm of the weights of inference is at most this
  Tensor weight() const;        // of inference, (out, in)
  AnyModule vanilla() const;

  Parameter raw;   // (out, in)
  Parameter bias;  // (out) or undefined
  Parameter c;     // ()
  bool training = false;

 private:
  const Parameter& stored() const;
  Where where_;
  parts::StoredWeight stored_;
};

// Π s over layers, a bound in linf of a chain of them and 1-Lipschitz activations, as a loss term: a Lipschitz MLP
// [Liu2022]. UsageError when there are no layers.
Var lipschitz_mlp_penalty(Tape& tape, std::span<const LipschitzLinear* const> layers);

}  // namespace taut::nn

#pragma GCC visibility pop
