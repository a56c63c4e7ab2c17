// Losses that ask for margins, for classifiers whose Lipschitz constant is bounded: a margin is worth what it is beside
// the constant. Means over the batch, one element each. Logits (n, classes) and one label in [0, classes) per row.
// ShapeError where shapes do not fit, DomainError for labels that are no class and for settings out of range.
#pragma once

#include <span>

#include "autodiff/ops.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// ---- distances between classes
// -------------------------------------------------------------------------------------

// Mean of the output over label 1 minus its mean over label 0; output (n, 1), labels 0 and 1. Its supremum over all
// functions with Lipschitz constant 1 is the Wasserstein distance between the two classes (Kantorovich and Rubinstein),
// so that of any such function is a lower bound of the distance between the two samples: to be maximised. DomainError
// for a batch without one of the classes.
Var kantorovich_rubinstein(const Var& output, std::span<const Index> labels, Where where = Where::current());

struct HkrOptions {
  double alpha = 1.0;   // ≥ 0, the weight of the hinge
  double margin = 1.0;  // > 0
};
// Hinge-KR [Serrurier2021]: alpha · mean max(0, margin − t·output) − kantorovich_rubinstein, t = 1 for label 1 and −1
// for label 0. A batch without one of the classes has the hinge alone.
Var hkr(const Var& output, std::span<const Index> labels, const HkrOptions& options = {},
        Where where = Where::current());
// One against all: the sum over the classes of the hkr of their logits, label 1 for the class and 0 for the others.
Var multi_hkr(const Var& logits, std::span<const Index> labels, const HkrOptions& options = {},
              Where where = Where::current());

// ---- cross entropies
// -----------------------------------------------------------------------------------------------

struct TauCrossEntropyOptions {
  double tau = 1.0;     // > 0
  double offset = 0.0;  // taken off the label's logit first
};
// cross_entropy(tau·logits) / tau. A net with a fixed constant cannot scale its logits; tau does, and with it chooses
// between large margins (small tau) and few errors (large tau) [Bethune2022]. With tau = 1 / t and offset = u it is the
// loss of AOL [Prach2022], there t = 1/4 and u = √2.
Var tau_cross_entropy(const Var& logits, std::span<const Index> labels, const TauCrossEntropyOptions& options = {},
                      Where where = Where::current());

// cross_entropy after √2·L·ε has been added to every logit but the label's: what a perturbation of l2 norm ε can do to
// a net with constant L at worst [Tsuzuku2018]. As a Var of one element L takes part in the training; what it is here,
// a bound or an estimate, is up to the caller. ε ≥ 0, L ≥ 0. With a number for L it is tau_cross_entropy with the
// offset √2·L·ε.
Var lipschitz_margin_cross_entropy(const Var& logits, std::span<const Index> labels, const Var& lipschitz,
                                   double epsilon, Where where = Where::current());
Var lipschitz_margin_cross_entropy(const Var& logits, std::span<const Index> labels, double lipschitz, double epsilon,
                                   Where where = Where::current());

// ---- hinges
// --------------------------------------------------------------------------------------------------------

// Mean of max(0, margin − (logit of the label − largest other logit)), 0 where every margin is large enough. The
// derivative goes to the first largest other logit; multi_margin() of nn/loss.h sums over all of them. At least two
// classes.
Var margin_loss(const Var& logits, std::span<const Index> labels, double margin = 1.0, Where where = Where::current());

}  // namespace taut::nn

#pragma GCC visibility pop
