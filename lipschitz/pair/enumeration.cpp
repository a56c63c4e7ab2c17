// Every vertex in the order of a Gray code: one entry of σ changes at a time, and with it the Gram matrix by a
// symmetric matrix of rank two. Most vertices are passed by the Frobenius norm of that matrix, most others by that of
// its square.
#include <cblas.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/gram.h"
#include "lipschitz/pair/incumbent.h"

namespace taut::detail {
namespace {

constexpr std::uint64_t refreshed_every = 256;

// H = Bᵀ D P D B (q, q) of a vertex.
class Walk {
 public:
  Walk(const Relaxation& relaxation, const ScaledPair& pair)
      : n_(static_cast<std::size_t>(relaxation.n())),
        q_(static_cast<std::size_t>(relaxation.q())),
        gram_(relaxation.gram()),
        b_(relaxation.right()),
        lo_(pair.lo),
        hi_(pair.hi),
        sigma_(hi_),
        h_(q_ * q_),
        square_(q_ * q_),
        c_(q_),
        sums_(q_),
        x_(n_ * q_),
        t_(n_ * q_) {
    // docs/mathematics/13-pairs.md#enumeration: one refresh and the steps until the next one.
    double steepest = 0.0, widest = 0.0;
    for (std::size_t i = 0; i < n_; ++i) {
      steepest = std::max({steepest, std::fabs(lo_[i]), std::fabs(hi_[i])});
      widest = std::max(widest, sub_up(hi_[i], lo_[i]));
    }
    const double product = mul_up(relaxation.right_squared(), relaxation.gram_norm());
    const double square = mul_up(steepest, steepest);
    const double step = add_up(square, add_up(mul_up(2.0, mul_up(widest, steepest)), mul_up(widest, widest)));
    const double first = mul_up(gamma_factor(2 * relaxation.n() + 4, u), square);
    const double then =
        mul_up(static_cast<double>(refreshed_every), mul_up(gamma_factor(relaxation.n() + 12, u), step));
    error_ = add_up(add_up(mul_up(add_up(first, then), product), relaxation.forming_error()), 0x1p-900);
  }

  // ≥ |λ_max(H as stored) − squared norm of the pair| at any vertex.
  double error() const { return error_; }
  // Its upper triangle by rows.
  const std::vector<double>& matrix() const { return h_; }

