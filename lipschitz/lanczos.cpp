#include "lipschitz/lanczos.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <optional>
#include <span>

#include "autodiff/error.h"
#include "autodiff/range.h"
#include "lipschitz/dense_norm.h"
#include "lipschitz/krylov.h"
#include "lipschitz/matrix_form.h"

namespace taut {
namespace {

using detail::Krylov;

constexpr double u = 0x1p-53;
constexpr double most_basis_entries = 512.0 * 1024 * 1024 / 8;
constexpr const char* method = "lanczos";

void require_valid(const LanczosOptions& o) {
  if (!(o.failure > 0.0 && o.failure < 1.0) || !(o.tolerance > 0.0) || o.max_steps < 1)
    throw UsageError(cat("[lanczos] failure in (0, 1), tolerance > 0 and max_steps >= 1 are needed; got ", o.failure,
                         ", ", o.tolerance, " and ", o.max_steps));
}

// ln(1.648 √n) + ln(1/δ) / starts, rounded up: the logarithms are taken at four times their documented error.
double log_term(Index n, double failure, int starts) {
  const double up = 1.0 + 8.0 * u;
  const double dimension = mul_up(std::log(mul_up(1.648, sqrt_up(static_cast<double>(n)))), up);
  return add_up(dimension, div_up(mul_up(-std::log(failure), up), static_cast<double>(starts)));
}

// P(θ < (1 − ε) λ₁) ≤ 1.648 √n exp(−√ε (2k − 1)) for one start [Kuczynski1992]; independent ones all fail with at most
// the product. Solved for ε.
double missed(double log_term, int steps) {
  const double root = div_up(log_term, 2.0 * steps - 1.0);
  return mul_up(root, root);
}

// Starts side by side cost memory traffic once, where the map is a large matrix.
int useful_starts(const LinearMap& map) {
  constexpr Index in_cache = Index{1} << 18;
  const auto* dense = std::get_if<structure::Dense>(&map.structure());
  return dense != nullptr && dense->weight.size() > in_cache ? 6 : 1;
}

int wanted_steps(double log_term, const LanczosOptions& options, Index n, int starts) {
  const double ratio = 1.0 + 0.95 * options.tolerance;  // the rest is for rounding
  const double steps = std::ceil((log_term / std::sqrt(1.0 - 1.0 / (ratio * ratio)) + 1.0) / 2.0);
  const double most = std::min({static_cast<double>(options.max_steps), static_cast<double>(n),
                                std::max(2.0, most_basis_entries / static_cast<double>(n * starts) - 1.0)});
  return static_cast<int>(std::min(steps, most));
}

// t ≥ λ_max of the tridiagonal matrix T, close to `computed`. All pivots of tI − T, rounded down, are positive; a pivot
// is smaller the smaller the one before, so the exact ones are too.
double tridiagonal_bound(const Krylov& space, double computed) {
  const auto positive = [&](double t) {
    double pivot = 0.0;
    for (int j = 0; j < space.steps(); ++j) {
      const auto at = static_cast<std::size_t>(j);
      double next = sub_down(t, space.alpha()[at]);
      if (j > 0) next = sub_down(next, div_up(mul_up(space.beta()[at - 1], space.beta()[at - 1]), pivot));
      if (!(next > 0.0)) return false;
      pivot = next;
    }
    return true;
  };
  for (double slack = 2.0 * u; slack < 1.0; slack *= 4.0)
    if (const double t = add_up(std::fabs(computed) * (1.0 + slack), 0x1p-900); positive(t)) return t;
  return infinity;
}

// x · 2^e; the power alone may be no double.
Magnitude scaled(const Magnitude& x, int e) {
  const double half = std::ldexp(1.0, e / 2), rest = std::ldexp(1.0, e - e / 2);
  return Magnitude::product(Magnitude::product(x, half, Side::upper), rest, Side::upper);
}

// η of mathematics.md, 8.5, for a map times 2^-exponent with ‖ |A| ‖₂ ≤ g: M + E has exactly the computed tridiagonal
// matrix, and ‖E‖₂ ≤ η. Nothing where rounding spoils the process.
std::optional<double> rounding_term(const LinearMap& map, const detail::ApplyError& error, const Krylov& space,
                                    int exponent, double g) {
  const int k = space.steps();
  const double n = static_cast<double>(std::max(map.in_shape().size(), map.out_shape().size()));
  const double normalising = gamma_factor(space.size() + 3, u), orthogonalising = gamma_factor(k + 3, u);
  const double omega = add_up(mul_up(space.loss_of_orthogonality(), 1.0 + 1e-10),
                              mul_up(gamma_factor(space.size() + 2, u), 1.01 * (k + 1)));
  if (!(error.relative < 1e-3) || !(omega < 1e-2) || !(normalising < 1e-3)) return std::nullopt;
  const double absolute = mul_up(scaled(error.absolute, -exponent).round(Side::upper), 4.0 * sqrt_up(n));
  const double square = mul_up(g, g);
  const double applying = add_up(mul_up(2.01 * error.relative, square), mul_up(1.01 * absolute, g + 1.0));
  const double orthogonal = mul_up(1.1 * square, 2.0 * orthogonalising * (2.0 + std::sqrt(k)) + normalising);
  const double per_step = add_up(add_up(applying, orthogonal), 0x1p-900);
  double eta = mul_up(3.01 * std::sqrt(k), per_step);
  eta = add_up(eta, mul_up(4.0, mul_up(space.dropped(), 1.0 + 1e-10)));
  eta = add_up(eta, mul_up(13.0 * omega + 3.0 * normalising, square));
  if (space.invariant()) eta = add_up(eta, mul_up(4.0, space.beta().back()));  // taken for 0
  return eta;
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
  const auto begin = Options::Clock::now();
  LanczosResult result{{LowerBound::certified(0.0, Norm::l2, method), UpperBound::certified(0.0, Norm::l2, method)},
                       Tensor::zeros(map.out_shape(), DType::f64),
                       Tensor::zeros(map.in_shape(), DType::f64)};
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0) return result;
  detail::for_each_leaf(map, detail::require_finite_leaf);
  const bool entries = detail::has_entries(map);
  const auto error = entries ? std::optional<detail::ApplyError>(map) : std::nullopt;
  const Magnitude sums = entries ? detail::sum_bounds(map, *error).l2() : Magnitude(infinity);
  if (sums.is_zero()) return result;
  const Index size = detail::gram_shape(map).size();
  const int starts = useful_starts(map);
  std::vector<std::vector<double>> units = detail::random_units(size, starts, options.seed);
  const int exponent = exponent_of(entries ? sums.round(Side::upper) : apparent_norm(map, units.front()));
  std::vector<Krylov> spaces;
  for (std::vector<double>& unit : units) spaces.emplace_back(map, exponent, std::move(unit));
  const double logarithm = log_term(size, options.failure, starts);
  const int steps = wanted_steps(logarithm, options, size, starts);
  int made = 0;
  while (extend(spaces, options.threads) && ++made < steps && !options.expired())
    options.report(method, static_cast<double>(made) / steps);

