#include "nn/optimiser.h"

#include <cmath>

#include "autodiff/diff.h"
#include "autodiff/error.h"

namespace taut::nn {

Optimiser::Optimiser(std::vector<Parameter*> parameters, double learning_rate, const char* name) : name_(name) {
  for (Parameter* const p : parameters)
    if (p->trained) parameters_.push_back(p);
  if (parameters_.empty())
    throw UsageError(cat('[', name, "] needs at least one trained parameter, got ", parameters.size(),
                         " of which none is; pass parameters(net)"));
  leaves_.reserve(parameters_.size());
  gradients_.reserve(parameters_.size());
  set_learning_rate(learning_rate);
}

void Optimiser::require(bool holds, const char* what, double given) const {
  if (!holds) throw UsageError(cat('[', name_, "] ", what, ", got ", given));
}

void Optimiser::require_share(const char* what, double given) const {
  require(given >= 0.0 && given < 1.0, what, given);
}

void Optimiser::set_learning_rate(double rate) {
  require(std::isfinite(rate) && rate >= 0.0, "the learning rate must be finite and not negative", rate);
  learning_rate_ = rate;
}

void Optimiser::set_updates(Index count) {
  require(count >= 0, "the number of updates must not be negative", static_cast<double>(count));
  updates_ = count;
}

std::vector<Tensor*> Optimiser::pointers(std::initializer_list<std::vector<Tensor>*> parts) {
  std::vector<Tensor*> all;
  for (std::vector<Tensor>* const part : parts)
    for (Tensor& tensor : *part) all.push_back(&tensor);
  return all;
}

std::vector<Tensor> Optimiser::state_like_parameters() const {
  std::vector<Tensor> state;
  for (const Parameter* const p : parameters_) state.push_back(Tensor::zeros(p->value.shape(), p->value.dtype()));
  return state;
}

void Optimiser::backward(const Var& loss) {
  Tape* const tape = Tape::of(loss);
  if (tape == nullptr)
    throw UsageError(cat('[', name_,
                         "] the loss lies on no tape, so nothing was recorded; give the net a Var made by "
                         "Tape::input or Tape::constant, and do not pause the tape"));
  leaves_.clear();
  for (const Parameter* const p : parameters_) leaves_.push_back(p->on(*tape));
  gradients_.resize(parameters_.size());
  grad(loss, leaves_, gradients_);
  leaves_.clear();  // they share the numbers that update() is going to change
}

void Optimiser::update() {
  if (gradients_.empty()) throw UsageError(cat('[', name_, "] update() needs the gradients of backward() first"));
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (!gradients_[i].defined() || gradients_[i].value().type() != parameters_[i]->value.type())
      throw ShapeError(cat('[', name_, "] the gradient of ", parameters_[i]->name, " must have its shape and dtype, ",
                           parameters_[i]->value.dtype(), ' ', parameters_[i]->value.shape(),
                           "; change gradients() in place or by values of the same type"));
  ++updates_;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i]->trained) apply(i, parameters_[i]->value, gradients_[i].value());
  gradients_.clear();
}

double Optimiser::step(const Var& loss) {
  const double value = loss.item();
  backward(loss);
  Tape::of(loss)->rewind();
  update();
  return value;
}

}  // namespace taut::nn
