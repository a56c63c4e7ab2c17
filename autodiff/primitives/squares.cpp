// Functions of squares: y = f(b ± ρ²) as functions of ρ. docs/mathematics/03-elementwise.md#squares.
#include <algorithm>
#include <cmath>
#include <queue>

#include "autodiff/families.h"

namespace taut {
namespace {

constexpr int octaves = 40;      // cells at first: ρ in [2^k, 2^(k+1)] for |k| up to this
constexpr int most_cells = 600;  // and halves of the largest
constexpr double close = 1e-6;   // until the largest cell is this close to what is attained

// The values of one entry: w in base + sign ρ², and in `over`.
struct Entry {
  Interval base, over;
  double sign;
  friend bool operator==(const Entry&, const Entry&) = default;
};

struct Cell {
  Interval rho;
  double bound;
  friend bool operator<(const Cell& a, const Cell& b) { return a.bound < b.bound; }
};

double nearest(const Interval& x) { return x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi)); }
double or_infinite(double x) { return std::isnan(x) ? infinity : x; }

class GainByRoot {
 public:
  GainByRoot(const ElementwisePrimitive& f, const Entry& entry) : f_(f), entry_(entry) {}

  // The largest |d/dρ f(b ± ρ²)|, rounded up.
  double largest() {
    const Interval& over = entry_.over;
    const double longest =
        sqrt_up(std::max(0.0, entry_.sign > 0 ? sub_up(over.hi, entry_.base.lo) : sub_up(entry_.base.hi, over.lo)));
    const double whole = bound({0.0, longest});
    std::priority_queue<Cell> cells;
    const auto add = [&](double from, double to) {
      const Interval rho{from, std::min(to, longest)};
      if (rho.lo >= rho.hi) return;
      cells.push({rho, bound(rho)});
      if (std::isfinite(rho.hi)) attained_ = std::max(attained_, bound(Interval::point(rho.hi)));
    };
    if (!(longest > 0.0)) return 0.0;
    add(0.0, std::ldexp(1.0, -octaves));
    for (int k = -octaves; k < octaves; ++k) add(std::ldexp(1.0, k), std::ldexp(1.0, k + 1));
    add(std::ldexp(1.0, octaves), infinity);
    for (int count = 2 * octaves; count < most_cells; ++count) {
      const Cell top = cells.top();
      if (top.bound >= whole) return whole;
      const double middle = 0.5 * (top.rho.lo + top.rho.hi);
      if (top.bound <= attained_ * (1.0 + close) || !(top.rho.lo < middle && middle < top.rho.hi)) break;
      cells.pop();
      add(top.rho.lo, middle);
      add(middle, top.rho.hi);
    }
    return std::min(whole, cells.top().bound);
  }

 private:
  // Over the ρ of a cell: |f'(w)| · 2ρ; and with ρ² ≤ |w| + |b|, or ≤ |w| where b has the sign of the square.
  double bound(const Interval& rho) const {
    const Interval square{mul_down(rho.lo, rho.lo), mul_up(rho.hi, rho.hi)};
    const Interval moved = entry_.base + (entry_.sign > 0 ? square : -square);
    const Interval w{std::max(moved.lo, entry_.over.lo), std::min(moved.hi, entry_.over.hi)};
    if (!(w.lo <= w.hi)) return 0.0;  // no value lies there
    const double by_slope = or_infinite(mul_up(f_.slope(w).magnitude(), 2.0 * rho.hi));
    const bool aside = entry_.sign > 0 ? entry_.base.lo >= 0.0 : entry_.base.hi <= 0.0;
    const double farther = aside ? 0.0 : or_infinite(div_up(entry_.base.magnitude(), nearest(w)));
    const double by_root = or_infinite(mul_up(2.0 * f_.steepness_by_root(w), sqrt_up(add_up(1.0, farther))));
    return std::min(by_slope, by_root);
  }

  const ElementwisePrimitive& f_;
  Entry entry_;
  double attained_ = 0.0;
};

}  // namespace

double ElementwisePrimitive::steepness_by_root(const Interval& over) const {
  const double near = nearest(over);
  const double far = or_infinite(mul_up(slope(over).magnitude(), sqrt_up(over.magnitude())));
  if (!(near > 0.0) || !fades(over)) return far;
  return std::min(far,
                  or_infinite(mul_up(slope(Interval::point(over.lo > 0 ? near : -near)).magnitude(), sqrt_up(near))));
}

rule::OfSquares ElementwisePrimitive::of_squares(const SquaresSite& site) const {
  using Makes = rule::OfSquares::Makes;
  rule::OfSquares result;
  if (squares()) result.makes = Makes::square;
  if (site.operand == nullptr) return result;
  const Range& x = site.rule.ranges[0];
  Range clamped = Range::uninitialised(x.shape());
  bool clamps_all = result.makes == Makes::nothing;
  result.gain = 0.0;
  std::optional<Entry> last;
  for (Index i = 0; i < x.lo.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const Entry entry{site.operand->base.at(i), x.at(i), site.operand->sign.at(i)};
    if (const auto ends = clamps_all ? clamps(entry.over) : std::nullopt) {
      clamped.lo.mutable_data<double>()[k] = ends->lo;
      clamped.hi.mutable_data<double>()[k] = ends->hi;
    } else {
      clamps_all = false;
    }
    if (last == entry) continue;  // entries often are the same
    last = entry;
    if (std::isfinite(result.gain)) result.gain = std::max(result.gain, GainByRoot(*this, entry).largest());
  }
  if (!clamps_all) return result;
  result.makes = Makes::clamped;
  result.numbers = clamped;
  return result;
}

}  // namespace taut
