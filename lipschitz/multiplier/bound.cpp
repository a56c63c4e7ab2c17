#include "lipschitz/multiplier/bound.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/multiplier/dual.h"
#include "lipschitz/optimise/lbfgs.h"
#include "lipschitz/upper/autolip.h"

namespace taut {
namespace detail {
namespace {

AutoLipOptions fold_options(const MultiplierOptions& options) {
  AutoLipOptions fold{options.question, options.budget};
  fold.budget.progress = nullptr;
  fold.products_only = true;
  return fold;
}

constexpr double operations_per_second = 1e10;  // of one core, roughly

// The search for multipliers of one program, and the proof of what it found.
class Search {
 public:
  Search(const Program& program, const MultiplierOptions& options)
      : program_(program), options_(options), budget_(options.budget), operations_left_(options.operations) {}

  // The best bound that is proved; nothing where none is.
  std::optional<Magnitude> run() {
    // A proof takes up to two evaluations, and is made of a start and of what the search found.
    const std::chrono::duration<double> proof(2.0 * program_.operations() / operations_per_second);
    if (budget_.deadline) *budget_.deadline -= std::chrono::duration_cast<Budget::Clock::duration>(proof);
    begin_somewhere();
    if (!best_) return std::nullopt;
    safe_ = best_;
    prove();
    if (options_.method == MultiplierMethod::optimised) {
      look_at_dual();
      budget_.report("multiplier", 0.5);
      descend();
      budget_.report("multiplier", 0.9);
      prove();
    }
    return proved_;
  }

  std::vector<MultiplierStage> history() const { return history_; }

 private:
  void note(std::string stage, double log2_bound, bool certified = false) {
    const double seconds = std::chrono::duration<double>(Budget::Clock::now() - begin_).count();
    history_.push_back({std::move(stage), std::exp2(log2_bound), certified, seconds});
  }

  bool spend(double operations) {
    if (operations > operations_left_ || budget_.expired()) return false;
    operations_left_ -= operations;
    return true;
  }

  bool offer(Begun candidate, const char* stage) {
    if (best_ && !(candidate.evaluation.log2_bound < best_->evaluation.log2_bound)) return false;
    note(stage, candidate.evaluation.log2_bound);
    best_ = std::move(candidate);
    return true;
  }

  void try_start(Start start, double c, const char* stage) {
    if (best_ && !spend(program_.operations())) return;
    if (auto begun = begin(program_, start, c, budget_)) offer(*std::move(begun), stage);
  }

  void begin_somewhere() {
    try_start(Start::spectral, 1.0, "spectral start");
    if (options_.method == MultiplierMethod::eclipse_fast) return;
    // Where evaluations are expensive, the dual search is worth more than further starts.
    if (40.0 * program_.operations() > options_.operations) return;
    try_start(Start::flow, 1.0, "flow start");
    for (const double c : {1.0, 1.3, 1.5, 1.7, 1.9}) try_start(Start::gershgorin, c, "gershgorin start");
  }

  std::optional<Begun> evaluated(Multipliers multipliers) {
    if (!spend(program_.operations())) return std::nullopt;
    const auto evaluation = evaluate(program_, multipliers, Rounding::ignored, budget_);
    if (!evaluation) return std::nullopt;
    return Begun{std::move(multipliers), *evaluation};
  }

  // (1 − θ) λ + θ λ_safe. The set of feasible multipliers is convex.
  Multipliers mixed(const Multipliers& roots, double theta) const {
    Multipliers mixture = roots;
    for (std::size_t k = 0; k < roots.size(); ++k)
      for (std::size_t i = 0; i < roots[k].size(); ++i) {
        const double safe = safe_->multipliers[k][i];
        mixture[k][i] = std::sqrt((1.0 - theta) * roots[k][i] * roots[k][i] + theta * safe * safe);
      }
    return mixture;
  }

