// Ascent on the norm of the Jacobian by many chains.
// Long: one class, whose moves share the chains and the budget of evaluations.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/lower/starts.h"
#include "lipschitz/search.h"

namespace taut {
namespace {

constexpr std::string_view ascent_name = "ascent";
constexpr double scales[] = {1.0, 0.3, 3.0, 0.1, 10.0, 1000.0, 100.0, 1.0};  // of starts, times the typical length
constexpr Index proposals = 8;                                               // per chain and round
constexpr Index steps_along_gradient = 3;                                    // of them
constexpr double step_factors[steps_along_gradient] = {0.25, 1.0, 4.0};
constexpr Index crossings = 3;      // of them
constexpr Index most_kinks = 4096;  // beyond, crossing one hardly matters
constexpr int patience = 12;        // rounds without improvement after which a chain starts anew
constexpr Index few_axes = 16;      // moves along axes are worth their while up to here

struct Chain {
  std::vector<double> x;
  double value = -1.0;
  double step = 0.0;  // along the gradient
  int idle = 0;
};

// About a second, of large functions whatever can be had in one and a half; `cost` in nanoseconds.
Index usual_budget(double cost) {
  const double affordable = 1.2e9 / cost;
  return static_cast<Index>(std::clamp(std::clamp(1e9 / cost, 3072.0, 524288.0), 192.0, std::max(192.0, affordable)));
}

double norm_of(std::span<const double> x) {
  double sum = 0.0;
  for (const double e : x) sum += e * e;
  return std::sqrt(sum);
}

class Ascent {
 public:
  Ascent(const Function& f, const Tensor& sample, const AscentOptions& options)
      : options_(options),
        search_(f, sample, options, ascent_name),
        draws_(options.budget.seed),
        dtype_(sample.dtype()),
        n_(search_.features()),
        length_(detail::typical_length(search_.box(), options.starts)),
        budget_(options.evaluations > 0 ? options.evaluations : usual_budget(search_.batch().cost())) {}

  LowerResult run() {
    if (search_.batch().rows() == 0 || n_ == 0) return search_.result();
    start();
    while (used_ < budget_ && !search_.expired() && !nothing_left()) {
      round();
      search_.report(std::min(1.0, static_cast<double>(used_) / static_cast<double>(budget_)));
    }
    return search_.result();
  }

 private:
  std::size_t n() const { return static_cast<std::size_t>(n_); }

  // All there can be has been met; or the same value everywhere, at all scales, as of an affine function.
  bool nothing_left() {
    const auto& best = search_.candidates().best();
    const double most = best.empty() ? 0.0 : best.front().value;
    return most >= options_.enough || (most > 0.0 && least_ >= most * (1.0 - 1e-9));
  }

  // Chains begin at the best of the given points and of draws at all scales, an eighth of the evaluations.
  void start() {
    std::vector<double> rows;
    if (options_.starts.defined()) {
      const Tensor given = options_.starts.to(DType::f64);
      rows.assign(given.data<double>().begin(), given.data<double>().end());
    }
    const Index drawn = std::max(options_.chains, budget_ / 8);
    for (Index k = 0; k < drawn; ++k)
      detail::draw_start(search_.box(), n_, length_ * scales[static_cast<std::size_t>(k) % std::size(scales)], draws_,
                         rows);
    detail::add_fixed_starts(search_.box(), n_, length_, options_.budget.seed, rows);
    std::vector<double> values = search_.evaluate(search_.points(rows));
    if (crosses() && n_ <= few_axes) walk_lines(rows, values);
    used_ += static_cast<Index>(values.size());
    least_ = *std::ranges::min_element(values);
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
    double last = infinity;
    for (const std::size_t i : order) {  // of every region one
      if (static_cast<Index>(chains_.size()) == options_.chains) break;
      if (values[i] > (1.0 - 1e-6) * last) continue;
      last = values[i];
      chains_.push_back({{rows.begin() + static_cast<Index>(i) * n_, rows.begin() + static_cast<Index>(i + 1) * n_},
                         values[i],
                         0.1 * length_,
                         0});
    }
    for (std::size_t i = 0; static_cast<Index>(chains_.size()) < options_.chains; ++i) chains_.push_back(anew());
  }

