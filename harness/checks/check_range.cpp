// Range rules: they hold every value as computed, and are not wider than they need be.
#include <algorithm>
#include <cmath>

#include "harness/check.h"
#include "harness/checks/numbers.h"
#include "harness/checks/rule_case.h"
#include "harness/options.h"
#include "harness/tolerances.h"

namespace taut::harness {
namespace {

Range range_of(const RuleCase& c) {
  const OperandList list(c.base);
  return c.op.range({list.view(), c.value(c.base), c.ranges});
}

void expect_inside(const Range& range, const Tensor& value, const char* where, Report& report) {
  for (Index i = 0; i < value.size(); ++i) {
    const Interval over = range.at(i);
    report.expect(over.contains(value.at(i)), where, ": element ", i, " is ", value.at(i), ", outside of [", over.lo,
                  ", ", over.hi, ']');
  }
}

bool expect_form(const RuleCase& c, const Range& range, Report& report) {
  const TensorType type{c.value(c.base).shape(), DType::f64};
  return report.expect(range.lo.type() == type && range.hi.type() == type, "the range has shape ", range.lo.shape(),
                       ", the value ", type.shape);
}

std::uint32_t all_of(const Inputs& operands) { return (1U << operands.size()) - 1U; }

std::vector<Range> points(const Inputs& operands) {
  std::vector<Range> ranges;
  for (const Tensor& t : operands) ranges.push_back(Range::point(t));
  return ranges;
}

std::vector<Range> everywhere(const Sample& sample, const Inputs& operands) {
  std::vector<Range> ranges;
  for (std::size_t k = 0; k < operands.size(); ++k)
    ranges.push_back(Range::box(operands[k].shape(), sample.operands[k].defined));
  return ranges;
}

void check_point(RuleCase c, Random& random, Report& report) {
  c.base = c.draw(random);
  c.ranges = points(c.base);
  const Range range = range_of(c);
  if (expect_form(c, range, report)) expect_inside(range, c.value(c.base), "at a point", report);
}

void check_box(const RuleCase& c, Random& random, Report& report) {
  const Range range = range_of(c);
  if (!expect_form(c, range, report)) return;
  for (std::uint32_t which = 0; which < 4; ++which)
    expect_inside(range, c.value(c.corner(which)), "at a corner of a box", report);
  for (int n = iterations(12); n > 0; --n) expect_inside(range, c.value(c.draw(random)), "in a box", report);
}

// Over all of the line an end may be infinite, but never NaN.
void check_everywhere(RuleCase c, Random& random, Report& report) {
  const std::vector<Range> whole = everywhere(c.sample, c.base);
  const OperandList list(c.base);
  const Range range = c.op.range({list.view(), c.value(c.base), whole});
  if (!expect_form(c, range, report)) return;
  for (int n = iterations(12); n > 0; --n) expect_inside(range, c.value(c.draw(random)), "everywhere", report);
}

// Every entry on a half line from one draw through another.
void check_half_lines(const RuleCase& c, Random& random, Report& report) {
  const Inputs from = c.draw(random), through = c.draw(random);
  std::vector<Range> ranges = everywhere(c.sample, c.base);
  for (std::size_t k = 0; k < ranges.size(); ++k)
    for (Index i = 0; i < from[k].size(); ++i) {
      const bool upwards = through[k].at(i) >= from[k].at(i);
      (upwards ? ranges[k].lo : ranges[k].hi).mutable_data<double>()[static_cast<std::size_t>(i)] = from[k].at(i);
    }
  const OperandList list(c.base);
  const Range range = c.op.range({list.view(), c.value(c.base), ranges});
  if (!expect_form(c, range, report)) return;
  expect_inside(range, c.value(from), "at the ends of half lines", report);
  expect_inside(range, c.value(through), "on half lines", report);
}

template <class F>
void for_each_case(const Subject& subject, Random& random, Report& report, F&& body) {
  for (const Sample& sample : subject.samples) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      report.set_context(cat(sample.name, ", ", dtype));
      const Recording recording(sample, to(draw_any(sample, random), dtype));
      const Inputs operands = recording.operands();
      body(RuleCase{sample, recording.op(), operands, all_of(operands), {}});
    }
  }
}

