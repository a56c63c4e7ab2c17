#include "autodiff/maps/row_sums.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace taut::detail {
namespace {

using Values = std::span<double>;
using ConstValues = std::span<const double>;
Values write(Tensor& t) { return t.mutable_data<double>(); }
ConstValues read(const Tensor& t) { return t.data<double>(); }

template <class F>
Tensor mapped(const Tensor& x, F&& f) {
  Tensor y = Tensor::uninitialised(x.type());
  std::ranges::transform(read(x), write(y).begin(), f);
  return y;
}

template <class F>
Tensor combined(const Tensor& a, const Tensor& b, F&& f) {
  Tensor y = Tensor::uninitialised(a.type());
  std::ranges::transform(read(a), read(b), write(y).begin(), f);
  return y;
}

Tensor negated(const Tensor& x) {
  return mapped(x, [](double v) { return -v; });
}

template <class F>
bool all(const Tensor& x, F&& holds) {
  return std::ranges::all_of(read(x), holds);
}

bool is_zero_or_power_of_two(double d) {
  int exponent = 0;
  const double fraction = std::fabs(std::frexp(d, &exponent));
  return fraction == 0.0 || fraction == 0.5;
}

// Lower end of d x. Powers of two are exact while the result neither underflows nor overflows.
struct Scaled {
  bool products;
  DType computed_in;

  void operator()(double d, double lo, double hi, double& bound, double& mass, bool& nonnegative) const {
    if (!std::isfinite(d)) {
      bound = -infinity;
      mass = infinity;
      nonnegative = false;
      return;
    }
    const double z = d >= 0.0 ? lo : hi;
    const bool positive = d == 0.0 || (d > 0.0 ? z >= 0.0 : z <= 0.0);
    bound = mul_down(d, z);
    mass = mul_up(std::fabs(d), std::fabs(z));
    if (!products && std::fabs(d) != 1.0 && mass > 0.0) {
      if (mass < smallest_normal(computed_in)) bound = sub_down(bound, smallest_subnormal(computed_in));
      if (mass > largest_finite(computed_in) && !positive) bound = -infinity;
    }
    if (positive) bound = std::max(bound, 0.0);
    nonnegative = nonnegative && positive;
  }
};

End diagonal_end(const Tensor& lo, const Tensor& hi, ConstValues d, Index inner, Scaled scaled) {
  End end{Tensor::uninitialised(lo.type()), Tensor::uninitialised(lo.type()), true};
  const ConstValues from = read(lo), to = read(hi);
  const Values bound = write(end.bound), mass = write(end.mass);
  const auto run = static_cast<std::size_t>(inner);
  for (std::size_t i = 0; i < from.size();)
    for (const double coefficient : d)
      for (const std::size_t stop = i + run; i < stop; ++i)
        scaled(coefficient, from[i], to[i], bound[i], mass[i], end.nonnegative);
  return end;
}

End selected_end(const Tensor& lo, const std::vector<Index>& source) {
  End end;
  end.bound = Tensor::uninitialised({static_cast<Index>(source.size())}, DType::f64);
  const ConstValues from = read(lo);
  std::ranges::transform(source, write(end.bound).begin(),
                         [&](Index i) { return i < 0 ? 0.0 : from[static_cast<std::size_t>(i)]; });
  end.mass = mapped(end.bound, [](double v) { return std::fabs(v); });
  end.nonnegative = all(end.bound, [](double v) { return v >= 0.0; });
  return end;
}

// Error bounds of apply() itself: f64 arithmetic with `length` roundings and, where it multiplies, underflow.
struct Applied {
  double gamma, gamma_twice, underflow;

  Applied(Index length, bool products)
      : gamma(gamma_factor(length, unit_roundoff(DType::f64))),
        gamma_twice(gamma_factor(2 * length, unit_roundoff(DType::f64))),
        underflow(products ? mul_up(static_cast<double>(length), smallest_subnormal(DType::f64)) : 0.0) {}

