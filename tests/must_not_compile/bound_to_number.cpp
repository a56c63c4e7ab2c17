// error: (cannot convert|no viable conversion|no known conversion)
// A bound does not become a plain number unless its value is asked for.
#include "lipschitz/bound.h"

double use(const taut::UpperBound& bound) { return bound; }