// What a range may exceed the hull of the values by: rounding of every term that takes part.
double rounding(const RuleCase& c, const Tensor& value) {
  double scale = 1.0;
  Index terms = 1;
  for (std::size_t k = 0; k < c.base.size(); ++k) {
    scale *= std::max({1.0, max_abs(c.ranges[k].lo), max_abs(c.ranges[k].hi)});
    terms = std::max(terms, c.base[k].size());
  }
  return tolerance.point_range_ulps * 2 * unit(c.dtype()) * static_cast<double>(terms) *
         std::max(scale, max_abs(value));
}

// What the range may exceed the hull by: a fraction of the hull's width, and rounding. Both are 0 for ops that move
// numbers: their ranges are exact.
void expect_near_hull(const Range& range, const std::vector<Interval>& hull, double fraction, double noise,
                      Report& report) {
  for (std::size_t i = 0; i < hull.size(); ++i) {
    const Interval over = range.at(static_cast<Index>(i));
    const double excess = fraction * (hull[i].hi - hull[i].lo) + noise;
    if (!std::isfinite(excess)) continue;  // the value overflows
    report.expect(over.lo >= hull[i].lo - excess && over.hi <= hull[i].hi + excess, "wide: element ", i, " lies in [",
                  over.lo, ", ", over.hi, "], its values span [", hull[i].lo, ", ", hull[i].hi, ']');
  }
}

// Exact hull of an affine function over the box: the value at the centre and Σ |A_ij| radius_j.
std::vector<Interval> affine_hull(const RuleCase& c, const rule::Affine& affine) {
  Inputs centre = c.base;
  for (std::size_t k = 0; k < centre.size(); ++k) centre[k] = plus(c.ranges[k].lo, 1.0, c.ranges[k].hi);
  for (Tensor& t : centre) t = plus(Tensor::zeros(t.shape(), DType::f64), 0.5, t).to(c.dtype());
  const Tensor value = c.value(centre);
  std::vector<Interval> hull;
  for (Index i = 0; i < value.size(); ++i) hull.push_back(Interval::point(value.at(i)));
  for (std::size_t k = 0; k < centre.size(); ++k) {
    const Tensor radius = minus(c.ranges[k].hi, c.ranges[k].lo), matrix = to_dense(affine.maps[k]);
    for (Index i = 0; i < value.size(); ++i)
      for (Index j = 0; j < radius.size(); ++j) {
        const double r = std::fabs(matrix.at(i * radius.size() + j)) * radius.at(j) / 2;
        hull[static_cast<std::size_t>(i)].lo -= r;
        hull[static_cast<std::size_t>(i)].hi += r;
      }
  }
  return hull;
}

class Hull {
 public:
  void add(const Tensor& value) {
    spans_.resize(static_cast<std::size_t>(value.size()), {infinity, -infinity});
    for (std::size_t i = 0; i < spans_.size(); ++i)
      spans_[i] = hull(spans_[i], Interval::point(value.at(static_cast<Index>(i))));
  }
  const std::vector<Interval>& spans() const { return spans_; }

 private:
  std::vector<Interval> spans_;
};

// One-operand elementwise: values along the whole box, and at the kinks and probes inside.
std::vector<Interval> walked_hull(const RuleCase& c) {
  Hull hull;
  const Range& box = c.ranges[0];
  const auto add = [&](auto&& position) {
    Tensor x = Tensor::uninitialised(box.shape(), DType::f64);
    const auto values = x.mutable_data<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Interval over = box.at(static_cast<Index>(i));
      values[i] = std::clamp(position(over), over.lo, over.hi);
    }
    hull.add(c.value(Inputs{x.to(c.dtype())}));
  };
  constexpr int steps = 200;
  for (int s = 0; s <= steps; ++s) {
    const double t = static_cast<double>(s) / steps;
    add([t](const Interval& over) { return (1 - t) * over.lo + t * over.hi; });
  }
  for (const double kink : c.sample.operands[0].kinks) add([kink](const Interval&) { return kink; });
  for (const double probe : c.sample.operands[0].probes) add([probe](const Interval&) { return probe; });
  return hull.spans();
}

