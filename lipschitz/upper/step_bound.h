// The bound of a step by what its maps are made of. Internal to lipschitz.
#pragma once

#include "lipschitz/autolip.h"
#include "lipschitz/upper/step_form.h"

namespace taut::detail {

// sup ‖f(x) − f(y)‖ / ‖x − y‖ of a step. Nothing where no way of bounding it fits: parts that few entries connect are
// bounded one by one, what has one matrix as a whole, a step against the gradient of a convolution by its norm.
// Sets `cut` where time was short.
std::optional<UpperBound> step_bound(const StepForm& form, const AutoLipOptions& options, bool& cut);

// Of the matrices of D, V and W, by multipliers, with what they are off by.
std::optional<UpperBound> whole_step_bound(const StepForm& form, const Budget& budget);

// x − Wᵀ diag(t) s(W x) with a convolution W and slopes in [0, 1]: max(1, ‖diag(√t) W‖² − 1) in l2.
// docs/mathematics/07-autolip.md#steps.
std::optional<UpperBound> convolution_step_bound(const StepForm& form, const AutoLipOptions& options, bool& cut);

}  // namespace taut::detail
