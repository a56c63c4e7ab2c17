#include "lipschitz/pair_large.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "autodiff/range.h"
#include "lipschitz/dense_norm.h"

namespace taut::detail {
namespace {

using Vector = std::vector<double>;

constexpr double u = 0x1p-53;
constexpr double underflow = 0x1p-900;

blasint as_blas(Index n) { return static_cast<blasint>(n); }
std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double frobenius_squared_up(const Vector& x) {
  // Sums of squares in any order are within γ of exact ones.
  const double sum = cblas_ddot(as_blas(static_cast<Index>(x.size())), x.data(), 1, x.data(), 1);
  return add_up(mul_up(sum, 1.0 + 2.0 * gamma_factor(static_cast<Index>(x.size()), u)), underflow);
}

class Problem {
 public:
  explicit Problem(const ScaledPair& pair)
      : pair_(pair),
        exchanged_(pair.q < pair.p),
        n_(pair.n),
        p_(exchanged_ ? pair.q : pair.p),
        q_(exchanged_ ? pair.p : pair.q),
        a_(exchanged_ ? pair.b : pair.a),
        b_(exchanged_ ? pair.a : pair.b),
        radius_(at(n_)),
        m_(at(p_ * q_)),
        t_(at(n_ * p_)),
        s_(at(p_ * p_)),
        image_(at(n_)),
        inner_(at(p_)) {
    Vector weighted(a_.size());
    for (Index i = 0; i < n_; ++i) {
      const double lo = pair.lo[at(i)], hi = pair.hi[at(i)], centre = 0.5 * lo + 0.5 * hi;
      radius_[at(i)] = std::max(sub_up(hi, centre), sub_up(centre, lo));
      for (Index j = 0; j < p_; ++j) weighted[at(i * p_ + j)] = centre * a_[at(i * p_ + j)];
    }
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, as_blas(p_), as_blas(q_), as_blas(n_), 1.0, weighted.data(),
                as_blas(p_), b_.data(), as_blas(q_), 0.0, m_.data(), as_blas(q_));
  }

  Index n() const { return n_; }
  double evaluation_cost() const {
    const double n = static_cast<double>(n_), p = static_cast<double>(p_), q = static_cast<double>(q_);
    return n * p * p + p * p * p / 3.0 + 40.0 * (4.0 * n * q + 4.0 * p * q + 2.0 * p * p);
  }
  double proof_cost() const {
    const double n = static_cast<double>(n_), p = static_cast<double>(p_), q = static_cast<double>(q_);
    return n * p * p + n * q * q + (p + q) * (p + q) * (p + q) / 3.0;
  }

