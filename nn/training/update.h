// The update loops of the optimisers: one vectorised pass over a parameter. Arrays do not overlap.
#pragma once

#include "autodiff/tensor.h"

namespace taut::nn::update {

struct Sgd {
  double learning_rate, momentum, weight_decay;
  bool nesterov = false;
};
// g ← g + weight_decay·w;  v ← momentum·v + g;  w ← w − learning_rate·v, with Nesterov w − learning_rate·(g +
// momentum·v). Without momentum `velocity` may be null.
template <Scalar T>
void sgd(const Sgd& s, std::size_t n, const T* gradient, T* velocity, T* weight);

struct Adam {
  double step_size;     // learning_rate / (1 − β₁ᵗ)
  double second_scale;  // 1 / √(1 − β₂ᵗ)
  double beta1, beta2, epsilon, weight_decay;
  double keep = 1.0;  // what decoupled decay leaves of a weight
};
// g ← g + weight_decay·w;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
// w ← keep·w − step_size · m / (√v · second_scale + epsilon)
template <Scalar T>
void adam(const Adam& s, std::size_t n, const T* gradient, T* first, T* second, T* weight);

struct RmsProp {
  double learning_rate, alpha, epsilon, momentum, weight_decay;
};
// g ← g + weight_decay·w;  s ← αs + (1 − α)g²;  m ← αm + (1 − α)g;  v ← momentum·v + g / (√(s − m²) + epsilon);
// w ← w − learning_rate·v. `mean` (m) is null when not centred, `velocity` (v) without momentum.
template <Scalar T>
void rms_prop(const RmsProp& s, std::size_t n, const T* gradient, T* square, T* mean, T* velocity, T* weight);

struct Lion {
  double learning_rate, beta1, beta2;
  double keep;  // what decoupled decay leaves of a weight
};
// w ← keep·w − learning_rate·sign(β₁m + (1 − β₁)g);  m ← β₂m + (1 − β₂)g
template <Scalar T>
void lion(const Lion& s, std::size_t n, const T* gradient, T* mean, T* weight);

}  // namespace taut::nn::update
