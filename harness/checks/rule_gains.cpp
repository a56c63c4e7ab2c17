// rule::Selects and rule::Bounded: distances never grow by more than the gain, in l1, l2 and linf, and the gain is
// attained.
#include <algorithm>
#include <array>
#include <cmath>

#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

constexpr std::array norms{Norm::l1, Norm::l2, Norm::linf};

// ‖f(x) − f(y)‖ ≤ Σ_k gains[k] ‖x_k − y_k‖.
void check_pair(const RuleCase& c, const std::vector<Gain>& gains, const Inputs& x, const Inputs& y, Report& report) {
  const Tensor fx = c.value(x), fy = c.value(y);
  const Tensor change = minus(fx, fy);
  for (const Norm which : norms) {
    double allowed = 0, noise = 0;
    for (const std::size_t k : c.arguments()) {
      allowed += mul_up(gains[k].in(which), norm(minus(x[k], y[k]), which));
      noise += norm(x[k], which) + norm(y[k], which);
    }
    noise = 64 * unit(c.dtype()) * (noise + norm(fx, which) + norm(fy, which));
    report.expect(norm(change, which) <= allowed * (1 + tolerance.gain) + noise, "in ", which, " a pair moves by ",
                  norm(change, which), ", the gains allow ", allowed);
  }
}

void check_pairs(const RuleCase& c, const std::vector<Gain>& gains, Random& random, Report& report) {
  for (int n = iterations(40); n > 0; --n) {
    const Inputs x = c.draw(random);
    check_pair(c, gains, x, n % 3 == 0 ? c.draw(random) : c.draw_near(x, random), report);
  }
}

bool is_entry_of(double value, const Inputs& operands, const std::vector<std::size_t>& arguments) {
  return std::ranges::any_of(arguments, [&](std::size_t k) {
    for (Index j = 0; j < operands[k].size(); ++j)
      if (operands[k].at(j) == value) return true;
    return false;
  });
}

// How many outputs follow one entry when it is raised above, or lowered below, all others: its multiplicity.
Index followers(const RuleCase& c, const Inputs& x, std::size_t k, Index j) {
  Index most = 0;
  for (const double far : {1000.0, -1000.0}) {
    Inputs at = x, moved = x;
    at[k] = with(x[k].to(DType::f64), j, far).to(c.dtype());
    moved[k] = with(x[k].to(DType::f64), j, far + 1.0).to(c.dtype());
    const Tensor change = minus(c.value(at), c.value(moved));
    Index changed = 0;
    for (Index i = 0; i < change.size(); ++i) changed += change.at(i) != 0.0;
    most = std::max(most, changed);
  }
  return most;
}

}  // namespace

namespace {
double entry_of_sum(const std::vector<LinearMap>& maps, const Inputs& x, Index i) {
  double sum = 0.0;
  for (std::size_t k = 0; k < maps.size(); ++k) sum += maps[k].apply(x[k]).at(i);
  return sum;
}
void check_of_two(const rule::OfTwo& two, const Inputs& x, const Tensor& y, Report& report) {
  for (Index i = 0; i < y.size(); ++i) {
    const double a = entry_of_sum(two.first, x, i), b = entry_of_sum(two.second, x, i);
    report.expect(y.at(i) == (two.larger ? std::max(a, b) : std::min(a, b)), "output ", i, " is ", y.at(i),
                  ", which is not the ", two.larger ? "larger" : "smaller", " of ", a, " and ", b);
  }
}
}  // namespace

void check_rule(const RuleCase& c, const rule::Selects& selects, Random& random, Report& report) {
  const std::vector<std::size_t> arguments = c.arguments();
  const auto m = static_cast<double>(selects.multiplicity);
  // Each entry reaches at most m outputs: |Δ| adds up to m times in l1, to √m in l2, and never grows in linf.
  check_pairs(c, std::vector<Gain>(c.base.size(), Gain{m, sqrt_up(m), 1.0}), random, report);
  for (int n = iterations(8); n > 0; --n) {
    const Inputs x = c.draw(random);
    const Tensor y = c.value(x);
    if (selects.of_two) check_of_two(*selects.of_two, x, y, report);
    for (Index i = 0; i < y.size(); ++i)
      report.expect(is_entry_of(y.at(i), x, arguments), "output ", i, " is ", y.at(i),
                    ", which is no entry of a varying operand");
  }
  const Inputs x = c.draw(random);
  Index most = 0, entries = 0;
  for (const std::size_t k : arguments)
    for (Index j = 0; j < x[k].size(); ++j, ++entries) most = std::max(most, followers(c, x, k, j));
  if (entries > 0 && c.value(x).size() > 0)
    report.expect(most == selects.multiplicity, "multiplicity ", selects.multiplicity,
                  ", but one entry decides at most ", most, " outputs");
}

void check_rule(const RuleCase& c, const rule::Bounded& bounded, Random& random, Report& report) {
  if (!report.expect(bounded.gains.size() == c.base.size(), bounded.gains.size(), " gains for ", c.base.size(),
                     " operands"))
    return;
  report.expect(!bounded.why.empty(), "a bounded rule must say why");
  for (std::size_t k = 0; k < c.base.size(); ++k) {
    const Gain& g = bounded.gains[k];
    for (const Norm which : norms) {
      report.expect(std::isfinite(g.in(which)) && g.in(which) >= 0, "gain ", k, " in ", which, " is ", g.in(which));
      report.expect(c.varies(k) || g.in(which) == 0, "operand ", k, " is fixed, but has the gain ", g.in(which), " in ",
                    which);
    }
  }
  check_pairs(c, bounded.gains, random, report);
  // Over all reals the sample names pairs that attain the gains; f64 shows them without blur.
  if (c.on_box() || c.arguments().size() > 1 || c.dtype() != DType::f64) return;
  const std::size_t k = c.arguments()[0];
  for (const Norm which : norms) {
    if (std::ranges::find(c.sample.not_attained, which) != c.sample.not_attained.end()) continue;
    double best = bounded.gains[k].in(which) == 0 ? infinity : 0;
    for (const AttainedGain& pair : c.sample.attained) {
      if (pair.norm != which || pair.argument != static_cast<int>(k)) continue;
      check_pair(c, bounded.gains, pair.x, pair.y, report);
      best = std::max(best,
                      norm(minus(c.value(pair.x), c.value(pair.y)), which) / norm(minus(pair.x[k], pair.y[k]), which));
    }
    report.expect(best >= (1 - tolerance.attained) * bounded.gains[k].in(which), "lazy: the gain in ", which, " is ",
                  bounded.gains[k].in(which), ", the sample's pairs attain ", best);
  }
}

}  // namespace taut::harness
