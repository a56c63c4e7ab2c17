#include "autodiff/define.h"

#include <algorithm>
#include <cmath>

namespace taut::primitives {

const Var& given(const Var& x, const char* op, Where where) {
  if (!x.defined())
    throw UsageError(cat('[', op, "] at ", where, ": the operand is an undefined Var; give it a value first"));
  return x;
}

double finite_constant(const char* op, double value, DType dtype, Where where) {
  const double rounded = rounded_to(dtype, value);
  if (!std::isfinite(rounded))
    throw NumericError(
        cat('[', op, "] at ", where, ": the constant ", value, " is not finite in ", dtype, "; use a finite one"));
  return rounded;
}

void require_same_dtype(const Operands& in, const char* op) {
  for (int i = 1; i < in.count(); ++i)
    if (in[i].dtype() != in[0].dtype())
      throw DTypeError(cat('[', op, "] operands must have one dtype, got ", in[0].dtype(), ' ', in[0].shape(), " and ",
                           in[i].dtype(), ' ', in[i].shape(), "; convert one with Tensor::to"));
}

void require_same_shape(const Operands& in, const char* op) {
  for (int i = 1; i < in.count(); ++i)
    if (in[i].shape() != in[0].shape())
      throw ShapeError(cat('[', op, "] operands must have one shape, got ", in[0].shape(), " and ", in[i].shape()));
}

Tensor magnitude(const Range& range) {
  Tensor result = Tensor::uninitialised(range.shape(), DType::f64);
  const auto lo = range.lo.data<double>(), hi = range.hi.data<double>();
  const auto out = result.mutable_data<double>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::max(std::fabs(lo[i]), std::fabs(hi[i]));
  return result;
}

bool all_finite(const Tensor& tensor) { return tensor.first_non_finite() < 0; }

namespace {

// x ∈ mid ± rad for every x of the range; rad is rounded up. Infinite ends give an infinite radius.
struct Ball {
  Tensor mid, rad, mag;
  bool exact = true;  // all radii are zero
};

Ball ball(const Range& range) {
  Ball b{Tensor::uninitialised(range.shape(), DType::f64), Tensor::uninitialised(range.shape(), DType::f64),
         magnitude(range)};
  const auto lo = range.lo.data<double>(), hi = range.hi.data<double>();
  const auto mid = b.mid.mutable_data<double>(), rad = b.rad.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const bool finite = std::isfinite(lo[i]) && std::isfinite(hi[i]);
    mid[i] = finite ? lo[i] + 0.5 * (hi[i] - lo[i]) : 0.0;
    if (!std::isfinite(mid[i])) mid[i] = 0.5 * lo[i] + 0.5 * hi[i];
    rad[i] = finite ? std::max(sub_up(hi[i], mid[i]), sub_up(mid[i], lo[i])) : infinity;
    b.exact = b.exact && rad[i] == 0.0;
  }
  return b;
}

Tensor sum_up(const Tensor& a, const Tensor& b) {
  Tensor result = Tensor::uninitialised(a.shape(), DType::f64);
  const auto x = a.data<double>(), y = b.data<double>();
  const auto out = result.mutable_data<double>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = add_up(x[i], y[i]);
  return result;
}

bool is_zero(const Range& range) {
  const auto zero = [](double v) { return v == 0.0; };
  return std::ranges::all_of(range.lo.data<double>(), zero) && std::ranges::all_of(range.hi.data<double>(), zero);
}
bool is_bounded(const Range& range) { return all_finite(range.lo) && all_finite(range.hi); }

}  // namespace

