// The quadratic form whose largest value is the factor of a pair.
// Long: the form, its gradient and its proof share the products that cost the time.
#include "lipschitz/pair/form.h"

#include <algorithm>
#include <cmath>

#include "autodiff/blas.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/dense/psd_proof.h"

namespace taut::detail {
namespace {

using Vector = std::vector<double>;

constexpr Index block = 8;      // vectors of a block of the Krylov space
constexpr int least_depth = 3;  // of that space, in blocks
constexpr std::size_t large_product = std::size_t{1} << 19;
constexpr double weight_of_pass = 2;  // of an operation that waits for memory
constexpr double sparse_below = 0.2;  // the share of entries

blasint as_blas(Index n) { return static_cast<blasint>(n); }
std::size_t at(Index i) { return static_cast<std::size_t>(i); }
double as_double(Index n) { return static_cast<double>(n); }

double frobenius_squared_up(const Vector& x) {
  // Sums of squares in any order are within γ of exact ones.
  const double sum = cblas_ddot(as_blas(static_cast<Index>(x.size())), x.data(), 1, x.data(), 1);
  return add_up(mul_up(sum, 1.0 + 2.0 * gamma_factor(static_cast<Index>(x.size()), u)), most_by_underflow);
}

double dot(const double* x, const double* y, Index n) { return cblas_ddot(as_blas(n), x, 1, y, 1); }

}  // namespace

PairForm::PairForm(const ScaledPair& pair)
    : pair_(pair),
      exchanged_(pair.q < pair.p),
      n_(pair.n),
      p_(exchanged_ ? pair.q : pair.p),
      q_(exchanged_ ? pair.p : pair.q),
      a_(exchanged_ ? pair.b : pair.a),
      b_(exchanged_ ? pair.a : pair.b),
      radius_(at(n_)),
      m_(at(p_ * q_)),
      s_(at(p_ * p_)),
      lambda_(at(n_)) {
  const auto entries = static_cast<double>(std::ranges::count_if(a_, [](double x) { return x != 0.0; }));
  if (entries < sparse_below * static_cast<double>(a_.size())) {
    for (Index i = 0; i < n_; ++i) {
      row_.push_back(static_cast<Index>(column_.size()));
      for (Index j = 0; j < p_; ++j) {
        if (a_[at(i * p_ + j)] == 0.0) continue;
        column_.push_back(j);
        entry_.push_back(a_[at(i * p_ + j)]);
      }
    }
    row_.push_back(static_cast<Index>(column_.size()));
  }
  Vector centre(at(n_));
  for (Index i = 0; i < n_; ++i) {
    const double lo = pair.lo[at(i)], hi = pair.hi[at(i)];
    centre[at(i)] = 0.5 * lo + 0.5 * hi;
    radius_[at(i)] = std::max(sub_up(hi, centre[at(i)]), sub_up(centre[at(i)], lo));
  }
  // M = A C B.
  if (sparse()) {
    for (Index i = 0; i < n_; ++i)
      for (Index e = row_[at(i)]; e < row_[at(i + 1)]; ++e)
        cblas_daxpy(as_blas(q_), centre[at(i)] * entry_[at(e)], b_.data() + i * q_, 1, m_.data() + column_[at(e)] * q_,
                    1);
  } else {
    t_.resize(a_.size());
    for (Index i = 0; i < n_; ++i)
      for (Index j = 0; j < p_; ++j) t_[at(i * p_ + j)] = centre[at(i)] * a_[at(i * p_ + j)];
    kernels::gemm(true, false, p_, q_, n_, 1.0, t_.data(), p_, b_.data(), q_, 0.0, m_.data(), q_);
  }
  if (b_.size() >= large_product) {
    single_m_.assign(m_.begin(), m_.end());
    single_b_.assign(b_.begin(), b_.end());
  }
  spent_ = set_up_cost();
}

double PairForm::pass_cost() const {
  return weight_of_pass * 4.0 * as_double(block) * (as_double(n_ + p_) * as_double(q_) + 0.5 * as_double(p_ * p_));
}
double PairForm::set_up_cost() const {
  if (sparse()) return 2.0 * weight_of_pass * static_cast<double>(entry_.size()) * as_double(q_);
  return 2.0 * as_double(n_) * as_double(p_) * as_double(q_);
}
double PairForm::evaluation_cost() const {
  const double n = as_double(n_), p = as_double(p_);
  return (sparse() ? 0.0 : n * p * p) + p * p * p / 3.0 + 5.0 * pass_cost();
}
double PairForm::proof_cost() const {
  const double n = as_double(n_), p = as_double(p_), q = as_double(q_);
  return (sparse() ? 0.0 : n * p * p) + n * q * q + (p + q) * (p + q) * (p + q) / 3.0;
}

void PairForm::scale_rows(const Vector& z) {
  t_.resize(sparse() ? entry_.size() : a_.size());
  for (Index i = 0; i < n_; ++i) {
    const double factor = radius_[at(i)] / std::exp(0.5 * z[at(i)]);
    if (sparse())
      for (Index e = row_[at(i)]; e < row_[at(i + 1)]; ++e) t_[at(e)] = factor * entry_[at(e)];
    else
      for (Index j = 0; j < p_; ++j) t_[at(i * p_ + j)] = factor * a_[at(i * p_ + j)];
  }
}

void PairForm::minus_gram_of_rows(double* c, Index ldc) {
  if (!sparse()) {
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, as_blas(p_), as_blas(n_), -1.0, t_.data(), as_blas(p_), 0.0, c,
                as_blas(ldc));
    return;
  }
  for (Index j = 0; j < p_; ++j) std::fill_n(c + j * (ldc + 1), p_ - j, 0.0);
  for (Index i = 0; i < n_; ++i)
    for (Index e = row_[at(i)]; e < row_[at(i + 1)]; ++e) {
      double* const row = c + column_[at(e)] * ldc;
      for (Index f = e; f < row_[at(i + 1)]; ++f) row[column_[at(f)]] -= t_[at(e)] * t_[at(f)];
    }
}

