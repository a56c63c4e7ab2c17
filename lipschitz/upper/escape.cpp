#include "lipschitz/upper/escape.h"

#include <algorithm>

#include "autodiff/error.h"

namespace taut::detail {
namespace {

constexpr Index most_directions = 16;  // along axes, in which a proof is sought
constexpr Index most_entries = 16;     // of g that are looked at in one direction

bool is_zero(const Interval& x) { return x.lo == 0.0 && x.hi == 0.0; }

Range reshaped(const Range& x, const Shape& shape) { return {x.lo.reshaped(shape), x.hi.reshaped(shape)}; }

Range applied(const FoldedMap& map, const Range& x) {
  return linear_range(map.map(), reshaped(x, map.map().in_shape()), DType::f64, map.relative_error());
}

Range zero(const Shape& shape) { return Range::point(Tensor::zeros(shape, DType::f64)); }

// The first few axes, and two directions along none of them.
std::vector<Tensor> directions(Index size) {
  std::vector<Tensor> list;
  for (const Index period : {Index{1}, Index{5}}) {
    Tensor d = Tensor::uninitialised(Shape{size}, DType::f64);
    const auto entries = d.mutable_data<double>();
    for (std::size_t i = 0; i < entries.size(); ++i)
      entries[i] = 1.0 + static_cast<double>(static_cast<Index>(i) % period);
    list.push_back(std::move(d));
  }
  for (Index axis = 0; axis < std::min(size, most_directions); ++axis) {
    Tensor d = Tensor::zeros(Shape{size}, DType::f64);
    d.mutable_data<double>()[static_cast<std::size_t>(axis)] = 1.0;
    list.push_back(std::move(d));
  }
  return list;
}

// Q of factors within these ranges: g where what it is affine in is 0.
Range form(const Graph& graph, const Escaping& e, const std::map<NodeId, Range>& factors) {
  const Node& n = graph.node(e.cause);
  std::vector<const Tensor*> values;
  std::vector<Range> ranges;
  for (const NodeId operand : n.operands()) {
    const Tensor& value = graph.node(operand).value;
    const auto known = factors.find(operand);
    const bool is_factor = values.size() < 2 && known != factors.end();
    values.push_back(&value);
    ranges.push_back(is_factor ? known->second : zero(value.shape()));
  }
  return n.op->range({Operands(values), n.value.to(DType::f64), ranges});
}

// after · Q(before d)
Range leading(const Graph& graph, const Escaping& e, const Range& direction) {
  std::map<NodeId, Range> slopes;
  for (const auto& [operand, map] : e.before)
    slopes.emplace(operand, reshaped(applied(map, direction), graph.node(operand).value.shape()));
  return applied(e.after, form(graph, e, slopes));
}

// f(t d) = t² Σ after · Q(before d) + O(t).
bool quadratic_in(const Graph& graph, std::span<const Escaping> summands, const Range& direction) {
  std::vector<Range> parts;
  for (const Escaping& e : summands) parts.push_back(leading(graph, e, direction));
  for (Index k = 0; k < parts.front().lo.size(); ++k) {
    Interval sum = Interval::point(0.0);
    for (const Range& part : parts) sum = sum + part.at(k);
    if (!sum.contains(0.0)) return true;
  }
  return false;
}

// Is every operation defined at some point, with values that are finite?
bool is_defined_somewhere(const Graph& graph) {
  for (const double x : {1.0, 0.0, -1.0, 0.5, 3.0, -3.0}) {
    std::vector<Range> point;
    for (const NodeId id : graph.inputs()) point.push_back(Range::box(graph.node(id).value.shape(), {x, x}));
    try {
      const std::vector<Range> ranges = graph.ranges(point);
      const auto finite = [&](NodeId id) {
        return ranges[id].lo.first_non_finite() < 0 && ranges[id].hi.first_non_finite() < 0;
      };
      if (std::ranges::all_of(graph.nodes(), finite)) return true;
    } catch (const DomainError&) {  // not at this one
    }
  }
  return false;
}

// One entry of g moves alone in some entry of the output.
bool entry_moves_in(const Escaping& e, const Range& direction) {
  const Range slopes = applied(e.before.begin()->second, direction);
  std::vector<Index> moving;
  for (Index i = 0; i < slopes.lo.size(); ++i)
    if (!is_zero(slopes.at(i))) moving.push_back(i);
  if (e.how == rule::Escape::entries && moving.size() != 1) return false;
  Index tried = 0;
  for (const Index i : moving) {
    if (slopes.at(i).contains(0.0)) continue;
    if (++tried > most_entries) return false;
    Range others{Tensor::zeros(slopes.shape(), DType::f64), Tensor::zeros(slopes.shape(), DType::f64)};
    for (const Index l : moving) {
      others.lo.mutable_data<double>()[static_cast<std::size_t>(l)] = l == i ? 0.0 : -1.0;
      others.hi.mutable_data<double>()[static_cast<std::size_t>(l)] = l == i ? 0.0 : 1.0;
    }
    Tensor unit = Tensor::zeros(slopes.shape(), DType::f64);
    unit.mutable_data<double>()[static_cast<std::size_t>(i)] = 1.0;
    const Range weight = applied(e.after, Range::point(unit)), rest = applied(e.after, others);
    for (Index k = 0; k < weight.lo.size(); ++k)
      if (!weight.at(k).contains(0.0) && is_zero(rest.at(k))) return true;
  }
  return false;
}

}  // namespace

bool escapes(const Graph& graph, std::span<const Escaping> summands) {
  const auto is_quadratic = [](const Escaping& e) { return e.how == rule::Escape::quadratic; };
  const bool quadratic = std::ranges::all_of(summands, is_quadratic);
  const Escaping& first = summands.front();
  if (!quadratic && (summands.size() != 1 || first.how == rule::Escape::unknown || first.before.size() != 1))
    return false;
  if (first.how == rule::Escape::entries && !is_defined_somewhere(graph)) return false;
  for (const Tensor& d : directions(first.before.begin()->second.map().in_shape().size())) {
    const Range direction = Range::point(d);
    if (quadratic ? quadratic_in(graph, summands, direction) : entry_moves_in(first, direction)) return true;
  }
  return false;
}

}  // namespace taut::detail