  // Upper bound of the exact sum of nonnegative terms that was computed as s: s / (1 − γ_n) ≤ s (1 + γ_2n).
  double sum_up(double s) const {
    return std::isnan(s) ? infinity : add_up(s, add_up(mul_up(gamma_twice, s), 2.0 * underflow));
  }
  // Error of a computed sum whose terms have absolute values that add up to at most `mass`.
  double error(double mass) const { return add_up(mul_up(gamma, mass), underflow); }
};

// An unbounded input reaches the outputs that its mark reaches through |A|.
void set_unbounded(const LinearMap& magnitudes, const Tensor& marks, End& end) {
  if (all(marks, [](double v) { return v == 0.0; })) return;
  const Tensor reached = magnitudes.apply(marks);
  const ConstValues hits = read(reached);
  const Values bound = write(end.bound), mass = write(end.mass);
  for (std::size_t i = 0; i < hits.size(); ++i)
    if (hits[i] != 0.0) {
      bound[i] = -infinity;
      mass[i] = infinity;
    }
}

// A ≥ 0: every term is smallest at x = lo.
End monotone_end(const LinearMap& map, const Tensor& lo, const Applied& applied) {
  End end;
  end.nonnegative = all(lo, [](double v) { return v >= 0.0; });
  const Tensor marks = mapped(lo, [](double v) { return v == -infinity ? 1.0 : 0.0; });
  const Tensor finite = mapped(lo, [](double v) { return v == -infinity ? 0.0 : v; });
  const Tensor sums = map.apply(finite);
  const Tensor total = end.nonnegative ? sums : map.apply(mapped(finite, [](double v) { return std::fabs(v); }));
  end.mass = mapped(total, [&](double s) { return applied.sum_up(s); });
  end.bound = combined(sums, end.mass, [&](double s, double mass) { return sub_down(s, applied.error(mass)); });
  set_unbounded(map, marks, end);
  return end;
}

// Midpoint m and radius r with [lo, hi] ⊆ [m − r, m + r], the magnitude |m| + r, and marks where an end is infinite.
struct Ball {
  Tensor midpoint, radius, magnitude, unbounded;

  explicit Ball(const Range& x)
      : midpoint(Tensor::uninitialised(x.lo.type())),
        radius(Tensor::uninitialised(x.lo.type())),
        magnitude(Tensor::uninitialised(x.lo.type())),
        unbounded(Tensor::zeros(x.shape(), DType::f64)) {
    const ConstValues lo = read(x.lo), hi = read(x.hi);
    const Values m = write(midpoint), r = write(radius), s = write(magnitude), marks = write(unbounded);
    for (std::size_t i = 0; i < lo.size(); ++i) {
      m[i] = lo[i] == hi[i] ? lo[i] : 0.5 * lo[i] + 0.5 * hi[i];
      r[i] = std::max(sub_up(hi[i], m[i]), sub_up(m[i], lo[i]));
      s[i] = add_up(std::fabs(m[i]), r[i]);
      if (std::isfinite(s[i])) continue;
      marks[i] = 1.0;
      m[i] = r[i] = s[i] = 0.0;
    }
  }
  bool is_point() const {
    return all(radius, [](double r) { return r == 0.0; });
  }
};

// A of mixed signs: A x ∈ A m ± |A| r, with the errors of computing both [Rump1999].
void ball_ends(const LinearMap& map, const Range& x, const Applied& applied, End& lower, End& upper) {
  const Ball ball(x);
  const LinearMap magnitudes = absolute(map);
  const Tensor centre = map.apply(ball.midpoint);
  const Tensor spread = ball.is_point() ? Tensor::zeros(map.out_shape(), DType::f64) : magnitudes.apply(ball.radius);
  lower.mass = upper.mass = mapped(magnitudes.apply(ball.magnitude), [&](double s) { return applied.sum_up(s); });
  const Tensor error = combined(spread, lower.mass,
                                [&](double s, double mass) { return add_up(applied.sum_up(s), applied.error(mass)); });
  lower.bound = combined(centre, error, [](double c, double e) { return sub_down(c, e); });
  upper.bound = combined(centre, error, [](double c, double e) { return sub_down(-c, e); });
  set_unbounded(magnitudes, ball.unbounded, lower);
  set_unbounded(magnitudes, ball.unbounded, upper);
}

End plus(const End& a, const End& b) {
  return {combined(a.bound, b.bound, add_down), combined(a.mass, b.mass, add_up), a.nonnegative && b.nonnegative};
}

End looser(const End& a, const End& b) {
  const auto smaller = [](double x, double y) { return std::min(x, y); };
  const auto larger = [](double x, double y) { return std::max(x, y); };
  return {combined(a.bound, b.bound, smaller), combined(a.mass, b.mass, larger), a.nonnegative && b.nonnegative};
}

Tensor concatenated(const std::vector<Sums>& parts, End Sums::*end, Tensor End::*part) {
  Index size = 0;
  for (const Sums& sums : parts) size += (sums.*end.*part).size();
  Tensor result = Tensor::uninitialised({size}, DType::f64);
  auto to = write(result).begin();
  for (const Sums& sums : parts) to = std::ranges::copy(read(sums.*end.*part), to).out;
  return result;
}

End stacked(const std::vector<Sums>& parts, End Sums::*end) {
  return {concatenated(parts, end, &End::bound), concatenated(parts, end, &End::mass),
          std::ranges::all_of(parts, [end](const Sums& sums) { return (sums.*end).nonnegative; })};
}

// Lower end of the exact sums and of all their evaluations: bound − γ mass − underflow, for γ ≤ 1. Without negative
// terms an overflow, to +inf, is above any lower end.
Tensor evaluated(const Sums& sums, const End& end, DType computed_in) {
  if (sums.roundings() == 0) return end.bound;
  double gamma = gamma_factor(sums.roundings(), unit_roundoff(computed_in));
  if (gamma > 1.0) gamma = infinity;
  const double underflow =
      sums.products ? mul_up(static_cast<double>(sums.terms), smallest_subnormal(computed_in)) : 0.0;
  return combined(end.bound, end.mass, [&](double bound, double mass) {
    if (mass == 0.0) return bound;
    const double error = add_up(mul_up(gamma, mass), underflow);
    const double lower = sub_down(bound, error);
    if (end.nonnegative) return lower >= 0.0 ? lower : 0.0;
    return add_up(mass, error) <= largest_finite(computed_in) ? lower : -infinity;
  });
}

}  // namespace