// Every operand at one end, and each single entry at the other: where monotone functions, products of entries and
// softmax take their extremes. Then random corners, and kinks.
std::vector<Interval> corner_hull(const RuleCase& c, Random& random) {
  Hull hull;
  const auto end = [&](std::size_t k, Index i, bool upper) {
    const Interval over = c.ranges[k].at(i);
    return upper ? over.hi : over.lo;
  };
  for (std::uint32_t which = 0; which < 1U << c.base.size(); ++which) {
    const Inputs corner = c.corner(which);
    hull.add(c.value(corner));
    for (std::size_t k = 0; k < corner.size(); ++k)
      for (Index i = 0; i < corner[k].size(); ++i) {
        Inputs x = corner;
        x[k] = with(x[k].to(DType::f64), i, end(k, i, (which >> k & 1U) == 0)).to(c.dtype());
        hull.add(c.value(x));
      }
  }
  for (int n = iterations(100); n > 0; --n) {
    Inputs x = c.base;
    for (std::size_t k = 0; k < x.size(); ++k) {
      Tensor t = Tensor::uninitialised(x[k].shape(), DType::f64);
      const auto values = t.mutable_data<double>();
      const std::vector<double>& kinks = c.sample.operands[k].kinks;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const auto at = static_cast<Index>(i);
        values[i] = end(k, at, random.coin());
        if (!kinks.empty() && random.coin())
          values[i] = std::clamp(random.pick(kinks), end(k, at, false), end(k, at, true));
      }
      x[k] = t.to(c.dtype());
    }
    hull.add(c.value(x));
  }
  return hull.spans();
}

// The reference agrees to the last bit: nothing is computed, only moved or selected.
bool moves_numbers(const Sample& sample) { return sample.reference != nullptr && sample.reference_ulps == 0; }

void check_width_at_point(RuleCase c, const Inputs& operands, Report& report) {
  c.base = operands;
  c.ranges = points(c.base);
  const Range range = range_of(c);
  const Tensor value = c.value(c.base);
  std::vector<Interval> hull;
  for (Index i = 0; i < value.size(); ++i) hull.push_back(Interval::point(value.at(i)));
  expect_near_hull(range, hull, 0, moves_numbers(c.sample) ? 0 : rounding(c, value), report);
}

std::vector<Interval> hull_of_ends(const RuleCase& c) {
  Hull hull;
  hull.add(c.value(c.corner(0)));
  hull.add(c.value(c.corner(all_of(c.base))));
  return hull.spans();
}

void check_width_on_box(const RuleCase& c, Random& random, Report& report) {
  const Range range = range_of(c);
  if (moves_numbers(c.sample)) return expect_near_hull(range, hull_of_ends(c), 0, 0, report);
  const Rule rule = c.rule();
  const double noise = rounding(c, c.value(c.base)) + rounding(c, c.value(c.corner(all_of(c.base))));
  if (const auto* affine = std::get_if<rule::Affine>(&rule)) {
    expect_near_hull(range, affine_hull(c, *affine), tolerance.range_excess, noise, report);
  } else if (std::holds_alternative<rule::Elementwise>(rule) && c.base.size() == 1) {
    expect_near_hull(range, walked_hull(c), tolerance.range_excess, noise, report);
  } else if (c.sample.extremes_at_corners) {
    expect_near_hull(range, corner_hull(c, random), tolerance.range_excess, noise, report);
  }
}

}  // namespace

void check_range(const Subject& subject, Random& random, Report& report) {
  for_each_case(subject, random, report, [&](RuleCase c) {
    for (int n = iterations(6); n > 0; --n) check_point(c, random, report);
    check_everywhere(c, random, report);
    for (int n = iterations(4); n > 0; --n) check_half_lines(c, random, report);
    for (int n = iterations(4); n > 0; --n) {
      c.ranges = draw_boxes(c.sample, c.base, c.varying, random);
      check_box(c, random, report);
    }
  });
}

void check_range_width(const Subject& subject, Random& random, Report& report) {
  for_each_case(subject, random, report, [&](RuleCase c) {
    for (int n = iterations(3); n > 0; --n) {
      c.ranges = draw_boxes(c.sample, c.base, c.varying, random);
      check_width_at_point(c, c.draw(random), report);
      if (c.sample.rules) check_width_on_box(c, random, report);
    }
  });
}

}  // namespace taut::harness
