// What all searches for lower bounds share: evaluation of many points, memory of the best, and their certification.
// Internal to lipschitz.
#pragma once

#include <string>
#include <vector>

#include "lipschitz/lower.h"
#include "lipschitz/lower/jacobian_batch.h"

namespace taut::detail {

// Where points may lie: a box entry by entry, or anywhere.
class Domain {
 public:
  Domain() = default;
  explicit Domain(const std::optional<Interval>& box, const Shape& shape) {
    if (box) range_ = Range::box(shape, *box);
  }
  explicit Domain(Range range) : range_(std::move(range)) {}

  bool bounded() const { return range_.defined(); }
  const Range& range() const { return range_; }
  // Points (count, …), moved to the nearest ones inside that their dtype can represent.
  void clamp(Tensor& points) const;
  bool contains(const Tensor& points) const;
  bool holds_numbers(DType dtype) const;  // between the ends of every side is a number of the dtype

 private:
  Range range_;  // of one sample
};

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
  LowerSearch(const Function& f, const Tensor& sample, const LowerOptions& options, Domain domain,
              std::string_view method);

  JacobianBatch& batch() { return batch_; }
  const JacobianBatch& batch() const { return batch_; }
  const Domain& domain() const { return domain_; }
  Index features() const { return batch_.columns(); }
  const LowerOptions& options() const { return options_; }
  bool expired() {
    if (options_.expired()) status_ = Status::cut;
    return status_ == Status::cut;
  }
  void report(double fraction) const { options_.report(method_, fraction); }

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
  Options::Clock::time_point start_;
  Shape sample_;  // (1, …)
  DType dtype_;
  Domain domain_;
  JacobianBatch batch_;
  Candidates candidates_;
  Status status_ = Status::finite;
  bool evaluated_ = false;
};

// UsageError unless a box has finite ends lo < hi.
void require_box(const std::optional<Interval>& box, std::string_view method);
// Data as every method wants it: (count, features…), not empty, finite, inside of the box. UsageError, NumericError.
void require_usable(const Tensor& data, const std::optional<Interval>& box, std::string_view method);

}  // namespace taut::detail
