// The update loops of the optimisers: one pass over a parameter, vectorised by the compiler. Arrays do not overlap.
#pragma once

#include "autodiff/tensor.h"

namespace taut::nn::update {

struct Sgd {
  double learning_rate, momentum, weight_decay;
};
// v ← momentum·v + (g + weight_decay·w);  w ← w − learning_rate·v. Without momentum `velocity` may be null.
template <Scalar T>
void sgd(const Sgd& s, std::size_t n, const T* gradient, T* velocity, T* weight);

struct Adam {
  double step_size;     // learning_rate / (1 − β₁ᵗ)
  double second_scale;  // 1 / √(1 − β₂ᵗ)
  double beta1, beta2, epsilon, weight_decay;
};
// g ← g + weight_decay·w;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
// w ← w − step_size · m / (√v · second_scale + epsilon)
template <Scalar T>
void adam(const Adam& s, std::size_t n, const T* gradient, T* first, T* second, T* weight);

}  // namespace taut::nn::update