  void refresh() {
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t j = 0; j < q_; ++j) x_[i * q_ + j] = sigma_[i] * b_[i * q_ + j];
    const auto n = static_cast<blasint>(n_), q = static_cast<blasint>(q_);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, q, n, 1.0, gram_.data(), n, x_.data(), q, 0.0, t_.data(),
                q);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, q, q, n, 1.0, x_.data(), q, t_.data(), q, 0.0, h_.data(), q);
  }

  // σ_i to its other end. Returns ‖H‖_F², rounded to nearest.
  double flip(std::size_t i) {
    const double next = sigma_[i] == hi_[i] ? lo_[i] : hi_[i], change = next - sigma_[i];
    const double* const p = gram_.data() + i * n_;
    double* const __restrict c = c_.data();
    // c = Mᵀ a_i = Σ_j P_ij σ_j b_j before the change, M' = M + δ a_i b_iᵀ.
    std::fill_n(c, q_, 0.0);
    for (std::size_t j = 0; j < n_; ++j) {
      const double w = p[j] * sigma_[j];
      if (w == 0.0) continue;
      const double* const __restrict row = b_.data() + j * q_;
      for (std::size_t k = 0; k < q_; ++k) c[k] += w * row[k];
    }
    const double* const __restrict b = b_.data() + i * q_;
    const double own = 0.5 * change * change * p[i];
    for (std::size_t k = 0; k < q_; ++k) c[k] = change * c[k] + own * b[k];
    // The upper triangle; sums of squares per column, so that the loop has no chain of dependent additions.
    double* const __restrict sums = sums_.data();
    std::fill_n(sums, q_, 0.0);
    double diagonal = 0.0;
    for (std::size_t r = 0; r < q_; ++r) {
      double* const __restrict row = h_.data() + r * q_;
      const double br = b[r], cr = c[r];
      for (std::size_t k = r; k < q_; ++k) {
        const double h = row[k] + (br * c[k] + cr * b[k]);
        row[k] = h;
        sums[k] += h * h;
      }
      diagonal += row[r] * row[r];
    }
    double all = 0.0;
    for (std::size_t k = 0; k < q_; ++k) all += sums[k];
    sigma_[i] = next;
    return 2.0 * all - diagonal;
  }

  // ‖H²‖_F², rounded to nearest.
  double fourth() {
    for (std::size_t i = 0; i < q_; ++i)
      for (std::size_t j = 0; j < i; ++j) h_[i * q_ + j] = h_[j * q_ + i];
    const auto q = static_cast<blasint>(q_);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, q, q, 1.0, h_.data(), q, 0.0, square_.data(), q);
    double sum = 0.0;
    for (std::size_t i = 0; i < q_; ++i) {
      double off = 0.0;
      for (std::size_t j = i + 1; j < q_; ++j) off += square_[i * q_ + j] * square_[i * q_ + j];
      sum += 2.0 * off + square_[i * q_ + i] * square_[i * q_ + i];
    }
    return sum;
  }

  std::vector<bool> vertex() const {
    std::vector<bool> at_hi(n_);
    for (std::size_t i = 0; i < n_; ++i) at_hi[i] = sigma_[i] == hi_[i];
    return at_hi;
  }

 private:
  std::size_t n_, q_;
  const std::vector<double>&gram_, &b_;
  const std::vector<double>&lo_, &hi_;
  std::vector<double> sigma_, h_, square_, c_, sums_, x_, t_;
  double error_ = 0.0;
};

}  // namespace

bool enumerate(Relaxation& relaxation, const ScaledPair& pair, Incumbent& incumbent, const Budget& budget,
               PairResult& result, double& open) {
  Walk walk(relaxation, pair);
  std::vector<std::size_t> open_entries;
  for (std::size_t i = 0; i < pair.lo.size(); ++i)
    if (pair.lo[i] != pair.hi[i]) open_entries.push_back(i);
  const std::uint64_t vertices = std::uint64_t{1} << open_entries.size();
  const auto q = static_cast<Index>(relaxation.q());
  // Sums of q² squares, and for the square of H an inner product of q terms: nearest sums are within this of exact
  // ones.
  const double slack = 1.0 + 4.0 * gamma_factor(q * q + q + 8, u);
  double target = 0.0, second = 0.0, fourth = 0.0;
  const auto thresholds = [&] {
    target = incumbent.target();
    const double room = std::max(0.0, sub_down(target, walk.error()));
    second = div_down(mul_down(room, room), slack);
    fourth = div_down(mul_down(second, second), slack);
  };
  const auto examine = [&] {
    if (walk.fourth() <= fourth) return;
    const std::vector<bool> vertex = walk.vertex();
    const Gram<double> gram = Gram<double>::given(walk.matrix().data(), q, walk.error());
    const double top = gram.top_eigenvalue();
    if (incumbent.offer(vertex, top)) thresholds();
    incumbent.settled = std::max(incumbent.settled, gram.prove_top(top).bound);
  };
  thresholds();
  walk.refresh();
  examine();
  for (std::uint64_t k = 1; k < vertices; ++k) {
    const double squares = walk.flip(open_entries[static_cast<std::size_t>(std::countr_zero(k))]);
    if (!(squares <= second)) examine();
    if (k % refreshed_every == 0) walk.refresh();
    if (k % 16384 == 0) {
      if (budget.expired()) {
        result.vertices = static_cast<Index>(k);
        return false;
      }
      budget.report("pair, enumeration", static_cast<double>(k) / static_cast<double>(vertices));
    }
  }
  result.vertices = static_cast<Index>(vertices);
  incumbent.settled = std::max(incumbent.settled, target);
  open = 0.0;
  return true;
}

}  // namespace taut::detail
