// Random numbers of searches and starting vectors. Internal to lipschitz.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cmath>

#include "autodiff/shape.h"

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

}  // namespace taut::detail
