#include "lipschitz/dense/two_columns.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lipschitz/dense/dense_norm.h"

namespace taut::detail {
namespace {

struct Sum {  // of numbers ≥ 0 from below and above
  double down = 0.0, up = 0.0;
  void add(double x) {
    down = add_down(down, x);
    up = add_up(up, x);
  }
  void add_square(double x) {
    down = add_down(down, std::max(0.0, mul_down(x, x)));
    up = add_up(up, mul_up(x, x));
  }
};

// σ₁² = (p + q)/2 + √(((p − q)/2)² + r²) for the Gram matrix [p r; r q]. Entries are at most 1 in magnitude.
NormRange spectral(const std::vector<double>& a, const std::vector<double>& b) {
  const auto vanishes = [](const std::vector<double>& x) {
    return std::ranges::all_of(x, [](double v) { return v == 0.0; });
  };
  if (vanishes(b)) return {euclidean(a, Side::lower), euclidean(a, Side::upper)};
  if (vanishes(a)) return {euclidean(b, Side::lower), euclidean(b, Side::upper)};
  if (a.size() == 1) {
    const double row[] = {a[0], b[0]};
    return {euclidean(row, Side::lower), euclidean(row, Side::upper)};
  }
  Sum p, q;
  double r_down = 0.0, r_up = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    p.add_square(a[i]);
    q.add_square(b[i]);
    r_down = add_down(r_down, mul_down(a[i], b[i]));
    r_up = add_up(r_up, mul_up(a[i], b[i]));
  }
  const double far_r = std::max(std::fabs(r_down), std::fabs(r_up)), near_r = std::max({0.0, r_down, -r_up});
  const double far_h = 0.5 * std::max({sub_up(p.up, q.down), sub_up(q.up, p.down), 0.0});
  const double near_h = 0.5 * std::max({sub_down(p.down, q.up), sub_down(q.down, p.up), 0.0});
  const double above = sqrt_up(add_up(mul_up(far_h, far_h), mul_up(far_r, far_r)));
  const double below =
      sqrt_down(add_down(std::max(0.0, mul_down(near_h, near_h)), std::max(0.0, mul_down(near_r, near_r))));
  return {sqrt_down(add_down(0.5 * add_down(p.down, q.down), below)), sqrt_up(add_up(0.5 * add_up(p.up, q.up), above))};
}

NormRange of_exact(const std::vector<double>& a, const std::vector<double>& b, Norm norm) {
  if (norm == Norm::l2) return spectral(a, b);
  Sum first, second;
  double lower = 0.0, upper = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    first.add(std::fabs(a[i]));
    second.add(std::fabs(b[i]));
    lower = std::max(lower, add_down(std::fabs(a[i]), std::fabs(b[i])));
    upper = std::max(upper, add_up(std::fabs(a[i]), std::fabs(b[i])));
  }
  if (norm == Norm::linf) return {lower, upper};
  return {std::max(first.down, second.down), std::max(first.up, second.up)};
}

}  // namespace

NormRange two_column_norm(const double* value, const double* error, Index rows, Index stride, Norm norm) {
  double largest = 0.0;
  bool finite = true, certain = true;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < 2; ++j) {
      const double v = value[i * stride + j], e = error[i * stride + j];
      finite = finite && std::isfinite(v) && std::isfinite(e);
      certain = certain && e == 0.0;
      largest = std::max({largest, std::fabs(v), e});
    }
  if (!finite) return {0.0, infinity};
  if (largest == 0.0) return {};
  // In units of 2^exponent, so that squares stay within range; what underflows goes to the errors.
  const int exponent = std::ilogb(largest) + 1;
  std::vector<double> columns[2], errors[2];
  for (Index i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < 2; ++j) {
      const double v = value[i * stride + static_cast<Index>(j)], e = error[i * stride + static_cast<Index>(j)];
      columns[j].push_back(std::ldexp(v, -exponent));
      errors[j].push_back(std::ldexp(e, -exponent));
      if (std::ldexp(columns[j].back(), exponent) == v && std::ldexp(errors[j].back(), exponent) == e) continue;
      errors[j].back() = add_up(errors[j].back(), 0x1p-1000);
      certain = false;
    }
  NormRange range = of_exact(columns[0], columns[1], norm);
  if (!certain) {
    // ‖E‖₂ ≤ ‖E‖_F
    NormRange spread;
    if (norm == Norm::l2) {
      errors[0].insert(errors[0].end(), errors[1].begin(), errors[1].end());
      spread.upper = euclidean(errors[0], Side::upper);
    } else {
      spread = of_exact(errors[0], errors[1], norm);
    }
    range.upper = Magnitude::sum(range.upper, spread.upper, Side::upper);
    range.lower = std::max(0.0, sub_down(range.lower.round(Side::lower), spread.upper.round(Side::upper)));
  }
  const Magnitude unit = std::ldexp(1.0, std::min(exponent, 1023));
  const Magnitude rest = exponent > 1023 ? std::ldexp(1.0, exponent - 1023) : 1.0;
  const auto unscaled = [&](const Magnitude& x) {  // exact
    return Magnitude::product(Magnitude::product(x, unit, Side::upper), rest, Side::upper);
  };
  return {unscaled(range.lower), unscaled(range.upper)};
}

}  // namespace taut::detail