  // Of one signal through the network.
  double multiplications() const {
    double all = 0.0;
    const auto count = [&](const Part& part) {
      for (const Source& source : part.sources) all += source.multiplications();
    };
    for (const ProgramStep& step : program_.steps())
      for (const Part& part : step.parts) count(part);
    count(program_.output());
    return all;
  }

  void look_at_dual() {
    double widening = 0.003;
    for (int round = 0; round < 3; ++round) {
      DualOptions dual;
      dual.seed = options_.budget.seed;
      dual.widening = widening;
      dual.signals = 6;
      const double per_step = 6.0 * multiplications() * static_cast<double>(dual.signals);
      dual.steps = static_cast<int>(std::clamp(0.15 * options_.operations / per_step, 60.0, 600.0));
      if (!spend(per_step * dual.steps)) return;
      const auto roots = dual_multipliers(program_, safe_->evaluation.reach, dual, budget_);
      if (!roots) return;
      // Where they are far from feasible more widening helps, else less is closer to the truth.
      widening *= look_along(*roots) >= 0.1 ? 5.0 : 1.0 / 3.0;
    }
  }

  // From the multipliers of the start towards those of the dual search, as long as it gets better: 1 / L² is concave
  // along the way. What is left of the start where it is best.
  double look_along(const Multipliers& roots) {
    constexpr double thetas[] = {0.85, 0.6, 0.3, 0.1, 0.03, 0.01, 0.003, 0.0};
    const auto value_at = [&](double theta) {
      const auto candidate = evaluated(mixed(roots, theta));
      if (!candidate) return infinity;
      offer(*candidate, "dual");
      return candidate->evaluation.log2_bound;
    };
    std::size_t at = 2;
    double value = value_at(thetas[at]);
    while (value == infinity && at > 0) value = value_at(thetas[--at]);
    if (value == infinity) return 1.0;
    for (; at + 1 < std::size(thetas); ++at) {
      const double next = value_at(thetas[at + 1]);
      if (!(next < value)) {  // the best lies between the neighbours
        value_at(std::sqrt(thetas[at] * std::max(thetas[at + 1], 1e-4)));
        break;
      }
      value = next;
    }
    return thetas[at];
  }

  // Quasi-Newton steps on log √λ for smoothed norms, closer and closer to the largest eigenvalue.
  void descend() {
    const double per_evaluation = 2.0 * program_.operations();
    for (const double power : {20.0, 100.0, 400.0, 2000.0}) {
      const int evaluations = static_cast<int>(std::min(operations_left_ / per_evaluation, 120.0));
      if (evaluations < 6 || !spend(0.0)) return;
      std::vector<double> x;
      for (const std::vector<double>& s : best_->multipliers)
        for (const double root : s) x.push_back(std::log(root));
      const auto objective = [&](std::span<const double> at, std::span<double> gradient) -> std::optional<double> {
        if (!spend(per_evaluation)) return std::nullopt;
        Trace trace;
        const Multipliers multipliers = from_logs(at);
        if (!evaluate(program_, multipliers, Rounding::ignored, budget_, &trace)) return std::nullopt;
        const Gradient found = differentiate(program_, multipliers, trace, power);
        std::size_t i = 0;
        for (const std::vector<double>& of_step : found.by_log_root)
          for (const double g : of_step) gradient[i++] = g;
        return found.log_value;
      };
      LbfgsOptions lbfgs;
      lbfgs.evaluations = evaluations;
      lbfgs.tolerance = 1e-7;
      const auto minimum = minimise(objective, x, lbfgs);
      if (!minimum) return;
      if (auto candidate = evaluated(from_logs(minimum->x))) offer(*std::move(candidate), "descent");
    }
  }

  Multipliers from_logs(std::span<const double> logs) const {
    Multipliers roots = best_->multipliers;
    std::size_t i = 0;
    for (std::vector<double>& of_step : roots)
      for (double& root : of_step) root = std::exp(logs[i++]);
    return roots;
  }

