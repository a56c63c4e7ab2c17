// Lipschitz bounds as loss terms: scalars on the tape of a training step, to be added to its loss. Made from the rules
// and derivatives that operations declare, for anything that a tape records. What they return is for training only:
// numbers that follow a bound, mostly from below, and never a bound. After training, autolip() or sandwich() says what
// was reached.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "autodiff/norm.h"
#include "autodiff/tape.h"
#include "lipschitz/autolip.h"

#pragma GCC visibility push(default)

namespace taut {

// The logarithm of a bound of a recorded function as a node of its tape:
//
//   LogAutoLip log_autolip;
//   const Var x = tape.constant(one_sample);
//   loss = loss + 0.05 * log_autolip(net(x), x);                    // in every step, before backward
//
// (nn/penalty.h does this for a module.) What varies is what depends on `sample`, a leaf on the tape of `output` of any
// kind; it holds one sample, whose numbers matter only as far as slopes depend on them, which they do not over all
// reals. Calls of one object must record the same operations in the same order, since vectors are kept from call to
// call. Errors name the node: NumericError where a norm is 0 or not finite, UnsupportedError for an operation without a
// finite constant, UsageError when the output does not depend on the sample or other operations are recorded than
// before.
class BoundPenalty {
 public:
  virtual ~BoundPenalty() = default;
  virtual Var operator()(const Var& output, const Var& sample) = 0;
  // The bound as of the last call, exp of what was returned.
  virtual double estimate() const = 0;
  // The vectors that are kept, empty before the first call: what a training that is continued has to restore.
  virtual std::vector<Tensor*> state() = 0;
};

struct PenaltyOptions {
  Norm norm = Norm::l2;
  AffineNorm affine_norm = AffineNorm::spectral;  // frobenius: in l2 only
  int warm_up = 10;                               // steps of the power method in the first call
  int steps = 1;                                  // in every call afterwards, 1 or more
  std::uint64_t seed = 0;                         // of the vectors to start from
};

namespace detail {
class PenaltyPlan;
}

// log AutoLip: the recursion of autolip() over the operations, affine ones in a row counting as one map, without
// folding across branches [ScamanVirmaux2018, Yoshida2017 for chains in l2].
//
// In l2, log ‖A‖ of an affine map is log ‖A v‖ for a unit vector v that follows the leading right singular vector: a
// step of the power method per call. A v is made of the jvp of the operations, so that a convolution counts as the
// operator that it is, and its derivative by the weights is that of log ‖A‖ once v has converged (u vᵀ / σ for a
// matrix). In l1 and linf the largest column or row is followed, exactly. Maps that depend on no parameter count by
// their certified norm; slopes that are parameters (PReLU) count by their value, and no derivative flows to them.
class LogAutoLip final : public BoundPenalty {
 public:
  explicit LogAutoLip(const PenaltyOptions& options = {});
  ~LogAutoLip() override;
  LogAutoLip(LogAutoLip&&) noexcept;
  LogAutoLip& operator=(LogAutoLip&&) noexcept;

  Var operator()(const Var& output, const Var& sample) override;
  double estimate() const override { return estimate_; }
  std::vector<Tensor*> state() override;

 private:
  std::unique_ptr<detail::PenaltyPlan> plan_;
  double estimate_ = 0.0;
};

// log SeqLip in l2 [ScamanVirmaux2018, 4]: log AutoLip, but with what the slopes let pass in place of the norms of
// dense layers with an elementwise operation between them: for every such pair
//
//     max over σ ∈ [lo, hi]^n of ‖(M₂ᵀM₂)^¼ diag(σ) (M₁M₁ᵀ)^¼‖,
//
// with M itself in place of the root at an end of a chain. The maximiser is relaxed: from the slopes of the last call,
// leading singular vectors p, q and the best slopes for them follow each other until none changes, a maximum by
// coordinates and so from below. The derivative is that of the singular value at these slopes, by the matrices, through
// the eigenvectors of their Gram matrices [DaleckiiKrein1965]. A dense layer between two activations costs two
// symmetric eigenvalue problems per call; other layers count as in AutoLip.
class LogSeqLip final : public BoundPenalty {
 public:
  explicit LogSeqLip(const PenaltyOptions& options = {});  // UsageError for other norms than spectral ones in l2
  ~LogSeqLip() override;
  LogSeqLip(LogSeqLip&&) noexcept;
  LogSeqLip& operator=(LogSeqLip&&) noexcept;

  Var operator()(const Var& output, const Var& sample) override;
  double estimate() const override { return estimate_; }
  std::vector<Tensor*> state() override;

 private:
  struct Pairs;
  std::unique_ptr<detail::PenaltyPlan> plan_;
  std::unique_ptr<Pairs> pairs_;
  double estimate_ = 0.0;
};

}  // namespace taut

#pragma GCC visibility pop
