// One state of the elimination and the rounding envelope of each of its steps.
// Long: one matrix, whose every change is here so that its envelope is.
#include "lipschitz/multiplier/joint_state.h"

#include <algorithm>
#include <cmath>

#include "autodiff/outward.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/gram.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/dense/psd_proof.h"

namespace taut::detail {
namespace {

// More than all underflow adds to a diagonal: matrices are kept between 2^-120 and 2^120 (see rescale()), and the
// matrices of maps below 2^200.
constexpr double by_underflow = 0x1p-700;
// Entries of a matrix that are off by more than this share of their row count as if the row were longer.
constexpr double most_share = 0x1p-30;

// c (m, n) += a (m, k) · b (k, n), or · bᵀ.
void multiply(Index m, Index n, Index k, const double* a, Index lda, const double* b, Index ldb, bool transposed,
              double* c, Index ldc) {
  if (m == 0 || n == 0 || k == 0) return;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), 1.0, a, static_cast<blasint>(lda), b,
              static_cast<blasint>(ldb), 1.0, c, static_cast<blasint>(ldc));
}

double frobenius_up(const memory::Buffer<double>& a) {
  const double length = cblas_dnrm2(static_cast<blasint>(a.size()), a.data(), 1);
  return mul_up(length, 1.0 + 8.0 * static_cast<double>(a.size()) * u);
}

}  // namespace

JointState::JointState(Index inputs, Rounding rounding) : rounding_(rounding), rows_(inputs), places_{{0, 0, inputs}} {}

const JointState::Place& JointState::place_of(std::size_t tensor) const {
  return *std::ranges::find(places_, tensor, &Place::tensor);
}

const JointState::Place& JointState::place_of(const Source& source) const {
  return is_wide(source) ? places_.front() : place_of(source.tensor);
}

void JointState::raise(Index i, double by) {
  double& d = p_[static_cast<std::size_t>(i * (rows_ + 1))];
  d = add_up(d, by);
}

// lengths[i] ≥ Σ_k |W_ik| √P_kk, for every row of W that `parts` make, and δ with |error of W|_ik √P_kk summed ≤ δ
// lengths[i]. Of an identity, by the lengths of rows.
double JointState::lengths_of_rows(std::span<const Part> parts, std::vector<double>& lengths, Index& terms) const {
  std::vector<double> errors;
  terms = 0;
  for (const Part& part : parts) {
    const std::size_t first = lengths.size();
    lengths.resize(first + static_cast<std::size_t>(part.rows), 0.0);
    errors.resize(lengths.size(), 0.0);
    Index of_part = 0;
    for (const Source& source : part.sources) {
      const FilledMatrix& w = map_of(source);
      const Place& place = place_of(source);
      of_part += w.columns + (is_wide(source) ? source.matrix.columns : 0);
      std::vector<double> scales(static_cast<std::size_t>(w.columns), 1.0);
      for (std::size_t k = 0; !is_identity_ && k < scales.size(); ++k) {
        const Index at = place.from + static_cast<Index>(k);
        scales[k] = sqrt_up(std::max(0.0, this->at(at, at)));
      }
      for (Index i = 0; i < w.rows; ++i) {
        const auto row = static_cast<std::size_t>(i * w.columns);
        double sum = 0.0, error = 0.0;
        for (std::size_t k = 0; k < scales.size(); ++k) {
          const double x = std::fabs(w.entries[row + k]) * scales[k];
          sum += is_identity_ ? x * x : x;
        }
        for (std::size_t k = 0; !w.error.empty() && k < scales.size(); ++k) error += w.error[row + k] * scales[k];
        lengths[first + static_cast<std::size_t>(i)] += is_identity_ ? std::sqrt(sum) : sum;
        errors[first + static_cast<std::size_t>(i)] += error;
      }
      if (!is_wide(source)) continue;
      const FilledMatrix& v = source.matrix;
      for (Index i = 0; i < v.rows; ++i) {
        double sum = 0.0, error = 0.0;
        for (Index k = 0; k < v.columns; ++k) {
          const auto at = static_cast<std::size_t>(i * v.columns + k);
          const double root = wide_->roots[static_cast<std::size_t>(k)], x = v.entries[at] * root;
          sum += x * x;
          if (!v.error.empty()) error += v.error[at] * root * (v.error[at] * root);
        }
        lengths[first + static_cast<std::size_t>(i)] += std::sqrt(sum);
        errors[first + static_cast<std::size_t>(i)] += std::sqrt(error);
      }
    }
    terms = std::max(terms, of_part);
  }
  const double slack = 1.0 + 4.0 * static_cast<double>(terms + 4) * u;
  double share = 0.0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const double error = errors[i] * slack;
    lengths[i] = std::max(add_up(lengths[i] * slack, 0x1p-400), error / most_share);
    share = std::max(share, div_up(error, lengths[i]));
  }
  return share;
}

