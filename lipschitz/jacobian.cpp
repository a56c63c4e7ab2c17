#include "lipschitz/jacobian.h"

#include <algorithm>
#include <cmath>

namespace taut {
namespace {

// What one operation does to differences of its varying operands: affine maps, or one diagonal of slopes.
struct Local {
  std::vector<LinearMap> maps;  // by operand, empty where it does not vary
  Range slopes;                 // of an elementwise operation, of its shape
  std::size_t argument = 0;     // the operand that slopes belong to
  double relative_error = 0.0;  // of the entries of maps
};

Interval scaled_by_error(const Interval& slope, double error) {
  return error == 0.0 ? slope : slope * Interval{sub_down(1.0, 2.0 * error), add_up(1.0, 2.0 * error)};
}

// The differences of a rule, or nothing where it bounds them without telling what they are.
struct Differences {
  const Graph& graph;
  NodeId id;

  std::optional<Local> operator()(const rule::Affine& rule) const {
    Local local;
    local.maps = rule.maps;
    local.relative_error = graph.constant_error(id);
    return local.relative_error < 0.25 ? std::optional(std::move(local)) : std::nullopt;
  }
  std::optional<Local> operator()(const rule::Elementwise& rule) const {
    const double error = graph.constant_error(id);
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

Range combined(const Range& a, const Range& b, Interval (*f)(const Interval&, const Interval&)) {
  Range result = Range::uninitialised(a.shape());
  const auto lo = result.lo.mutable_data<double>(), hi = result.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const Interval e = f(a.at(static_cast<Index>(i)), b.at(static_cast<Index>(i)));
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

// A x for every A within the relative error of the map.
Range applied(const LinearMap& map, const Range& x, double relative_error) {
  const Range y = linear_range(map, x, DType::f64);
  if (relative_error == 0.0) return y;
  const Range magnitude = map_range(x, [](const Interval& e) { return Interval{0.0, e.magnitude()}; });
  const Range mass = linear_range(absolute(map), magnitude, DType::f64);
  Range error = map_range(mass, [&](const Interval& e) {
    const double radius = mul_up(e.hi, relative_error);
    return Interval{-radius, radius};
  });
  return plus(y, error);
}

Range unit(const Shape& shape, Index at) {
  Range e = Range::point(Tensor::zeros(shape, DType::f64));
  e.lo.mutable_data<double>()[static_cast<std::size_t>(at)] = 1.0;
  e.hi.mutable_data<double>()[static_cast<std::size_t>(at)] = 1.0;
  return e;
}

class Sweep {
 public:
  Sweep(const Graph& graph, std::vector<std::optional<Local>> locals)
      : graph_(graph), locals_(std::move(locals)), values_(graph.output() + std::size_t{1}) {}

  // Row `output` of M: one value per entry of the joint input.
  void row(Index output, std::vector<Interval>& entries) {
    clear();
    const NodeId last = graph_.output();
    values_[last] = unit(graph_.node(last).value.shape(), output);
    const std::span<const NodeId> nodes = graph_.nodes();
    for (auto id = nodes.rbegin(); id != nodes.rend(); ++id) {
      if (!locals_[*id] || !values_[*id].defined()) continue;
      const Local& local = *locals_[*id];
      const std::span<const NodeId> operands = graph_.node(*id).operands();
      for (std::size_t i = 0; i < operands.size(); ++i) {
        if (!graph_.varies(operands[i])) continue;
        if (!local.maps.empty())
          accumulate(operands[i], applied(transpose(local.maps[i]), values_[*id], local.relative_error));
        else if (i == local.argument)
          accumulate(operands[i], times(local.slopes, values_[*id]));
      }
    }
    entries.clear();
    for (const NodeId id : graph_.inputs())
      for (Index i = 0; i < graph_.node(id).value.size(); ++i)
        entries.push_back(values_[id].defined() ? values_[id].at(i) : Interval::point(0.0));
  }

  // Column `at` of one input of M: one value per entry of the output.
  void column(NodeId input, Index at, std::vector<Interval>& entries) {
    clear();
    values_[input] = unit(graph_.node(input).value.shape(), at);
    for (const NodeId id : graph_.nodes()) {
      if (!locals_[id]) continue;
      const Local& local = *locals_[id];
      const std::span<const NodeId> operands = graph_.node(id).operands();
      for (std::size_t i = 0; i < operands.size(); ++i) {
        if (!values_[operands[i]].defined()) continue;
        if (!local.maps.empty())
          accumulate(id, applied(local.maps[i], values_[operands[i]], local.relative_error));
        else if (i == local.argument)
          accumulate(id, times(local.slopes, values_[operands[i]]));
      }
    }
    entries.clear();
    const Range& result = values_[graph_.output()];
    for (Index i = 0; i < graph_.node(graph_.output()).value.size(); ++i)
      entries.push_back(result.defined() ? result.at(i) : Interval::point(0.0));
  }

 private:
  void clear() { std::ranges::fill(values_, Range{}); }
  void accumulate(NodeId id, Range contribution) {
    values_[id] = values_[id].defined() ? plus(values_[id], contribution) : std::move(contribution);
  }

  const Graph& graph_;
  std::vector<std::optional<Local>> locals_;  // by node; none for leaves and constants
  std::vector<Range> values_;
};

}  // namespace

Range neighbourhood(const Tensor& point) {
  return map_range(Range::point(point), [](const Interval& x) {
    const double radius = std::max(std::fabs(x.lo) * 0x1p-40, 0x1p-60);
    return Interval{x.lo - radius, x.hi + radius};  // rounding of the ends only changes which box it is
  });
}

std::optional<Range> enclose_jacobian(const Graph& graph, std::span<const Range> box) {
  const std::vector<Range> ranges = graph.ranges(box);
  std::vector<std::optional<Local>> locals(graph.output() + std::size_t{1});
  for (const NodeId id : graph.nodes()) {
    if (!graph.varies(id) || graph.node(id).op == nullptr) continue;
    locals[id] = std::visit(Differences{graph, id}, graph.rule(id, ranges));
    if (!locals[id]) return std::nullopt;
  }
  Index columns = 0;
  for (const NodeId id : graph.inputs()) columns += graph.node(id).value.size();
  const Index rows = graph.node(graph.output()).value.size();
  Range jacobian = Range::uninitialised({rows, columns});
  const auto lo = jacobian.lo.mutable_data<double>(), hi = jacobian.hi.mutable_data<double>();
  const auto set = [&](Index row, Index column, const Interval& entry) {
    lo[static_cast<std::size_t>(row * columns + column)] = entry.lo;
    hi[static_cast<std::size_t>(row * columns + column)] = entry.hi;
  };
  Sweep sweep(graph, std::move(locals));
  std::vector<Interval> entries;
  if (rows <= columns) {
    for (Index r = 0; r < rows; ++r) {
      sweep.row(r, entries);
      for (Index c = 0; c < columns; ++c) set(r, c, entries[static_cast<std::size_t>(c)]);
    }
  } else {
    Index c = 0;
    for (const NodeId id : graph.inputs())
      for (Index at = 0; at < graph.node(id).value.size(); ++at, ++c) {
        sweep.column(id, at, entries);
        for (Index r = 0; r < rows; ++r) set(r, c, entries[static_cast<std::size_t>(r)]);
      }
  }
  return jacobian;
}

}  // namespace taut
