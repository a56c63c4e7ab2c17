// Cells of the plane cut along the kinks of an operation. Internal to lipschitz;
// docs/mathematics/12-linear-regions.md#cells-as-cones.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lipschitz/regions/plane_cells.h"

namespace taut::detail {

struct CellPart {
  Cell cell;
  std::string pieces;  // a byte per entry of the operation: the piece that it follows here
};
struct CellParts {
  std::vector<CellPart> parts;
  std::size_t undecided = 0;  // further parts that were left out, since a side was not proved
};

// The cell, on which `pattern` holds up to the step, cut along the kinks of every entry of the step. `forms` are those
// of the step's operand, at `region`. Nothing once enough(parts so far), which is asked at every kink.
std::optional<CellParts> cut_at_kinks(const PiecewiseTape& tape, Arrangement& arrangement, const Step& step,
                                      const Forms& forms, std::size_t region, const Cell& cell,
                                      const std::string& pattern, const std::function<bool(std::size_t)>& enough);

}  // namespace taut::detail
