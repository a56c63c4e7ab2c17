// Training on MNIST as the examples do it.
#pragma once

#include <string>

#include "examples/common/program.h"
#include "nn/idx.h"
#include "nn/penalty.h"
#include "nn/sequential.h"
#include "nn/trainer.h"

namespace taut::examples {

// The data, a tenth of it under --quick.
nn::TrainAndTest load_mnist(const std::string& folder, const CommonOptions& options);

struct Recipe {
  Index epochs = 5;
  Index batch_size = 64;
  double learning_rate = 2e-3;  // at the start, falls to a twentieth along a line
  nn::LogNormProduct* penalty = nullptr;
  double penalty_strength = 0.0;  // multiplies log Π ‖layer‖; 0: no penalty
};

// Adam, with a progress line on stderr: rewritten on a terminal, plain lines elsewhere. One epoch under --quick.
void train(nn::Sequential& net, const nn::DataSet& data, const Recipe& recipe, const CommonOptions& options);

}  // namespace taut::examples
