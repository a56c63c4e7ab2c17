#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/lower/candidates.h"
#include "lipschitz/search.h"

namespace taut {
namespace {

constexpr std::string_view grid_name = "grid";
constexpr Index parts = 4;  // of a cell along each axis in a refinement

struct Cell {
  double value;
  std::vector<double> centre;  // along the axes of the grid
};

Tensor middle(const Range& box, DType dtype) {
  Tensor x = Tensor::uninitialised(box.shape(), DType::f64);
  const auto to = x.mutable_data<double>();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const Interval side = box.at(static_cast<Index>(i));
    to[i] = 0.5 * side.lo + 0.5 * side.hi;
  }
  return x.to(dtype);
}

class Grid {
 public:
  Grid(const Function& f, const Range& box, DType dtype, const GridOptions& options)
      : options_(options),
        box_(box),
        search_(f, middle(box, dtype), options,
                options.question.domain.is_ball() ? options.question.domain : Domain::box(box.lo, box.hi), grid_name) {
    for (Index i = 0; i < box.lo.size(); ++i)
      if (box.at(i).lo < box.at(i).hi) axes_.push_back(i);
  }

  LowerResult run() {
    constexpr Index automatic[] = {256, 128, 32};
    const Index resolution = options_.resolution > 0 ? options_.resolution : automatic[axes_.size() - 1];
    std::vector<double> half;  // width of a cell
    Cell whole{0.0, {}};
    for (const Index axis : axes_) {
      const Interval side = box_.at(axis);
      whole.centre.push_back(0.5 * side.lo + 0.5 * side.hi);
      half.push_back(0.5 * side.hi - 0.5 * side.lo);
    }
    std::vector<Cell> best = divide({whole}, half, resolution);
    for (int round = 0; round < options_.refinements && !search_.expired(); ++round) {
      search_.report((round + 1.0) / (options_.refinements + 1.0));
      best = divide(best, half, parts);
    }
    search_.report(1.0);
    return search_.result();
  }

 private:
  // Divides every cell into `pieces` along each axis and returns the best of the parts. half: of a cell, then of a
  // part.
  std::vector<Cell> divide(const std::vector<Cell>& cells, std::vector<double>& half, Index pieces) {
    Index per_cell = 1;
    for (std::size_t a = 0; a < axes_.size(); ++a) per_cell *= pieces;
    std::vector<Cell> best;
    const Index block = 4096;
    const Index total = per_cell * static_cast<Index>(cells.size());
    std::vector<std::vector<double>> centres;
    const auto flush = [&] {
      std::vector<double> rows;
      for (const auto& centre : centres) {
        const std::size_t first = rows.size();
        for (Index i = 0; i < box_.lo.size(); ++i) rows.push_back(box_.lo.at(i));
        for (std::size_t a = 0; a < axes_.size(); ++a) rows[first + static_cast<std::size_t>(axes_[a])] = centre[a];
      }
      const std::vector<double> values = search_.evaluate(search_.points(rows));
      for (std::size_t k = 0; k < values.size(); ++k) keep(best, {values[k], std::move(centres[k])});
      centres.clear();
    };
    for (Index k = 0; k < total; ++k) {
      std::vector<double> centre = cells[static_cast<std::size_t>(k / per_cell)].centre;
      Index at = k % per_cell;
      for (std::size_t a = 0; a < centre.size(); ++a, at /= pieces)
        centre[a] += half[a] * (static_cast<double>(2 * (at % pieces) + 1) / static_cast<double>(pieces) - 1.0);
      centres.push_back(std::move(centre));
      if (static_cast<Index>(centres.size()) < block && k + 1 < total) continue;
      flush();
      if (search_.expired()) break;
    }
    for (double& h : half) h /= static_cast<double>(pieces);
    return best;
  }

  // In descending order of their values. Of a piecewise linear function all cells inside of one region have one value:
  // two of them are enough, so that others are divided too.
  void keep(std::vector<Cell>& best, Cell cell) const {
    const auto most = static_cast<std::size_t>(std::max<Index>(options_.refined, 1));
    if (best.size() == most && !(cell.value > best.back().value)) return;
    const auto same = std::ranges::count_if(
        best, [&](const Cell& c) { return std::fabs(c.value - cell.value) <= 1e-6 * std::fabs(cell.value); });
    if (same >= 2) return;
    const auto place = std::ranges::find_if(best, [&](const Cell& c) { return c.value < cell.value; });
    best.insert(place, std::move(cell));
    if (best.size() > most) best.pop_back();
  }

  const GridOptions& options_;
  const Range& box_;
  std::vector<Index> axes_;  // that have a length
  detail::LowerSearch search_;
};

void require(const Range& box, const GridOptions& options) {
  const Domain& domain = options.question.domain;
  if (domain.bounded() && !domain.is_ball())
    throw UsageError("[grid] the box is an argument of its own; leave options.question.domain all reals, or a ball");
  if (!box.defined() || box.shape().rank() < 2 || box.shape()[0] != 1)
    throw UsageError(
        "[grid] a box of one sample, of shape (1, features…), is needed; Range::box(shape, interval) makes one");
  Index axes = 0;
  for (Index i = 0; i < box.lo.size(); ++i) {
    const Interval side = box.at(i);
    if (!std::isfinite(side.lo) || !std::isfinite(side.hi) || side.lo > side.hi)
      throw UsageError(
          cat("[grid] the sides of the box must be finite intervals; side ", i, " is [", side.lo, ", ", side.hi, "]"));
    if (side.lo < side.hi) ++axes;
  }
  if (axes < 1 || axes > 3)
    throw UsageError(cat("[grid] one to three sides of the box must have a length; got ", axes, " of ", box.lo.size(),
                         "; fix the others, or search by ascent"));
  if (options.resolution < 0 || options.refinements < 0)
    throw UsageError(cat("[grid] resolution and refinements must not be negative; got ", options.resolution, " and ",
                         options.refinements));
}

}  // namespace

LowerResult grid_lower_bound(const Function& f, const Range& box, DType dtype, const GridOptions& options) {
  require(box, options);
  if (options.question.domain.is_ball()) detail::require_interior(options.question.domain, box.shape(), grid_name);
  return Grid(f, box, dtype, options).run();
}

}  // namespace taut
