#include "nn/update.h"

#include <cmath>

namespace taut::nn::update {

template <Scalar T>
void sgd(const Sgd& s, std::size_t n, const T* __restrict gradient, T* __restrict velocity, T* __restrict weight) {
  const T rate = static_cast<T>(s.learning_rate), momentum = static_cast<T>(s.momentum),
          decay = static_cast<T>(s.weight_decay);
  if (velocity == nullptr) {
    for (std::size_t i = 0; i < n; ++i) weight[i] -= rate * (gradient[i] + decay * weight[i]);
    return;
  }
  for (std::size_t i = 0; i < n; ++i) {
    velocity[i] = momentum * velocity[i] + (gradient[i] + decay * weight[i]);
    weight[i] -= rate * velocity[i];
  }
}

template <Scalar T>
void adam(const Adam& s, std::size_t n, const T* __restrict gradient, T* __restrict first, T* __restrict second,
          T* __restrict weight) {
  const T beta1 = static_cast<T>(s.beta1), rest1 = static_cast<T>(1.0 - s.beta1);
  const T beta2 = static_cast<T>(s.beta2), rest2 = static_cast<T>(1.0 - s.beta2);
  const T rate = static_cast<T>(s.step_size), scale = static_cast<T>(s.second_scale);
  const T epsilon = static_cast<T>(s.epsilon), decay = static_cast<T>(s.weight_decay);
  for (std::size_t i = 0; i < n; ++i) {
    const T g = gradient[i] + decay * weight[i];
    first[i] = beta1 * first[i] + rest1 * g;
    second[i] = beta2 * second[i] + rest2 * (g * g);
    weight[i] -= rate * first[i] / (std::sqrt(second[i]) * scale + epsilon);
  }
}

template void sgd(const Sgd&, std::size_t, const float*, float*, float*);
template void sgd(const Sgd&, std::size_t, const double*, double*, double*);
template void adam(const Adam&, std::size_t, const float*, float*, float*, float*);
template void adam(const Adam&, std::size_t, const double*, double*, double*, double*);

}  // namespace taut::nn::update
