// An exponential moving average of a net's weights, often better than the last weights [PolyakJuditsky1992].
#pragma once

#include <span>
#include <vector>

#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Holds a shadow of every parameter, running statistics included, and pointers: the module whose parameters() it was
// given must outlive it and stay where it is. Starts at the weights of its construction.
//
//   WeightAverage average(parameters(net));
//   options.on_batch = [&](const BatchReport&) { average.update(); };
//   …
//   const WeightAverage::Scope averaged(average);  // the net has the averages while this lives
class WeightAverage {
 public:
  explicit WeightAverage(std::vector<Parameter*> parameters, double decay = 0.999);
  WeightAverage(const WeightAverage&) = delete;
  WeightAverage& operator=(const WeightAverage&) = delete;

  // average ← average + (1 − decay)·(weight − average). Allocates nothing once warm. UsageError within a Scope.
  void update();
  std::span<const Tensor> averages() const { return averages_; }  // in the order of the parameters
  std::vector<Tensor*> state();                                   // the same, for checkpoints

  class Scope {
   public:
    explicit Scope(WeightAverage& average);  // UsageError within another one
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    WeightAverage& average_;
  };

 private:
  void swap();

  std::vector<Parameter*> parameters_;
  std::vector<Tensor> averages_;
  double decay_;
  bool swapped_ = false;
};

}  // namespace taut::nn

#pragma GCC visibility pop
