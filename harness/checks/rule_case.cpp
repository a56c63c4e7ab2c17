#include "harness/checks/rule_case.h"

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "harness/checks/numbers.h"

namespace taut::harness {
namespace {

// A tensor of the same type with the elements f(i).
template <class F>
Tensor filled(const Tensor& like, F&& f) {
  Tensor t = Tensor::uninitialised(like.shape(), like.dtype());
  dispatch(like.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto values = t.mutable_data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(f(static_cast<Index>(i)));
  });
  return t;
}

double to_f32(double x) { return static_cast<double>(static_cast<float>(x)); }

}  // namespace

std::vector<std::size_t> RuleCase::arguments() const {
  std::vector<std::size_t> list;
  for (std::size_t k = 0; k < base.size(); ++k)
    if (varies(k)) list.push_back(k);
  return list;
}

Rule RuleCase::rule() const {
  const OperandList list(base);
  return op.lipschitz({list.view(), value(base), varying, ranges});
}

Inputs RuleCase::draw(Random& random) const {
  Inputs operands = base;
  for (const std::size_t k : arguments()) {
    operands[k] = filled(base[k], [&](Index i) {
      if (!on_box()) return draw_anywhere(sample.operands[k], random);
      const Interval over = ranges[k].at(i);
      const double x =
          random.integer(0, 5) == 0 ? (random.coin() ? over.lo : over.hi) : random.uniform(over.lo, over.hi);
      // The ends are numbers of f32, so rounding to nearest stays inside.
      return std::clamp(x, over.lo, over.hi);
    });
  }
  return operands;
}

Inputs RuleCase::draw_near(const Inputs& from, Random& random) const {
  Inputs operands = from;
  const bool one_entry = random.integer(0, 2) == 0;
  const double distance = std::fabs(random.any_scale(-5, 0));
  for (const std::size_t k : arguments()) {
    if (from[k].size() == 0) continue;
    const Index chosen = random.integer(0, from[k].size() - 1);
    operands[k] = filled(from[k], [&](Index i) {
      const double x = from[k].at(i);
      if (one_entry && i != chosen) return x;
      const Interval over = on_box() ? ranges[k].at(i) : sample.operands[k].defined;
      return std::clamp(x + distance * random.uniform(-1.0, 1.0), over.lo, over.hi);
    });
  }
  return operands;
}

Inputs RuleCase::corner(std::uint32_t which) const {
  Inputs operands = base;
  for (const std::size_t k : arguments()) {
    const Tensor& end = (which >> k & 1U) != 0 ? ranges[k].hi : ranges[k].lo;
    operands[k] = end.to(dtype());
  }
  return operands;
}

std::string RuleCase::text() const {
  std::string set;
  for (const std::size_t k : arguments()) set += (set.empty() ? "" : ", ") + std::to_string(k);
  return cat(sample.name, ", ", dtype(), ", varying {", set, "}", on_box() ? ", on a box" : "");
}

std::vector<std::uint32_t> varying_sets(std::size_t arity) {
  std::vector<std::uint32_t> sets;
  for (std::uint32_t set = 1; set < 1U << arity; ++set) sets.push_back(set);
  return sets;
}

Interval draw_interval(const Operand& operand, Random& random) {
  std::vector<double> special = operand.kinks;
  special.insert(special.end(), operand.probes.begin(), operand.probes.end());
  const double radius = std::fabs(random.any_scale(-4, 1));
  double centre = random.uniform(operand.domain.lo, operand.domain.hi);
  Index kind = random.integer(0, 5);
  if (kind <= 2 && special.empty()) kind = 5;
  if (kind <= 2) centre = random.pick(special);
  Interval over{centre - radius, centre + radius};
  if (kind == 1) over.lo = centre;
  if (kind == 2) over.hi = centre;
  if (kind == 3) over = Interval::point(centre);
  if (kind == 4) over = {centre - radius, centre + 3 * radius};
  const Interval& defined = operand.defined;
  return {to_f32(std::clamp(over.lo, defined.lo, defined.hi)), to_f32(std::clamp(over.hi, defined.lo, defined.hi))};
}

std::vector<Range> draw_boxes(const Sample& sample, const Inputs& base, std::uint32_t varying, Random& random) {
  std::vector<Range> ranges;
  for (std::size_t k = 0; k < base.size(); ++k) {
    if ((varying >> k & 1U) == 0) {
      ranges.push_back(Range::point(base[k]));
      continue;
    }
    Range box = Range::uninitialised(base[k].shape());
    const auto lo = box.lo.mutable_data<double>(), hi = box.hi.mutable_data<double>();
    for (std::size_t i = 0; i < lo.size(); ++i) {
      const Interval over = draw_interval(sample.operands[k], random);
      lo[i] = over.lo;
      hi[i] = over.hi;
    }
    ranges.push_back(std::move(box));
  }
  return ranges;
}

}  // namespace taut::harness
