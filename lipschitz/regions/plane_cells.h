// Convex cells of the plane, unbounded ones too, cut by lines with signs that are proved. Internal to lipschitz;
// docs/mathematics/12-linear-regions.md#signs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/outward.h"
#include "lipschitz/regions/piecewise_tape.h"

namespace taut::detail {

// a X + b Y + c W with error bounds: a line, and the half-plane where the form is not negative.
struct Form {
  std::array<double, coefficients> value{}, error{};
};

// Where the exact coefficients of lines come from: the forms of one node on one cell, computed when first asked for.
class ExactSource {
 public:
  ExactSource(const PiecewiseTape& tape, NodeId node, std::string pattern)
      : tape_(tape), node_(node), pattern_(std::move(pattern)) {}
  const ExactForm& form(std::size_t entry) const;

 private:
  const PiecewiseTape& tape_;
  NodeId node_;
  std::string pattern_;
  mutable std::vector<ExactForm> forms_;
};

// Form `entry` of the source minus `level` times W. Without a source the coefficients of the form are exact.
struct Line {
  Form form;
  std::shared_ptr<const ExactSource> source;
  std::size_t entry = 0;
  const Dyadic* level = nullptr;
  bool has_exact = true;  // can undecided signs be decided exactly?

  ExactForm exact() const;
};

// A line of an arrangement with the side on which the cell lies.
struct Edge {
  std::uint32_t line = 0;
  bool negative = false;
  Edge opposite() const { return {line, !negative}; }
  friend bool operator==(const Edge&, const Edge&) = default;
};

// A vertex as a ray (X, Y, W), W ≥ 0, each coordinate within `error`, up to a positive factor. W = 0 is a direction.
struct Corner {
  std::array<double, coefficients> value{}, error{};
  Edge edge;  // from this vertex to the next, counter-clockwise
};
// At least three corners; the cell is the convex cone that they span. Corner i is where the edges i − 1 and i meet.
using Cell = std::vector<Corner>;

// A sign, or nothing where it is not proved.
using Sign = std::optional<int>;

class Arrangement {
 public:
  // The axes, the line at infinity, and for a box its sides, are lines of the arrangement.
  Arrangement();

  // Quadrants of the whole plane (or of its upper half, where only the first coordinate counts), or a box, of whose
  // sides both are finite at the same ends.
  std::vector<Cell> plane(bool upper_half_only);
  Cell box(const Interval& x, const Interval& y);

  std::uint32_t add(Line line);
  std::size_t lines() const { return lines_.size(); }
  bool touches_axis(const Cell& cell) const;  // is a part of an axis through the origin an edge?

  // Of the line's form at every corner.
  void signs(const Cell& cell, const Line& line, std::vector<Sign>& signs) const;
  // The two parts of a cell on which a line has corners on both sides, every sign proved.
  std::pair<Cell, Cell> split(const Cell& cell, std::uint32_t line, std::span<const Sign> signs) const;

  // A point inside, as rounded arithmetic finds it.
  static std::array<double, 2> inside(const Cell& cell);

  std::int64_t exact_decisions() const { return exact_decisions_; }

 private:
  Corner meet(const Edge& before, const Edge& after) const;
  Cell from_sides(std::span<const Edge> sides) const;
  Sign exact_sign(const Edge& before, const Edge& after, const Line& line) const;

  std::vector<Line> lines_;
  mutable std::int64_t exact_decisions_ = 0;
};

}  // namespace taut::detail