void PairForm::apply_rows(const double* y, double* w, Index count) const {
  if (!sparse()) return kernels::gemm(false, true, count, n_, p_, 1.0, y, p_, a_.data(), p_, 0.0, w, n_);
  for (Index k = 0; k < count; ++k, y += p_, w += n_)
    for (Index i = 0; i < n_; ++i) {
      double sum = 0.0;
      for (Index e = row_[at(i)]; e < row_[at(i + 1)]; ++e) sum += entry_[at(e)] * y[column_[at(e)]];
      w[i] = sum;
    }
}

PairForm::Vector PairForm::start() {
  Vector z(at(n_));
  for (Index i = 0; i < n_; ++i) {
    const double *const a = a_.data() + i * p_, *const b = b_.data() + i * q_;
    z[at(i)] = std::log(std::max(radius_[at(i)], 0x1p-60) * std::sqrt(dot(a, a, p_) / dot(b, b, q_)));
  }
  // Power steps on TᵀT.
  scale_rows(z);
  minus_gram_of_rows(s_.data(), p_);
  Vector y(at(p_)), w(at(p_));
  for (std::size_t j = 0; j < y.size(); ++j) y[j] = 1.0 + 0.5 * std::sin(static_cast<double>(j * j + 1));
  double top = 0.0;
  for (int k = 0; k < 30; ++k) {
    const double length = std::sqrt(dot(y.data(), y.data(), p_));
    if (!(length > 0.0)) break;
    cblas_dscal(as_blas(p_), 1.0 / length, y.data(), 1);
    cblas_dsymv(CblasRowMajor, CblasUpper, as_blas(p_), -1.0, s_.data(), as_blas(p_), y.data(), 1, 0.0, w.data(), 1);
    top = dot(y.data(), w.data(), p_);
    y.swap(w);
  }
  spent_ += (sparse() ? 0.0 : as_double(n_) * as_double(p_ * p_)) + 60.0 * weight_of_pass * as_double(p_ * p_);
  const double shift = std::log(2.2 * std::max(top, 0x1p-100));
  for (double& e : z) e += shift;
  return z;
}

// Y = X H, by rows; S⁻¹M x of every row in `inner`, and B x in `image`.
void PairForm::apply(const double* x, double* y, double* inner, double* image, Index count) {
  if (exactly_ || single_b_.empty())
    apply_with<double>(m_, b_, x, y, inner, image, count);
  else
    apply_with<float>(single_m_, single_b_, x, y, inner, image, count);
  spent_ += pass_cost() * as_double(count) / as_double(block);
}

template <class T>
void PairForm::apply_with(const std::vector<T>& m, const std::vector<T>& b, const double* x, double* y, double* inner,
                          double* image, Index count) {
  std::vector<T> in(x, x + count * q_), outer(at(count * p_)), wide(at(count * n_)), out(at(count * q_));
  kernels::gemm(false, true, count, p_, q_, T{1}, in.data(), q_, m.data(), q_, T{0}, outer.data(), p_);
  std::copy(outer.begin(), outer.end(), inner);
  const auto p = static_cast<lapack_int>(p_);
  LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', p, static_cast<lapack_int>(count), s_.data(), p, inner, p);
  for (std::size_t k = 0; k < outer.size(); ++k) outer[k] = static_cast<T>(inner[k]);
  kernels::gemm(false, false, count, q_, p_, T{1}, outer.data(), p_, m.data(), q_, T{0}, out.data(), q_);
  kernels::gemm(false, true, count, n_, q_, T{1}, in.data(), q_, b.data(), q_, T{0}, wide.data(), n_);
  std::copy(wide.begin(), wide.end(), image);
  for (Index k = 0; k < count; ++k)
    for (Index i = 0; i < n_; ++i) wide[at(k * n_ + i)] = static_cast<T>(lambda_[at(i)] * image[k * n_ + i]);
  kernels::gemm(false, false, count, q_, n_, T{1}, wide.data(), n_, b.data(), q_, T{1}, out.data(), q_);
  std::copy(out.begin(), out.end(), y);
}

