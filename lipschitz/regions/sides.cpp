#include "lipschitz/regions/sides.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "autodiff/error.h"

namespace taut::detail {

std::optional<Sides> sides_of(const Graph& graph, const Domain& domain) {
  if (!domain.bounded()) return std::nullopt;
  std::vector<Interval> all;
  for (const NodeId input : graph.inputs()) {
    const Range box = domain.range(graph.node(input).value.shape());
    for (Index i = 0; i < box.lo.size(); ++i) all.push_back(box.at(i));
  }
  if (all.empty() || all.size() > 2) return std::nullopt;  // an error that the tape explains
  return Sides{all.front(), all.back()};
}

bool is_point(const Sides& sides) {
  return std::ranges::all_of(sides, [](const Interval& side) { return side.lo == side.hi; });
}

bool has_end(const std::optional<Sides>& sides) {
  return sides && std::ranges::any_of(
                      *sides, [](const Interval& side) { return std::isfinite(side.lo) || std::isfinite(side.hi); });
}

void require_cell(const Sides& sides) {
  const auto& [x, y] = sides;
  if (x.lo == x.hi || y.lo == y.hi)
    throw UnsupportedError("[exact] the box has a side without length; write the other number's function alone");
  if (std::isfinite(x.lo) != std::isfinite(y.lo) || std::isfinite(x.hi) != std::isfinite(y.hi))
    throw UnsupportedError(
        cat("[exact] the sides [", x.lo, ", ", x.hi, "] and [", y.lo, ", ", y.hi,
            "] are infinite at different ends; give both of them finite ends, or the same infinite ones"));
}

}  // namespace taut::detail