void JointState::append(std::span<const Part> parts, std::span<const std::size_t> finished) {
  Index operands = 0;
  for (const Part& part : parts) operands += part.rows;
  std::vector<double> lengths;
  Index terms = 0;
  const double share = rounding_ == Rounding::proved ? lengths_of_rows(parts, lengths, terms) : 0.0;

  // C = W P, all columns, then G = C Wᵀ.
  memory::Buffer<double> c, g;
  g.assign(static_cast<std::size_t>(operands * operands), 0.0);
  c.assign(static_cast<std::size_t>(operands * rows_), 0.0);
  Index row = 0;
  for (const Part& part : parts) {
    for (const Source& source : part.sources) {
      const FilledMatrix& w = map_of(source);
      const Place& place = place_of(source);
      double* const to = c.data() + row * rows_;
      if (is_identity_) {
        for (Index i = 0; i < w.rows; ++i)
          for (Index k = 0; k < w.columns; ++k)
            to[i * rows_ + place.from + k] += w.entries[static_cast<std::size_t>(i * w.columns + k)];
      } else {
        multiply(w.rows, rows_, w.columns, w.entries.data(), w.columns, p_.data() + place.from * rows_, rows_, false,
                 to, rows_);
      }
    }
    row += part.rows;
  }
  Index column = 0;
  for (const Part& part : parts) {
    for (const Source& source : part.sources)
      multiply(operands, part.rows, map_of(source).columns, c.data() + place_of(source).from, rows_,
               map_of(source).entries.data(), map_of(source).columns, true, g.data() + column, operands);
    column += part.rows;
  }
  if (wide_) add_wide_terms(parts, g, operands);

  // The joint matrix of what stays and the operands.
  std::vector<Place> kept;
  Index stays = 0;
  for (const Place& place : places_) {
    if (wide_ || std::ranges::find(finished, place.tensor) != finished.end()) continue;
    kept.push_back({place.tensor, stays, place.rows});
    stays += place.rows;
  }
  const Index all = stays + operands;
  memory::Buffer<double> joint;
  joint.assign(static_cast<std::size_t>(all * all), 0.0);
  const auto entry = [&](Index i, Index j) -> double& { return joint[static_cast<std::size_t>(i * all + j)]; };
  for (const Place& a : kept) {
    const Place& from_a = place_of(a.tensor);
    for (Index i = 0; i < a.rows; ++i) {
      for (const Place& b : kept) {
        const Place& from_b = place_of(b.tensor);
        for (Index j = 0; j < b.rows; ++j)
          entry(a.from + i, b.from + j) =
              is_identity_ ? (from_a.from + i == from_b.from + j ? 1.0 : 0.0) : at(from_a.from + i, from_b.from + j);
      }
      for (Index y = 0; y < operands; ++y)
        entry(a.from + i, stays + y) = entry(stays + y, a.from + i) =
            c[static_cast<std::size_t>(y * rows_ + from_a.from + i)];
    }
  }
  for (Index i = 0; i < operands; ++i)
    for (Index j = 0; j <= i; ++j)
      entry(stays + i, stays + j) = entry(stays + j, stays + i) = g[static_cast<std::size_t>(i * operands + j)];

  p_ = std::move(joint);
  rows_ = all;
  operands_ = operands;
  places_ = std::move(kept);
  is_identity_ = false;
  wide_.reset();
  if (rounding_ == Rounding::ignored) return;
  // Every entry of C is off by at most η lengths_i √P_kk, of G by η lengths_i lengths_j.
  const double gamma = inner_product_error<double>(terms, 2);
  const double eta =
      add_up(mul_up(2.0, add_up(gamma, share)), mul_up(4.0, add_up(mul_up(gamma, gamma), mul_up(share, share))));
  const double of_operands = mul_up(eta, static_cast<double>(operands) * (stays > 0 ? 2.0 : 1.0));
  for (Index i = 0; i < operands; ++i) {
    const double length = lengths[static_cast<std::size_t>(i)];
    raise(stays + i, add_up(mul_up(of_operands, mul_up(length, length)), by_underflow));
  }
  const double of_tensors = mul_up(eta, static_cast<double>(stays));
  for (Index i = 0; i < stays; ++i) raise(i, add_up(mul_up(of_tensors, std::max(0.0, at(i, i))), by_underflow));
}

