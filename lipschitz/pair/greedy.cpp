// The paper's greedy search. The matrix M = A diag(σ) B is kept up to date by matrices of rank one; candidates are
// ranked by what perturbation theory says of their norms, and those that may be the best are computed by Lanczos'
// method from the singular vectors at hand, without ever forming their matrices.
// Long: one search over one matrix that is kept up to date.

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cmath>
#include <numeric>

#include "autodiff/error.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/pair/scaled.h"

namespace taut {
namespace {

using detail::ScaledPair;
using Vector = std::vector<double>;

blasint as_blas(Index n) { return static_cast<blasint>(n); }
std::size_t at(Index i) { return static_cast<std::size_t>(i); }

constexpr Index most_compared = 32;    // up to here what cannot be proved to be worse is computed accurately
constexpr Index most_listed = 256;     // up to here every candidate is ranked at every step, by perturbation theory
constexpr Index shortlist = 512;       // of larger problems: candidates that are looked at
constexpr int shortlist_lasts = 8;     // flips until it is made anew
constexpr double improvement = 1e-12;  // relative, of the squared norm: below this a flip does not raise it

class Search {
 public:
  Search(const ScaledPair& pair, const PairGreedyOptions& options)
      : pair_(pair),
        options_(options),
        n_(pair.n),
        p_(pair.p),
        q_(pair.q),
        at_hi_(at(n_)),
        sigma_(at(n_)),
        m_(at(p_ * q_)),
        weighted_(at(n_ * p_)),
        x_(at(q_)),
        y_(at(p_)),
        out_(at(p_)),
        squares_a_(at(n_)),
        squares_b_(at(n_)) {
    for (Index i = 0; i < n_; ++i) {
      squares_a_[at(i)] = cblas_ddot(as_blas(p_), a(i), 1, a(i), 1);
      squares_b_[at(i)] = cblas_ddot(as_blas(q_), b(i), 1, b(i), 1);
    }
    noise_.resize(at(q_));
    boost::random::mt19937_64 random(options.budget.seed);
    const boost::random::uniform_real_distribution<double> uniform(-1.0, 1.0);
    for (double& e : noise_) e = uniform(random);
    cblas_dscal(as_blas(q_), 1.0 / cblas_dnrm2(as_blas(q_), noise_.data(), 1), noise_.data(), 1);
  }

  // Flips until none helps. False when cut.
  bool run(std::vector<bool> from) {
    at_hi_ = std::move(from);
    sigma_ = pair_.slopes(at_hi_);
    refresh();
    x_ = noise_;
    current();
    for (Index step = 0;; ++step) {
      if (options_.budget.expired()) return false;
      if (!flip_best() && !(options_.pairs && flip_pair())) return true;
      if (step % 64 == 63) refresh();
      options_.budget.report("pair, greedy", 1.0 - 1.0 / (1.0 + static_cast<double>(step)));
    }
  }

  double squared() const { return squared_; }
  const std::vector<bool>& vertex() const { return at_hi_; }
  const Vector& direction() const { return x_; }
  Index flips() const { return flips_; }

 private:
  const double* a(Index i) const { return pair_.a.data() + i * p_; }
  const double* b(Index i) const { return pair_.b.data() + i * q_; }
  double change(Index i) const { return pair_.slope(i, !at_hi_[at(i)]) - sigma_[at(i)]; }

  void refresh() {
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < p_; ++j) weighted_[at(i * p_ + j)] = sigma_[at(i)] * a(i)[j];
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, as_blas(p_), as_blas(q_), as_blas(n_), 1.0, weighted_.data(),
                as_blas(p_), pair_.b.data(), as_blas(q_), 0.0, m_.data(), as_blas(q_));
  }

  void take(Index i) {
    cblas_dger(CblasRowMajor, as_blas(p_), as_blas(q_), change(i), a(i), 1, b(i), 1, m_.data(), as_blas(q_));
    at_hi_[at(i)] = !at_hi_[at(i)];
    sigma_[at(i)] = pair_.slope(i, at_hi_[at(i)]);
    ++flips_;
  }