  // Λ in proportion to the lengths that it has to balance, at twice the least that leaves S positive definite.
  Vector start() {
    Vector z(at(n_));
    for (Index i = 0; i < n_; ++i) {
      const double a = cblas_dnrm2(as_blas(p_), a_.data() + i * p_, 1),
                   b = cblas_dnrm2(as_blas(q_), b_.data() + i * q_, 1);
      z[at(i)] = std::log(std::max(radius_[at(i)], 0x1p-60) * a / b);
    }
    // Power steps on A_r Λ⁻¹ A_rᵀ.
    scale_rows(z);
    Vector y(at(p_)), w(at(n_));
    for (std::size_t j = 0; j < y.size(); ++j) y[j] = 1.0 + 0.5 * std::sin(static_cast<double>(j * j + 1));
    double top = 0.0;
    for (int k = 0; k < 30; ++k) {
      const double length = cblas_dnrm2(as_blas(p_), y.data(), 1);
      if (!(length > 0.0)) break;
      cblas_dscal(as_blas(p_), 1.0 / length, y.data(), 1);
      cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(n_), as_blas(p_), 1.0, t_.data(), as_blas(p_), y.data(), 1, 0.0,
                  w.data(), 1);
      top = cblas_ddot(as_blas(n_), w.data(), 1, w.data(), 1);
      cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(n_), as_blas(p_), 1.0, t_.data(), as_blas(p_), w.data(), 1, 0.0,
                  y.data(), 1);
    }
    const double shift = std::log(2.2 * std::max(top, 0x1p-100));
    for (double& e : z) e += shift;
    return z;
  }

  struct Value {
    double rho = infinity;       // the largest Ritz value
    double smooth = infinity;    // log of the smoothed largest eigenvalue
    double residual = infinity;  // of the largest, relative
    Vector gradient;             // of `smooth` in log Λ
    Vector scale;                // its natural size: λ(P + N) / ρ
  };

  // At z = log Λ. Infinite where S is not positive definite.
  Value evaluate(const Vector& z, double temperature, int steps) {
    Value v;
    scale_rows(z);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, as_blas(p_), as_blas(n_), -1.0, t_.data(), as_blas(p_), 0.0,
                s_.data(), as_blas(p_));
    for (Index j = 0; j < p_; ++j) s_[at(j * (p_ + 1))] += 1.0;
    const auto p = static_cast<lapack_int>(p_);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', p, s_.data(), p) != 0) return v;
    lambda_.resize(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) lambda_[i] = std::exp(z[i]);
    const std::vector<Vector> vectors = ritz(steps, v);
    // Weights of the largest eigenvalues.
    double total = 0.0;
    Vector weights;
    for (const double theta : values_) {
      weights.push_back(std::exp((theta / values_.front() - 1.0) / temperature));
      total += weights.back();
    }
    v.smooth = std::log(v.rho) + temperature * std::log(total);
    v.gradient.assign(z.size(), 0.0);
    v.scale.assign(z.size(), 0.0);
    for (std::size_t k = 0; k < vectors.size(); ++k) {
      // y = S⁻¹M x, w_i = λ_i⁻¹ r_i a_iᵀ y.
      gram(vectors[k].data(), scratch_.data());
      const double weight = weights[k] / total / v.rho;
      Vector w(at(n_)), bx(at(n_));
      cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(n_), as_blas(p_), 1.0, a_.data(), as_blas(p_), inner_.data(), 1,
                  0.0, w.data(), 1);
      cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(n_), as_blas(q_), 1.0, b_.data(), as_blas(q_), vectors[k].data(),
                  1, 0.0, bx.data(), 1);
      for (std::size_t i = 0; i < z.size(); ++i) {
        const double r = radius_[i] * w[i];
        const double first = lambda_[i] * bx[i] * bx[i], second = r * r / lambda_[i];
        v.gradient[i] += weight * (first - second);
        v.scale[i] += weight * (first + second);
        if (k == 0) signs_.resize(z.size()), signs_[i] = w[i] * bx[i] >= 0.0;
      }
    }
    return v;
  }

  std::vector<bool> suggestion() const { return signs_; }

  // A certified bound of the squared norm with Λ = exp z and ρ, or infinity.
  double prove(const Vector& z, double rho) {
    // y and x weigh the same when ρ is about 1: x in units of a power of two.
    const int shift = std::ilogb(std::sqrt(rho));
    const double unit = std::ldexp(1.0, -shift);
    rho = std::ldexp(rho, -2 * shift);
    const Index m = p_ + q_;
    Vector k(at(m * m)), w(b_.size());
    scale_rows(z);
    for (Index i = 0; i < n_; ++i) {
      const double root = root_of(z[at(i)]) * unit;
      for (Index j = 0; j < q_; ++j) w[at(i * q_ + j)] = root * b_[at(i * q_ + j)];
    }
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, as_blas(p_), as_blas(n_), -1.0, t_.data(), as_blas(p_), 0.0,
                k.data(), as_blas(m));
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, as_blas(q_), as_blas(n_), -1.0, w.data(), as_blas(q_), 0.0,
                k.data() + p_ * (m + 1), as_blas(m));
    for (Index i = 0; i < p_; ++i)
      for (Index j = 0; j < q_; ++j) k[at(i * m + p_ + j)] = unit * m_[at(i * q_ + j)];
    double trace = 0.0;
    for (Index j = 0; j < m; ++j) {
      double& d = k[at(j * (m + 1))];
      d += j < p_ ? 1.0 : rho;
      if (!(d > 0.0)) return infinity;
      trace = add_up(trace, d);
    }
    const auto size = static_cast<lapack_int>(m);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', size, k.data(), size) != 0) return infinity;
    for (Index j = 0; j < m; ++j)
      if (!(k[at(j * (m + 1))] > 0.0 && std::isfinite(k[at(j * (m + 1))]))) return infinity;
    const double gamma = gamma_factor(n_ + 16, u);
    const double first = mul_up(gamma, add_up(1.0, frobenius_squared_up(t_)));
    const double second = mul_up(gamma, add_up(rho, frobenius_squared_up(w)));
    const double mixed = mul_up(gamma, mul_up(unit, pair_.mass()));
    const double c = gamma_factor(m + 4, u);
    if (!(c < 0.5)) return infinity;
    const double factorising = mul_up(div_up(c, sub_down(1.0, c)), trace);
    const double error = add_up(add_up(add_up(std::max(first, second), mixed), factorising), underflow);
    return std::ldexp(mul_up(add_up(1.0, error), add_up(rho, error)), 2 * shift);
  }

 private:
  static double root_of(double z) { return std::exp(0.5 * z); }

  // T = Λ^-½ A_r, row by row.
  void scale_rows(const Vector& z) {
    for (Index i = 0; i < n_; ++i) {
      const double factor = radius_[at(i)] / root_of(z[at(i)]);
      for (Index j = 0; j < p_; ++j) t_[at(i * p_ + j)] = factor * a_[at(i * p_ + j)];
    }
  }

  // (BᵀΛB + MᵀS⁻¹M) x; leaves S⁻¹M x in inner_.
  void gram(const double* x, double* y) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(p_), as_blas(q_), 1.0, m_.data(), as_blas(q_), x, 1, 0.0,
                inner_.data(), 1);
    const auto p = static_cast<lapack_int>(p_);
    LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', p, 1, s_.data(), p, inner_.data(), p);
    cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(p_), as_blas(q_), 1.0, m_.data(), as_blas(q_), inner_.data(), 1, 0.0,
                y, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(n_), as_blas(q_), 1.0, b_.data(), as_blas(q_), x, 1, 0.0,
                image_.data(), 1);
    for (std::size_t i = 0; i < image_.size(); ++i) image_[i] *= lambda_[i];
    cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(n_), as_blas(q_), 1.0, b_.data(), as_blas(q_), image_.data(), 1, 1.0,
                y, 1);
  }

  // The largest eigenvalues by Lanczos' method, started from the sum of the last vectors; vectors of those within
  // reach.
  std::vector<Vector> ritz(int steps, Value& v) {
    const Index most = std::min<Index>(steps, q_);
    basis_.resize(at((most + 1) * q_));
    scratch_.resize(at(q_));
    if (start_.empty()) {
      start_.resize(at(q_));
      for (std::size_t j = 0; j < start_.size(); ++j) start_[j] = 1.0 + 0.5 * std::sin(static_cast<double>(j * j + 1));
    }
    cblas_dcopy(as_blas(q_), start_.data(), 1, basis_.data(), 1);
    cblas_dscal(as_blas(q_), 1.0 / cblas_dnrm2(as_blas(q_), basis_.data(), 1), basis_.data(), 1);
    Vector diagonal, below, overlap(at(most + 1)), d, e, z;
    lapack_int made = 0;
    double residual = 0.0;
    for (Index k = 0; k < most; ++k) {
      double* const next = basis_.data() + (k + 1) * q_;
      gram(basis_.data() + k * q_, next);
      diagonal.push_back(cblas_ddot(as_blas(q_), basis_.data() + k * q_, 1, next, 1));
      for (int twice = 0; twice < 2; ++twice) {
        cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(k + 1), as_blas(q_), 1.0, basis_.data(), as_blas(q_), next, 1,
                    0.0, overlap.data(), 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(k + 1), as_blas(q_), -1.0, basis_.data(), as_blas(q_),
                    overlap.data(), 1, 1.0, next, 1);
      }
      const double length = cblas_dnrm2(as_blas(q_), next, 1);
      below.push_back(length);
      made = static_cast<lapack_int>(k + 1);
      const bool last = k + 1 == most || !(length > 1e-14 * diagonal.front());
      if (last || k % 8 == 7) {
        d = diagonal, e = below;
        z.resize(at(made) * at(made));
        if (LAPACKE_dstev(LAPACK_COL_MAJOR, 'V', made, d.data(), e.data(), z.data(), made) != 0) break;
        residual = std::fabs(length * z.back());
        if (last || residual <= 1e-5 * d.back()) break;
      }
      cblas_dscal(as_blas(q_), 1.0 / length, next, 1);
    }
    values_.clear();
    std::vector<Vector> vectors;
    constexpr lapack_int block = 6;
    std::fill(start_.begin(), start_.end(), 0.0);
    for (lapack_int k = made - 1; k >= 0 && k >= made - block; --k) {
      if (!values_.empty() && d[at(k)] < 0.9 * values_.front()) break;
      Vector x(at(q_));
      cblas_dgemv(CblasRowMajor, CblasTrans, made, as_blas(q_), 1.0, basis_.data(), as_blas(q_), z.data() + k * made, 1,
                  0.0, x.data(), 1);
      values_.push_back(d[at(k)]);
      cblas_daxpy(as_blas(q_), vectors.empty() ? 1.0 : 0.3, x.data(), 1, start_.data(), 1);
      vectors.push_back(std::move(x));
    }
    v.rho = values_.front();
    v.residual = residual / v.rho;
    return vectors;
  }

  const ScaledPair& pair_;
  bool exchanged_;
  Index n_, p_, q_;
  const Vector &a_, &b_;
  Vector radius_, m_, t_, s_, lambda_, image_, inner_, basis_, scratch_, start_, values_;
  std::vector<bool> signs_;
};

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
    return cblas_ddot(as_blas(static_cast<Index>(x.size())), x.data(), 1, y.data(), 1);
  }

 private:
  struct Pair {
    Vector s, y;
    double sy;
  };
  std::deque<Pair> pairs_;
};

}  // namespace

