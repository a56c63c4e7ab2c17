#include "lipschitz/penalty/penalty_plan.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/unit_vector.h"
#include "lipschitz/bounds/draws.h"
#include "lipschitz/network/network.h"
#include "lipschitz/spectral.h"

namespace taut::detail {
// ---- logarithms
// ----------------------------------------------------------------------------------------------------

void LogTerm::add(const LogTerm& other) {
  constant += other.constant;
  if (other.trained.defined()) add(other.trained);
}

void LogTerm::add(const Var& term) { trained = trained.defined() ? taut::add(trained, term) : term; }

Var LogTerm::var(DType dtype) const {
  if (!trained.defined()) return Var(Tensor::scalar(constant, dtype));
  return constant == 0.0 ? trained : shift(trained, constant);
}

// ---- the plan
// ------------------------------------------------------------------------------------------------------

PenaltyPlan::PenaltyPlan(const PenaltyOptions& options, const std::string& penalty)
    : options_(options), path_(penalty) {
  if (options.steps < 1 || options.warm_up < 0)
    throw UsageError(cat('[', penalty, "] steps must be 1 or more and warm_up 0 or more, got ", options.steps, " and ",
                         options.warm_up));
  if (options.affine_norm == AffineNorm::frobenius && options.norm != Norm::l2)
    throw UsageError(cat('[', penalty, "] Frobenius norms bound l2 norms; got ", options.norm, "; ask for l2"));
}

void PenaltyPlan::follow(const Var& output, const Var& sample) {
  path_.follow(output, sample);
  if (!entries_.empty()) return require_same();
  try {
    make();
  } catch (...) {
    // Half a plan must not be followed in another call.
    shapes_.clear();
    operands_.clear();
    entries_.clear();
    runs_.clear();
    throw;
  }
}

void PenaltyPlan::require_same() const {
  bool same = shapes_.size() == path_.size();
  for (std::size_t k = 0; same && k < path_.size(); ++k) {
    const Node& node = path_.node(k);
    same = node.value.shape() == shapes_[k] && operands_[k].size() == node.operand_count;
    for (std::size_t i = 0; same && i < node.operand_count; ++i)
      same = operands_[k][i] == path_.operand(k, static_cast<int>(i));
  }
  if (!same)
    throw UsageError(cat('[', path_.penalty(),
                         "] other operations were recorded than in the first call, whose vectors "
                         "are kept; make one penalty per network and shape of sample"));
}

void PenaltyPlan::make() {
  for (std::size_t k = 0; k < path_.size(); ++k) {
    const Node& node = path_.node(k);
    shapes_.push_back(node.value.shape());
    std::vector<int>& operands = operands_.emplace_back();
    for (std::size_t i = 0; i < node.operand_count; ++i) operands.push_back(path_.operand(k, static_cast<int>(i)));
  }
  std::vector<PathEntry> entries(path_.size());
  for (const auto& operands : operands_)
    for (const int below : operands)
      if (below >= 0) ++entries[static_cast<std::size_t>(below)].uses;
  entries_ = std::move(entries);
  for (std::size_t k = 1; k < path_.size(); ++k) std::visit([&](const auto& rule) { include(k, rule); }, path_.rule(k));
  Draws draws(options_.seed);
  for (AffineRun& run : runs_) start(run, draws);
}

int PenaltyPlan::new_run(LinearStep step) {
  runs_.emplace_back().steps.push_back(step);
  return static_cast<int>(runs_.size()) - 1;
}

void PenaltyPlan::include(std::size_t k, const rule::Affine& rule) {
  PathEntry& entry = entries_[k];
  const std::vector<int>& operands = operands_[k];
  const auto varying = std::ranges::count_if(operands, [](int below) { return below >= 0; });
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i] < 0) continue;
    const auto below = static_cast<std::size_t>(operands[i]);
    const LinearStep step{k, static_cast<int>(i)};
    PathEntry& before = entries_[below];
    if (folds() && varying == 1 && before.uses == 1 && before.edges.size() == 1 && before.edges[0].run >= 0) {
      // The run below goes on.
      entry.edges.push_back(before.edges[0]);
      before.edges.clear();
      runs_[static_cast<std::size_t>(entry.edges[0].run)].steps.push_back(step);
    } else {
      entry.edges.push_back({below, new_run(step), 0.0});
    }
  }
  if (varying > 1 && write_apart(rule.maps)) entry.meet = Meeting::joint;
}

