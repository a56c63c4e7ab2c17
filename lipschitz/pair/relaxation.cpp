// The best diagonal multiplier of what branch and bound has not decided: an interior-point method and its proof.
// Long: the steps of one method, which share a factorisation.
#include "lipschitz/pair/relaxation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/dense/psd_proof.h"

namespace taut::detail {
namespace {

blasint as_blas(Index n) { return static_cast<blasint>(n); }
std::size_t at(Index i) { return static_cast<std::size_t>(i); }

double squares_up(const std::vector<double>& x) {
  double sum = 0.0;
  for (const double v : x) sum = add_up(sum, mul_up(v, v));
  return add_up(sum, most_by_underflow);
}

// x xᵀ of a matrix (n, k) in full.
std::vector<double> gram_of_rows(const std::vector<double>& x, Index n, Index k) {
  std::vector<double> h(at(n * n));
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, as_blas(n), as_blas(k), 1.0, x.data(), as_blas(k), 0.0, h.data(),
              as_blas(n));
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) h[at(i * n + j)] = h[at(j * n + i)];
  return h;
}

// A square factor F with F Fᵀ close to a Gram matrix h (n, n), and an upper bound of ‖F Fᵀ − h‖₂.
std::vector<double> square_factor(const std::vector<double>& h, Index n, double& error) {
  std::vector<double> vectors = h, values(at(n)), factor(at(n * n), 0.0);
  if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', static_cast<lapack_int>(n), vectors.data(), static_cast<lapack_int>(n),
                     values.data()) == 0)
    for (Index k = 0; k < n; ++k)
      for (Index i = 0; i < n; ++i)
        factor[at(i * n + k)] = vectors[at(k * n + i)] * std::sqrt(std::max(0.0, values[at(k)]));
  const std::vector<double> again = gram_of_rows(factor, n, n);
  double squared = 0.0;
  for (std::size_t i = 0; i < h.size(); ++i) {
    const double d = std::max(sub_up(again[i], h[i]), sub_up(h[i], again[i]));
    squared = add_up(squared, mul_up(d, d));
  }
  error = add_up(sqrt_up(add_up(squared, most_by_underflow)), mul_up(gamma_factor(n, u), squares_up(factor)));
  return factor;
}

}  // namespace

Relaxation::Relaxation(const ScaledPair& pair) : n_(pair.n), lo_(pair.lo), hi_(pair.hi) {
  const bool exchanged = pair.p < pair.q;
  const std::vector<double>& outer = exchanged ? pair.b : pair.a;
  const std::vector<double>& inner = exchanged ? pair.a : pair.b;
  const Index outer_size = exchanged ? pair.q : pair.p;
  q_ = exchanged ? pair.p : pair.q;
  gram_ = gram_of_rows(outer, n_, outer_size);
  const double outer_squared = squares_up(outer);
  b_ = inner;
  double factor_error = 0.0;
  if (q_ > n_) {
    b_ = square_factor(gram_of_rows(inner, n_, q_), n_, factor_error);
    factor_error = add_up(factor_error, mul_up(gamma_factor(q_, u), squares_up(inner)));
    q_ = n_;
  }
  // |σ_i| ≤ 2: replacing AᵀA costs at most its error times ‖D B‖², replacing B Bᵀ its error times ‖A D‖².
  const double gram_error = add_up(mul_up(gamma_factor(outer_size, u), outer_squared), most_by_underflow);
  forming_error_ = add_up(mul_up(4.0, mul_up(gram_error, squares_up(b_))),
                          add_up(mul_up(4.0, mul_up(factor_error, outer_squared)), most_by_underflow));
  // A gauge with ‖B‖_F about 1, so that the errors of both diagonal blocks of Q weigh the same.
  const int shift = std::ilogb(std::sqrt(squares_up(b_)));
  for (double& x : b_) x = std::ldexp(x, -shift);
  for (double& x : gram_) x = std::ldexp(x, 2 * shift);
  gram_norm_ = sqrt_up(squares_up(gram_));
  b_squared_ = squares_up(b_);
  centre_.resize(at(n_)), radius_.resize(at(n_));
  x_.resize(b_.size()), t_.resize(b_.size()), free_b_.resize(b_.size()), weighted_.resize(b_.size());
  const std::size_t most = at((q_ + n_) * (q_ + n_));
  constant_.resize(most), q_matrix_.resize(most), inverse_.resize(most);
  y_.resize(at(n_ * (q_ + n_))), s_.resize(at(n_ * n_)), hessian_.resize(at((n_ + 1) * (n_ + 1))),
      step_.resize(at(n_ + 1));
  small_.resize(at(q_ * q_)), small_values_.resize(at(q_)), direction_.resize(at(q_)), image_.resize(at(n_));
}

