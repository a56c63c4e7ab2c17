// AutoLip: an upper bound of the Lipschitz constant of anything recorded on a tape [ScamanVirmaux2018, Algorithm 2], as
// one fold over the declared rules.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/tape.h"
#include "lipschitz/bound.h"
#include "lipschitz/budget.h"
#include "lipschitz/question.h"

#pragma GCC visibility push(default)

namespace taut {

// What stands for the norm of an affine layer.
enum class AffineNorm {
  spectral,   // its operator norm: AutoLip
  frobenius,  // ‖A‖_F ≥ ‖A‖₂ of dense layers and convolutions: the Frobenius product, l2 only
};

struct AutoLipOptions {
  Question question{};
  Budget budget{};
  AffineNorm affine_norm = AffineNorm::spectral;
  // Norms and gains multiplied and added along the graph, and nothing better: what penalties follow, and what shares of
  // layers are of. Otherwise also steps, which see what leads past a layer of activations, and, in l1 and linf, sums
  // over paths entry by entry and the bound in l2: docs/mathematics/07-autolip.md#steps and #entry-by-entry.
  bool products_only = false;
};

// Ends notes of bounds that a bounded domain may make finite.
inline constexpr std::string_view box_hint = "; on a box of inputs there may be one";

struct NodeRow {
  NodeId id = 0;
  std::string op;     // for display only
  std::string label;  // of leaves
  Where where;
  Shape shape;
  std::string_view rule;  // "input", "constant", "affine", "elementwise", "selects", "bounded", "bilinear", "unbounded"
  std::vector<NodeId> operands;
  std::vector<UpperBound> gains;    // of the operation, per varying operand
  std::optional<UpperBound> bound;  // up to here; none for constants
};

struct AutoLipReport {
  UpperBound bound;
  Status status = Status::finite;
  std::string note;  // why, when the status is not finite
  std::vector<NodeRow> rows;
  double seconds = 0.0;
};

// An upper bound of sup ‖f(x) − f(y)‖ / ‖x − y‖ for the function f that computes `output` from the tape's input leaves,
// the same norm on both sides, parameters fixed, over all reals or over a box. Several inputs: the joint norm of all.
//
// Chains of affine operations are folded into one linear map before its norm is taken; the recursion without folding is
// kept beside it and the smaller value counts, so that folding never loses. Certified when every part is.
//
// Errors: UsageError (no tape, no input, more than one sample), NumericError (weights or inputs not finite),
// UnsupportedError (samples are mixed), DomainError (an operation undefined on the box). An operation without a finite
// constant is an answer: +inf, with the node, and the status `unbounded` where the function is proved to have none
// (docs/mathematics/07-autolip.md#functions-without-a-constant) or `no_rule`. Past the deadline layers get cheaper
// true bounds and the status is `cut`.
AutoLipReport autolip(const Var& output, const AutoLipOptions& options = {});

// Of a function, recorded at `sample` (one sample, with a first axis of size 1 where the function expects a batch).
AutoLipReport autolip(const Function& f, const Tensor& sample, const AutoLipOptions& options = {},
                      Where where = Where::current());

// A table of the nodes, and the bound.
std::ostream& operator<<(std::ostream& out, const AutoLipReport& report);

}  // namespace taut

#pragma GCC visibility pop