  // A quarter of the evaluations goes to walks along straight lines from region to region, which meet regions however
  // small their neighbours' values are. What they meet are further starts.
  void walk_lines(std::vector<double>& rows, std::vector<double>& values) {
    const std::size_t lines = 256;
    std::vector<double> at, directions;
    const auto begin = [&](std::size_t line) {
      std::vector<double> x;
      detail::draw_start(search_.box(), n_, length_ * scales[line % std::size(scales)], draws_, x);
      std::ranges::copy(x, at.begin() + static_cast<Index>(line) * n_);
      for (std::size_t i = 0; i < n(); ++i) directions[line * n() + i] = draws_.normal();
    };
    at.resize(lines * n());
    directions.resize(at.size());
    for (std::size_t line = 0; line < lines; ++line) begin(line);
    for (Index used = 0; used < budget_ / 4 && !search_.expired(); used += static_cast<Index>(lines)) {
      const std::vector<double> moves = moves_across(at, directions, 0.0);
      std::vector<double> next = at;
      for (std::size_t i = 0; i < at.size(); ++i) next[i] += moves[i];
      const Tensor points = search_.points(next);
      const std::vector<double> found = search_.evaluate(points);
      rows.insert(rows.end(), next.begin(), next.end());
      values.insert(values.end(), found.begin(), found.end());
      for (std::size_t line = 0; line < lines; ++line) {
        const auto first = next.begin() + static_cast<Index>(line) * n_;
        if (std::equal(first, first + n_, at.begin() + static_cast<Index>(line) * n_))
          begin(line);  // no kink ahead, or the box ends
        else
          std::copy_n(first, n_, at.begin() + static_cast<Index>(line) * n_);
      }
    }
  }

  Chain anew() {
    Chain chain;
    const auto scale = scales[static_cast<std::size_t>(draws_.below(std::size(scales)))];
    detail::draw_start(search_.box(), n_, length_ * scale, draws_, chain.x);
    chain.step = 0.1 * length_;
    return chain;
  }

  // The length against which moves of a chain are measured.
  double reach(std::span<const double> x) const {
    return std::max(length_ * std::sqrt(static_cast<double>(n_)), norm_of(x));
  }
  double reach(const Chain& c) const { return reach(c.x); }

  void round() {
    std::vector<double> rows;
    for (const Chain& c : chains_) rows.insert(rows.end(), c.x.begin(), c.x.end());
    const Tensor points = search_.points(rows);
    compute_directions(points);
    if (crosses()) compute_crossings();
    rows.clear();
    for (std::size_t c = 0; c < chains_.size(); ++c)
      for (Index p = 0; p < proposals; ++p) propose(c, p, rows);
    const std::vector<double> values = search_.evaluate(search_.points(rows));
    used_ += static_cast<Index>(values.size() + chains_.size());
    for (std::size_t c = 0; c < chains_.size(); ++c) move(c, values, rows);
    replace_idle();
  }

  // Of every chain: the direction in which f moves most, and one in which that movement grows.
  void compute_directions(const Tensor& points) {
    detail::JacobianBatch& batch = search_.batch();
    const Index count = points.shape()[0], step = batch.at_once(options_.batch);
    leading_.assign(static_cast<std::size_t>(count) * n(), 0.0);
    uphill_ = leading_;
    for (Index from = 0; from < count && !search_.expired(); from += step) {
      const Index to = std::min(from + step, count);
      const Tensor part = detail::samples(points, from, to);
      batch.record(part);
      const detail::Attained at = batch.attained(true);
      std::ranges::copy(at.right.data<double>(), leading_.begin() + from * n_);
      // The first rounds tell whether there are second derivatives.
      Tensor gradients;
      if ((curved_ && rounds_ % 2 == 0) || rounds_ < 3) {
        gradients = batch.ascent_directions(at);
        const auto numbers = gradients.data<double>();
        curved_ = curved_ || std::ranges::any_of(numbers, [](double e) { return std::isfinite(e) && e != 0.0; });
      }
      // Second derivatives do not see kinks.
      if (!curved_ || rounds_ % 2 == 1) gradients = differences_of_gradients(part, at, from);
      std::ranges::copy(gradients.data<double>(), uphill_.begin() + from * n_);
    }
    ++rounds_;
  }

