// The linear maps of a function, one by one: what AutoLip multiplies, to be looked at layer by layer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/linear_map.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"
#include "lipschitz/enclosure.h"

#pragma GCC visibility push(default)

namespace taut {

// A linear map, every entry of which may be off by `relative_error` times that of absolute(map): weights that the tape
// computed from others (the scale of a batch norm) were rounded, the exact network has the exact ones. 0: exact. Where
// terms of a sum cancel this is more than that part of the entry itself.
struct AffineMap {
  LinearMap map;
  double relative_error = 0.0;
};

// The linear part of the affine function that computes `output` from the tape's inputs, all flattened one behind the
// other where there are several; nothing where the function is not affine over all reals, and for an output that does
// not depend on an input. No norm is computed. Errors as by autolip(), save that samples may be mixed.
std::optional<AffineMap> affine_part(const Var& output);

// A function taken apart before its last affine operations: output = affine ∘ body + constant, body flattened.
struct AffineHead {
  AffineMap affine;
  Var body;  // on the tape of the output: the last node that is not affine or in which branches meet, or an input
};
// The longest such part that begins at one node: a dense layer behind an activation, a convolution and the reshape
// behind it. Nothing where the output itself is not affine in one node. No norm is computed. Errors as by
// affine_part().
std::optional<AffineHead> affine_head(const Var& output);

// Bounds of the operator norm, and an upper bound of the Frobenius norm, the errors of the entries included.
Enclosure operator_norm(const AffineMap& affine, Norm norm, const Budget& budget = {});
UpperBound frobenius_norm(const AffineMap& affine, const Budget& budget = {});

// For every two outputs an upper bound of |y_i − y_j| / ‖x‖, (m, m) f64: the distance of two rows of the matrix in the
// norm dual to `norm`, rounded up, errors of the entries included. Nothing for maps that are too large to be written
// down (beyond some million entries) or opaque.
std::optional<Tensor> row_distances(const AffineMap& affine, Norm norm);

// An operation on the tape.
struct LayerNode {
  NodeId id = 0;
  std::string op;  // for display only
  Where where;
};

// One of the maps that AutoLip multiplies: what folds between an operation that is not affine, or the input, and the
// next one that is not, or the output.
struct FoldedLayer {
  std::optional<LayerNode> from;  // whose result it takes; none: the input
  LayerNode to;                   // whose result it is, before what is not affine
  std::vector<LayerNode> nodes;   // that were folded into it, the last one is `to`
  AffineMap affine;
  Enclosure norm;
  UpperBound frobenius;  // of the map, in l2 whatever the norm
  // On the path from the input to the output along which the product of gains is largest. Branches that join are summed
  // in AutoLip, so that the path alone may stay below its bound.
  bool on_largest_path = false;
  // log ‖map‖ / log of that product; none off the path, and where the product is at most 1 or infinite.
  std::optional<double> share;
};

// In the order of the tape; maps that are identities are left out. Options and errors as of autolip(), whose time they
// take; with Frobenius norms asked for, the same maps.
std::vector<FoldedLayer> folded_layers(const Var& output, const AutoLipOptions& options = {});
std::vector<FoldedLayer> folded_layers(const Function& f, const Tensor& sample, const AutoLipOptions& options = {},
                                       Where where = Where::current());

// The layer with the largest norm on the path, or null: what to look at first where a bound is too large.
const FoldedLayer* culprit(const std::vector<FoldedLayer>& layers);

}  // namespace taut

#pragma GCC visibility pop
