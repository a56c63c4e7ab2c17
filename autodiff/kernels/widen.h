// f32 numbers as f64, exactly.
#pragma once

#include "autodiff/config.h"

namespace taut::kernels {

void widen(const float* from, Index count, double* to);

}  // namespace taut::kernels