  // Of the best multipliers, moved towards those of a start where rounding is too much for them.
  void prove() {
    for (const double theta : {0.0, 1e-4, 1e-3, 1e-2, 1.0}) {
      const Multipliers multipliers = theta == 0.0 ? best_->multipliers : mixed(best_->multipliers, theta);
      const auto proof = evaluate(program_, multipliers, Rounding::proved, options_.budget);
      if (!proof) continue;
      if (!proved_ || proof->bound < *proved_) {
        proved_ = proof->bound;
        note("proof", proof->log2_bound, true);
      }
      return;
    }
  }

  const Program& program_;
  const MultiplierOptions& options_;
  Budget budget_;  // of the search
  double operations_left_;
  Budget::Clock::time_point begin_ = Budget::Clock::now();
  std::optional<Begun> best_, safe_;  // safe_: of a start
  std::optional<Magnitude> proved_;
  std::vector<MultiplierStage> history_;
};

}  // namespace

MultiplierReport multiplier_bound(const Network& network, const MultiplierOptions& options) {
  if (options.question.norm != Norm::l2)
    throw UsageError(cat("[", to_string(options.method), "] multipliers bound l2 norms; got ", options.question.norm,
                         "; ask for l2"));
  const auto begin = Budget::Clock::now();
  const std::string name(to_string(options.method));
  const AutoLipReport product = autolip(network, fold_options(options));
  MultiplierReport report{named(product.bound, name, product.bound.detail()), product.status, product.note, {}, 0.0};
  const auto finish = [&] {
    report.seconds = std::chrono::duration<double>(Budget::Clock::now() - begin).count();
    options.budget.report(name, 1.0);
    return report;
  };
  if (product.bound.magnitude().is_infinite() || product.bound.magnitude().is_zero()) return finish();
  const Program program(network, options.budget);
  if (!program.obstacle().empty()) {
    report.note = cat("counts by AutoLip: ", program.obstacle());
    return finish();
  }
  // A start and its proof are not interrupted.
  const double least = 2.5 * program.operations();
  MultiplierOptions allowed = options;
  double in_time = infinity;
  if (options.budget.deadline) {
    const std::chrono::duration<double> left = *options.budget.deadline - Budget::Clock::now();
    in_time = left.count() * operations_per_second;
    allowed.operations = std::max(allowed.operations, in_time);
  }
  if (least > allowed.operations) {
    report.note = "counts by AutoLip: an elimination and its proof take more than the operations that are allowed";
    return finish();
  }
  if (options.budget.expired() || least > in_time) {
    report.status = Status::cut;
    report.note = "the time limit is too short for an elimination";
    return finish();
  }
  Search search(program, allowed);
  if (const auto proved = search.run()) {
    const std::string detail =
        cat("elimination of ", program.steps().size(), program.steps().size() == 1 ? " step" : " steps");
    report.bound = better(report.bound, UpperBound::certified(*proved, Norm::l2, name, detail));
  }
  report.history = search.history();
  if (report.history.empty() || std::ranges::none_of(report.history, &MultiplierStage::certified))
    report.note = "counts by AutoLip: no multipliers were proved";
  if (options.budget.expired()) {
    report.status = Status::cut;
    report.note = "the time limit ended the search";
  }
  return finish();
}

}  // namespace detail

std::string_view to_string(MultiplierMethod method) {
  return method == MultiplierMethod::eclipse_fast ? "eclipse-fast" : "multiplier";
}

MultiplierReport multiplier_bound(const Var& output, const MultiplierOptions& options) {
  const Graph graph(output, to_string(options.method));
  const detail::Network network(graph, options.question);
  return detail::multiplier_bound(network, options);
}

MultiplierReport multiplier_bound(const Function& f, const Tensor& sample, const MultiplierOptions& options,
                                  Where where) {
  Tape tape;
  return multiplier_bound(f(tape.input(sample, "x", where)), options);
}

}  // namespace taut
