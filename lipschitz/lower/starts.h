// Where searches start. Internal to lipschitz.
#pragma once

#include <cstdint>
#include <vector>

#include "lipschitz/bounds/draws.h"
#include "lipschitz/lower/candidates.h"
#include "lipschitz/search.h"

namespace taut::detail {

// UsageError unless `sample` is (1, …), starts are points of its shape and dtype, and all are usable.
void require_searchable(const Tensor& sample, const SearchOptions& options, std::string_view method);

// Rows of numbers of points drawn to start from: normal with this deviation, or uniform in the box of
// the domain where there is one.
void draw_start(const Range& box, Index features, double deviation, Draws& draws, std::vector<double>& rows);

// Points that are no matter of chance: the origin, and of a box the middle and corners, all of them in few dimensions;
// and draws at small scales, around the origin or the middle.
void add_fixed_starts(const Range& box, Index features, double length, std::uint64_t seed, std::vector<double>& rows);

// A length of the order of the points: half the longest side of a box, the largest norm per entry of given starts,
// or 1.
double typical_length(const Range& box, const Tensor& starts);

}  // namespace taut::detail
