// Whole-network multipliers: upper bounds that couple all layers of a network at once, which is what LipSDP's
// semidefinite programme bounds [Fazlyab2019], without a solver of such programmes.
//
// Every activation obeys an inequality per neuron, (z − a y)(z − b y) ≤ 0 for slopes in [a, b]. Sums of them with
// nonnegative multipliers λ bound how far the output can move; eliminating one layer after the other turns that into
// one matrix whose largest eigenvalue is L². Chains, residual blocks, concatenations and branches are the same to the
// elimination; max-pools, products and what else has a gain take part with one multiplier for all of their entries.
// docs/mathematics/17-multipliers.md#multipliers has the theorems, the search for multipliers and the proof with
// rounding.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lipschitz/autolip.h"

#pragma GCC visibility push(default)

namespace taut {

enum class MultiplierMethod : std::uint8_t {
  optimised,     // `multiplier`: the best multipliers that the work allows
  eclipse_fast,  // `eclipse-fast`: λ = 1 / σ_max of every layer, in closed form [Xu2024]
};
std::string_view to_string(MultiplierMethod method);

struct MultiplierOptions {
  Question question;  // in l2
  Budget budget;
  MultiplierMethod method = MultiplierMethod::optimised;
  // The work of the search, in multiplications of matrix products: the same on every machine, so that results do not
  // depend on the clock. The default takes a few seconds. A deadline that leaves time for more allows more.
  double operations = 1.5e11;
};

// What the search had reached, and when.
struct MultiplierStage {
  std::string stage;  // "spectral start", "dual", "descent", "proof"
  double value = 0.0;
  bool certified = false;
  double seconds = 0.0;
};

struct MultiplierReport {
  UpperBound bound;
  Status status = Status::finite;
  std::string note;
  std::vector<MultiplierStage> history;
  double seconds = 0.0;
};

// Over all reals or a domain; never above AutoLip. Errors and infinite answers are those of autolip(). Networks of
// which a state has more than a few thousand entries, and operations without a gain, get AutoLip's bound and a note.
MultiplierReport multiplier_bound(const Var& output, const MultiplierOptions& options = {});
// Of a function, recorded at `sample`, as autolip() takes them.
MultiplierReport multiplier_bound(const Function& f, const Tensor& sample, const MultiplierOptions& options = {},
                                  Where where = Where::current());

}  // namespace taut
#pragma GCC visibility pop
