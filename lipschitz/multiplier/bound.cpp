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
  AutoLipOptions fold;
  static_cast<Options&>(fold) = options;
  fold.progress = nullptr;
  fold.box = options.box;
  fold.sample_axis = options.sample_axis;
  return fold;
}

// The search for multipliers of one program, and the proof of what it found.
class Search {
 public:
  Search(const Program& program, const MultiplierOptions& options)
      : program_(program), options_(options), operations_left_(options.operations) {}

  // The best bound that is proved; nothing where none is.
  std::optional<Magnitude> run() {
    begin_somewhere();
    if (!best_) return std::nullopt;
    if (options_.method == MultiplierMethod::optimised) {
      safe_ = best_;
      look_at_dual();
      options_.report("multiplier", 0.5);
      descend();
    }
    options_.report("multiplier", 0.9);
    return prove();
  }

  std::vector<MultiplierStage> history() const { return history_; }

 private:
  void note(std::string stage, double log2_bound, bool certified = false) {
    const double seconds = std::chrono::duration<double>(Options::Clock::now() - begin_).count();
    history_.push_back({std::move(stage), std::exp2(log2_bound), certified, seconds});
  }

  bool spend(double operations) {
    if (operations > operations_left_ || options_.expired()) return false;
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
    if (auto begun = begin(program_, start, c, options_)) offer(*std::move(begun), stage);
  }

  void begin_somewhere() {
    try_start(Start::spectral, 1.0, "spectral start");
    if (best_) greedy_ = best_;
    if (options_.method == MultiplierMethod::eclipse_fast) return;
    try_start(Start::flow, 1.0, "flow start");
    for (const double c : {1.0, 1.3, 1.5, 1.7, 1.9}) try_start(Start::gershgorin, c, "gershgorin start");
  }

  std::optional<Begun> evaluated(Multipliers multipliers) {
    if (!spend(program_.operations())) return std::nullopt;
    const auto evaluation = evaluate(program_, multipliers, Rounding::ignored, options_);
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

  double entries() const {
    double all = 0.0;
    const auto count = [&](const Part& part) {
      for (const Source& source : part.sources) all += static_cast<double>(source.matrix.entries.size());
    };
    for (const ProgramStep& step : program_.steps())
      for (const Part& part : step.parts) count(part);
    count(program_.output());
    return all;
  }

  void look_at_dual() {
    for (const double widening : {0.003, 0.001, 0.01}) {
      DualOptions dual;
      dual.seed = options_.seed;
      dual.widening = widening;
      dual.signals = 6;
      const double per_step = 6.0 * entries() * static_cast<double>(dual.signals);
      dual.steps = static_cast<int>(std::clamp(0.15 * options_.operations / per_step, 60.0, 600.0));
      if (!spend(per_step * dual.steps)) return;
      const auto roots = dual_multipliers(program_, safe_->evaluation.reach, dual, options_);
      if (!roots) return;
      double last = infinity;
      for (const double theta : {0.0, 0.003, 0.01, 0.03, 0.1, 0.3}) {
        const auto candidate = evaluated(mixed(*roots, theta));
        if (!candidate) continue;
        const double value = candidate->evaluation.log2_bound;
        offer(*candidate, "dual");
        if (value > last) break;
        last = value;
      }
    }
  }

  // Quasi-Newton steps on log √λ for smoothed norms, closer and closer to the largest eigenvalue.
  void descend() {
    const double per_evaluation = 2.0 * program_.operations();
    for (const double power : {20.0, 100.0, 400.0}) {
      const int evaluations = static_cast<int>(std::min(operations_left_ / per_evaluation, 120.0));
      if (evaluations < 6 || !spend(0.0)) return;
      std::vector<double> x;
      for (const std::vector<double>& s : best_->multipliers)
        for (const double root : s) x.push_back(std::log(root));
      const auto objective = [&](std::span<const double> at, std::span<double> gradient) -> std::optional<double> {
        if (!spend(per_evaluation)) return std::nullopt;
        Trace trace;
        const Multipliers multipliers = from_logs(at);
        if (!evaluate(program_, multipliers, Rounding::ignored, options_, &trace)) return std::nullopt;
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

  std::optional<Magnitude> prove() {
    Options options = options_;
    options.deadline.reset();  // what was found is worth the time of its proof
    for (const double theta : {0.0, 1e-4, 1e-3, 1e-2}) {
      if (theta > 0.0 && !safe_) break;
      const Multipliers multipliers = theta == 0.0 ? best_->multipliers : mixed(best_->multipliers, theta);
      if (const auto proof = evaluate(program_, multipliers, Rounding::proved, options)) return noted(*proof);
    }
    for (const auto& start : {safe_, greedy_})
      if (start)
        if (const auto proof = evaluate(program_, start->multipliers, Rounding::proved, options)) return noted(*proof);
    return std::nullopt;
  }

  Magnitude noted(const Evaluation& proof) {
    note("proof", proof.log2_bound, true);
    return proof.bound;
  }

  const Program& program_;
  const MultiplierOptions& options_;
  double operations_left_;
  Options::Clock::time_point begin_ = Options::Clock::now();
  std::optional<Begun> best_, safe_, greedy_;
  std::vector<MultiplierStage> history_;
};

}  // namespace

MultiplierReport multiplier_bound(const Network& network, const MultiplierOptions& options) {
  const auto begin = Options::Clock::now();
  const std::string name(to_string(options.method));
  const AutoLipReport product = autolip(network, fold_options(options));
  MultiplierReport report{named(product.bound, name, product.bound.detail()), product.status, product.note, {}, 0.0};
  const auto finish = [&] {
    report.seconds = std::chrono::duration<double>(Options::Clock::now() - begin).count();
    options.report(name, 1.0);
    return report;
  };
  if (product.bound.magnitude().is_infinite() || product.bound.magnitude().is_zero()) return finish();
  const Program program(network, options);
  if (!program.obstacle().empty()) {
    report.note = cat("counts by AutoLip: ", program.obstacle());
    return finish();
  }
  Search search(program, options);
  if (const auto proved = search.run()) {
    const std::string detail =
        cat("elimination of ", program.steps().size(), program.steps().size() == 1 ? " step" : " steps");
    report.bound = better(report.bound, UpperBound::certified(*proved, Norm::l2, name, detail));
  }
  report.history = search.history();
  if (options.expired()) {
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
  const detail::Network network(graph, detail::question_of(detail::fold_options(options)));
  return detail::multiplier_bound(network, options);
}

MultiplierReport multiplier_bound(const Function& f, const Tensor& sample, const MultiplierOptions& options,
                                  Where where) {
  Tape tape;
  return multiplier_bound(f(tape.input(sample, "x", where)), options);
}

}  // namespace taut