LargeBound large_multiplier(const ScaledPair& pair, const PairMultiplierOptions& options) {
  LargeBound result;
  const double n = static_cast<double>(pair.n), p = static_cast<double>(pair.p), q = static_cast<double>(pair.q);
  if (!options.affords(2.0 * n * p * q)) {
    result.cut = true;
    return result;
  }
  Problem problem(pair);
  const auto time_left = [&] { return options.affords(problem.evaluation_cost() + 1.5 * problem.proof_cost()); };
  if (!time_left()) {
    result.cut = true;
    return result;
  }
  constexpr int steps = 40;
  double temperature = 0.01;
  Vector z = problem.start();
  Problem::Value now = problem.evaluate(z, temperature, steps);
  ++result.evaluations;
  for (int tries = 0; tries < 40 && !std::isfinite(now.rho); ++tries, ++result.evaluations) {
    for (double& e : z) e += 0.3;
    now = problem.evaluate(z, temperature, steps);
  }
  Memory memory;
  Vector best = z;
  double best_rho = now.rho, residual = now.residual, checked = now.smooth;
  for (int iteration = 1; iteration <= options.max_iterations; ++iteration) {
    if (!time_left()) {
      result.cut = true;
      break;
    }
    options.report("pair, multiplier", static_cast<double>(iteration) / options.max_iterations);
    const Vector d = memory.direction(now.gradient, now.scale);
    const double slope = Memory::dot(d, now.gradient);
    Vector next(z.size());
    Problem::Value value;
    double t = 1.0;
    bool moved = false;
    for (int tries = 0; tries < 8 && !moved && time_left(); ++tries, t *= 0.4) {
      for (std::size_t i = 0; i < z.size(); ++i) next[i] = z[i] + t * d[i];
      value = problem.evaluate(next, temperature, steps);
      ++result.evaluations;
      moved = value.smooth <= now.smooth + 1e-4 * t * std::min(slope, 0.0);
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
        if (!time_left()) continue;
        now = problem.evaluate(z, temperature, steps);
        ++result.evaluations;
      }
      checked = now.smooth;
    }
  }
  result.suggestion = problem.suggestion();
  result.log_multipliers = best;
  result.rho = best_rho;
  for (double slack = std::max(1e-8, std::min(residual, 1e-3)); slack < 1.0; slack *= 4.0) {
    result.squared = problem.prove(best, best_rho * (1.0 + slack));
    if (std::isfinite(result.squared) || !options.affords(problem.proof_cost())) break;
  }
  if (!std::isfinite(result.squared)) result.cut = true;
  return result;
}

double prove_large(const ScaledPair& pair, const std::vector<double>& log_multipliers, double rho) {
  return Problem(pair).prove(log_multipliers, rho);
}

}  // namespace taut::detail
