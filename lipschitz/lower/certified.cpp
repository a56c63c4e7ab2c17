// Lower bounds that are proved: an enclosed Jacobian, and an enclosed difference quotient.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/tape.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/graph.h"
#include "lipschitz/lower.h"
#include "lipschitz/network/differences.h"
#include "lipschitz/spectral.h"

namespace taut {
namespace {

Magnitude vector_norm(const Range& x, Norm norm, Side side) {
  std::vector<double> entries;
  for (Index i = 0; i < x.lo.size(); ++i) {
    const Interval e = x.at(i);
    const double least = e.contains(0.0) ? 0.0 : std::min(std::fabs(e.lo), std::fabs(e.hi));
    entries.push_back(side == Side::upper ? e.magnitude() : least);
  }
  if (norm == Norm::l2) return detail::euclidean(entries, side);
  Magnitude total;
  for (const double e : entries)
    total = norm == Norm::l1 ? Magnitude::sum(total, e, side) : std::max(total, Magnitude(e));
  return total;
}

Range difference(const Range& a, const Range& b) {
  Range d = Range::uninitialised(a.shape());
  const auto lo = d.lo.mutable_data<double>(), hi = d.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const Interval e = a.at(static_cast<Index>(i)) - b.at(static_cast<Index>(i));
    lo[i] = e.lo;
    hi[i] = e.hi;
  }
  return d;
}

// Encloses f(x) in exact arithmetic.
Range value_at(const Function& f, const Tensor& x) {
  Tape tape;
  const Graph graph(f(tape.input(x)), "difference quotient");
  const Range point[] = {Range::point(x)};
  return graph.ranges(std::span(point).first(graph.inputs().size()))[graph.output()];
}

}  // namespace

std::optional<LowerBound> enclosed_directional_norm(const Function& f, const Tensor& sample, const Tensor& direction,
                                                    Norm norm) {
  if (direction.shape() != sample.shape())
    throw ShapeError(cat("[enclosed derivative] a direction of the shape of the sample is needed, got ",
                         direction.shape(), " for ", sample.shape(), "; reshape it"));
  const Range along[] = {Range::point(direction)};
  const Magnitude length = vector_norm(along[0], norm, Side::upper);
  if (direction.first_non_finite() >= 0 || length.is_zero())
    throw UsageError("[enclosed derivative] a finite direction other than zero is needed; normalise what was computed");
  Tape tape;
  const Graph graph(f(tape.input(sample)), "enclosed derivative");
  graph.require_finite();
  if (!graph.varies(graph.output())) return LowerBound::certified(0.0, norm, "constant");
  const Range box[] = {neighbourhood(sample)};
  const std::optional<Differences> differences = Differences::over(graph, box);
  if (!differences) return std::nullopt;
  const Range image = differences->forward(along);
  if (image.lo.first_non_finite() >= 0 || image.hi.first_non_finite() >= 0) return std::nullopt;
  const Magnitude least = vector_norm(image, norm, Side::lower);
  return LowerBound::certified(std::max(0.0, div_down(least.round(Side::lower), length.round(Side::upper))), norm,
                               "enclosed derivative");
}

std::optional<LowerBound> enclosed_jacobian_norm(const Function& f, const Tensor& sample, Norm norm) {
  Tape tape;
  const Graph graph(f(tape.input(sample)), "enclosed jacobian");
  graph.require_finite();
  if (!graph.varies(graph.output())) return LowerBound::certified(0.0, norm, "constant");
  const Range box[] = {neighbourhood(sample)};
  const std::optional<Range> jacobian = enclose_jacobian(graph, box);
  if (!jacobian || jacobian->lo.first_non_finite() >= 0 || jacobian->hi.first_non_finite() >= 0) return std::nullopt;
  // f(x + t v) − f(x) = M t v for the leading v of the midpoint C and some M in C ± R: at least ‖C v‖ − ‖R‖ ‖v‖.
  Tensor centre = Tensor::uninitialised(jacobian->shape(), DType::f64), radius = centre.copy();
  const auto c = centre.mutable_data<double>(), r = radius.mutable_data<double>();
  for (std::size_t i = 0; i < c.size(); ++i) {
    const Interval e = jacobian->at(static_cast<Index>(i));
    c[i] = 0.5 * e.lo + 0.5 * e.hi;
    r[i] = std::max(sub_up(e.hi, c[i]), sub_up(c[i], e.lo));
  }
  const detail::MatrixView spread{radius.data<double>().data(), radius.shape()[0], radius.shape()[1]};
  const Magnitude loss = norm == Norm::l2 ? detail::frobenius_up(spread) : dense_norm(radius, norm).upper.magnitude();
  const double lower = sub_down(dense_norm(centre, norm).lower.value(), loss.round(Side::upper));
  return LowerBound::certified(std::max(lower, 0.0), norm, "enclosed jacobian");
}

LowerBound difference_quotient(const Function& f, const Tensor& x, const Tensor& y, Norm norm) {
  if (x.type() != y.type())
    throw ShapeError(cat("[difference quotient] two points of one type are needed, got ", x.shape(), ' ', x.dtype(),
                         " and ", y.shape(), ' ', y.dtype()));
  const Magnitude rise = vector_norm(difference(value_at(f, x), value_at(f, y)), norm, Side::lower);
  const Magnitude run = vector_norm(difference(Range::point(x), Range::point(y)), norm, Side::upper);
  if (run.is_zero()) throw UsageError("[difference quotient] two different points are needed, got the same twice");
  return LowerBound::certified(std::max(0.0, div_down(rise.round(Side::lower), run.round(Side::upper))), norm,
                               "difference quotient");
}

}  // namespace taut
