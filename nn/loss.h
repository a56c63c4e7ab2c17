// Losses: means over the batch, one element each. Nothing is broadcast; ShapeError where shapes do not fit and for a
// batch without entries, DomainError where a target is none.
#pragma once

#include <span>

#include "autodiff/ops.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// ---- regression: targets in the shape of the predictions
// -------------------------------------------------------------

// Mean of (prediction − target)² over all entries.
Var mse(const Var& prediction, const Var& target, Where where = Where::current());

// Mean over all entries of d²/2 where |d| ≤ delta and delta·(|d| − delta/2) elsewhere, d = prediction − target
// [Huber1964]. delta > 0.
Var huber(const Var& prediction, const Var& target, double delta = 1.0, Where where = Where::current());

// ---- classes: logits (n, classes) and one label in [0, classes) per row
// ------------------------------------------------

struct CrossEntropyOptions {
  double label_smoothing = 0.0;  // in [0, 1]: this share of the target is spread evenly over all classes [Szegedy2016]
};
// Mean of −log softmax(logits)[label].
Var cross_entropy(const Var& logits, std::span<const Index> labels, const CrossEntropyOptions& options = {},
                  Where where = Where::current());

// Mean over the rows of Σ_{c ≠ label} max(0, margin − logits[label] + logits[c]) / classes.
Var multi_margin(const Var& logits, std::span<const Index> labels, double margin = 1.0, Where where = Where::current());

// ---- yes or no, distributions
// ----------------------------------------------------------------------------------------

// Mean of max(0, 1 − target·prediction) over all entries; targets are −1 or 1.
Var hinge(const Var& prediction, const Var& target, Where where = Where::current());

// Mean over all entries of −t·log p − (1 − t)·log(1 − p) with p = sigmoid(logit), exact for logits of any size; targets
// in [0, 1].
Var bce_with_logits(const Var& logits, const Var& target, Where where = Where::current());
// The same of probabilities in [0, 1]. Logarithms are those of the smallest normal number at least, so that a wrong
// certainty costs 87 (f32) or 708 (f64) and has the derivative 0: train with bce_with_logits.
Var bce(const Var& probabilities, const Var& target, Where where = Where::current());

// Σ t·(log t − log p) / n with log-probabilities (n, …), 0·log 0 = 0. Targets are constants ≥ 0: no derivative flows to
// them.
Var kl_divergence(const Var& log_probabilities, const Var& target, Where where = Where::current());

}  // namespace taut::nn

#pragma GCC visibility pop
