// Comparison of tensors that two routes to the same numbers gave.
#pragma once

#include "harness/report.h"
#include "harness/sample.h"

namespace taut::harness {

// Same shapes, and entries within `relative` of the largest entry of the pair (and of 1: differences of a constant are
// noise).
void expect_close(Report& report, const Inputs& computed, const Inputs& expected, double relative,
                  const std::string& what);

}  // namespace taut::harness