  struct Top {
    double squared = 0.0, second = 0.0;
  };

  // The largest eigenvalue of M'ᵀM', M' = M with some entries flipped, from a start vector. Stops when a few steps
  // add less than the tolerance, relative.
  Top top(std::initializer_list<Index> flipped, const Vector& start, double tolerance, int most_steps) {
    const Index steps = std::min<Index>(q_, most_steps);
    basis_.resize(at((steps + 1) * q_));
    overlap_.resize(at(steps + 1));
    cblas_dcopy(as_blas(q_), start.data(), 1, basis_.data(), 1);
    const double start_length = cblas_dnrm2(as_blas(q_), basis_.data(), 1);
    cblas_dscal(as_blas(q_), 1.0 / start_length, basis_.data(), 1);
    diagonal_.clear(), below_.clear();
    Top result;
    lapack_int made = 0;
    const bool coarse = tolerance > 1e-6;
    const Index stride = coarse ? 3 : 4;  // steps between looks at the eigenvalues
    const int passes = coarse ? 1 : 2;    // of orthogonalisation
    for (Index k = 0; k < steps; ++k) {
      const double* const v = basis_.data() + k * q_;
      double* const next = basis_.data() + (k + 1) * q_;
      cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(p_), as_blas(q_), 1.0, m_.data(), as_blas(q_), v, 1, 0.0,
                  out_.data(), 1);
      for (const Index i : flipped)
        cblas_daxpy(as_blas(p_), change(i) * cblas_ddot(as_blas(q_), b(i), 1, v, 1), a(i), 1, out_.data(), 1);
      cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(p_), as_blas(q_), 1.0, m_.data(), as_blas(q_), out_.data(), 1, 0.0,
                  next, 1);
      for (const Index i : flipped)
        cblas_daxpy(as_blas(q_), change(i) * cblas_ddot(as_blas(p_), a(i), 1, out_.data(), 1), b(i), 1, next, 1);
      diagonal_.push_back(cblas_ddot(as_blas(q_), v, 1, next, 1));
      for (int pass = 0; pass < passes; ++pass) {
        cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(k + 1), as_blas(q_), 1.0, basis_.data(), as_blas(q_), next, 1,
                    0.0, overlap_.data(), 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(k + 1), as_blas(q_), -1.0, basis_.data(), as_blas(q_),
                    overlap_.data(), 1, 1.0, next, 1);
      }
      const double length = std::sqrt(cblas_ddot(as_blas(q_), next, 1, next, 1));
      below_.push_back(length);
      made = static_cast<lapack_int>(k + 1);
      const bool last = k + 1 == steps || !(length > 1e-14 * std::max(diagonal_.front(), 1e-290));
      if (last || (k + 1) % stride == 0) {
        d_ = diagonal_, e_ = below_;
        if (LAPACKE_dsterf_work(made, d_.data(), e_.data()) != 0) break;
        const double before = result.squared;
        result.squared = std::max(0.0, d_.back());
        result.second = made > 1 ? std::max(0.0, d_[at(made - 2)]) : 0.0;
        if (last || result.squared - before <= tolerance * result.squared) break;
      }
      cblas_dscal(as_blas(q_), 1.0 / length, next, 1);
    }
    made_ = made;
    return result;
  }
  // The vector that belongs to the last top().
  Vector vector() {
    Vector x(at(q_), 0.0);
    d_ = diagonal_, e_ = below_;
    z_.resize(at(made_) * at(made_)), work_.resize(at(2 * made_ + 2));
    if (made_ < 1 ||
        LAPACKE_dstev_work(LAPACK_COL_MAJOR, 'V', made_, d_.data(), e_.data(), z_.data(), made_, work_.data()) != 0)
      return noise_;
    cblas_dgemv(CblasRowMajor, CblasTrans, made_, as_blas(q_), 1.0, basis_.data(), as_blas(q_),
                z_.data() + static_cast<std::ptrdiff_t>(made_) * (made_ - 1), 1, 0.0, x.data(), 1);
    return x;
  }

  // Singular vectors of M as it is.
  void current() {
    Vector start = x_;
    cblas_daxpy(as_blas(q_), 1e-3, noise_.data(), 1, start.data(), 1);
    const Top found = top({}, start, 1e-13, 60);
    set_current(found, vector());
  }
  void set_current(const Top& found, Vector x) {
    squared_ = found.squared, second_ = found.second;
    x_ = std::move(x);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(p_), as_blas(q_), 1.0, m_.data(), as_blas(q_), x_.data(), 1, 0.0,
                y_.data(), 1);
    const double length = cblas_dnrm2(as_blas(p_), y_.data(), 1);
    if (length > 0.0) cblas_dscal(as_blas(p_), 1.0 / length, y_.data(), 1);
  }

  Top flipped(std::initializer_list<Index> which, double tolerance, int steps) {
    Vector start = x_;
    cblas_daxpy(as_blas(q_), 1e-4, noise_.data(), 1, start.data(), 1);
    // The vector of a new largest value lies close to the span of x and what the flips add.
    for (const Index i : which)
      cblas_daxpy(as_blas(q_), 1e-2 / std::sqrt(std::max(squares_b_[at(i)], 1e-300)), b(i), 1, start.data(), 1);
    return top(which, start, tolerance, steps);
  }

  struct Candidate {
    Index i;
    double value;  // an upper estimate (few neurons) or the second-order estimate (many) of the squared norm
  };

  // b_iᵀx and a_iᵀy of some rows.
  static void products(const Vector& rows, Index count, Index size, const Vector& v, Vector& result) {
    result.resize(at(count));
    cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(count), as_blas(size), 1.0, rows.data(), as_blas(size), v.data(),
                1, 0.0, result.data(), 1);
  }

  // With x, λ, λ₂ of MᵀM and E = M'ᵀM' − MᵀM = b dᵀ + d bᵀ, d = δ Mᵀa + ½ δ²|a|² b: λ_max(MᵀM + E) is at most that of
  // [[λ + xᵀEx, |PEx|], [|PEx|, λ₂ + λ_max(PEP)]], P = I − xxᵀ. The last term is first-order for the other eigenvalues:
  // of many neurons, whose flips change little, leaving it out ranks better.
  void compare_all(double share) {
    products(pair_.b, n_, q_, x_, bx_);
    products(pair_.a, n_, p_, y_, ay_);
    c_.resize(at(n_ * q_));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_blas(n_), as_blas(q_), as_blas(p_), 1.0, pair_.a.data(),
                as_blas(p_), m_.data(), as_blas(q_), 0.0, c_.data(), as_blas(q_));
    candidates_.clear();
    for (Index i = 0; i < n_; ++i) {
      const double delta = change(i);
      if (delta == 0.0) continue;
      double* const c = c_.data() + i * q_;
      const double own = 0.5 * delta * delta * squares_a_[at(i)];
      double dd = 0.0, bd = 0.0, dx = 0.0;
      for (Index j = 0; j < q_; ++j) {
        const double d = delta * c[j] + own * b(i)[j];
        dd += d * d, bd += d * b(i)[j], dx += d * x_[at(j)];
      }
      const double bx = bx_[at(i)], bb = squares_b_[at(i)];
      const double inside = 2.0 * bx * dx;
      const double across =
          std::sqrt(std::max(0.0, bb * dx * dx + dd * bx * bx + 2.0 * bd * bx * dx - inside * inside));
      const double rest = (bd - bx * dx) + std::sqrt(std::max(0.0, bb - bx * bx) * std::max(0.0, dd - dx * dx));
      const double first = squared_ + inside, last = second_ + share * rest;
      const double half = 0.5 * (first - last);
      candidates_.push_back({i, 0.5 * (first + last) + std::hypot(half, across)});
    }
  }

  void estimate_listed() {
    const Index count = static_cast<Index>(list_.size());
    products(listed_b_, count, q_, x_, bx_);
    products(listed_a_, count, p_, y_, ay_);
    estimate(list_);
  }
  void estimate(const std::vector<Index>& which) {
    candidates_.clear();
    const double s = std::sqrt(squared_);
    for (std::size_t k = 0; k < which.size(); ++k) {
      const Index i = which[k];
      const double delta = change(i), bx = bx_[k], ay = ay_[k];
      if (delta == 0.0) continue;
      candidates_.push_back({i, squared_ + 2.0 * delta * s * bx * ay +
                                    delta * delta * (squares_a_[at(i)] * bx * bx + squares_b_[at(i)] * ay * ay)});
    }
  }
  void make_list() {
    std::vector<Index> all(at(n_));
    std::iota(all.begin(), all.end(), Index{0});
    products(pair_.b, n_, q_, x_, bx_);
    products(pair_.a, n_, p_, y_, ay_);
    estimate(all);
    sort_candidates(shortlist);
    list_.clear();
    for (const Candidate& c : candidates_) list_.push_back(c.i);
    listed_a_.resize(list_.size() * at(p_)), listed_b_.resize(list_.size() * at(q_));
    for (std::size_t k = 0; k < list_.size(); ++k) {
      std::copy_n(a(list_[k]), p_, listed_a_.begin() + static_cast<Index>(k) * p_);
      std::copy_n(b(list_[k]), q_, listed_b_.begin() + static_cast<Index>(k) * q_);
    }
    list_age_ = 0;
  }

  // The best `most` in descending order; the smaller index first among equals.
  void sort_candidates(Index most) {
    const auto better = [](const Candidate& a, const Candidate& b) {
      return a.value != b.value ? a.value > b.value : a.i < b.i;
    };
    const auto kept = std::min<std::ptrdiff_t>(most, static_cast<std::ptrdiff_t>(candidates_.size()));
    std::ranges::partial_sort(candidates_, candidates_.begin() + kept, better);
    candidates_.resize(static_cast<std::size_t>(kept));
  }

  bool flip_best() {
    if (n_ <= most_compared) return flip_compared(1.0);
    if (n_ <= most_listed) return flip_compared(0.0) || flip_compared(1.0);
    return flip_listed();
  }

  bool flip_compared(double share) {
    compare_all(share);
    sort_candidates(n_);
    Top best;
    best.squared = squared_ * (1.0 + improvement);
    Index chosen = -1;
    Vector x;
    for (const Candidate& c : candidates_) {
      // Gaps err a little; what cannot come close to the best is not computed.
      if (c.value * (1.0 + 1e-9) < best.squared) break;
      if (share < 1.0 || n_ > most_compared) {  // a few steps tell most of them apart
        if (flipped({c.i}, 1e-4, 60).squared * (1.0 + 1e-3) < best.squared) continue;
      }
      const Top found = flipped({c.i}, 1e-11, 60);
      if (found.squared > best.squared * (chosen < 0 ? 1.0 : 1.0 + 1e-13)) best = found, chosen = c.i, x = vector();
    }
    if (chosen < 0) return false;
    take(chosen);
    set_current(best, std::move(x));
    return true;
  }

  bool flip_listed() {
    for (const bool anew : {false, true}) {  // an old list: look at all of them before giving up
      const bool fresh = anew || list_.empty() || list_age_ >= shortlist_lasts;
      if (fresh) make_list();
      estimate_listed();
      sort_candidates(options_.candidates);
      Top best;
      Index chosen = -1;
      Vector x;
      for (const Candidate& c : candidates_) {
        const Top found = flipped({c.i}, 1e-8, 12);
        if (chosen < 0 || found.squared > best.squared) best = found, chosen = c.i, x = vector();
      }
      if (chosen >= 0 && best.squared > squared_ * (1.0 + improvement)) {
        take(chosen);
        ++list_age_;
        const Top now = top({}, x, 1e-9, 16);
        set_current(now, vector());
        return true;
      }
      if (fresh) break;
    }
    return false;
  }

  bool flip_pair() {
    constexpr Index most = 16;
    std::vector<Index> all(at(n_));
    std::iota(all.begin(), all.end(), Index{0});
    products(pair_.b, n_, q_, x_, bx_);
    products(pair_.a, n_, p_, y_, ay_);
    estimate(all);
    sort_candidates(most);
    for (std::size_t k = 0; k < candidates_.size(); ++k)
      for (std::size_t l = 0; l < k; ++l) {
        const Index i = candidates_[k].i, j = candidates_[l].i;
        const Top found = flipped({i, j}, 1e-13, 60);
        if (found.squared > squared_ * (1.0 + 1e3 * improvement)) {
          Vector x = vector();
          take(i), take(j);
          set_current(found, std::move(x));
          return true;
        }
      }
    return false;
  }

  const ScaledPair& pair_;
  const PairGreedyOptions& options_;
  Index n_, p_, q_;
  std::vector<bool> at_hi_;
  Vector sigma_, m_, weighted_, x_, y_, out_, squares_a_, squares_b_, noise_;
  double squared_ = 0.0, second_ = 0.0;
  Vector basis_, overlap_, diagonal_, below_, d_, e_, z_, work_, bx_, ay_, c_;
  std::vector<Candidate> candidates_;
  std::vector<Index> list_;
  Vector listed_a_, listed_b_;
  int list_age_ = 0;
  Index flips_ = 0;
  lapack_int made_ = 0;
};

}  // namespace

