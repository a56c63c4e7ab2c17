// What is printed for people.
#pragma once

#include <iosfwd>
#include <string>

#include "cli/analysis.h"

namespace taut::cli {

// The table of bounds, the layer that contributes most, and the sandwich in the last line.
void print_bounds(std::ostream& out, const Analysis& analysis);
// The tables of layers; `spectrum`: the singular values of each below.
void print_layers(std::ostream& out, const Analysis& analysis, bool spectrum);

// One row of the table of bounds: rounded up or down, "~" before an estimate; "-" where there is no finite value.
std::string value_text(const BoundRow& row);
// "cut; 17 regions" and the like.
std::string note_text(const BoundRow& row);
// "[2.85, 2.86]", outward; one number where both round to it.
std::string enclosure_text(const Enclosure& bounds);
std::string rigour_text(const Enclosure& bounds);
std::string seconds_text(double seconds);
// "fc1 (Gemm)", the layer with the largest share of log L, or "" where there is none.
std::string culprit_text(const Analysis& analysis);

}  // namespace taut::cli