Relaxation::Node Relaxation::root() const {
  Node node;
  node.decided.assign(at(n_), 0);
  for (Index i = 0; i < n_; ++i)
    if (lo_[at(i)] == hi_[at(i)]) node.decided[at(i)] = 1;
  node.multiplier.assign(at(n_), 0.0);
  node.proved = infinity;
  return node;
}

// The quadratic form of Q in (x, w) is ρ|x|² − Σ λ_i (b_iᵀx)² + Σ λ_i w_i² − |A(C B x + R w)|².
void Relaxation::set_up(const Node& node) {
  free_.clear();
  double steepest = 0.0;
  for (Index i = 0; i < n_; ++i) {
    const double lo = lo_[at(i)], hi = hi_[at(i)];
    const int fixed = node.decided[at(i)];
    centre_[at(i)] = fixed > 0 ? hi : fixed < 0 ? lo : 0.5 * lo + 0.5 * hi;
    radius_[at(i)] = fixed != 0 ? 0.0 : std::max(sub_up(hi, centre_[at(i)]), sub_up(centre_[at(i)], lo));
    steepest = std::max(steepest, radius_[at(i)]);
    if (fixed == 0) free_.push_back(i);
  }
  const Index free = static_cast<Index>(free_.size()), m = q_ + free;
  for (Index i = 0; i < n_; ++i)
    for (Index j = 0; j < q_; ++j) x_[at(i * q_ + j)] = centre_[at(i)] * b_[at(i * q_ + j)];
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_blas(n_), as_blas(q_), as_blas(n_), 1.0, gram_.data(),
              as_blas(n_), x_.data(), as_blas(q_), 0.0, t_.data(), as_blas(q_));
  // Row-major, upper triangle: columns beyond q belong to w.
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, as_blas(q_), as_blas(q_), as_blas(n_), -1.0, x_.data(),
              as_blas(q_), t_.data(), as_blas(q_), 0.0, constant_.data(), as_blas(m));
  for (Index k = 0; k < free; ++k) {
    const Index i = free_[at(k)];
    const double r = radius_[at(i)];
    for (Index j = 0; j < q_; ++j) {
      constant_[at(j * m + q_ + k)] = -(t_[at(i * q_ + j)] * r);
      free_b_[at(k * q_ + j)] = b_[at(i * q_ + j)];
    }
    for (Index l = k; l < free; ++l)
      constant_[at((q_ + k) * m + q_ + l)] = -(gram_[at(i * n_ + free_[at(l)])] * r * radius_[at(free_[at(l)])]);
  }
  // Terms of the form are products of at most 5 factors in sums over n twice; its errors are relative to |P| and the
  // lengths of |C B| and |R|.
  const double length = add_up(sqrt_up(squares_up(x_)), steepest);
  rounding_ = mul_up(mul_up(length, length), gram_norm_);
}

bool Relaxation::factorise(double rho) {
  ++evaluations_;
  const Index free = static_cast<Index>(free_.size()), m = q_ + free;
  std::copy_n(constant_.begin(), m * m, q_matrix_.begin());
  if (free > 0) {
    for (Index k = 0; k < free; ++k) {
      const double root = std::sqrt(lambda_[at(k)]);
      for (Index j = 0; j < q_; ++j) weighted_[at(k * q_ + j)] = root * free_b_[at(k * q_ + j)];
    }
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, as_blas(q_), as_blas(free), -1.0, weighted_.data(), as_blas(q_),
                1.0, q_matrix_.data(), as_blas(m));
  }
  for (Index j = 0; j < q_; ++j) q_matrix_[at(j * (m + 1))] += rho;
  for (Index k = 0; k < free; ++k) q_matrix_[at((q_ + k) * (m + 1))] += lambda_[at(k)];
  const std::optional<double> trace = taut::detail::factorise(q_matrix_.data(), m);
  if (!trace) return false;
  trace_ = *trace;
  log_det_ = 0.0;
  for (Index j = 0; j < m; ++j) log_det_ += 2.0 * std::log(q_matrix_[at(j * (m + 1))]);
  return true;
}