bool JointState::eliminate(const ProgramStep& step, std::size_t result, std::span<const double> s) {
  mix_.clear();
  std::vector<double> scaled(s.begin(), s.end());
  for (double& x : scaled) {
    x = std::ldexp(x, exponent_);
    if (!(x > 0x1p-300 && x < 0x1p300)) return false;
  }
  const bool done = step.has_slopes() ? by_slopes(step, scaled) : by_gain(step, scaled[0]);
  if (!done) return false;
  places_.push_back({result, rows_ - step.size, step.size});
  operands_ = 0;
  rescale();
  return true;
}

// K = whole · I − S G S ≻ 0 with G the block of the operands.
auto JointState::inverse_of_gap(double whole, std::span<const double> s, bool wanted) const -> std::optional<Inverse> {
  const Index n = operands_, from = operands_from();
  memory::Buffer<double> k(static_cast<std::size_t>(n * n));
  // Off the diagonal two roundings of s_i G_ij s_j, at most 2.1 u s_i √G_ii s_j √G_jj as G ⪰ 0.
  const double rounding = rounding_ == Rounding::proved ? (2.2 * static_cast<double>(n) + 6.0) * u : 0.0;
  for (Index i = 0; i < n; ++i) {
    const double si = s[static_cast<std::size_t>(i)];
    const double* const g = p_.data() + (from + i) * rows_ + from;
    double* const to = k.data() + i * n;
    for (Index j = 0; j < n; ++j) to[j] = -(si * g[j]) * s[static_cast<std::size_t>(j)];
    const double own = mul_up(mul_up(mul_up(si, si), std::max(0.0, g[i])), 1.0 + rounding);
    to[i] = sub_down(whole, add_up(own, rounding_ == Rounding::proved ? by_underflow : 0.0));
    if (!std::isfinite(to[i])) return std::nullopt;
  }
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) {  // the product of three numbers depends on the order
      double &a = k[static_cast<std::size_t>(i * n + j)], &b = k[static_cast<std::size_t>(j * n + i)];
      a = b;
    }
  return inverse_of(k, n, wanted);
}

