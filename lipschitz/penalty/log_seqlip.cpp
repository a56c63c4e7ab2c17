#include <algorithm>
#include <cmath>
#include <optional>

#include "autodiff/error.h"
#include "autodiff/ops.h"
#include "autodiff/unit_vector.h"
#include "lipschitz/bounds/draws.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/penalty.h"
#include "lipschitz/penalty/penalty_plan.h"

namespace taut {
namespace {

using detail::AffineRun;
using detail::LinearStep;
using detail::RecordedPath;

// Small dense algebra in f64, on Vars that lie on no tape.
Tensor times(const Tensor& a, const Tensor& b, bool ta = false, bool tb = false) {
  return matmul(Var(a), Var(b), ta, tb).value();
}

// S^¼ of the Gram matrix S = W Wᵀ (or Wᵀ W) of a layer, and the derivative of S ↦ S^¼.
class QuarterPower {
 public:
  QuarterPower(const Tensor& weight, bool of_columns) : weight_(weight), of_columns_(of_columns) {
    vectors_ = times(weight, weight, of_columns, !of_columns);
    const Index n = vectors_.shape()[0];
    std::vector<double> eigenvalues(static_cast<std::size_t>(n));
    const auto size = static_cast<lapack_int>(n);
    // Row-major and symmetric: read as column-major it is the same matrix, and its eigenvectors come as rows.
    if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', size, vectors_.mutable_data<double>().data(), size,
                       eigenvalues.data()) != 0)
      throw NumericError(cat("[log_seqlip] the eigenvalues of a ", n, " x ", n,
                             " Gram matrix were not found; check that the weights are finite"));
    // What rounding makes of 0 must not count as small and positive: its fourth root is not small.
    const double largest = std::max(eigenvalues.back(), 0.0);
    for (const double value : eigenvalues) roots_.push_back(value > 1e-12 * largest ? std::pow(value, 0.25) : 0.0);
  }

  Tensor power() const {
    Tensor scaled = vectors_.copy();
    const auto entries = scaled.mutable_data<double>();
    const std::size_t n = roots_.size();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) entries[i * n + j] *= roots_[i];
    return times(vectors_, scaled, true, false);
  }

  // G with d⟨a, S^¼ b⟩ = ⟨G, dW⟩: by divided differences in the eigenbasis [DaleckiiKrein1965]. Between two vectors of
  // the kernel of W the derivative of S itself is 0.
  Tensor weight_gradient(const Tensor& a, const Tensor& b) const {
    const Tensor left = times(vectors_, a), right = times(vectors_, b);
    const std::size_t n = roots_.size();
    Tensor inner = Tensor::zeros(vectors_.shape(), DType::f64);
    const auto to = inner.mutable_data<double>();
    const auto l = left.data<double>(), r = right.data<double>();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        to[i * n + j] = 0.5 * (l[i] * r[j] + l[j] * r[i]) * divided_difference(roots_[i], roots_[j]);
    const Tensor by_gram = times(times(vectors_, inner, true, false), vectors_);
    return scale(Var(of_columns_ ? times(weight_, by_gram) : times(by_gram, weight_)), 2.0).value();
  }

 private:
  // (a − b) / (a⁴ − b⁴)
  static double divided_difference(double a, double b) {
    return a == 0.0 && b == 0.0 ? 0.0 : 1.0 / ((a + b) * (a * a + b * b));
  }

  Tensor weight_, vectors_;    // rows are eigenvectors
  std::vector<double> roots_;  // fourth roots of the eigenvalues
  bool of_columns_;
};

// A dense layer as one end of a pair sees it.
struct End {
  LinearStep step;
  int operand;                        // that holds the weight
  Tensor factor;                      // S^¼ of the layer's Gram matrix at this end, W at an end of the chain
  std::optional<QuarterPower> power;  // none at an end of the chain

  // G with d⟨a, factor b⟩ = ⟨G, dW⟩.
  Tensor gradient(const Tensor& a, const Tensor& b) const {
    return power ? power->weight_gradient(a, b) : times(a, b, false, true);
  }
};

