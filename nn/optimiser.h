// Optimisers: from a loss on a tape to new parameter values. One step:
//
//   const Var loss = cross_entropy(net(tape.input(x)), labels);
//   optimiser.step(loss);           // backward, rewind, update
//
// or, with room for what looks at the gradients in between:
//
//   optimiser.backward(loss);       // gradients() are valid from here …
//   tape.rewind();                  // nobody else holds the parameters' numbers any more
//   optimiser.update();             // … to here; the numbers change in place
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Holds pointers: the module whose parameters() it was given must outlive it and stay where it is.
class Optimiser {
 public:
  virtual ~Optimiser() = default;
  Optimiser(const Optimiser&) = delete;
  Optimiser& operator=(const Optimiser&) = delete;

  // Gradients of a one-element loss by every trained parameter; zero where the loss does not depend on it.
  // UsageError when the loss lies on no tape.
  void backward(const Var& loss);
  // One per parameter of parameters(), in its shape; may be changed.
  std::span<Var> gradients() { return gradients_; }
  std::span<Parameter* const> parameters() const { return parameters_; }
  // Changes every parameter that is still trained by its gradient. UsageError without a backward() before. While a tape
  // or a Var still holds the old numbers, they are copied first.
  void update();
  // backward(), rewinds the loss's tape, update(). Returns the loss. Vars of the tape become invalid.
  double step(const Var& loss);

  double learning_rate() const { return learning_rate_; }
  void set_learning_rate(double rate);
  Index updates() const { return updates_; }  // so far

  // For checkpoints. What the next update depends on beside parameters, gradients, options, learning rate and
  // updates(): as many tensors as the kind and its options need, always in the same order.
  virtual std::vector<Tensor*> state() = 0;
  const char* kind() const { return name_; }  // "adam"
  // As if so many updates had been made. UsageError for a negative number.
  void set_updates(Index count);

 protected:
  Optimiser(std::vector<Parameter*> parameters, double learning_rate, const char* name);
  // Zeros in the shape of every parameter.
  std::vector<Tensor> state_like_parameters() const;
  void require(bool holds, const char* what, double given) const;
  void require_share(const char* what, double given) const;  // in [0, 1)
  static std::vector<Tensor*> pointers(std::initializer_list<std::vector<Tensor>*> parts);
  // `updates()` already counts this one.
  virtual void apply(std::size_t index, Tensor& value, const Tensor& gradient) = 0;

 private:
  const char* name_;
  std::vector<Parameter*> parameters_;
  std::vector<Var> leaves_, gradients_;
  double learning_rate_ = 0.0;
  Index updates_ = 0;
};

struct SgdOptions {
  double learning_rate = 0.1;
  double momentum = 0.0;      // in [0, 1)
  double weight_decay = 0.0;  // adds weight_decay·w to the gradient
  bool nesterov = false;      // needs momentum
};

// Stochastic gradient descent with heavy-ball momentum: v ← μv + g, w ← w − ηv [Polyak1964], or with Nesterov's:
// w ← w − η(g + μv) [Nesterov1983].
class Sgd final : public Optimiser {
 public:
  explicit Sgd(std::vector<Parameter*> parameters, const SgdOptions& options = {});
  std::vector<Tensor*> state() override { return pointers({&velocity_}); }

 private:
  void apply(std::size_t index, Tensor& value, const Tensor& gradient) override;
  SgdOptions options_;
  std::vector<Tensor> velocity_;  // empty without momentum
};

struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;  // in [0, 1)
  double epsilon = 1e-8;
  double weight_decay = 0.0;  // adds weight_decay·w to the gradient
};

// Adam with bias correction [Kingma2015].
class Adam : public Optimiser {
 public:
  explicit Adam(std::vector<Parameter*> parameters, const AdamOptions& options = {});
  std::vector<Tensor*> state() override { return pointers({&first_, &second_}); }

 protected:
  Adam(std::vector<Parameter*> parameters, const AdamOptions& options, double decoupled_decay, const char* name);

 private:
  void apply(std::size_t index, Tensor& value, const Tensor& gradient) override;
  AdamOptions options_;
  double decoupled_decay_;
  std::vector<Tensor> first_, second_;
};

struct AdamWOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;  // in [0, 1)
  double epsilon = 1e-8;
  double weight_decay = 1e-2;  // takes η·weight_decay·w off the weight
};

// Adam with decoupled weight decay [Loshchilov2019].
class AdamW final : public Adam {
 public:
  explicit AdamW(std::vector<Parameter*> parameters, const AdamWOptions& options = {});
};

struct RmsPropOptions {
  double learning_rate = 1e-2;
  double alpha = 0.99;  // in [0, 1)
  double epsilon = 1e-8;
  double momentum = 0.0;      // in [0, 1)
  double weight_decay = 0.0;  // adds weight_decay·w to the gradient
  bool centred = false;       // by the variance of the gradient instead of its mean square [Graves2013]
};

// Divides by a running root mean square of the gradient: s ← αs + (1 − α)g², v ← μv + g / (√s + ε), w ← w − ηv
// [Tieleman2012].
class RmsProp final : public Optimiser {
 public:
  explicit RmsProp(std::vector<Parameter*> parameters, const RmsPropOptions& options = {});
  std::vector<Tensor*> state() override { return pointers({&square_, &mean_, &velocity_}); }

 private:
  void apply(std::size_t index, Tensor& value, const Tensor& gradient) override;
  RmsPropOptions options_;
  std::vector<Tensor> square_, mean_, velocity_;  // the latter two empty when not used
};

struct LionOptions {
  double learning_rate = 1e-4;
  double beta1 = 0.9, beta2 = 0.99;  // in [0, 1)
  double weight_decay = 0.0;         // takes η·weight_decay·w off the weight
};

// The sign of an average of gradients: w ← w − η(sign(β₁m + (1 − β₁)g) + λw), m ← β₂m + (1 − β₂)g [Chen2023].
class Lion final : public Optimiser {
 public:
  explicit Lion(std::vector<Parameter*> parameters, const LionOptions& options = {});
  std::vector<Tensor*> state() override { return pointers({&mean_}); }

 private:
  void apply(std::size_t index, Tensor& value, const Tensor& gradient) override;
  LionOptions options_;
  std::vector<Tensor> mean_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