// K ≻ 0 (n × n, entries at most 2) and K⁻¹ ⪯ factor · Z. With Z of LAPACK, R = I − K Z and ‖R‖_F ≤ θ < 1: the
// eigenvalues of K^½ Z K^½, which are those of K Z, lie within θ of 1, so (1 − θ) K⁻¹ ⪯ Z.
auto JointState::inverse_of(const memory::Buffer<double>& k, Index n, bool wanted) const -> std::optional<Inverse> {
  const auto size = static_cast<lapack_int>(n);
  Inverse inverse{k, 1.0};
  memory::Buffer<double>& z = inverse.z;
  if (rounding_ == Rounding::proved) {
    const double shift = least_shift<double>(n, mul_up(2.0, static_cast<double>(n)));
    if (!(shift < 0.25)) return std::nullopt;
    for (Index i = 0; i < n; ++i) z[static_cast<std::size_t>(i * (n + 1))] -= 2.5 * shift;
  }
  if (!factorise(z.data(), n)) return std::nullopt;
  if (!wanted) return inverse;
  if (LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', size, z.data(), size) != 0) return std::nullopt;
  for (Index i = 0; i < n; ++i)  // the lower triangle by columns is the upper by rows
    for (Index j = 0; j < i; ++j) z[static_cast<std::size_t>(i * n + j)] = z[static_cast<std::size_t>(j * n + i)];
  if (rounding_ == Rounding::ignored) return inverse;
  memory::Buffer<double> residual;
  residual.assign(z.size(), 0.0);
  multiply(n, n, n, k.data(), n, z.data(), n, false, residual.data(), n);
  for (Index i = 0; i < n; ++i) residual[static_cast<std::size_t>(i * (n + 1))] -= 1.0;
  const double gamma = inner_product_error<double>(n, 2);
  const double theta = add_up(add_up(frobenius_up(residual), mul_up(gamma, mul_up(frobenius_up(k), frobenius_up(z)))),
                              mul_up(4.0 * static_cast<double>(n), u));
  if (!(theta < 0.5)) return std::nullopt;
  inverse.factor = div_up(1.0, sub_down(1.0, theta));
  return inverse;
}

// z = M y + R t with t of slopes in [−1, 1], M = (a + b)/2, R = (b − a)/2: with Q = (I − Wᵀ Λ W / 2)⁻¹ of the input, P'
// of z is M W Q Wᵀ M + 2 R² Λ⁻¹ (docs/mathematics/17-multipliers.md#wide).
bool JointState::widen(const ProgramStep& step, std::size_t result, std::span<const double> s) {
  const FilledMatrix& w = step.parts[0].sources[0].matrix;
  const Index n = w.rows, r = w.columns;
  if (std::ranges::any_of(s, [](double x) { return !(x > 0x1p-100 && x < 0x1p100); })) return false;
  // B = S W, the lengths of its columns, and of those of its error.
  memory::Buffer<double> b = w.entries;
  std::vector<double> squares(static_cast<std::size_t>(r), 0.0), of_error(squares);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < r; ++j) {
      const auto at = static_cast<std::size_t>(i * r + j), column = static_cast<std::size_t>(j);
      const double si = s[static_cast<std::size_t>(i)];
      b[at] *= si;
      squares[column] += b[at] * b[at];
      if (!w.error.empty()) of_error[column] += w.error[at] * si * (w.error[at] * si);
    }
  memory::Buffer<double> k;
  k.assign(static_cast<std::size_t>(r * r), 0.0);
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, static_cast<blasint>(r), static_cast<blasint>(n), 1.0, b.data(),
              static_cast<blasint>(r), 0.0, k.data(), static_cast<blasint>(r));
  double raised = 0.0;
  if (rounding_ == Rounding::proved) {
    // |error|_ij ≤ η c_i c_j with c the lengths of columns.
    const double slack = 1.0 + 4.0 * static_cast<double>(n + 4) * u;
    double share = 0.0;
    for (std::size_t j = 0; j < squares.size(); ++j) {
      const double error = of_error[j] * slack;
      squares[j] = std::max(add_up(squares[j] * slack, 0x1p-700), error / (most_share * most_share));
      share = std::max(share, sqrt_up(div_up(error, squares[j])));
    }
    const double gamma = inner_product_error<double>(n, 2);
    const double eta =
        add_up(mul_up(2.0, add_up(gamma, share)), mul_up(4.0, add_up(mul_up(gamma, gamma), mul_up(share, share))));
    raised = mul_up(eta, static_cast<double>(r));
  }
  for (Index i = 0; i < r; ++i) {
    for (Index j = 0; j < i; ++j)
      k[static_cast<std::size_t>(j * r + i)] = k[static_cast<std::size_t>(i * r + j)] *= -0.5;
    double& own = k[static_cast<std::size_t>(i * (r + 1))];
    const double less = mul_up(raised, squares[static_cast<std::size_t>(i)]);
    own = sub_down(1.0, 0.5 * add_up(own, add_up(less, raised > 0.0 ? by_underflow : 0.0)));
    if (!std::isfinite(own)) return false;
  }
  std::optional<Inverse> inverse = inverse_of(k, r, true);
  if (!inverse) return false;
  p_ = std::move(inverse->z);
  for (double& x : p_) x *= inverse->factor;
  if (rounding_ == Rounding::proved) {
    const double by_product = (2.0 * static_cast<double>(r) + 4.0) * u;
    for (Index i = 0; i < r; ++i) raise(i, add_up(mul_up(by_product, at(i, i)), by_underflow));
  }
  Wide wide{result, {}};
  for (std::size_t i = 0; i < s.size(); ++i)
    wide.roots.push_back(div_up(sub_up(step.hi[i], step.lo[i]), mul_down(s[i], sqrt_down(2.0))));
  wide_ = std::move(wide);
  is_identity_ = false;
  return true;
}

