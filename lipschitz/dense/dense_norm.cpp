#include "lipschitz/dense/dense_norm.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "autodiff/range.h"
#include "lipschitz/bounds/roundoff.h"
#include "lipschitz/dense/gram.h"

namespace taut {
namespace detail {
namespace {

// Sums of nonnegative numbers to both sides, many side by side: s is the rounded sum, what rounding took away is
// exactly Σ e of Knuth's TwoSum, and c and a are the rounded sums of e and |e|. So the sum is s + c up to γ_n Σ|e|, and
// exactly s where no addition rounds.
struct Sums {
  std::vector<double> s, c, a;
  explicit Sums(Index count) : s(static_cast<std::size_t>(count)), c(s), a(s) {}

  void add(std::size_t at, double x) {
    const double t = s[at] + x, part = t - s[at], e = (s[at] - (t - part)) + (x - part);
    s[at] = t;
    c[at] += e;
    a[at] += std::fabs(e);
  }
  // ≥ or ≤ the exact sum of `terms` numbers.
  double bound(std::size_t at, Index terms, Side side) const {
    if (!std::isfinite(s[at])) return side == Side::upper ? infinity : 0x1p1023;
    if (a[at] == 0.0) return s[at];
    const double slack = add_up(mul_up(2.0 * gamma_factor(terms, u), a[at]), std::numeric_limits<double>::denorm_min());
    return side == Side::upper ? add_up(s[at], add_up(c[at], slack)) : add_down(s[at], sub_down(c[at], slack));
  }
};

double sum_of_magnitudes(std::span<const double> x, Side side) {
  constexpr std::size_t lanes = 8;
  Sums sums(lanes);
  std::size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes)
    for (std::size_t k = 0; k < lanes; ++k) sums.add(k, std::fabs(x[i + k]));
  for (; i < x.size(); ++i) sums.add(i % lanes, std::fabs(x[i]));
  double total = 0.0;
  for (std::size_t k = 0; k < lanes; ++k) {
    const double part = sums.bound(k, static_cast<Index>(x.size()), side);
    total = side == Side::upper ? add_up(total, part) : add_down(total, part);
  }
  return total;
}

double largest_magnitude(std::span<const double> x) {
  double largest = 0.0;
  for (const double v : x) largest = std::max(largest, std::fabs(v));
  return largest;
}

Enclosure exactly(const Magnitude& lower, const Magnitude& upper, Norm norm, const char* method) {
  return {LowerBound::certified(lower, norm, method), UpperBound::certified(upper, norm, method)};
}

// The matrix times 2^-exponent, its largest entry between 1 and 2.
struct Scaled {
  std::vector<double> entries;
  int exponent = 0;
  double lost = 0.0;  // ≥ Frobenius norm of what underflowed, in scaled units

  explicit Scaled(const MatrixView& a) : entries(a.data, a.data + a.rows * a.columns) {
    exponent = std::ilogb(largest_magnitude(entries));
    bool underflowed = false;
    for (double& x : entries) {
      const double scaled = std::ldexp(x, -exponent);
      underflowed = underflowed || std::ldexp(scaled, exponent) != x;
      x = scaled;
    }
    if (underflowed) lost = mul_up(0x1p-1074, std::sqrt(static_cast<double>(entries.size())) * (1.0 + 4.0 * u));
  }

