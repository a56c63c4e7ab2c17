// What is asked of a function: the best L with ‖f(x) − f(y)‖ ≤ L ‖x − y‖.
#pragma once

#include <optional>

#include "autodiff/norm.h"
#include "autodiff/outward.h"

namespace taut {

struct Question {
  Norm norm = Norm::l2;         // of inputs and outputs
  std::optional<Interval> box;  // x and y in it, entry by entry; none: all reals
  // Along which samples lie, of inputs of rank ≥ 2: the constant is per sample, and one sample is recorded.
  // no_sample_axis: the whole input is one sample.
  int sample_axis = 0;
};

}  // namespace taut
