#include "harness/random.h"

#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <cmath>

#include "harness/options.h"

namespace taut::harness {
namespace {

// FNV-1a: std::hash differs between standard libraries.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

}  // namespace

Random::Random(std::string_view name) : engine_(options().seed ^ hash(name)) {}

double Random::uniform(double lo, double hi) {
  if (!(lo < hi)) return lo;
  return boost::random::uniform_real_distribution<double>(lo, hi)(engine_);
}

Index Random::integer(Index lo, Index hi) { return boost::random::uniform_int_distribution<Index>(lo, hi)(engine_); }

double Random::any_scale(double low_exponent, double high_exponent) {
  return sign() * std::pow(10.0, uniform(low_exponent, high_exponent));
}

Tensor Random::tensor(const Shape& shape, const Interval& domain) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  for (double& x : t.mutable_data<double>()) x = uniform(domain.lo, domain.hi);
  return t;
}

}  // namespace taut::harness