  const double g = std::ldexp(sums.round(Side::upper), -exponent);
  double computed = -1.0, proved = 0.0, epsilon = 0.0;
  const Krylov* best = nullptr;
  Enclosure& norm = result.norm;
  for (const Krylov& space : spaces) {
    const double ritz = space.ritz_value();
    if (ritz > computed) computed = ritz, best = &space;
    const std::optional<double> eta = entries ? rounding_term(map, *error, space, exponent, g) : 0.0;
    proved = std::max(proved, eta ? add_up(tridiagonal_bound(space, ritz), *eta) : infinity);
    // Once invariant the space is that of any number of steps; when it is everything nothing is missed.
    const int effective = space.invariant() ? std::max(space.steps(), options.max_steps) : space.steps();
    if (space.steps() < size) epsilon = std::max(epsilon, missed(logarithm, effective));
    norm.iterations = std::max(norm.iterations, space.steps());
    norm.cut = norm.cut || (!space.invariant() && space.steps() < steps);
  }
  std::vector<double> vector;
  best->ritz(vector);
  fill_vectors(map, vector, exponent, result);
  Magnitude upper = sums;
  if (std::isfinite(proved) && epsilon < 1.0) upper = scaled(sqrt_up(div_up(proved, sub_down(1.0, epsilon))), exponent);
  const std::string detail =
      starts == 1 ? cat(norm.iterations, " steps") : cat(norm.iterations, " steps from each of ", starts, " starts");
  if (entries) {
    norm.lower = detail::attained_norm(map, result.right, Norm::l2, *error);
    norm.upper = upper < sums ? UpperBound::probabilistic(upper, options.failure, Norm::l2, method, detail)
                              : UpperBound::certified(sums, Norm::l2, "sums");
  } else {
    const double gain = std::ldexp(std::sqrt(std::max(computed, 0.0)), exponent);
    norm.lower = LowerBound::estimate(gain, Norm::l2, method, detail);
    norm.upper = UpperBound::estimate(upper, Norm::l2, method, detail);
  }
  norm.seconds = std::chrono::duration<double>(Options::Clock::now() - begin).count();
  return result;
}

namespace detail {

Tensor leading_direction(const LinearMap& map, const Options& options) {
  constexpr int total_steps = 24;
  constexpr double most_entries = 64.0 * 1024 * 1024 / 8;
  std::vector<double> vector = random_unit(gram_shape(map).size(), options.seed);
  const int exponent = exponent_of(apparent_norm(map, vector));
  const int at_once = std::clamp(static_cast<int>(most_entries / static_cast<double>(vector.size())), 2, total_steps);
  for (int made = 0; made < total_steps && !options.expired();) {
    Krylov space(map, exponent, vector);
    while (space.extend() && space.steps() < at_once && !options.expired()) {
    }
    made += at_once;
    space.ritz(vector);
    if (space.invariant()) break;
  }
  return on_input_side(map, vector, exponent);
}

Tensor ascend(const LinearMap& map, const Tensor& start, int steps, double enough, const Options& options) {
  const Tensor inside = gram_of_rows(map) ? map.apply(start) : start;
  const auto entries = inside.data<double>();
  std::vector<double> vector(entries.begin(), entries.end());
  const double length = plain_norm(vector);
  if (!(length > 0.0) || !std::isfinite(length)) return start;
  for (double& e : vector) e /= length;
  const int exponent = exponent_of(enough);
  const double wanted = std::ldexp(enough, -exponent);
  Krylov space(map, exponent, vector);
  while (space.extend() && space.steps() < steps && !options.expired() && space.ritz_value() < wanted * wanted) {
  }
  space.ritz(vector);
  return on_input_side(map, vector, exponent);
}

}  // namespace detail
}  // namespace taut
