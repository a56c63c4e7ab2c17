// Penalties that hold the Lipschitz constant of a net down while it is trained.
#pragma once

#include <array>
#include <vector>

#include "autodiff/ops.h"
#include "nn/parameter.h"
#include "nn/random.h"
#include "nn/warm_norm.h"

namespace taut::nn {

// log Π ‖A_k‖₂ over linear layers A_k, as a loss term: log AutoLip in l2 of a chain of such layers and 1-Lipschitz
// activations. Each norm is tracked by one step of the power method per call, warm from call to call [Yoshida2017]: a
// number from below, for training only, never a bound. With v the tracked vector, log ‖A v‖ has the gradient u vᵀ / ‖A
// v‖ by A, u = A v / ‖A v‖: that of log ‖A‖ once v has converged.
class LogNormProduct {
 public:
  explicit LogNormProduct(std::uint64_t seed = 0) : random_(seed) {}

  // A dense layer (out, in). Parameters must outlive this object and stay where they are.
  void add(const Parameter& weight);
  // A convolution on images (c_in, h, w): the norm of the operator, not of the reshaped kernel.
  void add(const Parameter& kernel, const Conv2dOptions& geometry, std::array<Index, 3> image);

  // Σ log ‖A_k v_k‖ as a node of the tape; the v_k are then one step better. UsageError when there are no layers,
  // NumericError for a layer that is zero.
  Var operator()(Tape& tape);
  // What a checkpoint has to keep: the v_k, in the order of the layers.
  std::vector<Tensor*> state();
  // Π ‖A_k v_k‖ as of the last call.
  double estimate() const { return estimate_; }

 private:
  struct Layer {
    const Parameter* weight;
    WarmNorm norm;
  };
  void start(Layer layer, const Shape& input);

  std::vector<Layer> layers_;
  Random random_;
  double estimate_ = 0.0;
};

}  // namespace taut::nn
