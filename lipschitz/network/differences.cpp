#include "lipschitz/network/differences.h"

#include <algorithm>
#include <cmath>

namespace taut {
namespace {

Interval scaled_by_error(const Interval& slope, double error) {
  return error == 0.0 ? slope : slope * Interval{sub_down(1.0, 2.0 * error), add_up(1.0, 2.0 * error)};
}

template <class F>
Range combined(const Range& a, const Range& b, F&& f) {
  Range result = Range::uninitialised(a.shape());
  const auto lo = result.lo.mutable_data<double>(), hi = result.hi.mutable_data<double>();
  const auto a_lo = a.lo.data<double>(), a_hi = a.hi.data<double>();
  const auto b_lo = b.lo.data<double>(), b_hi = b.hi.data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const Interval e = f(Interval{a_lo[i], a_hi[i]}, Interval{b_lo[i], b_hi[i]});
    lo[i] = e.lo;
    hi[i] = e.hi;
  }
  return result;
}

Range plus(const Range& a, const Range& b) {
  return combined(a, b, [](const Interval& x, const Interval& y) { return x + y; });
}
Range times(const Range& a, const Range& b) {
  return combined(a, b, [](const Interval& x, const Interval& y) { return x * y; });
}

Range zero(const Shape& shape) { return Range::point(Tensor::zeros(shape, DType::f64)); }

Range unit(const Shape& shape, Index at) {
  Range e = zero(shape);
  e.lo.mutable_data<double>()[static_cast<std::size_t>(at)] = 1.0;
  e.hi.mutable_data<double>()[static_cast<std::size_t>(at)] = 1.0;
  return e;
}

void accumulate(Range& sum, Range contribution) {
  sum = sum.defined() ? plus(sum, contribution) : std::move(contribution);
}

}  // namespace

// The differences of a rule, or nothing where it bounds them without telling what they are.
struct Differences::OfRule {
  const Graph& graph;
  NodeId id;

  std::optional<Local> operator()(const rule::Affine& rule) const {
    Local local;
    local.maps = rule.maps;
    local.relative_error = graph.error_of_maps(id, rule);
    return local.relative_error < 0.25 ? std::optional(std::move(local)) : std::nullopt;
  }
  std::optional<Local> operator()(const rule::Elementwise& rule) const {
    const double error = graph.error_of_operands(id);
    if (!std::isfinite(rule.slope.magnitude()) || !(error < 0.25)) return std::nullopt;
    Local local;
    local.argument = static_cast<std::size_t>(rule.argument);
    local.slopes = rule.lo.defined() ? Range{rule.lo, rule.hi} : Range::box(graph.node(id).value.shape(), rule.slope);
    local.slopes = map_range(local.slopes, [&](const Interval& s) { return scaled_by_error(s, error); });
    return local;
  }
  std::optional<Local> operator()(const rule::Selects&) const { return std::nullopt; }
  std::optional<Local> operator()(const rule::Bounded&) const { return std::nullopt; }
  std::optional<Local> operator()(const rule::Bilinear&) const { return std::nullopt; }
  std::optional<Local> operator()(const rule::Unbounded&) const { return std::nullopt; }
};

std::optional<Differences> Differences::over(const Graph& graph, std::span<const Range> box) {
  const std::vector<Range> ranges = graph.ranges(box);
  std::vector<std::optional<Local>> locals(graph.output() + std::size_t{1});
  for (const NodeId id : graph.nodes()) {
    if (!graph.varies(id) || graph.node(id).op == nullptr) continue;
    locals[id] = std::visit(OfRule{graph, id}, graph.rule(id, ranges));
    if (!locals[id]) return std::nullopt;
  }
  return Differences(graph, std::move(locals));
}

