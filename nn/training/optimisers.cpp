// The rules by which weights follow gradients; the loops are in update.cpp.
#include <cmath>

#include "nn/optimiser.h"
#include "nn/training/update.h"

namespace taut::nn {
namespace {

template <Scalar T>
T* numbers(Tensor& tensor) {
  return tensor.mutable_data<T>().data();
}
template <Scalar T>
T* numbers(std::vector<Tensor>& state, std::size_t index) {
  return state.empty() ? nullptr : numbers<T>(state[index]);
}

}  // namespace

Sgd::Sgd(std::vector<Parameter*> parameters, const SgdOptions& options)
    : Optimiser(std::move(parameters), options.learning_rate, "sgd"), options_(options) {
  require_share("momentum must be in [0, 1)", options.momentum);
  require(options.weight_decay >= 0.0, "weight decay must not be negative", options.weight_decay);
  require(!options.nesterov || options.momentum > 0.0, "nesterov needs momentum in (0, 1)", options.momentum);
  if (options.momentum > 0.0) velocity_ = state_like_parameters();
}

void Sgd::apply(std::size_t index, Tensor& value, const Tensor& gradient) {
  const update::Sgd settings{learning_rate(), options_.momentum, options_.weight_decay, options_.nesterov};
  dispatch(value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto weight = value.mutable_data<T>();
    update::sgd<T>(settings, weight.size(), gradient.data<T>().data(), numbers<T>(velocity_, index), weight.data());
  });
}

Adam::Adam(std::vector<Parameter*> parameters, const AdamOptions& options)
    : Adam(std::move(parameters), options, 0.0, "adam") {}

Adam::Adam(std::vector<Parameter*> parameters, const AdamOptions& options, double decoupled_decay, const char* name)
    : Optimiser(std::move(parameters), options.learning_rate, name),
      options_(options),
      decoupled_decay_(decoupled_decay) {
  require_share("beta1 must be in [0, 1)", options.beta1);
  require_share("beta2 must be in [0, 1)", options.beta2);
  require(options.epsilon > 0.0, "epsilon must be positive", options.epsilon);
  require(options.weight_decay >= 0.0, "weight decay must not be negative", options.weight_decay);
  require(decoupled_decay >= 0.0, "weight decay must not be negative", decoupled_decay);
  first_ = state_like_parameters();
  second_ = state_like_parameters();
}

void Adam::apply(std::size_t index, Tensor& value, const Tensor& gradient) {
  const auto t = static_cast<double>(updates());
  const update::Adam settings{learning_rate() / (1.0 - std::pow(options_.beta1, t)),
                              1.0 / std::sqrt(1.0 - std::pow(options_.beta2, t)),
                              options_.beta1,
                              options_.beta2,
                              options_.epsilon,
                              options_.weight_decay,
                              1.0 - learning_rate() * decoupled_decay_};
  dispatch(value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto weight = value.mutable_data<T>();
    update::adam<T>(settings, weight.size(), gradient.data<T>().data(), numbers<T>(first_, index),
                    numbers<T>(second_, index), weight.data());
  });
}

AdamW::AdamW(std::vector<Parameter*> parameters, const AdamWOptions& options)
    : Adam(std::move(parameters),
           {.learning_rate = options.learning_rate,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .epsilon = options.epsilon},
           options.weight_decay, "adamw") {}

RmsProp::RmsProp(std::vector<Parameter*> parameters, const RmsPropOptions& options)
    : Optimiser(std::move(parameters), options.learning_rate, "rms_prop"), options_(options) {
  require_share("alpha must be in [0, 1)", options.alpha);
  require_share("momentum must be in [0, 1)", options.momentum);
  require(options.epsilon > 0.0, "epsilon must be positive", options.epsilon);
  require(options.weight_decay >= 0.0, "weight decay must not be negative", options.weight_decay);
  square_ = state_like_parameters();
  if (options.centred) mean_ = state_like_parameters();
  if (options.momentum > 0.0) velocity_ = state_like_parameters();
}

void RmsProp::apply(std::size_t index, Tensor& value, const Tensor& gradient) {
  const update::RmsProp settings{learning_rate(), options_.alpha, options_.epsilon, options_.momentum,
                                 options_.weight_decay};
  dispatch(value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto weight = value.mutable_data<T>();
    update::rms_prop<T>(settings, weight.size(), gradient.data<T>().data(), numbers<T>(square_, index),
                        numbers<T>(mean_, index), numbers<T>(velocity_, index), weight.data());
  });
}

Lion::Lion(std::vector<Parameter*> parameters, const LionOptions& options)
    : Optimiser(std::move(parameters), options.learning_rate, "lion"), options_(options) {
  require_share("beta1 must be in [0, 1)", options.beta1);
  require_share("beta2 must be in [0, 1)", options.beta2);
  require(options.weight_decay >= 0.0, "weight decay must not be negative", options.weight_decay);
  mean_ = state_like_parameters();
}

void Lion::apply(std::size_t index, Tensor& value, const Tensor& gradient) {
  const update::Lion settings{learning_rate(), options_.beta1, options_.beta2,
                              1.0 - learning_rate() * options_.weight_decay};
  dispatch(value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto weight = value.mutable_data<T>();
    update::lion<T>(settings, weight.size(), gradient.data<T>().data(), numbers<T>(mean_, index), weight.data());
  });
}

}  // namespace taut::nn