  // For kinks, and where second derivatives are zero: (J(x + h v) − J(x − h v))ᵀ u with the vectors that attain ‖J(x)‖
  // and h of any scale: the gradient of the difference quotient of the two points, moved together, along u.
  Tensor differences_of_gradients(const Tensor& points, const detail::Attained& at, Index first) {
    detail::JacobianBatch& batch = search_.batch();
    const Tensor centre = points.to(DType::f64);
    const auto x = centre.data<double>(), v = at.right.data<double>();
    Tensor difference = Tensor::zeros(at.right.shape(), DType::f64);
    std::vector<double> distances;
    for (Index c = 0; c < points.shape()[0]; ++c) {
      const Chain& chain = chains_[static_cast<std::size_t>(first + c)];
      const auto offset = static_cast<std::size_t>(c) * n();
      const double length = norm_of(v.subspan(offset, n()));
      distances.push_back(length > 0.0 ? reach(chain) * draws_.log_uniform(1e-3, 1.0) / length : 0.0);
    }
    for (const double side : {1.0, -1.0}) {
      std::vector<double> rows(x.size());
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = x[i] + side * distances[i / n()] * v[i];
      batch.record(search_.points(rows));
      const Tensor pulled = batch.pulled_back(at.left);
      const auto to = difference.mutable_data<double>();
      for (std::size_t i = 0; i < to.size(); ++i) to[i] += side * pulled.data<double>()[i];
    }
    return difference;
  }

  bool crosses() const {
    const Index kinks = search_.batch().kinks();
    return kinks > 0 && kinks <= most_kinks;
  }

  // Moves of every chain into a region next to its own, or a few further.
  void compute_crossings() {
    std::vector<double> from, directions;
    for (std::size_t q = 0; q < static_cast<std::size_t>(crossings); ++q)
      for (std::size_t c = 0; c < chains_.size(); ++c) {
        from.insert(from.end(), chains_[c].x.begin(), chains_[c].x.end());
        const double sign = draws_.sign();
        for (std::size_t i = 0; i < n(); ++i)
          directions.push_back(q == 0 ? sign * leading_[c * n() + i] : draws_.normal());
      }
    crossing_ = moves_across(from, directions, 0.3);
  }

  // Along every direction: the arguments of piecewise linear operations tell, with the values at a second point close
  // by, where their kinks lie. The move ends between the first kink that is met and the next, or with probability
  // `further` beyond that one, and so on; where none is met it is zero.
  std::vector<double> moves_across(std::vector<double> from, std::vector<double> directions, double further) {
    const auto kinks = static_cast<std::size_t>(search_.batch().kinks());
    const std::vector<double> here = distances(search_.points(from));
    const double nearby = dtype_ == DType::f32 ? 1e-3 : 1e-7;
    std::vector<double> there_rows = from;
    for (std::size_t k = 0; k < from.size(); k += n()) {
      const std::span<double> d = std::span(directions).subspan(k, n());
      const double length = norm_of(d);
      const double step = length > 0.0 ? nearby * reach(std::span(from).subspan(k, n())) / length : 0.0;
      for (std::size_t i = 0; i < n(); ++i) there_rows[k + i] += d[i] *= step;
    }
    const std::vector<double> there = distances(search_.points(there_rows));
    for (std::size_t k = 0; k < from.size() / n(); ++k) {
      const double steps = steps_across({here.data() + k * kinks, kinks}, {there.data() + k * kinks, kinks}, further);
      for (std::size_t i = k * n(); i < (k + 1) * n(); ++i) directions[i] *= steps;
    }
    return directions;
  }

  std::vector<double> distances(const Tensor& points) {
    detail::JacobianBatch& batch = search_.batch();
    std::vector<double> all;
    const Index count = points.shape()[0], step = batch.at_once(options_.batch);
    for (Index from = 0; from < count; from += step) {
      batch.record(detail::samples(points, from, std::min(from + step, count)));
      const Tensor part = batch.distances_to_kinks();
      all.insert(all.end(), part.data<double>().begin(), part.data<double>().end());
    }
    return all;
  }

  // How many steps from here to there, extrapolated, the move is long.
  double steps_across(std::span<const double> here, std::span<const double> there, double further) {
    std::vector<double> met;
    for (std::size_t k = 0; k < here.size(); ++k) {
      const double steps = here[k] / (here[k] - there[k]);
      if (steps > 0.0 && std::isfinite(steps)) met.push_back(steps);
    }
    if (met.empty()) return 0.0;
    std::ranges::sort(met);
    std::size_t k = 0;
    while (k + 1 < met.size() && draws_.uniform(0.0, 1.0) < further) ++k;
    const double next = k + 1 < met.size() ? met[k + 1] : 2.0 * met[k];
    return met[k] + (next - met[k]) * (draws_.uniform(0.0, 1.0) < 0.5 ? 0.5 : draws_.log_uniform(1e-4, 0.5));
  }