// Ritz pairs, the largest first: those within reach of the smoothing.
struct PairForm::Spectrum {
  Vector values;
  Vector inner, image;  // S⁻¹M x and B x, one row per vector x
  double residual = infinity;
};

// A block Krylov space of H, started from the last Ritz vectors: largest eigenvalues crowd together where multipliers
// are good. Every pass over the matrices serves a block.
PairForm::Spectrum PairForm::spectrum(int depth, double accuracy) {
  const Index width = std::min(block, q_), most = std::min<Index>(width * depth, q_);
  const bool first = start_.empty();
  start_.resize(at(width * q_));
  // One row is new every time, so that no large eigenvalue stays out of sight.
  for (std::size_t j = first ? 0 : start_.size() - at(q_); j < start_.size(); ++j)
    start_[j] = std::sin(static_cast<double>(fresh_)), fresh_ = (fresh_ * 16807) % 2147483647;
  Vector &basis = scratch_.basis, &images = scratch_.images, &inner = scratch_.inner, &image = scratch_.image;
  const auto grow = [](Vector& x, Index size) { x.resize(std::max(x.size(), at(size))); };
  grow(basis, (most + width) * q_), grow(images, most * q_), grow(inner, most * p_), grow(image, most * n_);
  Vector overlap(at(most + width)), projected, values, y(at(q_));
  std::copy(start_.begin(), start_.end(), basis.begin());
  Index made = 0, next = width;
  int blocks = 0;
  Spectrum found;
  while (true) {
    // The new rows, orthogonal to all before; those that are not new are dropped.
    Index kept = made;
    for (Index k = made; k < made + next && kept < most; ++k) {
      double* const row = basis.data() + kept * q_;
      if (k != kept) std::copy_n(basis.data() + k * q_, q_, row);
      const double before = std::sqrt(dot(row, row, q_));
      for (int twice = 0; twice < 2 && kept > 0; ++twice) {
        cblas_dgemv(CblasRowMajor, CblasNoTrans, as_blas(kept), as_blas(q_), 1.0, basis.data(), as_blas(q_), row, 1,
                    0.0, overlap.data(), 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(kept), as_blas(q_), -1.0, basis.data(), as_blas(q_),
                    overlap.data(), 1, 1.0, row, 1);
      }
      const double length = std::sqrt(dot(row, row, q_));
      if (!(length > 1e-12 * before)) continue;
      cblas_dscal(as_blas(q_), 1.0 / length, row, 1);
      ++kept;
    }
    if (kept > made)
      apply(basis.data() + made * q_, images.data() + made * q_, inner.data() + made * p_, image.data() + made * n_,
            kept - made);
    const bool exhausted = kept == made || kept == most;
    next = kept - made;
    made = kept;
    projected.resize(at(made * made));
    values.resize(at(made));
    kernels::gemm(false, true, made, made, q_, 1.0, basis.data(), q_, images.data(), q_, 0.0, projected.data(), made);
    const auto order = static_cast<lapack_int>(made);
    if (LAPACKE_dsyev(LAPACK_COL_MAJOR, 'V', 'L', order, projected.data(), order, values.data()) != 0) return {};
    const double* const top = projected.data() + (made - 1) * made;
    cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(made), as_blas(q_), 1.0, images.data(), as_blas(q_), top, 1, 0.0,
                y.data(), 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, as_blas(made), as_blas(q_), -values.back(), basis.data(), as_blas(q_), top,
                1, 1.0, y.data(), 1);
    found.residual = std::sqrt(dot(y.data(), y.data(), q_)) / values.back();
    if (exhausted || (++blocks >= least_depth && !(found.residual > accuracy))) break;
    std::copy_n(images.data() + (made - next) * q_, next * q_, basis.data() + made * q_);
  }
  // Rows of `projected` from the last one up are the coefficients of the largest.
  const Index wanted = std::min(width, made);  // the last gives way to the new row next time
  Vector coefficients(at(wanted * made));
  for (Index k = 0; k < wanted; ++k) {
    std::copy_n(projected.data() + (made - 1 - k) * made, made, coefficients.data() + k * made);
    if (values[at(made - 1 - k)] >= 0.9 * values.back()) found.values.push_back(values[at(made - 1 - k)]);
  }
  kernels::gemm(false, false, wanted, q_, made, 1.0, coefficients.data(), made, basis.data(), q_, 0.0, start_.data(),
                q_);
  const auto reach = static_cast<Index>(found.values.size());
  found.inner.resize(at(reach * p_));
  found.image.resize(at(reach * n_));
  kernels::gemm(false, false, reach, p_, made, 1.0, coefficients.data(), made, inner.data(), p_, 0.0,
                found.inner.data(), p_);
  kernels::gemm(false, false, reach, n_, made, 1.0, coefficients.data(), made, image.data(), n_, 0.0,
                found.image.data(), n_);
  return found;
}

