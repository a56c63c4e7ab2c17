// Where searches start. Internal to lipschitz.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <vector>

#include "lipschitz/lower/candidates.h"
#include "lipschitz/search.h"

namespace taut::detail {

// Random numbers of one search.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : engine_(seed) {}
  double normal() { return normal_(engine_); }
  double uniform(double lo, double hi) { return boost::random::uniform_real_distribution<double>(lo, hi)(engine_); }
  Index below(Index n) { return static_cast<Index>(uniform(0.0, 1.0) * static_cast<double>(n)) % n; }
  double sign() { return uniform(0.0, 1.0) < 0.5 ? -1.0 : 1.0; }
  double log_uniform(double lo, double hi) { return std::exp(uniform(std::log(lo), std::log(hi))); }

 private:
  boost::random::mt19937_64 engine_;
  boost::random::normal_distribution<double> normal_;
};

// UsageError unless `sample` is (1, …), starts are points of its shape and dtype, and all are usable.
void require_searchable(const Tensor& sample, const SearchOptions& options, std::string_view method);

// Rows of numbers of points drawn to start from: normal with this deviation, or uniform in a box.
void draw_start(const Domain& domain, Index features, double deviation, Draws& draws, std::vector<double>& rows);

// A length of the order of the points: half the longest side of a box, the largest norm per entry of given starts,
// or 1.
double typical_length(const Domain& domain, const Tensor& starts);

}  // namespace taut::detail