  Magnitude unscaled(double x) const {  // exact
    return Magnitude::product(x, std::ldexp(1.0, exponent), Side::upper);
  }
};

// A lower bound of ‖B‖₂: ‖B v‖ / ‖v‖ for v close to a singular vector, rounding included.
double attained(const Scaled& scaled, const MatrixView& a, const Gram<double>& gram, const std::vector<double>& v) {
  const bool transposed = gram.of_rows();
  const Index inner = transposed ? a.rows : a.columns, outer = transposed ? a.columns : a.rows;
  std::vector<double> w(static_cast<std::size_t>(outer));
  cblas_dgemv(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, static_cast<blasint>(a.rows),
              static_cast<blasint>(a.columns), 1.0, scaled.entries.data(), static_cast<blasint>(a.columns), v.data(), 1,
              0.0, w.data(), 1);
  const double length = euclidean(v, Side::upper).round(Side::upper);
  if (!(length > 0.0) || !std::isfinite(length)) return 0.0;
  const double rounding = mul_up(gamma_factor(inner, u), mul_up(sqrt_up(gram.frobenius_squared()), length));
  const double gained = sub_down(euclidean(w, Side::lower).round(Side::lower), add_up(rounding, 0x1p-900));
  return std::max(0.0, sub_down(div_down(std::max(gained, 0.0), length), scaled.lost));
}

Enclosure without_factorisation(const MatrixView& a) {
  const Magnitude l1 = column_sum_norm(a).upper.magnitude(), linf = row_sum_norm(a).upper.magnitude();
  const Magnitude interpolated = Magnitude::root(Magnitude::product(l1, linf, Side::upper), Side::upper);
  Enclosure bounds = exactly(largest_magnitude({a.data, static_cast<std::size_t>(a.rows * a.columns)}),
                             std::min(interpolated, frobenius_up(a)), Norm::l2, "sums");
  bounds.cut = true;
  return bounds;
}

}  // namespace

void require_finite(const Tensor& weights, std::string_view what) {
  const Index at = weights.first_non_finite();
  if (at >= 0)
    throw NumericError(cat("[operator norm] ", what, ' ', weights.shape(), " must be finite; entry ", at,
                           " (row-major) is ", weights.at(at), "; repair the weights"));
}

Magnitude euclidean(std::span<const double> x, Side side) {
  Magnitude sum;
  const double largest = largest_magnitude(x);
  if (std::ranges::count_if(x, [](double v) { return v != 0.0; }) <= 1) return largest;
  if (largest > 0x1p-400 && largest < 0x1p400) {
    double s = 0.0;
    for (const double v : x)
      s = side == Side::upper ? add_up(s, mul_up(v, v)) : add_down(s, std::max(0.0, mul_down(v, v)));
    sum = s;
  } else {
    for (const double v : x) {
      const Magnitude m = std::fabs(v);
      sum = Magnitude::sum(sum, Magnitude::product(m, m, side), side);
    }
  }
  return Magnitude::root(sum, side);
}

Magnitude frobenius_up(const MatrixView& a) {
  return euclidean({a.data, static_cast<std::size_t>(a.rows * a.columns)}, Side::upper);
}

Enclosure row_sum_norm(const MatrixView& a) {
  double upper = 0.0;
  Index largest = 0;
  for (Index i = 0; i < a.rows; ++i) {
    const double sum = sum_of_magnitudes(a.row(i), Side::upper);
    if (sum > upper) upper = sum, largest = i;
  }
  const double lower = a.rows > 0 ? sum_of_magnitudes(a.row(largest), Side::lower) : 0.0;
  return exactly(lower, upper, Norm::linf, "row sums");
}

Enclosure column_sum_norm(const MatrixView& a) {
  Sums sums(a.columns);
  for (Index i = 0; i < a.rows; ++i) {
    const std::span<const double> row = a.row(i);
    for (std::size_t j = 0; j < row.size(); ++j) sums.add(j, std::fabs(row[j]));
  }
  double lower = 0.0, upper = 0.0;
  for (std::size_t j = 0; j < sums.s.size(); ++j) {
    lower = std::max(lower, sums.bound(j, a.rows, Side::lower));
    upper = std::max(upper, sums.bound(j, a.rows, Side::upper));
  }
  return exactly(lower, upper, Norm::l1, "column sums");
}

Enclosure spectral_norm(const MatrixView& a, const Budget& budget) {
  constexpr const char* method = "dense cholesky";
  const std::span<const double> entries(a.data, static_cast<std::size_t>(a.rows * a.columns));
  if (largest_magnitude(entries) == 0.0) return exactly(0.0, 0.0, Norm::l2, method);
  if (std::min(a.rows, a.columns) == 1)
    return exactly(euclidean(entries, Side::lower), euclidean(entries, Side::upper), Norm::l2, "euclidean norm");
  const double n = static_cast<double>(std::min(a.rows, a.columns));
  if (!budget.affords(n * static_cast<double>(entries.size()) + 4.0 * n * n * n)) return without_factorisation(a);
  const Scaled scaled(a);
  const Gram<double> gram(scaled.entries.data(), a.rows, a.columns);
  const Gram<double>::Proof proof = gram.prove_top(gram.top_eigenvalue());
  const double upper = add_up(sqrt_up(proof.bound), scaled.lost);
  const std::vector<double> vector = gram.leading_vector(proof);
  const double lower = vector.empty() ? 0.0 : attained(scaled, a, gram, vector);
  return exactly(scaled.unscaled(lower), scaled.unscaled(upper), Norm::l2, method);
}

}  // namespace detail

Enclosure dense_norm(const Tensor& matrix, Norm norm, const Budget& budget) {
  if (matrix.shape().rank() != 2)
    throw ShapeError(cat("[dense_norm] a matrix (m, n) is needed, got shape ", matrix.shape(), "; reshape it"));
  detail::require_finite(matrix, "a matrix");
  const Tensor wide = matrix.to(DType::f64);
  const detail::MatrixView view{wide.data<double>().data(), wide.shape()[0], wide.shape()[1]};
  switch (norm) {
    case Norm::l1:
      return detail::column_sum_norm(view);
    case Norm::l2:
      return detail::spectral_norm(view, budget);
    case Norm::linf:
      return detail::row_sum_norm(view);
  }
  throw UsageError("[dense_norm] the norm must be l1, l2 or linf");
}

}  // namespace taut
