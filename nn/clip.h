// Gradients that are too large, between Optimiser::backward() and update(). In place; nothing is allocated once warm.
#pragma once

#include "nn/optimiser.h"

#pragma GCC visibility push(default)

namespace taut::nn {

// Scales all gradients by one factor, so that their joint l2 norm is at most `limit` [Pascanu2013]. Returns the norm
// before. NumericError when it is not finite: the gradients are then as they were. UsageError without gradients and for
// a limit that is not positive.
double clip_norm(Optimiser& optimiser, double limit);

// Every entry to [−limit, limit]. NaN stays.
void clip_value(Optimiser& optimiser, double limit);

}  // namespace taut::nn

#pragma GCC visibility pop
