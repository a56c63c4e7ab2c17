#include "lipschitz/lanczos.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <optional>
#include <span>

#include "autodiff/error.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/norms/krylov.h"
#include "lipschitz/norms/lanczos_proof.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut {
namespace {

using detail::Krylov;

constexpr double most_basis_entries = 512.0 * 1024 * 1024 / 8;
constexpr const char* lanczos_name = "lanczos";

void require_valid(const LanczosOptions& o) {
  if (!(o.failure > 0.0 && o.failure < 1.0) || !(o.tolerance > 0.0) || o.max_steps < 1)
    throw UsageError(cat("[lanczos] failure in (0, 1), tolerance > 0 and max_steps >= 1 are needed; got ", o.failure,
                         ", ", o.tolerance, " and ", o.max_steps));
}

// Loss by rounding that is planned with: of λ₁, as a part of the tolerance.
constexpr double planned_loss = 0.05;
constexpr double for_missed_steps = 0.95;

// How many starts, and how many steps from each. What the number of starts rests on is drawn from nothing.
struct Plan {
  int starts = 2, steps = 1;
  double least_component = 1.0;
};
Plan plan_for(const LinearMap& map, const LanczosOptions& options, double relative_noise) {
  // Starts side by side cost memory traffic once, where the map is a large matrix.
  constexpr Index in_cache = Index{1} << 18;
  const auto* dense = std::get_if<structure::Dense>(&map.structure());
  const int least = dense != nullptr && dense->weight.size() > in_cache ? 6 : 2;
  const Index n = detail::gram_shape(map).size();
  Plan plan;
  plan.starts =
      detail::starts_against_rounding(n, options.failure, relative_noise, planned_loss * options.tolerance, least);
  plan.least_component = detail::least_component(n, options.failure, plan.starts);
  const double ratio = 1.0 + for_missed_steps * options.tolerance;
  const double steps = detail::steps_to_miss_at_most(1.0 - 1.0 / (ratio * ratio), plan.least_component);
  const double size = static_cast<double>(n);
  const double most = std::min(
      {static_cast<double>(options.max_steps), size, std::max(2.0, most_basis_entries / (size * plan.starts) - 1.0)});
  plan.steps = static_cast<int>(std::min(steps, most));
  return plan;
}

// x · 2^e; the power alone may be no double.
Magnitude scaled(const Magnitude& x, int e) {
  const double half = std::ldexp(1.0, e / 2), rest = std::ldexp(1.0, e - e / 2);
  return Magnitude::product(Magnitude::product(x, half, Side::upper), rest, Side::upper);
}

// Of the map times 2^-exponent.
detail::ApplyNoise noise_of(const LinearMap& map, const detail::ApplyError& error, const Magnitude& mass,
                            int exponent) {
  const double n = static_cast<double>(std::max(map.in_shape().size(), map.out_shape().size()));
  // Absolute errors hold for entries up to 1; those of an image are below 4.
  const double absolute = mul_up(scaled(error.absolute, -exponent).round(Side::upper), 4.1 * sqrt_up(n));
  return {error.relative, absolute, scaled(mass, -exponent).round(Side::upper)};
}

Tensor unit(Tensor x) {
  const double length = detail::plain_norm(x.data<double>());
  if (length > 0.0)
    for (double& e : x.mutable_data<double>()) e /= length;
  return x;
}

// One step of every space, shared among threads.
bool extend(std::span<Krylov> spaces, int threads) {
  const std::size_t workers = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), 1, spaces.size());
  const std::size_t share = (spaces.size() + workers - 1) / workers;
  std::vector<std::future<bool>> others;
  for (std::size_t from = share; from < spaces.size(); from += share)
    others.push_back(std::async(
        std::launch::async,
        [part = spaces.subspan(from, std::min(share, spaces.size() - from))] { return Krylov::extend(part); }));
  bool any = Krylov::extend(spaces.first(std::min(share, spaces.size())));
  for (auto& other : others) any = other.get() || any;
  return any;
}

int exponent_of(double x) { return x > 0.0 && std::isfinite(x) ? std::ilogb(x) : 0; }

// The scale of a map without entries to look at: of the image of a random vector.
double apparent_norm(const LinearMap& map, const std::vector<double>& start) {
  double largest = 0.0;
  const Tensor image = detail::across(map, start.data(), 0);
  for (const double e : image.data<double>()) largest = std::max(largest, std::fabs(e));
  return largest;
}

// The leading Ritz vector carried to the side of map.in_shape().
Tensor on_input_side(const LinearMap& map, const std::vector<double>& vector, int exponent) {
  Tensor x = Tensor::uninitialised(detail::gram_shape(map), DType::f64);
  std::ranges::copy(vector, x.mutable_data<double>().begin());
  return detail::gram_of_rows(map) ? unit(detail::across(map, vector.data(), exponent)) : x;
}

// The singular vectors to a vector of the side that M acts on.
void fill_vectors(const LinearMap& map, const std::vector<double>& vector, int exponent, LanczosResult& result) {
  result.right = on_input_side(map, vector, exponent);
  result.left = map.apply(result.right);
  for (double& e : result.left.mutable_data<double>()) e = std::ldexp(e, -exponent);
  result.left = unit(result.left);
}

}  // namespace

