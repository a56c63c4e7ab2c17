// Losses: means over the batch, one element each.
#pragma once

#include <span>

#include "autodiff/ops.h"

namespace taut::nn {

// Mean of (prediction − target)² over all entries. ShapeError unless the shapes agree: nothing is broadcast.
Var mse(const Var& prediction, const Var& target, Where where = Where::current());

// Mean of −log softmax(logits)[label]. logits (n, classes); one label in [0, classes) per row. ShapeError or
// DomainError otherwise.
Var cross_entropy(const Var& logits, std::span<const Index> labels, Where where = Where::current());

}  // namespace taut::nn
