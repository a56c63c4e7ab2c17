// error: (could not convert|cannot convert|no matching function|no known conversion|invalid initialization)
// A lower bound is not an upper bound.
#include "lipschitz/bound.h"

taut::UpperBound use(const taut::LowerBound& below, const taut::UpperBound& above) {
  return taut::product(below, above);
}
