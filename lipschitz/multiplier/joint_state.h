// The state of the elimination: P ⪰ 0 with Δx Δxᵀ ⪯ ‖Δx₀‖² P for the joint vector x of the tensors that are alive and
// all pairs of inputs. Internal to lipschitz.
//
// What is stored is never below the exact state in the Loewner order: every operation raises the diagonal by what its
// rounding may have taken away, and the next one is monotone (docs/mathematics/17-multipliers.md#proof).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "autodiff/memory.h"
#include "lipschitz/multiplier/program.h"

namespace taut::detail {

enum class Rounding : std::uint8_t {
  ignored,  // what is computed is an estimate, at a third of the work
  proved,   // raised by its envelope
};

class JointState {
 public:
  // The input alone: P = I.
  JointState(Index inputs, Rounding rounding);

  // Adds the operands of a step as the last rows and drops the tensors that are finished.
  void append(std::span<const Part> parts, std::span<const std::size_t> finished);

  // Replaces the operands, the last rows, by the result of the step, given its multipliers λ = s², s > 0. False where
  // they are not feasible, or not proved to be.
  bool eliminate(const ProgramStep& step, std::size_t result, std::span<const double> s);

  // In place of append() and eliminate() for a wide step. Its result exists as the input's rows and a term by entry
  // until the next append(), which takes all of it.
  bool widen(const ProgramStep& step, std::size_t result, std::span<const double> s);

  // ≥ the largest eigenvalue of the block of the operands; as it is computed where rounding is ignored.
  double top_of_operands() const;

  // The joint matrix, row-major and symmetric, times 4^exponent(); the rows before operands_from() are tensors.
  Index rows() const { return rows_; }
  Index operands_from() const { return rows_ - operands_; }
  int exponent() const { return exponent_; }
  const double* data() const { return p_.data(); }
  double at(Index i, Index j) const { return p_[static_cast<std::size_t>(i * rows_ + j)]; }
  struct Place {
    std::size_t tensor;
    Index from, rows;
  };
  const std::vector<Place>& places() const { return places_; }

  // What gradients need of the last elimination: ζ = mixᵀ S' with S' the sensitivity of its result, by columns of
  // operands; times diag(s) for slopes.
  memory::Buffer<double> take_mix() { return std::move(mix_); }

 private:
  struct Inverse {  // K⁻¹ ⪯ z · factor
    memory::Buffer<double> z;
    double factor = 1.0;
  };
  // z = M W x + e with ‖e‖² of each entry at most roots² ‖Δx₀‖², in the sense of P.
  struct Wide {
    std::size_t tensor;
    std::vector<double> roots;
  };
  bool is_wide(const Source& source) const { return wide_ && source.tensor == wide_->tensor; }
  const FilledMatrix& map_of(const Source& source) const { return is_wide(source) ? source.through : source.matrix; }
  const Place& place_of(const Source& source) const;
  const Place& place_of(std::size_t tensor) const;
  void add_wide_terms(std::span<const Part> parts, memory::Buffer<double>& g, Index operands) const;
  double lengths_of_rows(std::span<const Part> parts, std::vector<double>& lengths, Index& terms) const;
  std::optional<Inverse> inverse_of_gap(double whole, std::span<const double> s, bool wanted) const;
  std::optional<Inverse> inverse_of(const memory::Buffer<double>& k, Index n, bool wanted) const;
  bool by_slopes(const ProgramStep& step, std::span<const double> s);
  void add_square(const Inverse& inverse, const memory::Buffer<double>& t, std::span<const double> reach,
                  std::span<const double> factors, Index width, memory::Buffer<double>& q);
  void replace_by_inverse(const ProgramStep& step, std::span<const double> s, Inverse inverse);
  bool by_gain(const ProgramStep& step, double s);
  void scale_operands(std::span<const double> factors);
  void rescale();
  void raise(Index i, double by);

  Rounding rounding_;
  bool is_identity_ = true;  // P = I of the input, which is not formed
  Index rows_, operands_ = 0;
  int exponent_ = 0;
  std::vector<Place> places_;
  std::optional<Wide> wide_;
  memory::Buffer<double> p_, mix_;
};

}  // namespace taut::detail
