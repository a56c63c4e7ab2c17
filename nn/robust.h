// Accuracy that no perturbation of a given size can lower: from Lipschitz bounds of the differences of logits.
// Everything here is proved: bounds have to be certified, margins are enclosed, the rest is rounded downward.
// docs/mathematics/11-robustness.md#robustness.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "autodiff/diff.h"
#include "lipschitz/affine_layers.h"
#include "lipschitz/bound.h"
#include "nn/data.h"
#include "nn/module.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Upper bounds of the Lipschitz constants of z_i − z_j for a net with the logits z, from inputs in the norm of the
// bounds to numbers.
class PairwiseBounds {
 public:
  // κ·L for every pair, κ = 1 in l1, √2 in l2 [Tsuzuku2018] and 2 in linf. RigourError unless certified.
  explicit PairwiseBounds(const UpperBound& whole);
  // Also ‖M_i − M_j‖·L(body) for z = M∘body + constant, ‖·‖ the dual norm, rounding and errors of M included; the
  // smaller of the two counts for each pair. ShapeError unless M has as many outputs as `classes`, UsageError for
  // bounds in two norms.
  PairwiseBounds(const UpperBound& whole, const UpperBound& body, const AffineMap& head, Index classes);

  double operator()(Index i, Index j) const;  // rounded up; 0 for i = j. ShapeError for a class that M does not have
  Norm norm() const { return whole_.norm(); }
  const UpperBound& whole() const { return whole_; }
  const std::optional<UpperBound>& body() const { return body_; }  // none where κ·L is all there is

 private:
  UpperBound whole_;
  std::optional<UpperBound> body_;
  double of_all_;  // κ·L
  Index classes_ = 0;
  std::vector<double> of_pairs_;  // classes × classes
};

// A bound of the function that computes this node from the tape's inputs, as
// [](const Var& y) { return seqlip(y).bound; }. In one norm, and over a domain that holds all perturbed inputs.
using BoundOf = std::function<UpperBound(const Var& node)>;

// Of a net recorded at one sample (1, …), in inference. Where its last operations are affine, by their rules, body and
// whole are bounded apart; elsewhere, and for maps too large to be written down, the whole alone. The first uses
// AutoLip in l2. RigourError where a bound is not certified, ShapeError unless the output is (1, classes).
PairwiseBounds pairwise_bounds(const Function& f, const Tensor& sample);
PairwiseBounds pairwise_bounds(const Function& f, const Tensor& sample, const BoundOf& bound_of);

// For each sample a radius, rounded down, up to which no perturbation changes its class, 0 for samples that are not
// classified correctly for certain. A sample with a positive radius keeps its class at every smaller distance. +∞ for a
// net whose differences of logits are constant.
std::vector<double> certified_radii(ModuleRef net, const DataSet& data, const PairwiseBounds& bounds);

// For each ε the share of samples with a radius above it. Only samples that look safe in the arithmetic of the net are
// enclosed. UsageError for an ε that is negative or NaN.
std::vector<double> certified_accuracy(ModuleRef net, const DataSet& data, const PairwiseBounds& bounds,
                                       const std::vector<double>& epsilons);

}  // namespace taut::nn

#pragma GCC visibility pop
