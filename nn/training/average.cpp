#include "nn/average.h"

#include "autodiff/error.h"

namespace taut::nn {

WeightAverage::WeightAverage(std::vector<Parameter*> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {
  if (!(decay >= 0.0 && decay < 1.0)) throw UsageError(cat("[weight_average] decay must be in [0, 1), got ", decay));
  for (const Parameter* const p : parameters_) averages_.push_back(p->value.copy());
}

void WeightAverage::update() {
  if (swapped_)
    throw UsageError("[weight_average] update() needs the weights, but a Scope has put the averages in their place");
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    dispatch(averages_[i].dtype(), [&](auto zero) {
      using T = decltype(zero);
      const auto weights = parameters_[i]->value.data<T>();
      const auto averages = averages_[i].mutable_data<T>();
      if (weights.size() != averages.size())
        throw UsageError(cat("[weight_average] ", parameters_[i]->name, " had shape ", averages_[i].shape(),
                             " and has ", parameters_[i]->value.shape(), " now; average nets that keep their shapes"));
      const T take = static_cast<T>(1.0 - decay_);
      for (std::size_t k = 0; k < averages.size(); ++k) averages[k] += take * (weights[k] - averages[k]);
    });
}

std::vector<Tensor*> WeightAverage::state() {
  std::vector<Tensor*> all;
  for (Tensor& average : averages_) all.push_back(&average);
  return all;
}

void WeightAverage::swap() {
  for (std::size_t i = 0; i < parameters_.size(); ++i) averages_[i].swap(parameters_[i]->value);
  swapped_ = !swapped_;
}

WeightAverage::Scope::Scope(WeightAverage& average) : average_(average) {
  if (average.swapped_) throw UsageError("[weight_average] the averages are in place already; one Scope at a time");
  average_.swap();
}

WeightAverage::Scope::~Scope() { average_.swap(); }

}  // namespace taut::nn
