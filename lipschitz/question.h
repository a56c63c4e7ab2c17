// What is asked of a function f: the least L with ‖f(x) − f(y)‖ ≤ L ‖x − y‖ for all x and y of a domain.
#pragma once

#include "autodiff/norm.h"
#include "lipschitz/domain.h"

#pragma GCC visibility push(default)

namespace taut {

struct Question {
  Norm norm = Norm::l2;  // of inputs and outputs
  Domain domain{};       // where x and y lie, every input of the function in it; all reals unless said otherwise
  // Along which samples lie, of inputs of rank ≥ 2: the constant is per sample, and one sample is recorded.
  // no_sample_axis: the whole input is one sample.
  int sample_axis = 0;
};

}  // namespace taut

#pragma GCC visibility pop