// G += V D Vᵀ, D = roots², of the operands that take the result of a wide step; the lower triangle.
void JointState::add_wide_terms(std::span<const Part> parts, memory::Buffer<double>& g, Index operands) const {
  const auto n = static_cast<Index>(wide_->roots.size());
  memory::Buffer<double> b;
  b.assign(static_cast<std::size_t>(operands * n), 0.0);
  double* to = b.data();
  for (const Part& part : parts) {
    for (const Source& source : part.sources) {
      if (!is_wide(source)) continue;
      for (Index i = 0; i < part.rows; ++i)
        for (Index k = 0; k < n; ++k)
          to[i * n + k] =
              source.matrix.entries[static_cast<std::size_t>(i * n + k)] * wide_->roots[static_cast<std::size_t>(k)];
    }
    to += part.rows * n;
  }
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, static_cast<blasint>(operands), static_cast<blasint>(n), 1.0,
              b.data(), static_cast<blasint>(n), 1.0, g.data(), static_cast<blasint>(operands));
}

// z = a y + (b − a) t with t of slopes in [0, 1]: with T = [C S; (b − a) S⁻¹ + a G S],
// P' = [P_xx, C a; a Cᵀ, a G a] + T K⁻¹ Tᵀ.
bool JointState::by_slopes(const ProgramStep& step, std::span<const double> s) {
  const Index n = operands_, stays = operands_from(), all = rows_;
  if (step.lo == step.hi) {
    scale_operands(step.lo);
    return true;
  }
  std::optional<Inverse> inverse = inverse_of_gap(2.0, s, true);
  if (!inverse) return false;
  if (stays == 0 && std::ranges::all_of(step.lo, [](double a) { return a == 0.0; })) {
    replace_by_inverse(step, s, *std::move(inverse));
    return true;
  }
  const memory::Buffer<double>& z = inverse->z;
  const auto slope = [&](Index i) { return step.lo[static_cast<std::size_t>(i)]; };
  const auto spread = [&](Index i) { return step.hi[static_cast<std::size_t>(i)] - slope(i); };
  const auto root = [&](Index i) { return s[static_cast<std::size_t>(i)]; };
  // T, and with it Σ_j |T_ij| √Z_jj where the two terms of an entry count by their absolute values.
  memory::Buffer<double> t(static_cast<std::size_t>(all * n));
  std::vector<double> roots(static_cast<std::size_t>(n)), reach(static_cast<std::size_t>(all), 0.0);
  for (Index j = 0; j < n; ++j)
    roots[static_cast<std::size_t>(j)] = std::sqrt(z[static_cast<std::size_t>(j * (n + 1))]);
  for (Index i = 0; i < all; ++i) {
    const double a = i < stays ? 1.0 : slope(i - stays);
    double sum = 0.0;
    for (Index j = 0; j < n; ++j) {
      const double x = a == 0.0 ? 0.0 : a * at(i, stays + j) * root(j);
      t[static_cast<std::size_t>(i * n + j)] = x;
      sum += std::fabs(x) * roots[static_cast<std::size_t>(j)];
    }
    if (i >= stays) {
      const double own = spread(i - stays) / root(i - stays);
      t[static_cast<std::size_t>(i * n + i - stays)] += own;
      sum += std::fabs(own) * roots[static_cast<std::size_t>(i - stays)];
    }
    reach[static_cast<std::size_t>(i)] = sum * (1.0 + 8.0 * static_cast<double>(n + 8) * u);
  }
  std::vector<double> factors(static_cast<std::size_t>(stays), 1.0);
  factors.insert(factors.end(), step.lo.begin(), step.lo.end());
  memory::Buffer<double> q;
  q.assign(static_cast<std::size_t>(all * all), 0.0);
  add_square(*inverse, t, reach, factors, all, q);
  p_ = std::move(q);
  return true;
}