LanczosResult lanczos_norm(const LinearMap& map, const LanczosOptions& options) {
  require_valid(options);
  const auto begin = Budget::Clock::now();
  LanczosResult result{
      {LowerBound::certified(0.0, Norm::l2, lanczos_name), UpperBound::certified(0.0, Norm::l2, lanczos_name)},
      Tensor::zeros(map.out_shape(), DType::f64),
      Tensor::zeros(map.in_shape(), DType::f64)};
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0) return result;
  detail::for_each_leaf(map, detail::require_finite_leaf);
  const bool entries = detail::has_entries(map);
  const auto error = entries ? std::optional<detail::ApplyError>(map) : std::nullopt;
  const Magnitude sums = entries ? detail::sum_bounds(map, *error).l2() : Magnitude(infinity);
  if (sums.is_zero()) return result;
  const Index size = detail::gram_shape(map).size();
  const Plan plan = plan_for(map, options, entries ? error->relative : 0.0);
  std::vector<std::vector<double>> units = detail::random_units(size, plan.starts, options.budget.seed);
  const int exponent = exponent_of(entries ? sums.round(Side::upper) : apparent_norm(map, units.front()));
  std::vector<Krylov> spaces;
  for (std::vector<double>& unit : units) spaces.emplace_back(map, exponent, std::move(unit));
  int made = 0;
  while (extend(spaces, options.budget.threads) && ++made < plan.steps && !options.budget.expired())
    options.budget.report(lanczos_name, static_cast<double>(made) / plan.steps);

  const std::optional<detail::ApplyNoise> noise =
      entries ? std::optional(noise_of(map, *error, sums, exponent)) : std::nullopt;
  double computed = -1.0, proved = 0.0;
  const Krylov* best = nullptr;
  Enclosure& norm = result.norm;
  for (const Krylov& space : spaces) {
    const double ritz = space.ritz_value();
    if (ritz > computed) computed = ritz, best = &space;
    // Which start it is that has the component is not known.
    proved = std::max(proved, detail::top_bound(space, noise, plan.least_component));
    norm.iterations = std::max(norm.iterations, space.steps());
    norm.cut = norm.cut || (!space.invariant() && space.steps() < plan.steps);
  }
  std::vector<double> vector;
  best->ritz(vector);
  fill_vectors(map, vector, exponent, result);
  Magnitude upper = sums;
  if (std::isfinite(proved)) upper = scaled(sqrt_up(proved), exponent);
  const std::string detail = cat(norm.iterations, " steps from each of ", plan.starts, " starts");
  if (entries) {
    norm.lower = detail::attained_norm(map, result.right, Norm::l2, *error);
    norm.upper = upper < sums ? UpperBound::probabilistic(upper, options.failure, Norm::l2, lanczos_name, detail)
                              : UpperBound::certified(sums, Norm::l2, "sums");
  } else {
    const double gain = std::ldexp(std::sqrt(std::max(computed, 0.0)), exponent);
    norm.lower = LowerBound::estimate(gain, Norm::l2, lanczos_name, detail);
    norm.upper = UpperBound::estimate(upper, Norm::l2, lanczos_name, detail);
  }
  norm.seconds = std::chrono::duration<double>(Budget::Clock::now() - begin).count();
  return result;
}

namespace detail {

Tensor leading_direction(const LinearMap& map, const Budget& budget) {
  constexpr int total_steps = 24;
  constexpr double most_entries = 64.0 * 1024 * 1024 / 8;
  std::vector<double> vector = random_unit(gram_shape(map).size(), budget.seed);
  const int exponent = exponent_of(apparent_norm(map, vector));
  const int at_once = std::clamp(static_cast<int>(most_entries / static_cast<double>(vector.size())), 2, total_steps);
  for (int made = 0; made < total_steps && !budget.expired();) {
    Krylov space(map, exponent, vector);
    while (space.extend() && space.steps() < at_once && !budget.expired()) {
    }
    made += at_once;
    space.ritz(vector);
    if (space.invariant()) break;
  }
  return on_input_side(map, vector, exponent);
}

Tensor ascend(const LinearMap& map, const Tensor& start, int steps, double enough, const Budget& budget) {
  const Tensor inside = gram_of_rows(map) ? map.apply(start) : start;
  const auto entries = inside.data<double>();
  std::vector<double> vector(entries.begin(), entries.end());
  const double length = plain_norm(vector);
  if (!(length > 0.0) || !std::isfinite(length)) return start;
  for (double& e : vector) e /= length;
  const int exponent = exponent_of(enough);
  const double wanted = std::ldexp(enough, -exponent);
  Krylov space(map, exponent, vector);
  while (space.extend() && space.steps() < steps && !budget.expired() && space.ritz_value() < wanted * wanted) {
  }
  space.ritz(vector);
  return on_input_side(map, vector, exponent);
}

}  // namespace detail
}  // namespace taut
