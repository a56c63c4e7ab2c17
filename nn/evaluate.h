// What a classifier does on a data set. Nothing is recorded; batch norms and their like are in inference for the call.
#pragma once

#include <span>
#include <vector>

#include "lipschitz/bound.h"
#include "nn/data.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Position of the largest entry of every row of (n, classes); ties and NaN: the first largest, or the first NaN.
std::vector<Index> predicted_classes(const Tensor& logits);
Index count_correct(const Tensor& logits, std::span<const Index> labels);

// The net's outputs for all samples, (size, …), computed in batches. UsageError for an empty data set.
Tensor predict(ModuleRef net, const DataSet& data, Index batch_size = 256);

// Share of samples whose largest logit is their label's.
double accuracy(ModuleRef net, const DataSet& data, Index batch_size = 256);

// For each sample, logit of its label minus the largest other logit: negative when misclassified. In the arithmetic of
// the net, rounding not enclosed. At least two classes are needed.
std::vector<double> margins(const Tensor& logits, std::span<const Index> labels);

// Lower ends of the margins of the exact network: stored weights and inputs, arithmetic without rounding. By the range
// rules at the samples, DomainError where an operation has no range there.
std::vector<double> margins_from_below(ModuleRef net, const DataSet& data, Index batch_size = 100);

// The same for each other class: (size, classes) f64, in row i, column j lower ends of z_label − z_j, +∞ at the label.
Tensor class_margins_from_below(ModuleRef net, const DataSet& data, Index batch_size = 100);

// Share of margins above √2·L·ε. If the margins are those of a net with the l2 Lipschitz constant L, no perturbation of
// l2 norm ε changes the class of those samples, because a difference of two logits is √2·L-Lipschitz [Tsuzuku2018].
double accuracy_within(std::span<const double> margins, double lipschitz, double epsilon);

// The same as a statement that is proved: a certified bound in l2 (RigourError or UsageError otherwise) and margins
// from below. nn/robust.h has sharper bounds, other norms and several radii.
double certified_accuracy(ModuleRef net, const DataSet& data, const UpperBound& lipschitz, double epsilon);

}  // namespace taut::nn

#pragma GCC visibility pop
