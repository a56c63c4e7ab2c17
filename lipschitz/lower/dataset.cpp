#include "lipschitz/lower.h"
#include "lipschitz/lower/candidates.h"

namespace taut {

LowerResult dataset_lower_bound(const Function& f, const Tensor& data, const LowerOptions& options) {
  constexpr std::string_view method = "dataset";
  detail::require_usable(data, options.question.domain, method);
  const Tensor sample = detail::samples(data, 0, 1);
  detail::LowerSearch search(f, sample, options, method);
  const Index count = data.shape()[0], step = search.batch().at_once(options.batch);
  for (Index from = 0; from < count && !(from > 0 && search.expired()); from += step) {
    const Index to = std::min(from + step, count);
    search.evaluate(detail::samples(data, from, to), from);
    search.report(static_cast<double>(to) / static_cast<double>(count));
  }
  return search.result();
}

}  // namespace taut
