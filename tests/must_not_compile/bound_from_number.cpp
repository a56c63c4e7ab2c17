// error: (could not convert|cannot convert|no viable conversion|conversion from)
// A bound is made by a factory that names its rigour, never from a plain number.
#include "lipschitz/bound.h"

taut::UpperBound use() { return 3.5; }