Sums diagonal_sums(const Range& x, const Tensor& coefficients, Index inner, DType computed_in) {
  const Tensor wide = coefficients.to(DType::f64);
  const bool products = !all(wide, is_zero_or_power_of_two);
  const Scaled scaled{products, computed_in};
  return {diagonal_end(x.lo, x.hi, read(wide), inner, scaled),
          diagonal_end(negated(x.hi), negated(x.lo), read(wide), inner, scaled), 1, products};
}

Sums selected(const Range& x, const structure::Selection& selection) {
  return {selected_end(x.lo, *selection.source), selected_end(negated(x.hi), *selection.source), 1, false};
}

Sums applied_sums(const LinearMap& map, const Range& x, bool products) {
  const Index length = accumulation_length(map);
  const Applied applied(length, products);
  Sums sums;
  sums.products = products;
  sums.terms = products ? length : length + 1;
  if (is_nonnegative(map)) {
    sums.lower = monotone_end(map, x.lo, applied);
    sums.upper = monotone_end(map, negated(x.hi), applied);
  } else {
    ball_ends(map, x, applied, sums.lower, sums.upper);
  }
  return sums;
}

Sums plus(const Sums& a, const Sums& b) {
  return {plus(a.lower, b.lower), plus(a.upper, b.upper), a.terms + b.terms, a.products || b.products};
}

Sums looser(const Sums& a, const Sums& b) {
  return {looser(a.lower, b.lower), looser(a.upper, b.upper), std::max(a.terms, b.terms), a.products || b.products};
}

Sums stacked(const std::vector<Sums>& parts) {
  Sums result{stacked(parts, &Sums::lower), stacked(parts, &Sums::upper), 0, false};
  for (const Sums& sums : parts) {
    result.terms = std::max(result.terms, sums.terms);
    result.products = result.products || sums.products;
  }
  return result;
}

Range evaluated(const Sums& sums, const Shape& shape, DType computed_in) {
  const Tensor lo = evaluated(sums, sums.lower, computed_in), minus_hi = evaluated(sums, sums.upper, computed_in);
  const Tensor hi = mapped(minus_hi, [](double v) { return 0.0 - v; });
  return {lo.reshaped(shape), hi.reshaped(shape)};
}

}  // namespace taut::detail