Range Differences::forward(std::span<const Range> direction) const {
  std::vector<Range> values(locals_.size());
  for (std::size_t k = 0; k < graph_->inputs().size(); ++k) values[graph_->inputs()[k]] = direction[k];
  for (const NodeId id : graph_->nodes()) {
    if (!locals_[id]) continue;
    const Local& local = *locals_[id];
    const std::span<const NodeId> operands = graph_->node(id).operands();
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!values[operands[i]].defined()) continue;
      if (!local.maps.empty())
        accumulate(values[id], linear_range(local.maps[i], values[operands[i]], DType::f64, local.relative_error));
      else if (i == local.argument)
        accumulate(values[id], times(local.slopes, values[operands[i]]));
    }
  }
  const Range& result = values[graph_->output()];
  return result.defined() ? result : zero(graph_->node(graph_->output()).value.shape());
}

std::vector<Range> Differences::backward(const Range& cotangent) const {
  std::vector<Range> values(locals_.size());
  values[graph_->output()] = cotangent;
  const std::span<const NodeId> nodes = graph_->nodes();
  for (auto id = nodes.rbegin(); id != nodes.rend(); ++id) {
    if (!locals_[*id] || !values[*id].defined()) continue;
    const Local& local = *locals_[*id];
    const std::span<const NodeId> operands = graph_->node(*id).operands();
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!graph_->varies(operands[i])) continue;
      if (!local.maps.empty())
        accumulate(values[operands[i]],
                   linear_range(transpose(local.maps[i]), values[*id], DType::f64, local.relative_error));
      else if (i == local.argument)
        accumulate(values[operands[i]], times(local.slopes, values[*id]));
    }
  }
  std::vector<Range> of_inputs;
  for (const NodeId id : graph_->inputs())
    of_inputs.push_back(values[id].defined() ? values[id] : zero(graph_->node(id).value.shape()));
  return of_inputs;
}

Range Differences::matrix() const {
  Index columns = 0;
  for (const NodeId id : graph_->inputs()) columns += graph_->node(id).value.size();
  const Shape& out = graph_->node(graph_->output()).value.shape();
  const Index rows = out.size();
  Range jacobian = Range::uninitialised({rows, columns});
  const auto lo = jacobian.lo.mutable_data<double>(), hi = jacobian.hi.mutable_data<double>();
  // Entries of a part from `first` on, `step` apart.
  const auto put = [&](const Range& part, Index first, Index step) {
    const auto from_lo = part.lo.data<double>(), from_hi = part.hi.data<double>();
    for (std::size_t i = 0; i < from_lo.size(); ++i) {
      const auto at = static_cast<std::size_t>(first + static_cast<Index>(i) * step);
      lo[at] = from_lo[i];
      hi[at] = from_hi[i];
    }
  };
  if (rows <= columns) {
    for (Index r = 0; r < rows; ++r) {
      Index column = 0;
      for (const Range& part : backward(unit(out, r))) {
        put(part, r * columns + column, 1);
        column += part.lo.size();
      }
    }
    return jacobian;
  }
  std::vector<Range> direction;
  for (const NodeId id : graph_->inputs()) direction.push_back(zero(graph_->node(id).value.shape()));
  Index column = 0;
  for (Range& part : direction) {
    const Shape shape = part.shape();
    for (Index at = 0; at < shape.size(); ++at, ++column) {
      part = unit(shape, at);
      put(forward(direction), column, columns);
    }
    part = zero(shape);
  }
  return jacobian;
}

Range neighbourhood(const Tensor& point) {
  return map_range(Range::point(point), [](const Interval& x) {
    const double radius = std::max(std::fabs(x.lo) * 0x1p-40, 0x1p-60);
    return Interval{x.lo - radius, x.hi + radius};  // rounding of the ends only changes which box it is
  });
}

std::optional<Range> enclose_jacobian(const Graph& graph, std::span<const Range> box) {
  const auto differences = Differences::over(graph, box);
  return differences ? std::optional(differences->matrix()) : std::nullopt;
}

}  // namespace taut