// The leading block of q, which has rows of `width` entries: f P f + T K⁻¹ Tᵀ with f = diag(factors), one per row of T.
// `reach` bounds Σ_j |T_ij| √Z_jj.
void JointState::add_square(const Inverse& inverse, const memory::Buffer<double>& t, std::span<const double> reach,
                            std::span<const double> factors, Index width, memory::Buffer<double>& q) {
  const Index n = operands_;
  const auto rows = static_cast<Index>(factors.size());
  mix_.assign(t.size(), 0.0);
  multiply(rows, n, n, t.data(), n, inverse.z.data(), n, false, mix_.data(), n);
  multiply(rows, rows, n, mix_.data(), n, t.data(), n, true, q.data(), width);
  const double gamma = inner_product_error<double>(n, 2);
  const double eta = add_up(mul_up(2.0, gamma), add_up(mul_up(4.0, mul_up(gamma, gamma)), 24.0 * u));
  const double raised = mul_up(static_cast<double>(rows), eta);
  for (Index i = 0; i < rows; ++i) {
    const double fi = factors[static_cast<std::size_t>(i)];
    for (Index j = 0; j <= i; ++j) {
      const double base = fi * at(i, j) * factors[static_cast<std::size_t>(j)];
      double& to = q[static_cast<std::size_t>(i * width + j)];
      to = base + inverse.factor * to;
      if (i == j && rounding_ == Rounding::proved) {
        const double reach_i = reach[static_cast<std::size_t>(i)];
        const double mass =
            add_up(mul_up(mul_up(reach_i, reach_i), inverse.factor), std::max(0.0, base) * (1.0 + 4.0 * u));
        to = add_up(to, add_up(mul_up(raised, mass), by_underflow));
      }
      q[static_cast<std::size_t>(j * width + i)] = to;
    }
  }
}

// Nothing else is alive and a = 0: P' = b S⁻¹ K⁻¹ S⁻¹ b.
void JointState::replace_by_inverse(const ProgramStep& step, std::span<const double> s, Inverse inverse) {
  const Index n = operands_;
  const auto factor = [&](Index i) { return step.hi[static_cast<std::size_t>(i)] / s[static_cast<std::size_t>(i)]; };
  p_ = std::move(inverse.z);
  mix_.resize(p_.size());
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      const auto at = static_cast<std::size_t>(i * n + j);
      mix_[at] = factor(i) * p_[at];
      p_[at] = mix_[at] * inverse.factor * factor(j);
    }
  for (Index i = 0; i < n; ++i)  // one order of the products
    for (Index j = 0; j < i; ++j) p_[static_cast<std::size_t>(i * n + j)] = p_[static_cast<std::size_t>(j * n + i)];
  if (rounding_ == Rounding::ignored) return;
  // Every entry with at most five roundings, of a positive definite matrix.
  const double raised = (6.0 * static_cast<double>(n) + 6.0) * u;
  for (Index i = 0; i < n; ++i) raise(i, add_up(mul_up(raised, std::max(0.0, at(i, i))), by_underflow));
}

