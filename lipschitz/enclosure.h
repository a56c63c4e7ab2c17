// A norm between two bounds, with what it took to compute them.
#pragma once

#include <iosfwd>

#include "lipschitz/bound.h"

#pragma GCC visibility push(default)

namespace taut {

struct Enclosure {
  LowerBound lower;
  UpperBound upper;
  bool cut = false;      // stopped by the deadline: true, but not as tight as it could be
  int iterations = 0;    // of an iterative method; 0 for direct ones
  double seconds = 0.0;  // of the call, wall clock

  // upper / lower − 1 of the values, whatever their rigour: 0 where both are 0, infinity where only the lower one is.
  double overshoot() const;
};

// "[2.85, 2.86] certified, dense cholesky": rigour and method of the upper bound. A lower bound of another rigour says
// so: "[2.85 (certified), 2.86] probabilistic (failure 1e-10), lanczos". ", cut" follows where that is so.
std::ostream& operator<<(std::ostream& out, const Enclosure& enclosure);

}  // namespace taut

#pragma GCC visibility pop