// |ab − am·bm| ≤ |am|·br + ar·(|bm| + br), elementwise inside the sums. The three products are computed in f64, each
// with a relative error γ_terms of its nonnegative terms (so the exact sum is at most 1 + γ_{2·terms} times the
// computed one); forward() in `computed_in` errs by at most γ_terms of mag(a)·mag(b); underflow adds one subnormal per
// operation. A bias is one more term of every sum. [Rump1999], [Higham2002, 3.1, 3.5].
Range bilinear_range(const Product& product, const Range& a, const Range& b, Index terms, DType computed_in,
                     const Range& bias) {
  // A sum of exact zeros does not round.
  if ((is_zero(a) && is_bounded(b)) || (is_zero(b) && is_bounded(a))) {
    return bias.defined() ? bias : Range::point(Tensor::zeros(product(a.lo, b.lo).shape(), DType::f64));
  }
  const Ball x = ball(a), y = ball(b);
  const Tensor centre = product(x.mid, y.mid);
  const Tensor size = product(x.mag, y.mag);
  Tensor radius = Tensor::zeros(centre.shape(), DType::f64);
  if (!y.exact) radius = product(absolute_value(x.mid), y.rad);
  if (!x.exact) radius = sum_up(radius, product(x.rad, y.mag));
  if (bias.defined()) ++terms;
  const double here = gamma_factor(2 * terms + 4, unit_roundoff(DType::f64));
  const double there = gamma_factor(terms + 1, unit_roundoff(computed_in));
  const double relative = mul_up(add_up(here, there), add_up(1.0, here));
  const double tiny = mul_up(static_cast<double>(4 * terms + 4),
                             add_up(smallest_subnormal(computed_in), smallest_subnormal(DType::f64)));
  const double largest = computed_in == DType::f32 ? static_cast<double>(std::numeric_limits<float>::max())
                                                   : std::numeric_limits<double>::max();
  Range out = Range::uninitialised(centre.shape());
  const auto c = centre.data<double>(), r = radius.data<double>(), s = size.data<double>();
  const auto lo = out.lo.mutable_data<double>(), hi = out.hi.mutable_data<double>();
  for (std::size_t i = 0; i < c.size(); ++i) {
    const Interval b_i = bias.defined() ? bias.at(static_cast<Index>(i)) : Interval::point(0.0);
    const double size_i = add_up(s[i], b_i.magnitude());
    const double total = add_up(mul_up(r[i], add_up(1.0, here)), add_up(mul_up(size_i, relative), tiny));
    lo[i] = add_down(b_i.lo, sub_down(c[i], total));
    hi[i] = add_up(b_i.hi, add_up(c[i], total));
    // NaN: 0 · inf somewhere, nothing is known. A partial sum may overflow in `computed_in` once the magnitudes do.
    if (!(lo[i] <= hi[i]) || !(mul_up(size_i, add_up(1.0, relative)) <= largest)) {
      lo[i] = -infinity;
      hi[i] = infinity;
    }
  }
  return out;
}

Range add_ranges(const Range& a, const Range& b, DType computed_in) {
  Range out = Range::uninitialised(a.shape());
  const auto lo = out.lo.mutable_data<double>(), hi = out.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const Interval x = a.at(static_cast<Index>(i)), y = b.at(static_cast<Index>(i));
    const Interval sum = x + y;
    lo[i] = std::isnan(sum.lo) ? -infinity : sum.lo;
    hi[i] = std::isnan(sum.hi) ? infinity : sum.hi;
  }
  if (computed_in == DType::f32) widen_for(out, computed_in, 0.5);  // in f64 the outward sum holds the rounded one
  return out;
}

Range spread(const Range& channel, const Shape& shape, int axis) {
  Range out = Range::uninitialised(shape);
  const auto lo = out.lo.mutable_data<double>(), hi = out.hi.mutable_data<double>();
  const auto from_lo = channel.lo.data<double>(), from_hi = channel.hi.data<double>();
  const auto inner = static_cast<std::size_t>(shape.product(axis + 1, shape.rank()));
  const auto channels = static_cast<std::size_t>(shape[axis]);
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const std::size_t c = i / inner % channels;
    lo[i] = from_lo[c];
    hi[i] = from_hi[c];
  }
  return out;
}

Range range_of_composition(const std::function<Var(const Var&)>& f, const RangeSite& site) {
  Tape tape;
  const Var x = tape.input(site.in[0].to(site.dtype()));
  const NodeId output = f(x).id();
  std::vector<Range> ranges;
  for (NodeId id = 0; id <= output; ++id) {
    const Node& node = tape.node(id);
    if (node.op == nullptr) {
      ranges.push_back(id == x.id() ? site.ranges[0] : Range::point(node.value));
      continue;
    }
    std::vector<const Tensor*> values;
    std::vector<Range> operands;
    for (const NodeId operand : node.operands()) {
      values.push_back(&tape.node(operand).value);
      operands.push_back(ranges[operand]);
    }
    ranges.push_back(node.op->range({Operands(values), node.value, operands}));
  }
  return ranges[output];
}

Tensor widened(const Tensor& t) { return t.to(DType::f64); }

Tensor absolute_value(const Tensor& t) {
  Tensor result = t.to(DType::f64).copy();
  for (double& x : result.mutable_data<double>()) x = std::fabs(x);
  return result;
}

double rounded_to(DType dtype, double value) {
  return dtype == DType::f32 ? static_cast<double>(static_cast<float>(value)) : value;
}

int common_sample_axis(const SampleSite& site) {
  int axis = no_sample_axis;
  for (const int a : site.axis) {
    if (a == no_sample_axis) continue;
    if (a < 0 || (axis != no_sample_axis && a != axis)) return mixes_samples;
    axis = a;
  }
  return axis;
}

rule::Unbounded unbounded(const RuleSite& site, std::string why, rule::Escape escape) {
  return {std::move(why), !site.on_domain(), escape};
}
rule::Unbounded unbounded_product(const RuleSite& site, std::string why) {
  return unbounded(site, std::move(why), rule::Escape::quadratic);
}

}  // namespace taut::primitives
