// A network as the elimination of one state after the other, which whole-network multipliers work on. Internal to
// lipschitz. docs/mathematics/17-multipliers.md#multipliers has the theorems.
//
// A *tensor* of the state is the joint input or the result of an operation that is not affine. A *step* forms affine
// images of tensors that are there, its operands, and replaces them by the result of its operation, of which only an
// inequality is known: slopes entry by entry, or a gain of all entries together. Chains, residual blocks and
// concatenations are all the same to it: sums over the tensors that are alive.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autodiff/memory.h"
#include "lipschitz/budget.h"
#include "lipschitz/network/network.h"

namespace taut::detail {

// The matrix of a map times a power of two, by rows, with bounds of what its entries are off.
struct FilledMatrix {
  Index rows = 0, columns = 0;
  memory::Buffer<double> entries;
  memory::Buffer<double> error;  // ≥ |exact − entries|, by entries; empty: exact
};

// The entries of a matrix that are not 0, row after row.
struct SparseRows {
  std::vector<std::size_t> from;  // of every row among the entries, and where the last one ends; empty: not made
  std::vector<std::int32_t> columns;
  std::vector<double> entries;
};

struct Source {
  std::size_t tensor = 0;  // 0: the joint input; k: the result of step k − 1
  FilledMatrix matrix;
  double log2_norm = 0.0;  // of the matrix, roughly
  // Of the result of a wide step: matrix · diag((a + b) / 2) · the step's map, from the input.
  FilledMatrix through = {};
  SparseRows sparse = {};  // of `matrix`, where it has few entries
  double multiplications() const {
    return static_cast<double>(sparse.from.empty() ? matrix.entries.size() : 4 * sparse.entries.size());
  }
};

// weight · Σ matrix · tensor, one operand of a step.
struct Part {
  Index rows = 0;
  std::vector<Source> sources;
};

struct ProgramStep {
  NodeId node = 0;
  Index size = 0;                     // of the result
  std::vector<Part> parts;            // one of `size` rows where there are slopes
  std::vector<double> lo, hi;         // slopes; empty: ‖Δz‖ ≤ ‖Δ(parts)‖
  std::vector<std::size_t> finished;  // tensors that no later step takes
  // Chosen by AutoLip's bounds, for starts: log2 of the bound of ‖parts‖, and the share of the paths through this step
  // in all of AutoLip's sum.
  double log2_below = 0.0, share = 1.0;
  int exponent = 0;  // of the units of operands and result, see Program::output_exponent()
  // A first layer of many more entries than the input, all of which the next step takes: it is eliminated as what it is
  // made of, and no matrix of its size is formed.
  bool is_wide = false;

  bool has_slopes() const { return !lo.empty(); }
  Index rows() const;  // of all parts
  Index multipliers() const { return has_slopes() ? size : 1; }
};

// Why a network has no program: an operation without a finite gain, a state that is too large.
struct NoProgram {
  std::string why;
};

class Program {
 public:
  // The most rows that a state may have at once, and a first layer that is wide.
  static constexpr Index most_rows = 3000, most_wide_rows = 40000;

  Program(const Network& network, const Budget& budget);

  Index inputs() const { return inputs_; }
  const std::vector<ProgramStep>& steps() const { return steps_; }
  const Part& output() const { return output_; }
  // The tensor's numbers are those of the network times 2^−exponent, so that all are about 1 for inputs about 1.
  int output_exponent() const { return output_exponent_; }
  const std::string& obstacle() const { return obstacle_; }  // empty: there is a program
  // Multiplications of one evaluation, roughly.
  double operations() const { return operations_; }

 private:
  struct Builder;

  Index inputs_ = 0;
  std::vector<ProgramStep> steps_;
  Part output_;
  int output_exponent_ = 0;
  std::string obstacle_;
  double operations_ = 0.0;
};

}  // namespace taut::detail
