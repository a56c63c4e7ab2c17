// What penalties on bounds share: a recorded function as log-norms of affine runs and gains between them. Internal to
// lipschitz.
#pragma once

#include <string>
#include <vector>

#include "autodiff/linear_map.h"
#include "lipschitz/penalty.h"

namespace taut::detail {

class Draws;

// The operations of one recording that depend on a sample and on which the output depends, in order. Number 0 is the
// sample. Made again in every step, in the memory of the last.
class RecordedPath {
 public:
  explicit RecordedPath(std::string penalty) : penalty_(std::move(penalty)) {}
  void follow(const Var& output, const Var& sample);

  std::size_t size() const { return ids_.size(); }
  const Node& node(std::size_t k) const { return tape_->node(ids_[k]); }
  // Number of an operand, or −1 if it does not depend on the sample.
  int operand(std::size_t k, int i) const { return number(node(k).operand_ids[i]); }
  // Whether an operand depends on parameters and not on the sample.
  bool trained_operand(std::size_t k, int i) const;
  Var var(NodeId id) const { return tape_->var(id); }
  Rule rule(std::size_t k) const;
  std::string describe(std::size_t k) const;  // "node 7 (dense, model.cpp:12)"
  DType dtype() const { return node(size() - 1).value.dtype(); }
  const std::string& penalty() const { return penalty_; }

 private:
  int number(NodeId id) const { return id < first_ || id > last_ ? -1 : numbers_[id - first_]; }

  std::string penalty_;
  const Tape* tape_ = nullptr;
  NodeId first_ = 0, last_ = 0;
  std::vector<int> numbers_;  // by id − first_
  std::vector<NodeId> ids_;
  std::vector<bool> needed_;
};

// An affine operation as a linear map of one of its operands, applied by its own derivatives.
struct LinearStep {
  std::size_t node = 0;
  int operand = 0;
};
Var apply(const RecordedPath& path, LinearStep step, const Var& t, bool recorded);  // A t
Var apply_transpose(const RecordedPath& path, LinearStep step, const Var& c);       // Aᵀ c, not recorded

// Affine operations in a row.
struct AffineRun {
  std::vector<LinearStep> steps;  // the first is applied first
  bool trained = false;           // does the map depend on parameters?
  bool counted = true;            // false: its norm is part of another one's
  double log_norm = 0.0;          // of one that does not
  Tensor v;                       // follows the leading right singular vector; l2 of trained runs
};

// A bound or a gain as a logarithm: constant + trained.
struct LogTerm {
  double constant = 0.0;
  Var trained;  // undefined: 0
  double value() const { return constant + (trained.defined() ? trained.item() : 0.0); }
  void add(const LogTerm& other);
  void add(const Var& term);
  Var var(DType dtype) const;
};

struct PathEdge {
  std::size_t below = 0;  // whose bound it multiplies
  int run = -1;           // by the norm of this run,
  double log_gain = 0.0;  // or by this
};
enum class Meeting : std::uint8_t { sum, joint };  // how bounds of several operands combine

// What the bound of an operation is made of.
struct PathEntry {
  std::vector<PathEdge> edges;  // none: inside of a run
  Meeting meet = Meeting::sum;
  bool revalued = false;  // an elementwise operation whose slopes depend on parameters
  bool elementwise = false;
  Slope slope{};
  std::size_t uses = 0;  // by operations of the path
};

class PenaltyPlan {
 public:
  PenaltyPlan(const PenaltyOptions& options, const std::string& penalty);

  // Looks at a recording: plans in the first call, checks that later ones are alike.
  void follow(const Var& output, const Var& sample);
  // The logarithms of the norms of the runs, 0 for those that are not counted, on the tape; valid until bound().
  std::vector<LogTerm>& find_norms();
  // That of the bound made of them. In the l2 norm a warm call allocates nothing beyond the pool of tensors.
  LogTerm bound();

  const RecordedPath& path() const { return path_; }
  const std::vector<PathEntry>& entries() const { return entries_; }
  std::vector<AffineRun>& runs() { return runs_; }
  const std::vector<AffineRun>& runs() const { return runs_; }
  const PenaltyOptions& options() const { return options_; }
  void append_vectors(std::vector<Tensor*>& vectors);  // that are kept from call to call

 private:
  bool folds() const { return options_.norm == Norm::l2 && options_.affine_norm == AffineNorm::spectral; }
  void make();
  void require_same() const;
  void include(std::size_t k, const rule::Affine& rule);
  void include(std::size_t k, const rule::Elementwise& rule);
  void include(std::size_t k, const rule::Selects& rule);
  void include(std::size_t k, const rule::Bounded& rule);
  void include(std::size_t k, const rule::Bilinear& rule);
  void include(std::size_t k, const rule::Unbounded& rule);
  int new_run(LinearStep step);
  void start(AffineRun& run, Draws& draws) const;
  double constant_log_norm(const AffineRun& run) const;
  Var image(const AffineRun& run, bool recorded) const;  // A v
  void improve(AffineRun& run, Var image) const;         // v ← Aᵀ A v / ‖Aᵀ A v‖
  Var trained_log_norm(AffineRun& run) const;
  LogTerm through(std::size_t k, const PathEdge& edge) const;
  LogTerm met(std::size_t k);

  PenaltyOptions options_;
  RecordedPath path_;
  std::vector<Shape> shapes_;               // of the operations, to recognise them
  std::vector<std::vector<int>> operands_;  // of the operations, as numbers
  std::vector<PathEntry> entries_;
  std::vector<AffineRun> runs_;
  // Of one call; kept for their memory.
  std::vector<LogTerm> norms_, bounds_, terms_;  // by run, by operation, of one operation
  std::vector<Var> parts_;
};

// log ‖A‖ in l1 or linf of a trained operation, recorded.
Var log_sum_norm(const RecordedPath& path, LinearStep step, Norm norm);
// log ‖A‖_F of a trained dense layer or convolution; undefined for other maps.
Var log_frobenius(const RecordedPath& path, LinearStep step, bool recorded);
// The map of an affine operation by one operand.
LinearMap map_of(const RecordedPath& path, LinearStep step);

// The operand of an operation whose numbers a tensor of its rule shares, or −1.
int sharing_operand(const RecordedPath& path, std::size_t k, const Tensor& weight);
bool share_numbers(const Tensor& a, const Tensor& b);

}  // namespace taut::detail
