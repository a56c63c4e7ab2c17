// Multipliers from the dual problem: the signals that a network of balls in place of slopes can carry. Internal to
// lipschitz. docs/mathematics/17-multipliers.md#dual
//
// For an ensemble of r signals passed through the network, with t_i anywhere in the ball of diameter y_i (over the
// ensemble), ‖out‖² / ‖x‖² is below every bound that multipliers prove; where it is largest, its derivatives are the
// multipliers. Forward and backward passes only: nothing is factorised, so that it is quick where layers are large.
// What it finds is a guess to be proved; its own value bounds the constant from neither side.
#pragma once

#include <cstdint>

#include "lipschitz/multiplier/elimination.h"

namespace taut::detail {

struct DualOptions {
  int steps = 300;
  Index signals = 6;
  double rate = 0.03;       // of the first steps, relative to the size of entries
  double widening = 0.003;  // of slopes, so that every constraint counts
  double smoothing = 0.003;
  std::uint64_t seed = 0;
};

// `roots`: √G_ii of the operands of every step for unit inputs, as a feasible start found them, in the units of the
// program. Nothing when the time is over.
std::optional<Multipliers> dual_multipliers(const Program& program, const std::vector<std::vector<double>>& roots,
                                            const DualOptions& dual, const Budget& budget);

}  // namespace taut::detail
