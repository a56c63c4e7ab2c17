#include "lipschitz/pair/large_multiplier.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "lipschitz/pair/form.h"

namespace taut::detail {
namespace {

using Vector = std::vector<double>;

// Limited-memory BFGS: the inverse Hessian times g, started from a diagonal.
class Memory {
 public:
  Vector direction(const Vector& g, const Vector& scale) const {
    Vector d = g;
    Vector alphas;
    for (auto k = pairs_.rbegin(); k != pairs_.rend(); ++k) {
      alphas.push_back(dot(k->s, d) / k->sy);
      for (std::size_t i = 0; i < d.size(); ++i) d[i] -= alphas.back() * k->y[i];
    }
    double mean = 0.0;
    for (const double s : scale) mean += s / static_cast<double>(scale.size());
    for (std::size_t i = 0; i < d.size(); ++i) d[i] /= scale[i] + 0.02 * mean;
    for (const Pair& k : pairs_) {
      const double beta = dot(k.y, d) / k.sy;
      for (std::size_t i = 0; i < d.size(); ++i) d[i] += (alphas.back() - beta) * k.s[i];
      alphas.pop_back();
    }
    for (double& e : d) e = -std::clamp(e, -2.0, 2.0);
    return d;
  }
  void add(const Vector& s, const Vector& y) {
    const double sy = dot(s, y);
    if (!(sy > 1e-10 * std::sqrt(dot(s, s) * dot(y, y)))) return;
    pairs_.push_back({s, y, sy});
    if (pairs_.size() > 8) pairs_.pop_front();
  }
  void forget() { pairs_.clear(); }
  static double dot(const Vector& x, const Vector& y) {
    return cblas_ddot(static_cast<blasint>(x.size()), x.data(), 1, y.data(), 1);
  }

 private:
  struct Pair {
    Vector s, y;
    double sy;
  };
  std::deque<Pair> pairs_;
};

// What is left of time and of operations, for one more evaluation and the proof.
class Limits {
 public:
  Limits(const PairForm& form, const PairMultiplierOptions& options, LargeBound& result)
      : form_(form), options_(options), result_(result) {}
  bool left() {
    const double next = form_.evaluation_cost() + form_.proof_cost();
    if (!options_.budget.affords(next + 0.5 * form_.proof_cost()))
      result_.cut = true;
    else if (form_.spent() + next > options_.operations)
      result_.stopped = true;
    return !result_.cut && !result_.stopped;
  }

 private:
  const PairForm& form_;
  const PairMultiplierOptions& options_;
  LargeBound& result_;
};

}  // namespace

LargeBound large_multiplier(const ScaledPair& pair, const PairMultiplierOptions& options) {
  LargeBound result;
  const double n = static_cast<double>(pair.n), p = static_cast<double>(pair.p), q = static_cast<double>(pair.q);
  if (!options.budget.affords(2.0 * n * p * q)) {
    result.cut = true;
    return result;
  }
  PairForm form(pair);
  Limits limits(form, options, result);
  limits.left();
  if (result.cut) return result;  // one evaluation is made in any case where only operations are limited
  constexpr int depth = 8;
  double temperature = 0.01;
  const auto evaluate = [&](const Vector& z) {
    ++result.evaluations;
    return form.evaluate(z, temperature, depth, std::max(1e-5, 0.1 * temperature));
  };
  Vector z = form.start();
  PairForm::Value now = evaluate(z);
  for (int tries = 0; tries < 40 && !std::isfinite(now.rho); ++tries) {
    for (double& e : z) e += 0.3;
    now = evaluate(z);
  }
  Memory memory;
  Vector best = z;
  double best_rho = now.rho, residual = now.residual, checked = now.smooth;
  for (int iteration = 1; iteration <= options.max_iterations && limits.left(); ++iteration) {
    options.budget.report("pair, multiplier", static_cast<double>(iteration) / options.max_iterations);
    const Vector d = memory.direction(now.gradient, now.scale);
    const double slope = Memory::dot(d, now.gradient);
    Vector next(z.size());
    PairForm::Value value;
    double t = 1.0;
    bool moved = false;
    for (int tries = 0; tries < 8 && !moved && limits.left(); ++tries) {
      for (std::size_t i = 0; i < z.size(); ++i) next[i] = z[i] + t * d[i];
      value = evaluate(next);
      moved = value.smooth <= now.smooth + 1e-4 * t * std::min(slope, 0.0);
      if (moved) break;
      // The minimum of the parabola through both values and the slope.
      const double above = value.smooth - now.smooth - t * slope;
      t *= std::isfinite(above) && slope < 0.0 ? std::clamp(-0.5 * t * slope / above, 0.15, 0.5) : 0.4;
    }
    if (moved) {
      Vector s(z.size()), y(z.size());
      for (std::size_t i = 0; i < z.size(); ++i) s[i] = next[i] - z[i], y[i] = value.gradient[i] - now.gradient[i];
      memory.add(s, y);
      z = next;
      now = value;
      if (now.rho < best_rho) best = z, best_rho = now.rho, residual = now.residual;
    }
    // Every few steps: is it still worth it at this temperature?
    if (!moved || iteration % 8 == 0) {
      if (!moved || checked - now.smooth < std::max(options.tolerance, 0.02 * temperature)) {
        if (temperature < 2e-4 || temperature < options.tolerance) break;
        temperature *= 0.25;
        memory.forget();
        if (!limits.left()) break;
        now = evaluate(z);
      }
      checked = now.smooth;
    }
  }
  result.suggestion = form.suggestion();
  result.log_multipliers = best;
  result.rho = best_rho;
  if (!std::isfinite(best_rho)) {
    result.cut = true;
    return result;
  }
  // How much the search overlooked of the largest eigenvalue.
  const PairForm::Value last = form.evaluate(best, temperature, result.stopped || result.cut ? 6 : 16, 1e-6, true);
  if (last.rho > best_rho) best_rho = last.rho;
  residual = last.residual;
  const PairForm::Proof proof(form, best, best_rho);
  for (double slack = std::max(1e-8, std::min(residual, 1e-3)); slack < 1.0; slack *= 3.0) {
    result.squared = proof.bound(best_rho * (1.0 + slack));
    if (std::isfinite(result.squared) || !options.budget.affords(form.proof_cost())) break;
  }
  if (!std::isfinite(result.squared)) result.cut = true;
  result.operations = form.spent();
  return result;
}

double least_cost(Index n, Index p, Index q) {
  const double neurons = static_cast<double>(n), small = static_cast<double>(std::min(p, q)),
               large = static_cast<double>(std::max(p, q)), both = small + large;
  return 2.0 * neurons * small * large + 2.0 * neurons * small * small + neurons * large * large +
         both * both * both / 3.0 + 500.0 * (neurons + small) * large;
}

double prove_large(const ScaledPair& pair, const std::vector<double>& log_multipliers, double rho) {
  PairForm form(pair);
  return PairForm::Proof(form, log_multipliers, rho).bound(rho);
}

}  // namespace taut::detail