  void propose(std::size_t c, Index p, std::vector<double>& rows) {
    const Chain& chain = chains_[c];
    const std::span<const double> uphill(uphill_.data() + c * n(), n()), leading(leading_.data() + c * n(), n());
    const double steepness = norm_of(uphill);
    std::vector<double> move(n());
    if (p < steps_along_gradient && steepness > 0.0 && std::isfinite(steepness)) {
      const double step = chain.step * step_factors[p];
      for (std::size_t i = 0; i < n(); ++i) move[i] = step * uphill[i] / steepness;
    } else if (p >= proposals - crossings && crosses()) {
      const auto q = static_cast<std::size_t>(p - (proposals - crossings));
      std::copy_n(crossing_.begin() + static_cast<Index>((q * chains_.size() + c) * n()), n_, move.begin());
    } else {
      const double distance = reach(chain) * draws_.log_uniform(1e-4, 2.0);
      const double kind = draws_.uniform(0.0, 1.0);
      if (kind < 0.2) {
        along(leading, distance * draws_.sign(), move);
      } else if (kind < 0.35 && n_ <= few_axes) {
        move[static_cast<std::size_t>(draws_.below(n_))] = distance * draws_.sign();
      } else if (kind < 0.5 && chains_.size() > 2) {  // along the difference of two chains
        const Chain& a = chains_[static_cast<std::size_t>(draws_.below(static_cast<Index>(chains_.size())))];
        const Chain& b = chains_[static_cast<std::size_t>(draws_.below(static_cast<Index>(chains_.size())))];
        const double factor = draws_.log_uniform(0.05, 1.5);
        for (std::size_t i = 0; i < n(); ++i) move[i] = factor * (a.x[i] - b.x[i]);
      } else {
        std::vector<double> random(n());
        for (double& e : random) e = draws_.normal();
        along(random, distance, move);
      }
    }
    for (std::size_t i = 0; i < n(); ++i) rows.push_back(chain.x[i] + move[i]);
  }

  static void along(std::span<const double> direction, double distance, std::vector<double>& move) {
    const double length = norm_of(direction);
    if (!(length > 0.0) || !std::isfinite(length)) return;
    for (std::size_t i = 0; i < move.size(); ++i) move[i] = distance * direction[i] / length;
  }

  // To the best of its proposals if that is no worse: on a plateau chains wander.
  void move(std::size_t c, const std::vector<double>& values, const std::vector<double>& rows) {
    Chain& chain = chains_[c];
    const std::size_t first = c * static_cast<std::size_t>(proposals);
    std::size_t best = first;
    for (std::size_t p = first; p < first + static_cast<std::size_t>(proposals); ++p)
      if (values[p] > values[best]) best = p;
    const bool gained = values[best] > chain.value * (1.0 + 1e-9);
    chain.idle = gained ? 0 : chain.idle + 1;
    const std::size_t which = best - first;
    if (gained && which < static_cast<std::size_t>(steps_along_gradient))
      chain.step *= step_factors[which];
    else
      chain.step *= 0.7;
    chain.step = std::clamp(chain.step, 1e-9 * reach(chain), reach(chain));
    if (!(values[best] >= chain.value * (1.0 - 1e-9))) return;
    chain.value = std::max(values[best], chain.value);
    std::copy_n(rows.begin() + static_cast<Index>(best) * n_, n_, chain.x.begin());
  }

  // Chains without improvement start anew, except for the best eighth.
  void replace_idle() {
    std::vector<double> values;
    for (const Chain& c : chains_) values.push_back(c.value);
    const std::size_t kept = std::max<std::size_t>(1, values.size() / 8);
    std::ranges::nth_element(values, values.begin() + static_cast<Index>(kept) - 1, std::greater<>());
    const double elite = values[kept - 1];
    for (Chain& c : chains_)
      if (c.idle > patience && c.value < elite) c = anew();
  }

  const AscentOptions& options_;
  detail::LowerSearch search_;
  detail::Draws draws_;
  DType dtype_;
  Index n_;
  double length_;
  Index budget_, used_ = 0;
  double least_ = 0.0;  // of the values at the starts
  int rounds_ = 0;
  bool curved_ = false;  // second derivatives that are not zero have been met
  std::vector<Chain> chains_;
  std::vector<double> leading_, uphill_;  // (chains, features)
  std::vector<double> crossing_;          // (crossings, chains, features)
};

}  // namespace

LowerResult ascent_lower_bound(const Function& f, const Tensor& sample, const AscentOptions& options) {
  detail::require_searchable(sample, options, ascent_name);
  if (options.chains < 1 || options.evaluations < 0)
    throw UsageError(cat("[ascent] at least one chain and no negative number of evaluations; got ", options.chains,
                         " and ", options.evaluations));
  return Ascent(f, sample, options).run();
}

}  // namespace taut
