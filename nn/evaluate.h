// What a classifier does on a data set. Nothing is recorded; batch norms and their like are in inference for the call.
#pragma once

#include <span>
#include <vector>

#include "nn/data.h"
#include "nn/module.h"

namespace taut::nn {

// Position of the largest entry of every row of (n, classes); ties and NaN: the first largest, or the first NaN.
std::vector<Index> predicted_classes(const Tensor& logits);
Index count_correct(const Tensor& logits, std::span<const Index> labels);

// The net's outputs for all samples, (size, …), computed in batches. UsageError for an empty data set.
Tensor predict(ModuleRef net, const DataSet& data, Index batch_size = 256);

// Share of samples whose largest logit is their label's.
double accuracy(ModuleRef net, const DataSet& data, Index batch_size = 256);

// For each sample, logit of its label minus the largest other logit: negative when misclassified. In the arithmetic of the
// net, rounding not enclosed. At least two classes are needed.
std::vector<double> margins(const Tensor& logits, std::span<const Index> labels);

// Share of samples whose class no perturbation of l2 norm ε can change, given that the net has the l2 Lipschitz constant L:
// margin > √2·L·ε, because every difference of two logits is √2·L-Lipschitz [Tsuzuku2018]. As trustworthy as L.
double accuracy_within(std::span<const double> margins, double lipschitz, double epsilon);

}  // namespace taut::nn
