// Lipschitz bounds as loss terms: scalars on the tape of a training step, to be added to its loss. Made from the rules
// and derivatives that operations declare, for anything that a tape records. What they return is for training only:
// numbers that follow a bound from below, or samples of it, and never a bound. After training, autolip() or sandwich()
// says what was reached.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"

namespace taut {

namespace detail {
class Draws;
}

struct PenaltyOptions {
  Norm norm = Norm::l2;
  AffineNorm affine_norm = AffineNorm::spectral;  // what stands for the norm of affine parts; frobenius: in l2 only
  int warm_up = 10;                               // steps of the power method when a layer is seen first
  int steps = 1;                                  // and in every call afterwards
  std::uint64_t seed = 0;                         // of the vectors that it starts from
};

// log AutoLip of a recorded function [Yoshida2017 for chains of layers in l2]:
//
//   LogAutoLip log_autolip;
//   loss = loss + 0.05 * log_autolip(net(tape.constant(one_sample)));    // in every step
//
// The fold is that of autolip(): affine operations in a row become one map A, activations count by their largest slope,
// branches that meet add up. In l2, log ‖A‖ is log ‖A v‖ for a unit vector v that follows the leading right singular
// vector: a step of the power method per call, v kept from call to call. A v is the jvp of the operations themselves,
// so that a convolution counts with its true operator, and its derivative by the weights is that of ‖A‖ once v has
// converged (u vᵀ for a matrix). l1 and linf follow the largest column or row exactly.
//
// What varies is what depends on the leaf that `sample` is, an input or a constant.
class LogAutoLip {
 public:
  explicit LogAutoLip(const PenaltyOptions& options = {});
  ~LogAutoLip();
  LogAutoLip(LogAutoLip&&) noexcept;
  LogAutoLip& operator=(LogAutoLip&&) noexcept;

  // On the tape of `output`, of which `sample` is a leaf; one sample. Calls must record the same operations in the same
  // order. NumericError for a part whose norm is 0 or not finite, UnsupportedError for an operation without a finite
  // constant, each naming the node; UsageError when output does not depend on sample.
  Var operator()(const Var& output, const Var& sample);
  double estimate() const;  // AutoLip as of the last call

  // What continues a training needs: the vectors, in the order in which they were first met.
  std::vector<Tensor*> state();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace taut