struct DenseLayer {
  LinearStep step;
  int operand;
  Tensor weight;  // (out, in), f64
};
// The one operation of a run that is not a reshape, if it is a matrix of parameters.
std::optional<DenseLayer> dense_layer(const RecordedPath& path, const AffineRun& run) {
  std::optional<DenseLayer> found;
  for (const LinearStep step : run.steps) {
    const LinearMap map = detail::map_of(path, step);
    if (const auto* dense = std::get_if<structure::Dense>(&map.structure())) {
      const int operand = detail::sharing_operand(path, step.node, dense->weight);
      if (operand < 0 || found) return std::nullopt;
      // An operand that is read as its transpose has another shape, or is square and cannot be told apart.
      const Var weight = path.var(path.node(step.node).operand_ids[operand]);
      if (weight.shape() != dense->weight.shape()) return std::nullopt;
      found = DenseLayer{step, operand, dense->weight.to(DType::f64)};
    } else {
      const auto* scale = std::get_if<structure::Scale>(&map.structure());
      if (scale == nullptr || scale->factor != 1.0) return std::nullopt;
    }
  }
  return found;
}

End end_of(const DenseLayer& layer, bool above, bool whole) {
  if (whole) return {layer.step, layer.operand, layer.weight, std::nullopt};
  QuarterPower power(layer.weight, above);
  Tensor factor = power.power();
  return {layer.step, layer.operand, std::move(factor), std::move(power)};
}

Tensor scaled_rows(const Tensor& x, const Tensor& by) {
  Tensor y = x.copy();
  const auto entries = y.mutable_data<double>();
  const auto factors = by.data<double>();
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] *= factors[i];
  return y;
}

// max over σ of ‖A diag(σ) B‖, by coordinates.
struct BestSlopes {
  const Tensor &a, &b;
  Slope slope;
  Tensor &sigma, &q;
  Tensor passed{}, p{}, back{};  // diag(σ) B q; A of it, of unit length; Aᵀ p
  double value = 0.0;

  // The norm along q. False where nothing passes.
  bool evaluate() {
    passed = scaled_rows(times(b, q), sigma);
    p = times(a, passed);
    value = l2_norm(Var(p)).item();
    if (!detail::normalise(p)) return false;
    back = times(a, p, true, false);
    return true;
  }
  Tensor through() const { return scaled_rows(back, sigma); }
  bool power_steps(int count) {
    for (int i = 0; i < count; ++i) {
      if (!evaluate()) return false;
      q = times(b, through(), true, false);
      if (!detail::normalise(q)) return false;
    }
    return evaluate();
  }
  // Slopes at the ends that the signs of (Aᵀp)_j (Bq)_j ask for; false if they are there already.
  bool choose() {
    const Tensor forth = times(b, q);
    const auto to = sigma.mutable_data<double>();
    const auto left = back.data<double>(), right = forth.data<double>();
    bool changed = false;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const double best = left[j] * right[j] > 0.0 ? slope.hi : slope.lo;
      changed = changed || best != to[j];
      to[j] = best;
    }
    return changed;
  }
  bool climb() {
    constexpr int most_rounds = 50, steps = 5;
    for (int round = 0; round < most_rounds; ++round)
      if (!power_steps(steps))
        return false;
      else if (!choose())
        break;
    return power_steps(steps);
  }
};

}  // namespace

struct LogSeqLip::Pairs {
  // An elementwise operation between two dense layers.
  struct Pair {
    std::size_t below, above;  // runs
    Slope slope;
    bool begins, ends;  // its layers are the first and the last of their chain
    Tensor sigma, q;    // of the last call: slopes (neurons, 1), right singular vector
  };
  std::vector<Pair> pairs;
  bool found = false;

  void find(detail::PenaltyPlan& plan);
  static detail::LogTerm log_maximum(const detail::PenaltyPlan& plan, Pair& pair);
};

