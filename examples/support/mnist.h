// Training on MNIST as the examples do it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "examples/support/program.h"
#include "nn/idx.h"
#include "nn/sequential.h"
#include "nn/trainer.h"

namespace taut::examples {

// The data, a tenth of it under --quick.
nn::TrainAndTest load_mnist(const std::string& folder, const CommonOptions& options);

struct Recipe {
  Index epochs = 5;
  Index batch_size = 64;
  double learning_rate = 2e-3;               // at the start, falls to a twentieth along a line
  std::function<Var(Tape& tape)> penalty{};  // added to the loss, its strength included
  std::vector<Tensor*> penalty_state{};      // what a step changes in it; all of it, from the first step on
  std::function<Var(const Var& output, const nn::Batch& batch)> loss{};  // when empty, cross entropy
  std::function<void()> after_step{};                                    // after every update
};

// The options --checkpoint FILE and --resume of programs that train.
struct Checkpoints {
  std::string file;  // "": none are written
  bool resume = false;

  std::vector<Option> options();  // this object must outlive them
};

// One network of a program: what its checkpoint is called, FILE.<name>, and what else its numbers depend on.
struct Checkpointed {
  const Checkpoints& checkpoints;
  std::string name;   // "mlp", part of a file name
  std::string about;  // what the recipe's functions compute, as "penalty 0.05"; compared by --resume
};

// Adam, with a progress line on stderr: rewritten on a terminal, plain lines elsewhere. One epoch under --quick.
void train(nn::Sequential& net, const nn::DataSet& data, const Recipe& recipe, const CommonOptions& options);
// The same with checkpoints after every epoch, and Stopped after the first SIGINT or SIGTERM, when the checkpoint is
// written. --resume goes on from the checkpoint, if there is one, to the same bits.
void train(nn::Sequential& net, const nn::DataSet& data, const Recipe& recipe, const CommonOptions& options,
           const Checkpointed& as);

}  // namespace taut::examples
