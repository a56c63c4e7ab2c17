// SeqLip: upper bounds of networks that count what activations between two layers can pass on [ScamanVirmaux2018, 4],
// for any tape.
//
// In f = … ∘ T_{i+1} ∘ ρ_i ∘ T_i ∘ …, with layers M_i = U_i Σ_i V_iᵀ and the slopes of ρ_i in [lo, hi],
//
//     L(f) ≤ Π_i max over σ ∈ [lo, hi]^n of ‖Σ̃_{i+1} V_{i+1}ᵀ diag(σ) U_i Σ̃_i‖,  Σ̃ = Σ at both ends of a chain, else
//     √Σ.
//
// A chain is a run of affine and elementwise operations; what else lies between (max-pools, products, norms) ends it
// and counts by AutoLip's rules, so that every tape has a SeqLip. Branches that add up, as in residual networks, share
// their activations: the bound is the sum over the branches. docs/mathematics/07-autolip.md#seqlip has the proofs.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lipschitz/autolip.h"

#pragma GCC visibility push(default)

namespace taut {

enum class SeqLipMethod : std::uint8_t {
  certified,  // `seqlip`: every factor bounded from above, exactly where neurons are few, else by the best diagonal
              // multiplier; never above AutoLip
  exact,      // `seqlip-exact`: the maxima themselves, certified; past the deadline what is proved by then
  greedy,     // `seqlip-greedy`: the paper's search from σ = hi by single flips. An estimate: of a maximum from below
};
std::string_view to_string(SeqLipMethod method);  // "seqlip", "seqlip-exact", "seqlip-greedy"

struct SeqLipOptions {
  Question question{};  // in l2
  Budget budget{};
  SeqLipMethod method = SeqLipMethod::certified;
  bool products_only = false;  // as of AutoLipOptions, for what lies between chains
  // Greedy only: the leading singular triples that stand for a layer, 0 for all of them (layers of at most about 2000
  // on the smaller side), and further searches from random patterns.
  Index triples = 0;
  int restarts = 0;
  // Certified only: the work that large layers and their factors may take in all, in floating-point operations of
  // matrix products, and as much for the searches of small factors, of which a node counts 5e7. A limit on every
  // machine the same, so that results do not depend on the clock: the bound of a network is optimised as far as this
  // goes, and what is found is certified however far that is. The default takes a few seconds; infinity asks for the
  // best multipliers of every factor, which may take minutes.
  double operations = 1.4e11;
};

// One activation between two layers.
struct SeqLipPair {
  NodeId node = 0;
  std::string name;  // "node 7 (relu, model.cpp:42)"
  Index neurons = 0, rows = 0,
        columns = 0;   // of the problem max ‖A diag(σ) B‖: A (rows, neurons), B (neurons, columns)
  LowerBound lower;    // of the maximum, attained
  UpperBound upper;    // of the maximum; greedy: the estimate
  UpperBound norms;    // ‖A‖ max|σ| ‖B‖, what AutoLip counts
  std::string method;  // how: "pair multiplier", "pair branch and bound", …
  double seconds = 0.0;
};

struct SeqLipReport {
  UpperBound bound;
  Status status = Status::finite;
  // Why, when the status is not finite; how many layers were too large for more than their norms, and how many factors
  // the limit of operations left looser than they could be.
  std::string note;
  std::vector<SeqLipPair> pairs;
  double seconds = 0.0;
};

// In l2, over all reals or a box. Errors and infinite answers are those of autolip().
SeqLipReport seqlip(const Var& output, const SeqLipOptions& options = {});
// Of a function, recorded at `sample`, as autolip() takes them.
SeqLipReport seqlip(const Function& f, const Tensor& sample, const SeqLipOptions& options = {},
                    Where where = Where::current());

// A table of the pairs, and the bound.
std::ostream& operator<<(std::ostream& out, const SeqLipReport& report);

}  // namespace taut

#pragma GCC visibility pop