// z = a y: no inequality is needed.
void JointState::scale_operands(std::span<const double> factors) {
  const Index stays = operands_from();
  const auto factor = [&](Index i) { return i < stays ? 1.0 : factors[static_cast<std::size_t>(i - stays)]; };
  const double raised = 3.0 * static_cast<double>(rows_) * u;
  for (Index i = 0; i < rows_; ++i)
    for (Index j = 0; j <= i; ++j) {
      double& to = p_[static_cast<std::size_t>(i * rows_ + j)];
      to = factor(i) * to * factor(j);
      p_[static_cast<std::size_t>(j * rows_ + i)] = to;
    }
  if (rounding_ == Rounding::ignored) return;
  for (Index i = 0; i < rows_; ++i) raise(i, add_up(mul_up(raised, std::max(0.0, at(i, i))), by_underflow));
}

// ‖z‖² ≤ ‖y‖² counted λ = s² times: P' = P_xx + C S (I − S G S)⁻¹ S Cᵀ beside I / λ.
bool JointState::by_gain(const ProgramStep& step, double s) {
  const Index n = operands_, stays = operands_from();
  const std::vector<double> same(static_cast<std::size_t>(n), s);
  const std::optional<Inverse> inverse = inverse_of_gap(1.0, same, stays > 0);
  if (!inverse) return false;
  const Index all = stays + step.size;
  memory::Buffer<double> q;
  q.assign(static_cast<std::size_t>(all * all), 0.0);
  const double own = div_up(1.0, mul_down(s, s));
  for (Index i = stays; i < all; ++i) q[static_cast<std::size_t>(i * (all + 1))] = own;
  if (stays > 0) {
    memory::Buffer<double> t(static_cast<std::size_t>(stays * n));
    std::vector<double> reach(static_cast<std::size_t>(stays), 0.0);
    for (Index i = 0; i < stays; ++i) {
      double sum = 0.0;
      for (Index j = 0; j < n; ++j) {
        const double x = at(i, stays + j) * s;
        t[static_cast<std::size_t>(i * n + j)] = x;
        sum += std::fabs(x) * std::sqrt(inverse->z[static_cast<std::size_t>(j * (n + 1))]);
      }
      reach[static_cast<std::size_t>(i)] = sum * (1.0 + 8.0 * static_cast<double>(n + 8) * u);
    }
    add_square(*inverse, t, reach, std::vector<double>(static_cast<std::size_t>(stays), 1.0), all, q);
  }
  p_ = std::move(q);
  rows_ = all;
  return true;
}

// Keeps the largest entry near 1, by a power of four.
void JointState::rescale() {
  double largest = 0.0;
  for (Index i = 0; i < rows_; ++i) largest = std::max(largest, at(i, i));
  if (!(largest > 0.0) || !std::isfinite(largest)) return;
  const int shift = std::ilogb(largest) / 2;
  if (std::abs(shift) < 50) return;
  for (double& x : p_) x = std::ldexp(x, -2 * shift);
  exponent_ += shift;
  if (rounding_ == Rounding::proved)
    for (Index i = 0; i < rows_; ++i) raise(i, by_underflow);
}

double JointState::top_of_operands() const {
  const Index n = operands_, from = operands_from();
  memory::Buffer<double> g(static_cast<std::size_t>(n * n));
  for (Index i = 0; i < n; ++i) std::copy_n(p_.data() + (from + i) * rows_ + from, n, g.data() + i * n);
  // Entries are about 1 for the proof.
  double largest = 0.0;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, g[static_cast<std::size_t>(i * (n + 1))]);
  if (!(largest > 0.0)) return 0.0;
  const int shift = std::ilogb(largest);
  for (double& x : g) x = std::ldexp(x, -shift);
  const Gram<double> gram = Gram<double>::given(g.data(), n, rounding_ == Rounding::proved ? 0x1p-600 : 0.0);
  const double top = gram.top_eigenvalue();
  return std::ldexp(rounding_ == Rounding::proved ? gram.prove_top(top).bound : top, shift);
}

}  // namespace taut::detail