PairResult pair_greedy(const PairProblem& problem, const PairGreedyOptions& options) {
  const auto started = Budget::Clock::now();
  problem.validate();
  if (options.restarts < 0 || options.candidates < 1)
    throw UsageError(cat("[pair_greedy] restarts >= 0 and candidates >= 1 are needed; got ", options.restarts, " and ",
                         options.candidates));
  constexpr const char* method = "pair greedy";
  const ScaledPair scaled(problem);
  PairResult result;
  if (scaled.n == 0) {
    result.at_hi = scaled.full_vertex({});
    result.lower = LowerBound::certified(0.0, Norm::l2, method);
    result.upper = UpperBound::estimate(0.0, Norm::l2, method);
    result.note = "no neuron contributes";
    return result;
  }
  Search search(scaled, options);
  std::vector<bool> vertex(at(scaled.n));
  for (std::size_t i = 0; i < vertex.size(); ++i) vertex[i] = std::fabs(scaled.hi[i]) >= std::fabs(scaled.lo[i]);
  boost::random::mt19937_64 random(options.budget.seed);
  std::vector<bool> best;
  Vector direction;
  double squared = -1.0;
  bool complete = true;
  for (int k = 0; k <= options.restarts && complete; ++k) {
    complete = search.run(vertex);
    if (search.squared() > squared) {
      squared = search.squared();
      best = search.vertex();
      direction = search.direction();
    }
    for (std::size_t i = 0; i < vertex.size(); ++i) vertex[i] = (random() >> 63) != 0;
  }
  const Vector sigma = scaled.slopes(best);
  scaled.improve_direction(sigma, direction, complete ? 200 : 24);
  const Magnitude value = scaled.unscaled(scaled.attained(sigma, direction));
  result.lower = LowerBound::certified(value, Norm::l2, method);
  result.upper = UpperBound::estimate(value, Norm::l2, method);
  result.at_hi = scaled.full_vertex(best);
  result.flips = search.flips();
  result.status = complete ? Status::finite : Status::cut;
  result.note = cat(result.flips, " flips", options.restarts > 0 ? cat(", ", options.restarts, " restarts") : "",
                    complete ? "" : ", stopped by the deadline or a stop request");
  result.seconds = std::chrono::duration<double>(Budget::Clock::now() - started).count();
  return result;
}

}  // namespace taut