void LogSeqLip::Pairs::find(detail::PenaltyPlan& plan) {
  found = true;
  const RecordedPath& path = plan.path();
  const auto& entries = plan.entries();
  const auto run_at = [&](std::size_t k) { return entries[k].edges.size() == 1 ? entries[k].edges[0].run : -1; };
  for (std::size_t k = 1; k < path.size(); ++k) {
    if (run_at(k) < 0) continue;
    const std::size_t middle = entries[k].edges[0].below;
    if (!entries[middle].elementwise || entries[middle].uses != 1 || entries[middle].revalued) continue;
    const std::size_t before = entries[middle].edges[0].below;
    if (run_at(before) < 0 || entries[before].uses != 1) continue;
    const auto below = static_cast<std::size_t>(run_at(before)), above = static_cast<std::size_t>(run_at(k));
    if (!dense_layer(path, plan.runs()[below]) || !dense_layer(path, plan.runs()[above])) continue;
    const auto last = std::ranges::find(pairs, below, &Pair::above);
    const bool begins = last == pairs.end();
    if (!begins) last->ends = false;
    pairs.push_back({below, above, entries[middle].slope, begins, true, {}, {}});
  }
  detail::Draws draws(plan.options().seed + 1);
  for (Pair& pair : pairs) {
    plan.runs()[pair.below].counted = plan.runs()[pair.above].counted = false;
    const Shape below = dense_layer(path, plan.runs()[pair.below])->weight.shape();
    pair.sigma = Tensor::full(Shape{below[0], 1}, DType::f64, pair.slope.hi);
    pair.q = Tensor::zeros(Shape{pair.begins ? below[1] : below[0], 1}, DType::f64);
    for (double& entry : pair.q.mutable_data<double>()) entry = draws.normal();
    detail::normalise(pair.q);
  }
}

// log ‖A diag(σ) B‖ / max|σ| at the maximiser: its value, and a linear function of the weights with its gradient.
detail::LogTerm LogSeqLip::Pairs::log_maximum(const detail::PenaltyPlan& plan, Pair& pair) {
  const RecordedPath& path = plan.path();
  const auto& runs = plan.runs();
  const auto below = dense_layer(path, runs[pair.below]), above = dense_layer(path, runs[pair.above]);
  const std::string where = path.describe(runs[pair.above].steps.back().node);
  if (!below || !above)
    throw UsageError(
        cat("[log_seqlip] a layer near ", where,
            " was a matrix of parameters in the first call and is none now; make one penalty per network"));
  const End a = end_of(*above, true, pair.ends), b = end_of(*below, false, pair.begins);
  BestSlopes maximum{a.factor, b.factor, pair.slope, pair.sigma, pair.q};
  if (!maximum.climb())
    throw NumericError(cat("[log_seqlip] nothing passes the activation before ", where,
                           ", so that the bound is 0 and has no logarithm; check the weights"));
  detail::LogTerm term{std::log(maximum.value / pair.slope.magnitude()), {}};
  // d ‖A diag(σ) B q‖ = ⟨p, dA diag(σ) B q⟩ + ⟨diag(σ) Aᵀ p, dB q⟩.
  const auto include = [&](const End& end, const Tensor& left, const Tensor& right) {
    const Var w = path.var(path.node(end.step.node).operand_ids[end.operand]);
    const Tensor gradient = scale(Var(end.gradient(left, right)), 1.0 / maximum.value).value();
    const Var linear = sum(mul(w, Var(gradient.to(w.dtype()))));
    term.constant -= linear.item();
    term.add(linear);
  };
  include(a, maximum.p, maximum.passed);
  include(b, maximum.through(), pair.q);
  return term;
}

LogSeqLip::LogSeqLip(const PenaltyOptions& options)
    : plan_(std::make_unique<detail::PenaltyPlan>(options, "log_seqlip")), pairs_(std::make_unique<Pairs>()) {
  if (options.norm != Norm::l2 || options.affine_norm != AffineNorm::spectral)
    throw UsageError("[log_seqlip] is defined by spectral norms in l2; use LogAutoLip for other norms");
}
LogSeqLip::~LogSeqLip() = default;
LogSeqLip::LogSeqLip(LogSeqLip&&) noexcept = default;
LogSeqLip& LogSeqLip::operator=(LogSeqLip&&) noexcept = default;

Var LogSeqLip::operator()(const Var& output, const Var& sample) {
  plan_->follow(output, sample);
  if (!pairs_->found) pairs_->find(*plan_);
  std::vector<detail::LogTerm>& norms = plan_->find_norms();
  for (Pairs::Pair& pair : pairs_->pairs) norms[pair.above].add(Pairs::log_maximum(*plan_, pair));
  const detail::LogTerm total = plan_->bound();
  estimate_ = std::exp(total.value());
  return total.var(output.dtype());
}

std::vector<Tensor*> LogSeqLip::state() {
  std::vector<Tensor*> vectors;
  plan_->append_vectors(vectors);
  for (Pairs::Pair& pair : pairs_->pairs) vectors.insert(vectors.end(), {&pair.sigma, &pair.q});
  return vectors;
}

}  // namespace taut