void PenaltyPlan::include(std::size_t k, const rule::Elementwise& rule) {
  PathEntry& entry = entries_[k];
  entry.elementwise = true;
  entry.slope = rule.slope;
  for (int i = 0; i < static_cast<int>(operands_[k].size()); ++i)
    entry.revalued = entry.revalued || path_.trained_operand(k, i);
  const auto below = static_cast<std::size_t>(operands_[k][static_cast<std::size_t>(rule.argument)]);
  entry.edges.push_back({below, -1, std::log(rule.slope.magnitude())});
}

void PenaltyPlan::include(std::size_t k, const rule::Selects& rule) {
  const auto times = static_cast<double>(rule.multiplicity);
  const double gain = options_.norm == Norm::l1 ? times : options_.norm == Norm::l2 ? std::sqrt(times) : 1.0;
  for (const int below : operands_[k])
    if (below >= 0) entries_[k].edges.push_back({static_cast<std::size_t>(below), -1, std::log(gain)});
  entries_[k].meet = Meeting::joint;
}

void PenaltyPlan::include(std::size_t k, const rule::Bounded& rule) {
  for (std::size_t i = 0; i < operands_[k].size(); ++i)
    if (operands_[k][i] >= 0)
      entries_[k].edges.push_back(
          {static_cast<std::size_t>(operands_[k][i]), -1, std::log(rule.gains[i].in(options_.norm))});
}

void PenaltyPlan::include(std::size_t k, const rule::Bilinear&) {
  throw UnsupportedError(cat('[', path_.penalty(), "] ", path_.describe(k),
                             " is a product of two operands that vary, without a constant over all reals"));
}

void PenaltyPlan::include(std::size_t k, const rule::Unbounded& rule) {
  throw UnsupportedError(cat('[', path_.penalty(), "] ", path_.describe(k), " has no finite constant: ", rule.why,
                             "; use another operation where the bound is to be trained"));
}

void PenaltyPlan::start(AffineRun& run, Draws& draws) const {
  for (const LinearStep step : run.steps)
    for (int i = 0; i < static_cast<int>(operands_[step.node].size()); ++i)
      run.trained = run.trained || path_.trained_operand(step.node, i);
  if (!run.trained) {
    run.log_norm = constant_log_norm(run);
    return;
  }
  if (options_.norm != Norm::l2) return;
  const LinearStep first = run.steps[0];
  if (options_.affine_norm == AffineNorm::frobenius && log_frobenius(path_, first, false).defined()) return;
  const int below = operands_[first.node][static_cast<std::size_t>(first.operand)];
  run.v = Tensor::zeros(shapes_[static_cast<std::size_t>(below)], path_.dtype());
  dispatch(run.v.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& entry : run.v.mutable_data<T>()) entry = static_cast<T>(draws.normal());
  });
  normalise(run.v);
  for (int i = 0; i < options_.warm_up; ++i) improve(run, image(run, false));
}

double PenaltyPlan::constant_log_norm(const AffineRun& run) const {
  LinearMap map;
  for (const LinearStep step : run.steps) {
    const LinearMap next = map_of(path_, step);
    map = map ? compose(next, map) : next;
  }
  return std::log(operator_norm(map, options_.norm).upper.value());
}

Var PenaltyPlan::image(const AffineRun& run, bool recorded) const {
  Var y(run.v);
  for (const LinearStep step : run.steps) y = apply(path_, step, y, recorded);
  return y;
}

void PenaltyPlan::improve(AffineRun& run, Var image) const {
  for (std::size_t i = run.steps.size(); i-- > 0;) image = apply_transpose(path_, run.steps[i], image);
  Tensor better = image.value();
  image = Var();
  if (normalise(better)) run.v = std::move(better);
}

