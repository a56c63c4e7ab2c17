#include <cmath>

#include "lipschitz/penalty.h"
#include "lipschitz/penalty/penalty_plan.h"

namespace taut {

LogAutoLip::LogAutoLip(const PenaltyOptions& options)
    : plan_(std::make_unique<detail::PenaltyPlan>(options, "log_autolip")) {}
LogAutoLip::~LogAutoLip() = default;
LogAutoLip::LogAutoLip(LogAutoLip&&) noexcept = default;
LogAutoLip& LogAutoLip::operator=(LogAutoLip&&) noexcept = default;

Var LogAutoLip::operator()(const Var& output, const Var& sample) {
  plan_->follow(output, sample);
  plan_->find_norms();
  const detail::LogTerm total = plan_->bound();
  estimate_ = std::exp(total.value());
  return total.var(output.dtype());
}

std::vector<Tensor*> LogAutoLip::state() {
  std::vector<Tensor*> vectors;
  plan_->append_vectors(vectors);
  return vectors;
}

}  // namespace taut
