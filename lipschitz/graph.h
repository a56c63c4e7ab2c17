// The part of a tape that an output depends on, with the questions every analysis asks of it: which nodes vary with the
// inputs, where samples lie, ranges over a domain. Asks rules only, never for the kind of an operation.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/tape.h"

#pragma GCC visibility push(default)

namespace taut {

// An outer interval of the number that a Var stands for in exact arithmetic, which depends on leaves that do not vary:
// [v, v] of a leaf or a plain tensor, by the range rules where it was computed. UsageError for what depends on an
// input.
Range enclosed_constant(const Var& x);

// What a range that leaves an operation's domain means: an error, or that the function has no value there, so that the
// ranges are those of the values that it has.
enum class OutOfDomain : std::uint8_t { is_error, has_no_value };

class Graph {
 public:
  // `analysis` opens error messages. UsageError when the output lies on no tape or the tape has no input leaf.
  Graph(const Var& output, std::string_view analysis);

  const Tape& tape() const { return tape_; }
  const Node& node(NodeId id) const { return tape_.node(id); }
  NodeId output() const { return output_; }
  std::span<const NodeId> nodes() const { return nodes_; }    // that the output depends on, operands first
  std::span<const NodeId> inputs() const { return inputs_; }  // among them, the leaves that vary
  bool varies(NodeId id) const { return varies_[id]; }
  std::string describe(NodeId id) const;  // "node 7 (relu, model.cpp:42)"

  std::uint32_t varying_mask(NodeId id) const;  // UnsupportedError for more than 32 operands

  // Constants that the tape computed (a batch norm's scale, a normalised weight) were rounded when they were computed;
  // the exact network has the exact ones. Rules see the midpoints of their f64 enclosures; this is the largest relative
  // distance of an exact entry from the midpoint among the constant operands of a node, 0 when all are exact. Operands
  // on which no entry of an affine node's maps depends, which are only added to others, are left out.
  double error_of_operands(NodeId id) const;
  // That of the entries of an affine node's maps: with what the operation itself has rounded (1/n of a mean).
  double error_of_maps(NodeId id, const rule::Affine& rule) const;

  // Is the value 0 where the operands that vary are 0? False where that is not known.
  bool keeps_zero(NodeId id) const;
  // NumericError naming the first leaf with a NaN or an infinity, and its position.
  void require_finite() const;
  // The axis along which samples lie, for every node (indexed by id), given that of the inputs; no_sample_axis for
  // inputs of lower rank. UnsupportedError naming a node that mixes samples.
  std::vector<int> sample_axes(int input_axis) const;
  // Also UsageError unless there is one sample.
  void require_one_sample(int input_axis) const;
  // An outer interval of every node's values (indexed by id), given those of the inputs in the order of inputs().
  // The ranges are those of exact arithmetic (they include f64 rounding, whatever the dtype). DomainError names the
  // node.
  std::vector<Range> ranges(std::span<const Range> of_inputs, OutOfDomain leaving = OutOfDomain::is_error) const;
  // The range of one node's values, given those of its operands. DomainError names the node.
  Range range_of(NodeId id, std::span<const Range> operands) const;
  // The rule of a node; `ranges` as from ranges(), or empty for all reals.
  Rule rule(NodeId id, std::span<const Range> ranges) const;
  // What a node makes of squares, if its one varying operand is squares; ranges as from ranges().
  rule::OfSquares of_squares(NodeId id, std::span<const Range> ranges, const rule::Squares* operand) const;

 private:
  struct Constant {
    Range range;
    Midpoints numbers;
  };
  void enclose_constant(NodeId id);
  // Is the node affine over all reals, by maps on which this constant operand has no influence?
  bool only_added(NodeId id, std::size_t operand) const;
  // Values of a node's operands, constants exact where possible. The pointers must outlive the Operands made from them.
  std::vector<const Tensor*> operand_values(const Node& node) const;

  const Tape& tape_;
  std::string analysis_;
  NodeId output_;
  std::vector<NodeId> nodes_, inputs_;
  std::vector<bool> varies_;
  std::map<NodeId, Constant> constants_;  // computed and not varying
};

}  // namespace taut

#pragma GCC visibility pop
