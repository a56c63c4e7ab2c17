// The box that regions of the plane are cut from. Internal to lipschitz.
#pragma once

#include <array>
#include <optional>

#include "lipschitz/domain.h"
#include "lipschitz/graph.h"

namespace taut::detail {

// The intervals of both coordinates. Of one coordinate the other is a copy.
using Sides = std::array<Interval, 2>;

// Of the inputs of a graph, which hold one or two numbers in all; nothing for all reals.
std::optional<Sides> sides_of(const Graph& graph, const Domain& domain);
bool is_point(const Sides& sides);
bool has_end(const std::optional<Sides>& sides);  // a finite one
// UnsupportedError unless the box has an area, and corners that are not all at infinity.
void require_cell(const Sides& sides);

}  // namespace taut::detail
