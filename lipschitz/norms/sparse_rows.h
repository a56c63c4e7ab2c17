// The entries of maps that have few, as lists. Internal to lipschitz.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "autodiff/linear_map.h"

namespace taut::detail {

// By row: columns, ascending, and the values that are not 0.
using SparseRow = std::vector<std::pair<Index, double>>;
using SparseRows = std::vector<SparseRow>;

// Of a map made of scales, diagonals, selections and gatherings. Nothing for others, where a product or a sum of
// entries would round, and where there are more than `most` entries.
std::optional<SparseRows> sparse_rows(const LinearMap& map, Index most);

// factor · a + b; nothing where that would round.
std::optional<SparseRow> combined(const SparseRow& a, double factor, const SparseRow& b);

}  // namespace taut::detail