PairForm::Value PairForm::evaluate(const Vector& z, double temperature, int depth, double accuracy, bool exactly) {
  Value v;
  exactly_ = exactly;
  scale_rows(z);
  minus_gram_of_rows(s_.data(), p_);
  for (Index j = 0; j < p_; ++j) s_[at(j * (p_ + 1))] += 1.0;
  spent_ += (sparse() ? 0.0 : as_double(n_) * as_double(p_ * p_)) + as_double(p_) * as_double(p_ * p_) / 3.0;
  const auto p = static_cast<lapack_int>(p_);
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', p, s_.data(), p) != 0) return v;
  for (std::size_t i = 0; i < z.size(); ++i) lambda_[i] = std::exp(z[i]);
  const Spectrum top = spectrum(depth, accuracy);
  if (top.values.empty() || !(top.values.front() > 0.0)) return v;
  v.rho = top.values.front();
  v.residual = top.residual;
  double total = 0.0;
  Vector weights;
  for (const double theta : top.values) {
    weights.push_back(std::exp((theta / v.rho - 1.0) / temperature));
    total += weights.back();
  }
  v.smooth = std::log(v.rho) + temperature * std::log(total);
  v.gradient.assign(z.size(), 0.0);
  v.scale.assign(z.size(), 0.0);
  const auto count = static_cast<Index>(weights.size());
  // w_i = λ_i⁻¹ r_i a_iᵀ S⁻¹M x.
  weighted_.resize(at(count * n_));
  apply_rows(top.inner.data(), weighted_.data(), count);
  suggestion_.resize(z.size());
  for (Index k = 0; k < count; ++k) {
    const double weight = weights[at(k)] / total / v.rho;
    const double *const w = weighted_.data() + k * n_, *const bx = top.image.data() + k * n_;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double r = radius_[i] * w[i];
      const double first = lambda_[i] * bx[i] * bx[i], second = r * r / lambda_[i];
      v.gradient[i] += weight * (first - second);
      v.scale[i] += weight * (first + second);
      if (k == 0) suggestion_[i] = w[i] * bx[i] >= 0.0;
    }
  }
  return v;
}

PairForm::Proof::Proof(PairForm& form, const Vector& z, double rho)
    : shift_(std::ilogb(std::sqrt(rho))), n_(form.n_), p_(form.p_), q_(form.q_) {
  // y and x weigh the same when ρ is about 1: x in units of a power of two.
  const double unit = std::ldexp(1.0, -shift_);
  const Index m = p_ + q_;
  k_.resize(at(m * m));
  Vector w(form.b_.size());
  form.scale_rows(z);
  for (Index i = 0; i < n_; ++i) {
    const double root = std::exp(0.5 * z[at(i)]) * unit;
    for (Index j = 0; j < q_; ++j) w[at(i * q_ + j)] = root * form.b_[at(i * q_ + j)];
  }
  form.minus_gram_of_rows(k_.data(), m);
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, as_blas(q_), as_blas(n_), -1.0, w.data(), as_blas(q_), 0.0,
              k_.data() + p_ * (m + 1), as_blas(m));
  for (Index i = 0; i < p_; ++i)
    for (Index j = 0; j < q_; ++j) k_[at(i * m + p_ + j)] = unit * form.m_[at(i * q_ + j)];
  first_ = add_up(1.0, frobenius_squared_up(form.t_));
  second_ = frobenius_squared_up(w);
  mixed_ = mul_up(unit, form.pair_.mass());
  form.spent_ += form.proof_cost();
}

double PairForm::Proof::bound(double rho) const {
  rho = std::ldexp(rho, -2 * shift_);
  const Index m = p_ + q_;
  Vector k = k_;
  for (Index j = 0; j < m; ++j) k[at(j * (m + 1))] += j < p_ ? 1.0 : rho;
  const std::optional<double> factorising = prove_psd(k.data(), m);
  if (!factorising) return infinity;
  const double forming = mul_up(gamma_factor(n_ + 16, u), add_up(std::max(first_, add_up(rho, second_)), mixed_));
  const double error = add_up(forming, *factorising);
  return std::ldexp(mul_up(add_up(1.0, error), add_up(rho, error)), 2 * shift_);
}

}  // namespace taut::detail