// docs/mathematics/13-pairs.md#theorem-multiplier-certificate: Q ⪰ −ε I, and ε is added to ρ and to every λ_i.
double Relaxation::proved_by(double rho) const {
  const Index free = static_cast<Index>(free_.size()), m = q_ + free;
  double most = 0.0, sum = 0.0;
  for (Index k = 0; k < free; ++k) most = std::max(most, lambda_[at(k)]);
  sum = mul_up(most, b_squared_);  // ≥ Σ λ_i ‖b_i‖²
  const double forming = mul_up(gamma_factor(3 * n_ + 16, u), add_up(add_up(rounding_, sum), add_up(rho, most)));
  const double error = add_up(forming, least_shift<double>(m, trace_));
  return add_up(add_up(rho, mul_up(error, add_up(1.0, b_squared_))), forming_error_);
}

void Relaxation::invert() {
  const Index m = q_ + static_cast<Index>(free_.size());
  std::copy_n(q_matrix_.begin(), m * m, inverse_.begin());
  LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', static_cast<lapack_int>(m), inverse_.data(), static_cast<lapack_int>(m));
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < i; ++j) inverse_[at(i * m + j)] = inverse_[at(j * m + i)];
}

// Of F = ρ/μ − log det Q in (λ, ρ), with ∂Q/∂λ_i = e_i e_iᵀ − b_i b_iᵀ and ∂Q/∂ρ = I on x.
void Relaxation::newton_direction(double mu) {
  const Index free = static_cast<Index>(free_.size()), m = q_ + free, size = free + 1;
  if (free > 0) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_blas(free), as_blas(m), as_blas(q_), 1.0, free_b_.data(),
                as_blas(q_), inverse_.data(), as_blas(m), 0.0, y_.data(), as_blas(m));
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, as_blas(free), as_blas(free), as_blas(q_), 1.0, y_.data(),
                as_blas(m), free_b_.data(), as_blas(q_), 0.0, s_.data(), as_blas(free));
  }
  const auto z = [&](Index i, Index j) { return inverse_[at(i * m + j)]; };
  double trace = 0.0, square = 0.0;
  for (Index i = 0; i < q_; ++i) {
    trace += z(i, i);
    for (Index j = 0; j < q_; ++j) square += z(i, j) * z(i, j);
  }
  // Negative gradient.
  step_[at(free)] = trace - 1.0 / mu;
  hessian_[at(free * size + free)] = square;
  for (Index k = 0; k < free; ++k) {
    step_[at(k)] = z(q_ + k, q_ + k) - s_[at(k * free + k)];
    double mixed = 0.0;
    for (Index j = 0; j < q_; ++j) {
      const double by = y_[at(k * m + j)], zw = z(q_ + k, j);
      mixed += zw * zw - by * by;
    }
    hessian_[at(k * size + free)] = mixed;
    for (Index l = k; l < free; ++l) {
      const double bb = s_[at(k * free + l)], ww = z(q_ + k, q_ + l), bw = y_[at(k * m + q_ + l)],
                   wb = y_[at(l * m + q_ + k)];
      hessian_[at(k * size + l)] = bb * bb + ww * ww - bw * bw - wb * wb;
    }
  }
  const std::vector<double> gradient(step_.begin(), step_.begin() + size);
  const auto order = static_cast<lapack_int>(size);
  if (LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'L', order, 1, hessian_.data(), order, step_.data(), order) != 0) {
    std::fill_n(step_.begin(), size, 0.0);
    decrement_ = 0.0;
    return;
  }
  decrement_ = std::sqrt(std::max(0.0, cblas_ddot(as_blas(size), gradient.data(), 1, step_.data(), 1)));
}

// Multipliers that leave Λ − R P R positive definite, and ρ by the triangle inequality.
double Relaxation::start_rho() {
  double most = 0.0, plain = 0.0, diagonal = 0.0;
  for (const Index i : free_) most = std::max(most, radius_[at(i)]);
  plain = gram_norm_ * most * most;
  // ‖R P R‖ ≤ its largest row sum, in a gauge of equal shares.
  for (const Index i : free_) {
    double row = 0.0;
    for (const Index j : free_) row += std::fabs(gram_[at(i * n_ + j)]) * radius_[at(i)] * radius_[at(j)];
    diagonal = std::max(diagonal, row);
  }
  const double level = 2.0 * std::max(std::min(plain, diagonal), 1e-30);
  std::fill(lambda_.begin(), lambda_.end(), level);
  return 4.0 * (level * b_squared_ + rounding_);
}

