// Penalties by name, for tables that compare them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/data.h"
#include "nn/sequential.h"

namespace taut::examples {

// What is added to the loss of a batch, times its strength. Made anew for every training.
using PenaltyTerm = std::function<Var(const Var& output, const nn::Batch& batch)>;

struct NamedPenalty {
  std::string name;
  std::vector<double> strengths;  // that make sense on MNIST with cross entropy, in ascending order
  // `sample`: one input of the net, (1, …). Both must outlive the term.
  std::function<PenaltyTerm(nn::Sequential& net, const Tensor& sample, std::uint64_t seed)> make;
};

// "none" first, with the strength 0.
const std::vector<NamedPenalty>& penalties();

}  // namespace taut::examples
