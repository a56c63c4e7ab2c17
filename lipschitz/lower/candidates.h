// What all searches for lower bounds share: evaluation of many points, memory of the best, and their certification.
// Internal to lipschitz.
#pragma once

#include <string>
#include <vector>

#include "lipschitz/lower.h"
#include "lipschitz/lower/jacobian_batch.h"

namespace taut::detail {

// A point, (1, …) as f takes it, or a pair.
struct Candidate {
  double value = 0.0;  // as computed
  Tensor point, partner;
  Index index = -1, partner_index = -1;
};

// The best points met. Of a piecewise linear function whole regions have one value; two of them are kept.
class Candidates {
 public:
  bool wants(double value) const { return std::isfinite(value) && value > 0.0 && value > threshold_; }
  void offer(Candidate candidate);                              // of which wants(value) was asked
  const std::vector<Candidate>& best() const { return best_; }  // in descending order

 private:
  static constexpr std::size_t most = 12;
  std::vector<Candidate> best_;
  double threshold_ = -1.0;
};

class LowerSearch {
 public:
  // `sample`: (1, …), finite. UsageError unless it has an axis of samples of size 1.
  LowerSearch(const Function& f, const Tensor& sample, const LowerOptions& options, std::string_view method)
      : LowerSearch(f, sample, options, options.question.domain, method) {}
  // In another domain than that of the options.
  LowerSearch(const Function& f, const Tensor& sample, const LowerOptions& options, Domain domain,
              std::string_view method);

  JacobianBatch& batch() { return batch_; }
  const JacobianBatch& batch() const { return batch_; }
  const Range& box() const { return box_; }  // around the domain; undefined for all reals
  Index features() const { return batch_.columns(); }
  const LowerOptions& options() const { return options_; }
  bool expired() {
    if (options_.budget.expired()) status_ = Status::cut;
    return status_ == Status::cut;
  }
  void report(double fraction) const { options_.budget.report(method_, fraction); }

  // Points by rows of f64 numbers, moved into the domain and rounded to f's dtype; `rows` gets what they became.
  Tensor points(std::vector<double>& rows) const;
  // ‖D_x f‖ at every point (count, …), in batches. Once time is up the rest has −1, except for a first batch.
  std::vector<double> evaluate(const Tensor& points, Index first_index = -1);
  Candidates& candidates() { return candidates_; }

  // The best that can be proved at, or next to, the candidates.
  LowerResult result();

 private:
  struct Proof {
    LowerBound bound;
    Tensor point, partner;
  };
  void certify(const Candidate& candidate, std::optional<Proof>& best);
  void certify_quotients(const Candidate& candidate, const Tensor& direction, std::optional<Proof>& best);
  void certify_nearby(const Candidate& candidate, const Tensor& direction, std::optional<Proof>& best);

  const Function& f_;
  const LowerOptions& options_;
  std::string_view method_;
  Budget::Clock::time_point start_;
  Shape sample_;  // (1, …)
  DType dtype_;
  Domain domain_;
  Range box_;
  JacobianBatch batch_;
  Candidates candidates_;
  Status status_ = Status::finite;
  bool evaluated_ = false;
};

// UsageError unless a domain of inputs of this shape has finite ends and an interior; UnsupportedError where only some
// sides of its box have a length.
void require_interior(const Domain& domain, const Shape& sample, std::string_view method);
// Data as every method wants it: (count, features…), not empty, finite. UsageError, NumericError.
void require_usable(const Tensor& data, std::string_view method);
// The same, inside of a domain with an interior.
void require_usable(const Tensor& data, const Domain& domain, std::string_view method);

}  // namespace taut::detail