Var PenaltyPlan::trained_log_norm(AffineRun& run) const {
  if (options_.norm != Norm::l2) return log_sum_norm(path_, run.steps[0], options_.norm);
  if (!run.v.defined()) return log_frobenius(path_, run.steps[0], true);
  for (int i = 1; i < options_.steps; ++i) improve(run, image(run, false));
  const Var y = image(run, true);
  improve(run, y.detached());
  return log(l2_norm(y));
}

std::vector<LogTerm>& PenaltyPlan::find_norms() {
  norms_.clear();
  for (AffineRun& run : runs_) {
    LogTerm& term = norms_.emplace_back();
    if (!run.counted) continue;
    if (!run.trained) {
      term.constant = run.log_norm;
      continue;
    }
    term.trained = trained_log_norm(run);
    if (!std::isfinite(term.trained.item()))
      throw NumericError(cat('[', path_.penalty(), "] ", path_.describe(run.steps.back().node), " has norm ",
                             std::exp(term.trained.item()), ", whose logarithm is not finite; check its weights"));
  }
  return norms_;
}

LogTerm PenaltyPlan::bound() {
  bounds_.clear();
  bounds_.resize(path_.size());
  for (std::size_t k = 1; k < path_.size(); ++k) {
    const PathEntry& entry = entries_[k];
    if (entry.edges.size() == 1) bounds_[k] = through(k, entry.edges[0]);
    if (entry.edges.size() > 1) bounds_[k] = met(k);
  }
  LogTerm result = std::move(bounds_.back());
  // What is kept must not hold numbers of the tape.
  bounds_.clear();
  norms_.clear();
  if (!std::isfinite(result.value()))
    throw NumericError(cat('[', path_.penalty(), "] the bound of ", path_.describe(path_.size() - 1), " is exp(",
                           result.value(),
                           "), whose logarithm is not finite; a constant or unbounded function has no "
                           "penalty"));
  return result;
}

LogTerm PenaltyPlan::through(std::size_t k, const PathEdge& edge) const {
  LogTerm term = bounds_[edge.below];
  if (edge.run >= 0)
    term.add(norms_[static_cast<std::size_t>(edge.run)]);
  else if (entries_[k].revalued)
    term.constant += std::log(std::get<rule::Elementwise>(path_.rule(k)).slope.magnitude());
  else
    term.constant += edge.log_gain;
  return term;
}

// log (Σ Lᵢ^p)^(1/p): p = 1 for sums and the joint norm in l1, 2 for that in l2; the largest in linf.
LogTerm PenaltyPlan::met(std::size_t k) {
  const PathEntry& entry = entries_[k];
  terms_.clear();
  for (const PathEdge& edge : entry.edges) {
    LogTerm term = through(k, edge);
    if (term.value() > -infinity) terms_.push_back(std::move(term));  // a constant branch adds nothing
  }
  LogTerm result{-infinity, {}};
  const bool joint = entry.meet == Meeting::joint;
  if (terms_.size() == 1) {
    result = terms_[0];
  } else if (!terms_.empty() && joint && options_.norm == Norm::linf) {
    result = *std::ranges::max_element(terms_, {}, &LogTerm::value);
  } else if (!terms_.empty()) {
    const double p = joint && options_.norm == Norm::l2 ? 2.0 : 1.0;
    parts_.clear();
    for (const LogTerm& term : terms_) parts_.push_back(reshape(term.var(path_.dtype()), Shape{1}));
    const Var all = concat(parts_, 0);
    result = {0.0, p == 1.0 ? logsumexp(all) : scale(logsumexp(scale(all, p)), 1.0 / p)};
  }
  terms_.clear();
  parts_.clear();
  return result;
}

void PenaltyPlan::append_vectors(std::vector<Tensor*>& vectors) {
  for (AffineRun& run : runs_)
    if (run.v.defined() && run.counted) vectors.push_back(&run.v);
}

}  // namespace taut::detail
