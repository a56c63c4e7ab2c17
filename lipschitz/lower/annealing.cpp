#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/lower/starts.h"
#include "lipschitz/search.h"

namespace taut {
namespace {

constexpr std::string_view annealing_name = "annealing";

void require(const AnnealingOptions& o) {
  if (o.chains < 1 || o.steps < 0 || !(o.step > 0.0) || !(o.shrink > 0.0 && o.shrink <= 1.0) || !(o.temperature >= 0.0))
    throw UsageError(
        cat("[annealing] needs chains >= 1, steps >= 0, step > 0, 0 < shrink <= 1 and temperature >= 0; got ", o.chains,
            ", ", o.steps, ", ", o.step, ", ", o.shrink, ", ", o.temperature));
}

}  // namespace

LowerResult annealing_lower_bound(const Function& f, const Tensor& sample, const AnnealingOptions& options) {
  detail::require_searchable(sample, options, annealing_name);
  require(options);
  detail::LowerSearch search(f, sample, options, annealing_name);
  detail::Draws draws(options.budget.seed);
  const Index n = search.features();
  const double length = detail::typical_length(search.box(), options.starts);

  std::vector<double> at;
  Index given = 0;
  if (options.starts.defined()) {
    // All of them are evaluated, and chains start from the best.
    const std::vector<double> values = search.evaluate(options.starts);
    std::vector<Index> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
    const auto value = [&](Index i) { return values[static_cast<std::size_t>(i)]; };
    std::ranges::stable_sort(order, [&](Index a, Index b) { return value(a) > value(b); });
    given = std::min(options.chains, static_cast<Index>(order.size()));
    for (Index c = 0; c < given; ++c)
      for (Index i = 0; i < n; ++i) at.push_back(options.starts.at(order[static_cast<std::size_t>(c)] * n + i));
  }
  for (Index c = given; c < options.chains; ++c) draw_start(search.box(), n, length, draws, at);
  std::vector<double> values = search.evaluate(search.points(at));
  std::vector<double> steps(values.size(), options.step * length), proposed(at.size());

  for (int k = 0; k < options.steps && !search.expired(); ++k) {
    const double temperature = options.temperature * (1.0 - static_cast<double>(k) / options.steps);
    for (std::size_t i = 0; i < at.size(); ++i)
      proposed[i] = at[i] + steps[i / static_cast<std::size_t>(n)] * draws.normal();
    const std::vector<double> found = search.evaluate(search.points(proposed));
    for (std::size_t c = 0; c < values.size(); ++c) {
      const double gain = found[c] - values[c];
      // Drawn for every chain, so that one chain's luck does not move the others.
      const double luck = draws.uniform(0.0, 1.0);
      if (gain <= 0.0 && !(luck < std::exp(gain / (temperature * values[c])))) continue;
      if (gain > 0.0) steps[c] *= options.shrink;
      values[c] = found[c];
      std::copy_n(proposed.begin() + static_cast<Index>(c) * n, n, at.begin() + static_cast<Index>(c) * n);
    }
    search.report(static_cast<double>(k + 1) / options.steps);
  }
  return search.result();
}

}  // namespace taut
