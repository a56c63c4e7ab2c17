// The power method for the norm of a layer whose weights change slowly: one step per call, warm from call to call.
#pragma once

#include "autodiff/ops.h"
#include "nn/parameter.h"
#include "nn/random.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Tracks a vector v near the leading right singular vector of a dense layer (out, in), or of a convolution on images
// of one size [Yoshida2017, Miyato2018]. ‖A v‖ approaches ‖A‖₂ from below: an estimate for training, never a bound.
// With v held constant, ‖A v‖ has the gradient u vᵀ by A, u = A v / ‖A v‖: that of ‖A‖₂ once v has converged.
class WarmNorm {
 public:
  WarmNorm() = default;  // of a dense layer
  explicit WarmNorm(const Conv2dOptions& geometry) : convolves_(true), geometry_(geometry) {
    geometry_.layout = Layout::nchw;  // one image: both layouts are the same numbers
  }

  // A random v, `input` its shape with a batch of one, and ten steps.
  void start(const Tensor& weight, const Shape& input, Random& random);
  // The same, unless there is a vector of this shape already.
  void start_once(const Tensor& weight, const Shape& input, std::uint64_t seed);

  Var image(const Var& weight) const;  // A v
  // v ← Aᵀ A v / ‖Aᵀ A v‖, from A v; unchanged where that is zero.
  void improve(const Tensor& weight, const Tensor& image);
  // ‖A v‖, to be divided by, and an improved v for the next call. NumericError, naming the layer, when it is 0 or not
  // finite.
  Var step(const Var& weight, const char* layer, Where where);

  Parameter v;  // not trained

 private:
  bool convolves_ = false;
  Conv2dOptions geometry_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
