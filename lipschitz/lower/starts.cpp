#include "lipschitz/lower/starts.h"

#include <cmath>

#include "autodiff/error.h"

namespace taut::detail {

void require_searchable(const Tensor& sample, const SearchOptions& options, std::string_view method) {
  require_usable(sample, method);
  if (sample.shape()[0] != 1)
    throw UsageError(cat("[", method, "] one sample, of shape (1, features…), is needed to show what a point is; got ",
                         sample.shape(), "; points to start from go into options.starts"));
  require_interior(options.question.domain, sample.shape(), method);
  if (!options.starts.defined()) return;
  require_usable(options.starts, options.question.domain, method);
  const Shape& shape = options.starts.shape();
  if (shape.rank() != sample.shape().rank() || shape.with(0, 1) != sample.shape() ||
      options.starts.dtype() != sample.dtype())
    throw ShapeError(cat("[", method, "] starts must be points like the sample, ", sample.shape(), ' ', sample.dtype(),
                         "; got ", shape, ' ', options.starts.dtype()));
}

void draw_start(const Range& box, Index features, double deviation, Draws& draws, std::vector<double>& rows) {
  for (Index i = 0; i < features; ++i) {
    if (!box.defined()) {
      rows.push_back(deviation * draws.normal());
      continue;
    }
    const Interval side = box.at(i);
    rows.push_back(side.lo < side.hi ? draws.uniform(side.lo, side.hi) : side.lo);
  }
}

namespace {

constexpr Index most_corners = 64;  // of a box; in more dimensions, so many that are drawn
constexpr Index all_corners_up_to = 6;
constexpr double small_scales[] = {0.1, 1e-2};
constexpr Index draws_per_scale = 8;

double middle(const Interval& side) { return 0.5 * side.lo + 0.5 * side.hi; }

}  // namespace

void add_fixed_starts(const Range& box, Index features, double length, std::uint64_t seed, std::vector<double>& rows) {
  Draws draws(seed + 1);
  const auto centre = [&](Index i) { return box.defined() ? middle(box.at(i)) : 0.0; };
  rows.insert(rows.end(), static_cast<std::size_t>(features), 0.0);
  for (const double scale : small_scales)
    for (Index k = 0; k < draws_per_scale; ++k)
      for (Index i = 0; i < features; ++i)
        rows.push_back((k % 2 == 0 ? 0.0 : centre(i)) + scale * length * draws.normal());
  if (!box.defined()) return;
  for (Index i = 0; i < features; ++i) rows.push_back(centre(i));
  const bool all = features <= all_corners_up_to;
  const Index corners = all ? Index{1} << features : most_corners;
  for (Index k = 0; k < corners; ++k)
    for (Index i = 0; i < features; ++i) {
      const bool upper = all ? (k >> i & 1) != 0 : k < 2 ? k == 1 : draws.sign() > 0.0;
      rows.push_back(upper ? box.at(i).hi : box.at(i).lo);
    }
}

double typical_length(const Range& box, const Tensor& starts) {
  if (box.defined()) {
    double longest = 0.0;
    for (Index i = 0; i < box.lo.size(); ++i) longest = std::max(longest, 0.5 * box.at(i).hi - 0.5 * box.at(i).lo);
    if (std::isfinite(longest) && longest > 0.0) return longest;
  }
  if (!starts.defined()) return 1.0;
  double sum = 0.0;
  const Tensor numbers = starts.to(DType::f64);
  for (const double e : numbers.data<double>()) sum += e * e;
  const double deviation = std::sqrt(sum / static_cast<double>(numbers.size()));
  return deviation > 0.0 && std::isfinite(deviation) ? deviation : 1.0;
}

}  // namespace taut::detail
