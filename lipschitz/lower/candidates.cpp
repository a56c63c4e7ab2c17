#include "lipschitz/lower/candidates.h"

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "autodiff/error.h"

namespace taut::detail {
namespace {

constexpr int power_steps_of_proof = 100;
constexpr int most_proofs = 8;
constexpr double tiny_steps[] = {0x1p-20, 0x1p-16, 0x1p-12, 0x1p-8};

double largest_entry(const Tensor& x) {
  double largest = 0.0;
  const Tensor wide = x.to(DType::f64);
  for (const double e : wide.data<double>()) largest = std::max(largest, std::fabs(e));
  return largest;
}
// Where an unbounded function has led towards infinity, derivatives overflow and leave no direction.
bool is_direction(const Tensor& x) { return x.first_non_finite() < 0 && largest_entry(x) > 0.0; }

// Relative distance below which values of this type are the same but for rounding.
double rounding(DType dtype) { return dtype == DType::f32 ? 1e-5 : 1e-9; }

}  // namespace

void Candidates::offer(Candidate candidate) {
  const auto same = std::ranges::count_if(best_, [&](const Candidate& c) {
    return std::fabs(c.value - candidate.value) <= rounding(candidate.point.dtype()) * candidate.value;
  });
  if (same >= 2) return;
  const auto place = std::ranges::find_if(best_, [&](const Candidate& c) { return c.value < candidate.value; });
  best_.insert(place, std::move(candidate));
  if (best_.size() > most) best_.pop_back();
  if (best_.size() == most) threshold_ = best_.back().value;
}

void require_interior(const Domain& domain, const Shape& sample, std::string_view method) {
  if (!domain.bounded()) return;
  const Range box = domain.range(sample);
  bool finite = true, any = false, all = true;
  for (Index i = 0; i < box.lo.size(); ++i) {
    const Interval side = box.at(i);
    finite = finite && std::isfinite(side.lo) && std::isfinite(side.hi);
    any = any || side.lo < side.hi;
    all = all && side.lo < side.hi;
  }
  if (!finite || !any || domain.is_point())
    throw UsageError(cat("[", method, "] a domain with finite ends lo < hi is needed, got ", domain.describe(),
                         "; where there is no interior nothing is proved"));
  if (!all)
    throw UnsupportedError(cat("[", method, "] some sides of ", domain.describe(),
                               " have no length, and derivatives across them prove nothing; record the function of the "
                               "other entries"));
}

void require_usable(const Tensor& data, std::string_view method) {
  if (data.shape().rank() < 2 || data.size() == 0)
    throw UsageError(cat("[", method, "] data of shape (count, features…) with at least one sample is needed; got ",
                         data.shape(),
                         "; put the samples along the first axis and, for numbers, add an axis of size 1"));
  const Index of_one = data.size() / data.shape()[0];
  if (const Index at = data.first_non_finite(); at >= 0)
    throw NumericError(cat("[", method, "] data must be finite; sample ", at / of_one, " holds ", data.at(at),
                           "; leave it out or repair it"));
}

void require_usable(const Tensor& data, const Domain& domain, std::string_view method) {
  require_usable(data, method);
  require_interior(domain, data.shape().with(0, 1), method);
  if (!domain.contains(data))
    throw UsageError(cat("[", method, "] data must lie in ", domain.describe(),
                         ", which is asked about; leave out what does not, or widen the domain"));
}

namespace {

// A domain in which there are points to be looked at.
Domain with_numbers(Domain domain, const Tensor& sample, std::string_view method) {
  if (!domain.bounded()) return domain;
  const DType dtype = sample.dtype();
  Tensor nearest = domain.range(sample.shape()).lo.to(dtype).copy();
  domain.clamp(nearest);
  if (!domain.contains(nearest))
    throw UnsupportedError(cat("[", method, "] no ", dtype, " number lies within ", domain.describe(),
                               ", so that the function has no value there that could be computed; widen the domain, or "
                               "give weights and inputs as f64"));
  return domain;
}

}  // namespace

LowerSearch::LowerSearch(const Function& f, const Tensor& sample, const LowerOptions& options, Domain domain,
                         std::string_view method)
    : f_(f),
      options_(options),
      method_(method),
      start_(Budget::Clock::now()),
      sample_(sample.shape()),
      dtype_(sample.dtype()),
      domain_(with_numbers(std::move(domain), sample, method)),
      box_(domain_.range(sample.shape())),
      batch_(f, sample, options, method) {}

Tensor LowerSearch::points(std::vector<double>& rows) const {
  const auto count = static_cast<Index>(rows.size()) / sample_.size();
  Tensor points = Tensor::from<double>(sample_.with(0, count), rows).to(dtype_);
  domain_.clamp(points);
  const Tensor rounded = points.to(DType::f64);
  std::ranges::copy(rounded.data<double>(), rows.begin());
  return points;
}

std::vector<double> LowerSearch::evaluate(const Tensor& points, Index first_index) {
  const Index count = points.shape()[0], step = batch_.at_once(options_.batch);
  std::vector<double> values(static_cast<std::size_t>(count), -1.0);
  for (Index from = 0; from < count; from += step) {
    if (evaluated_ && expired()) break;
    evaluated_ = true;
    const Index to = std::min(from + step, count);
    batch_.record(samples(points, from, to));
    const Attained at = batch_.attained(false);
    for (Index i = from; i < to; ++i) {
      const double value = values[static_cast<std::size_t>(i)] = at.norms[static_cast<std::size_t>(i - from)];
      if (candidates_.wants(value))
        candidates_.offer({value, samples(points, i, i + 1), {}, first_index < 0 ? -1 : first_index + i, -1});
    }
  }
  return values;
}

void LowerSearch::certify(const Candidate& candidate, std::optional<Proof>& best) {
  const auto offer = [&](const LowerBound& bound, const Tensor& partner) {
    if (bound.value() > 0.0 && (!best || best->bound.value() < bound.value()))
      best = Proof{bound, candidate.point, partner};
  };
  const auto within = [&](double share) { return best && best->bound.value() >= (1.0 - share) * candidate.value; };
  if (candidate.partner.defined()) {
    offer(difference_quotient(f_, candidate.point, candidate.partner, options_.question.norm), candidate.partner);
    return;
  }
  batch_.record(candidate.point);
  const Tensor direction = batch_.attained(true, power_steps_of_proof).right.reshaped(sample_);
  if (!is_direction(direction)) return;
  if (const auto bound = enclosed_directional_norm(f_, candidate.point, direction, options_.question.norm)) {
    offer(*bound, {});
    if (!within(1e-4) && !options_.budget.expired()) certify_nearby(candidate, direction, best);
  }
  if (!within(1e-3) && !options_.budget.expired()) certify_quotients(candidate, direction, best);
}

// At a kink the enclosure is wide, a little aside of it is not.
void LowerSearch::certify_nearby(const Candidate& candidate, const Tensor& direction, std::optional<Proof>& best) {
  boost::random::mt19937_64 random(options_.budget.seed);
  boost::random::normal_distribution<double> normal;
  const double scale = std::max(1.0, largest_entry(candidate.point));
  const double along = scale / largest_entry(direction);
  const Tensor centre = candidate.point.to(DType::f64);
  std::vector<double> rows;
  for (const double step : tiny_steps)
    for (const int kind : {-1, 1, 0, 0})
      for (Index i = 0; i < centre.size(); ++i)
        rows.push_back(centre.at(i) + step * (kind == 0 ? scale * normal(random) : kind * along * direction.at(i)));
  const Tensor near = points(rows);
  batch_.record(near);
  const Attained at = batch_.attained(true);
  std::vector<Index> order(static_cast<std::size_t>(near.shape()[0]));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  const auto norm = [&](Index i) { return at.norms[static_cast<std::size_t>(i)]; };
  std::ranges::stable_sort(order, [&](Index a, Index b) { return norm(a) > norm(b); });
  for (std::size_t k = 0; k < 4 && !options_.budget.expired(); ++k) {
    const Index i = order[k];
    if (!(norm(i) > 0.0) || (best && !(best->bound.value() < norm(i)))) break;
    const Tensor x = samples(near, i, i + 1), right = samples(at.right, i, i + 1).reshaped(sample_);
    if (!is_direction(right)) continue;
    const auto bound = enclosed_directional_norm(f_, x, right, options_.question.norm);
    if (bound && bound->value() > 0.0 && (!best || best->bound.value() < bound->value())) best = Proof{*bound, x, {}};
  }
}

// Where rules do not tell what happens to differences: quotients of the values.
void LowerSearch::certify_quotients(const Candidate& candidate, const Tensor& direction, std::optional<Proof>& best) {
  const double scale = std::max(1.0, largest_entry(candidate.point)) / largest_entry(direction);
  for (const double step : {0x1p-20, 0x1p-12, 0x1p-9, 0x1p-6, 0x1p-3}) {
    if (options_.budget.expired()) return;
    // Both ways: at the edge of a box one of them may lead out of it.
    for (const double way : domain_.bounded() ? std::vector{step, -step} : std::vector{step}) {
      std::vector<double> rows(static_cast<std::size_t>(direction.size()));
      for (Index i = 0; i < direction.size(); ++i)
        rows[static_cast<std::size_t>(i)] = candidate.point.at(i) + way * scale * direction.at(i);
      const Tensor y = points(rows);
      if (std::ranges::equal(rows, candidate.point.to(DType::f64).data<double>())) continue;
      const LowerBound bound = difference_quotient(f_, candidate.point, y, options_.question.norm);
      if (bound.value() > 0.0 && (!best || best->bound.value() < bound.value()))
        best = Proof{bound, candidate.point, y};
    }
  }
}

LowerResult LowerSearch::result() {
  const bool empty = batch_.rows() == 0 || batch_.columns() == 0;
  const auto none =
      empty ? LowerBound::certified(0.0, options_.question.norm, std::string(method_), "there are no numbers")
            : LowerBound::estimate(0.0, options_.question.norm, std::string(method_));
  LowerResult result{none, none, {}, {}, -1, -1, Status::finite, 0.0};
  const std::vector<Candidate>& best = candidates_.best();
  const auto one = [&](const Tensor& x) { return x.defined() ? x.reshaped(sample_.without(0)) : x; };
  const auto detail = [&](Index index) { return index < 0 ? std::string() : cat("at sample ", index); };
  if (!best.empty()) {
    const Candidate& first = best.front();
    result.bound = result.plain =
        LowerBound::estimate(first.value, options_.question.norm, std::string(method_), detail(first.index));
    result.point = one(first.point);
    result.partner = one(first.partner);
    result.index = first.index;
    result.partner_index = first.partner_index;
  }
  std::optional<Proof> proof;
  for (int tried = 0; options_.certify && tried < std::min<int>(most_proofs, static_cast<int>(best.size())); ++tried) {
    const Candidate& candidate = best[static_cast<std::size_t>(tried)];
    if (tried > 0 && expired()) break;
    if (proof && proof->bound.value() >= (1.0 - rounding(dtype_)) * candidate.value) break;
    const double before = proof ? proof->bound.value() : 0.0;
    try {
      certify(candidate, proof);
    } catch (const DomainError&) {  // a rule that is not defined next to the point, or not known at all
    } catch (const UnsupportedError&) {
    }
    if (!proof || !(proof->bound.value() > before)) continue;
    result.bound = LowerBound::derived(proof->bound.magnitude(), options_.question.norm, {&proof->bound, 1},
                                       std::string(method_), detail(candidate.index));
    result.point = one(proof->point);
    result.partner = one(proof->partner);
    result.index = candidate.index;
    result.partner_index = candidate.partner_index;
  }
  if (result.plain.value() < result.bound.value())  // a quotient across a kink, or rounding
    result.plain = LowerBound::estimate(result.bound.magnitude(), options_.question.norm, std::string(method_));
  result.status = status_;
  result.seconds = std::chrono::duration<double>(Budget::Clock::now() - start_).count();
  return result;
}

}  // namespace taut::detail
