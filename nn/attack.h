// Attacks on classifiers: a search for inputs near the samples that are classified otherwise. What it finds is real,
// what it misses proves nothing: accuracy under attack is an upper estimate of the accuracy that is left under the
// worst perturbation, and certified accuracy (nn/robust.h) a proved lower bound of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/outward.h"
#include "nn/data.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

enum class Aim : std::uint8_t {
  largest_other,  // at whatever class comes next, step by step
  every_class,    // at one class after the other, as many times the work
};

struct AttackOptions {
  Norm norm = Norm::l2;               // or linf
  double radius = 0.1;                // ≥ 0; of the perturbations, in this norm
  int steps = 20;                     // ≥ 1
  std::optional<double> step_size{};  // none: 2.5·radius / steps
  int starts = 1;                     // ≥ 1; the first is the sample, the others are drawn in the ball
  std::optional<Interval> box{};      // in which every entry of the inputs lies, and of what is found
  Aim aim = Aim::largest_other;
  std::uint64_t seed = 0;  // of the starts
};

struct Attacked {
  Tensor inputs;             // within the radius of the samples: as they were where no attack succeeded
  std::vector<bool> fooled;  // the class at inputs is not the label; misclassified samples are, as they are
};

// Projected gradient descent on logit of the label minus logit of another class [Madry2018]: steps along the gradient
// (l2) or its signs (linf), projected into ball and box. A sample that was fooled once is left alone. Inputs (n, …) and
// a label for each; the net in inference for the call, samples independent of each other. Deterministic.
// UnsupportedError in l1, UsageError for options out of range, DomainError for samples outside of the box or labels
// that are no class.
Attacked attack(ModuleRef net, const Tensor& inputs, std::span<const Index> labels, const AttackOptions& options = {});

// Share of samples that are classified correctly and stay so in attack().
double accuracy_under_attack(ModuleRef net, const DataSet& data, const AttackOptions& options = {},
                             Index batch_size = 256);

}  // namespace taut::nn

#pragma GCC visibility pop