void Relaxation::suggest(Node& node) {
  const Index free = static_cast<Index>(free_.size()), m = q_ + free;
  suggestion_.resize(at(n_));
  for (Index i = 0; i < n_; ++i) suggestion_[at(i)] = node.decided[at(i)] >= 0;
  node.branch = -1;
  double widest = -1.0;
  for (Index k = 0; k < free; ++k) {
    // The relaxation's w_i and b_iᵀx: w_i = s_i b_iᵀx at a vertex s_i = ±1.
    const double both = y_[at(k * m + q_ + k)], bb = s_[at(k * free + k)];
    const double s = bb > 0.0 ? std::clamp(both / bb, -1.0, 1.0) : 1.0;
    suggestion_[at(free_[at(k)])] = s >= 0.0;
    const double open = lambda_[at(k)] * bb * (1.0 - s * s);
    if (open > widest) widest = open, node.branch = free_[at(k)];
  }
}

bool Relaxation::optimise(Node& node, double target, double gap, const Budget& budget) {
  set_up(node);
  const Index free = static_cast<Index>(free_.size()), m = q_ + free;
  lambda_.resize(at(free));
  for (Index k = 0; k < free; ++k) lambda_[at(k)] = node.multiplier[at(free_[at(k)])];
  double rho = node.rho, mu = node.mu;
  if (free == 0) {
    std::vector<bool> vertex(at(n_));
    for (Index i = 0; i < n_; ++i) vertex[at(i)] = node.decided[at(i)] > 0;
    const double computed = top(vertex);
    suggestion_ = vertex;
    node.branch = -1;
    for (double slack = 4.0 * u * static_cast<double>(q_); slack < 1e-3; slack *= 4.0)
      if (factorise(rho = computed * (1.0 + slack) + rounding_ * slack)) {
        node.proved = std::min(node.proved, proved_by(rho));
        break;
      }
    return node.proved <= target;
  }
  const auto start_anew = [&] {
    rho = start_rho();
    for (int tries = 0; tries < 60 && !factorise(rho); ++tries) rho *= 2.0;
    mu = rho / static_cast<double>(m);
  };
  if (!(rho > 0.0) || !factorise(rho)) start_anew();
  node.proved = std::min(node.proved, proved_by(rho));
  // Parts of this part start at the last central point whose gap is still this wide.
  constexpr double start_gap = 0.05;
  bool stored = false;
  const auto store = [&] {
    for (Index k = 0; k < free; ++k) node.multiplier[at(free_[at(k)])] = lambda_[at(k)];
    node.rho = rho, node.mu = mu;
    stored = true;
  };
  const double size = static_cast<double>(m);
  std::vector<double> before(at(free));
  for (int iteration = 0; iteration < 150; ++iteration) {
    invert();
    newton_direction(mu);
    before = lambda_;
    const double rho_before = rho, merit = rho / mu - log_det_;
    double t = 1.0;
    bool moved = false;
    for (int tries = 0; tries < 16 && !moved; ++tries, t *= 0.6) {
      bool positive = true;
      for (Index k = 0; k < free; ++k) {
        lambda_[at(k)] = before[at(k)] + t * step_[at(k)];
        positive = positive && lambda_[at(k)] > 0.0;
      }
      rho = rho_before + t * step_[at(free)];
      moved = positive && rho > 0.0 && factorise(rho) &&
              rho / mu - log_det_ <= merit - 0.1 * t * decrement_ * decrement_ + 1e-9 * std::fabs(merit);
    }
    if (!moved) {
      lambda_ = before, rho = rho_before;
      factorise(rho);
    }
    node.proved = std::min(node.proved, proved_by(rho));
    const bool central = decrement_ < 0.6;
    const double certain_gap = size * mu;
    bool done = node.proved <= target;
    if (!done && rho - certain_gap < target) {  // in reach?
      const double excess = proved_by(rho) - rho;
      const double wanted = target - 1.5 * excess;
      if (wanted > 0.0 && wanted < rho && factorise(wanted)) {
        node.proved = std::min(node.proved, proved_by(wanted));
        done = node.proved <= target;
      } else {
        factorise(rho);
      }
    }
    if (done) return true;
    if (central && (!stored || certain_gap >= start_gap * rho)) store();
    const bool hopeless = central && rho - certain_gap > target && certain_gap <= gap * rho;
    if (hopeless || !moved || certain_gap < 1e-11 * rho || budget.expired()) break;
    if (central) mu *= 0.15;
  }
  if (!stored) node.rho = 0.0;
  invert();
  newton_direction(mu);
  suggest(node);
  return false;
}

