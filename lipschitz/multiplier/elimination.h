// The bound that given multipliers prove, its derivative by them, and multipliers to begin with. Internal to lipschitz.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "lipschitz/magnitude.h"
#include "lipschitz/multiplier/joint_state.h"

namespace taut::detail {

// √λ by step: one per entry where there are slopes, one where there is a gain.
using Multipliers = std::vector<std::vector<double>>;

// What the steps left behind, for gradients.
struct Trace {
  struct Entry {
    memory::Buffer<double> joint, mix;  // before the elimination; JointState::take_mix()
    Index rows = 0, stays = 0;
    int exponent = 0, exponent_after = 0;
    std::vector<JointState::Place> places, after;
  };
  std::vector<Entry> steps;
  Entry output;
};

struct Evaluation {
  double log2_bound = 0.0;  // log2 of L, roughly
  Magnitude bound;          // ≥ L where rounding is proved
  // √G_ii of the operands of every step: how far they move for inputs that move by 1, at most.
  std::vector<std::vector<double>> reach;
};

// Nothing where the multipliers are not feasible, or not proved to be, or the time is over.
std::optional<Evaluation> evaluate(const Program& program, const Multipliers& multipliers, Rounding rounding,
                                   const Budget& budget, Trace* trace = nullptr);

// How multipliers are chosen step by step, given the state.
enum class Start : std::uint8_t {
  flow,        // λ = share (b − a) / (m ‖y‖²) with AutoLip's ‖y‖: never above AutoLip
  spectral,    // the same with σ_max(G) in place of ‖y‖² [Xu2024]
  gershgorin,  // λ_i = c share / Σ_j |G_ij| [Syed2025]
};
struct Begun {
  Multipliers multipliers;
  Evaluation evaluation;
};
// `c` in (0, 2) is of Gershgorin's.
std::optional<Begun> begin(const Program& program, Start start, double c, const Budget& budget);

// The derivative of log J by every log √λ, with J = (Σ eigenvalues^p)^(1/p) of the output's matrix, a smooth stand-in
// of L²; `trace` as evaluate() left it.
struct Gradient {
  double log_value = 0.0;  // natural logarithm of J
  Multipliers by_log_root;
};
Gradient differentiate(const Program& program, const Multipliers& multipliers, const Trace& trace, double p);

}  // namespace taut::detail
