// f recorded on many points at once: what every search for lower bounds evaluates. Internal to lipschitz.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "autodiff/diff.h"
#include "autodiff/norm.h"
#include "autodiff/tape.h"
#include "lipschitz/lower.h"

namespace taut::detail {

// Samples [from, to) along the first axis.
Tensor samples(const Tensor& data, Index from, Index to);

// Norms of the Jacobians J of a batch with vectors that attain them: leftᵀ J right = ‖J‖, where ‖right‖ = 1 and left
// has length 1 in the dual norm. As computed: nothing is proved.
struct Attained {
  std::vector<double> norms;  // by point
  Tensor left, right;         // f64 (count, rows), (count, columns); undefined unless asked for
};

// Samples do not mix, so one sweep gives the same row or column of every point's Jacobian.
class JacobianBatch {
 public:
  // `method` opens error messages. Records f at one sample to learn its sizes. Errors: UnsupportedError (samples mix,
  // or do not lie along the first axis of the result).
  JacobianBatch(const Function& f, const Tensor& sample, const LowerOptions& options, std::string_view method);

  Index rows() const { return rows_; }        // numbers per sample of the result
  Index columns() const { return columns_; }  // and of the point
  Norm norm() const { return norm_; }
  // Roughly what an evaluation costs, in nanoseconds of one core: from the sizes of the sample's values and of the
  // parameters, and the number of sweeps.
  double cost() const { return cost_; }
  // Points to record together: as wanted, or as fit well into memory for 0.
  Index at_once(Index wanted) const;

  void record(const Tensor& points);  // (count, …); forgets the points before
  Index count() const { return count_; }
  Tensor outputs() const;  // f64 (count, rows)

  // In l2, when rows and columns both are many, and then in every norm, by the power method for the norm [Higham2002,
  // 15.2], `steps` of it; otherwise from whole Jacobians, one vjp per row (or jvp per column).
  Attained attained(bool vectors, int steps = 12) const;
  // Of leftᵀ J right at every point by the point, f64 (count, columns): a subgradient of ‖J‖. Zeros for piecewise
  // linear functions.
  Tensor ascent_directions(const Attained& at) const;
  // The arguments at which f has kinks that its rules declare (piecewise linear operations), less the kinks' places:
  // f64 (count, kinks); a sign that changes is a kink that was crossed.
  Index kinks() const { return kinks_; }
  Tensor distances_to_kinks() const;
  // leftᵀ J at every point, f64 (count, columns).
  Tensor pulled_back(const Tensor& left) const;

 private:
  bool by_power() const;
  Tensor jacobians() const;  // f64 (count, rows, columns)
  Attained from_jacobians(bool vectors) const;
  Attained from_power(int steps) const;
  void check() const;
  std::vector<int> axes_of_samples(const Tensor& sample);
  void find_kinks(const std::vector<int>& axes);

  // An operand of an elementwise operation with breaks in its slope.
  struct Breaks {
    NodeId operand;
    int sample_axis;
    std::vector<double> at;
  };

  Function f_;
  Norm norm_;
  int sample_axis_;
  std::string_view method_;
  std::uint64_t seed_;
  mutable Tape tape_;  // recorded on by second derivatives
  Var x_, y_;
  Index count_ = 0, rows_ = 0, columns_ = 0;
  double cost_ = 0.0, numbers_ = 0.0, multiplications_ = 0.0;
  std::vector<Breaks> breaks_;
  Index kinks_ = 0;
  bool checked_ = false;  // with more than one sample
};

}  // namespace taut::detail