double Relaxation::prove(const Node& node, double rho) {
  set_up(node);
  lambda_.clear();
  for (const Index i : free_) lambda_.push_back(node.multiplier[at(i)]);
  return factorise(rho) ? proved_by(rho) : infinity;
}

double Relaxation::top(const std::vector<bool>& at_hi) {
  for (Index i = 0; i < n_; ++i) {
    const double sigma = at_hi[at(i)] ? hi_[at(i)] : lo_[at(i)];
    for (Index j = 0; j < q_; ++j) x_[at(i * q_ + j)] = sigma * b_[at(i * q_ + j)];
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, as_blas(n_), as_blas(q_), as_blas(n_), 1.0, gram_.data(),
              as_blas(n_), x_.data(), as_blas(q_), 0.0, t_.data(), as_blas(q_));
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, as_blas(q_), as_blas(q_), as_blas(n_), 1.0, x_.data(),
              as_blas(q_), t_.data(), as_blas(q_), 0.0, small_.data(), as_blas(q_));
  if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', static_cast<lapack_int>(q_), small_.data(),
                     static_cast<lapack_int>(q_), small_values_.data()) != 0)
    return 0.0;
  std::copy_n(small_.begin() + (q_ - 1) * q_, q_, direction_.begin());
  return small_values_.back();
}

double Relaxation::value(const std::vector<bool>& at_hi) { return top(at_hi); }

double Relaxation::climb(std::vector<bool>& at_hi, const Budget& budget) {
  double best = top(at_hi);
  std::vector<double> gain(at(n_)), bx(at(n_)), weighted(at(n_));
  std::vector<Index> order(at(n_));
  for (int round = 0; round < 200 && !budget.expired(); ++round) {
    // b_iᵀx and a_iᵀy of the top singular vectors; y ∝ A D B x.
    cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(n_), as_blas(q_), 1.0, b_.data(), as_blas(q_), direction_.data(),
                1, 0.0, bx.data(), 1);
    for (Index i = 0; i < n_; ++i) weighted[at(i)] = (at_hi[at(i)] ? hi_[at(i)] : lo_[at(i)]) * bx[at(i)];
    cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(n_), as_blas(n_), 1.0, gram_.data(), as_blas(n_), weighted.data(),
                1, 0.0, image_.data(), 1);
    std::vector<bool> next = at_hi;
    for (Index i = 0; i < n_; ++i) {
      const double slope_gain = bx[at(i)] * image_[at(i)];
      if (slope_gain != 0.0) next[at(i)] = slope_gain > 0.0;
      const double change = (hi_[at(i)] - lo_[at(i)]) * (at_hi[at(i)] ? -1.0 : 1.0);
      // Of the squared norm: 2 δ (a_iᵀy)(b_iᵀx) and the second order's own term.
      gain[at(i)] = 2.0 * change * slope_gain + change * change * gram_[at(i * (n_ + 1))] * bx[at(i)] * bx[at(i)];
    }
    if (next != at_hi) {
      const double value = top(next);
      if (value > best * (1.0 + 1e-13)) {
        best = value, at_hi = std::move(next);
        continue;
      }
    }
    std::iota(order.begin(), order.end(), Index{0});
    std::ranges::sort(order, [&](Index i, Index j) { return gain[at(i)] > gain[at(j)]; });
    bool improved = false;
    const Index most = std::min<Index>(n_, 12);
    for (Index k = 0; k < most && !improved && !budget.expired(); ++k) {
      std::vector<bool> flipped = at_hi;
      const std::size_t i = at(order[at(k)]);
      if (lo_[i] == hi_[i]) continue;
      flipped[i] = !flipped[i];
      const double value = top(flipped);
      if (value > best * (1.0 + 1e-13)) best = value, at_hi = std::move(flipped), improved = true;
    }
    if (!improved) break;
  }
  return best;
}

}  // namespace taut::detail
