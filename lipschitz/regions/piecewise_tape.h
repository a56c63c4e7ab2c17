// A piecewise linear tape of one or two numbers, as steps on affine forms: on a cell of the plane every node is
// c + g_1 x_1 + g_2 x_2, entry by entry. In rounded arithmetic with error bounds for many cells at once, and without
// rounding for one. Internal to lipschitz; docs/mathematics/12-linear-regions.md#rounded-forms.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lipschitz/graph.h"
#include "lipschitz/network/folded_map.h"
#include "lipschitz/regions/dyadic.h"

namespace taut::detail {

// (g_1, g_2, c): the form g_1 X + g_2 Y + c W in homogeneous coordinates.
constexpr int coefficients = 3;
using ExactForm = std::array<Dyadic, coefficients>;

// The forms of one node on several cells: entry (row, 3·cell + k). The exact number is within `error` of `value`.
struct Forms {
  Index rows = 0, cells = 0;
  std::vector<double> value, error;

  Forms() = default;
  Forms(Index of_rows, Index of_cells)
      : rows(of_rows),
        cells(of_cells),
        value(static_cast<std::size_t>(of_rows * of_cells * coefficients)),
        error(value.size()) {}
  std::size_t at(Index row, Index cell) const { return static_cast<std::size_t>((row * cells + cell) * coefficients); }
};

// A number that is not known exactly unless the radius is 0.
struct Approximate {
  double value = 0.0, radius = 0.0;
};

// What one operation does. Forms of a node are carried as 2^-scale times the exact ones.
struct Step {
  NodeId id = 0;
  Index size = 0;
  int scale = 0;
  bool exact = true;    // this node and all before it follow from stored numbers without rounding
  bool splits = false;  // a piecewise linear function entry by entry, else affine

  // Affine: Σ matrix · operand + offset.
  struct Part {
    NodeId operand = 0;
    FoldedMap map;
    Index columns = 0;
    std::vector<double> matrix, mass;          // size × columns, scaled; |matrix|
    double relative_error = 0.0;               // of the entries of `matrix`
    std::shared_ptr<const ExactMatrix> exact;  // null until it is asked for
    double at(Index row, Index column) const { return matrix[static_cast<std::size_t>(row * columns + column)]; }
  };
  std::vector<Part> parts;
  std::vector<Approximate> offset;   // scaled
  std::vector<double> exact_offset;  // not scaled; where `exact`
  bool copies = false;               // sums have one term at most, for the operand is an input
  bool tiny = false;                 // some number is so small that products may underflow

  // Piecewise: slopes[p] x + intercepts[p] on piece p, which ends at breaks[p].
  NodeId operand = 0;
  std::vector<Approximate> breaks, intercepts;  // scaled
  std::vector<double> slopes;
  std::vector<Dyadic> exact_breaks, exact_intercepts;
};

// One entry of a step that splits, where it follows this piece: three coefficients and their errors.
void apply_piece(const Step& step, std::uint8_t piece, const double* value, const double* error, double* to,
                 double* to_error);

class PiecewiseTape {
 public:
  // UnsupportedError for inputs of more than two numbers and for nodes that are not piecewise linear, by name.
  explicit PiecewiseTape(const Graph& graph);

  const Graph& graph() const { return graph_; }
  std::span<const Step> steps() const { return steps_; }  // of the nodes that vary, in order
  Index dimension() const { return dimension_; }
  int scale(NodeId id) const { return scale_[id]; }
  bool is_exact(NodeId id) const { return exact_[id]; }
  bool last_use(NodeId id, std::size_t step) const { return last_use_[id] <= step; }  // is it dead after this step?
  double products_per_cell() const;                          // that exact_forms() of the output computes
  std::vector<NodeId> alive_before(std::size_t step) const;  // nodes that this step or a later one reads
  Index size(NodeId id) const { return graph_.node(id).value.size(); }

  Forms input_forms(NodeId input, Index cells) const;
  // Of an affine step on all cells of a batch; `operand(id)` gives the forms of a node.
  Forms apply(const Step& step, const std::function<const Forms&(NodeId)>& operand) const;

  // The forms of a node on the cell with this pattern, without rounding; steps up to the node must be `exact`.
  std::vector<ExactForm> exact_forms(NodeId id, std::span<const std::uint8_t> pattern) const;

  // By node, upper bounds of how much the output moves when the node moves and only the steps from `step` on carry it
  // there: the recursion of AutoLip, backwards. Nothing for nodes that do not reach the output this way.
  std::vector<std::optional<UpperBound>> gains_from(std::size_t step, Norm norm, const Budget& budget) const;

 private:
  void require_dimension();
  void add_affine(NodeId id, const rule::Affine& rule, std::span<const Range> ranges);
  void add_piecewise(NodeId id, const rule::Elementwise& rule, std::span<const Range> ranges);
  void push(Step step);

  const Graph& graph_;
  mutable std::vector<Step> steps_;    // but for exact matrices that are made when needed
  std::vector<int> scale_;             // by node
  std::vector<bool> exact_;            // by node
  std::vector<std::size_t> last_use_;  // by node: the last step that reads it
  std::vector<Index> pattern_offset_;  // by step
  Index pattern_size_ = 0, dimension_ = 0;
};

}  // namespace taut::detail
