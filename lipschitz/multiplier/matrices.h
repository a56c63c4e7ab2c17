// The matrices of a program, with bounds of what their entries are off. Internal to lipschitz.
#pragma once

#include "lipschitz/multiplier/program.h"

namespace taut::detail {

// weight · 2^exponent · map.
FilledMatrix scaled_matrix(const FoldedMap& map, double weight, int exponent);

// Of a matrix of which most entries are 0, as those of convolutions are; else nothing.
SparseRows sparse_rows(const FilledMatrix& a);

// V · diag((lo + hi) / 2) · W, with the slopes and the map W of a wide step.
FilledMatrix through_layer(const FilledMatrix& v, const ProgramStep& step);

}  // namespace taut::detail
