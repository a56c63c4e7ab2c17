#include "nn/random.h"

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

namespace taut::nn {
namespace {

// A bijection of 64-bit words in which every input bit moves every output bit: the finaliser of SplitMix64
// [Steele2014]. Neighbouring seeds and streams start far apart.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

template <class Draw>
void fill(Tensor& tensor, Draw&& draw) {
  dispatch(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& x : tensor.mutable_data<T>()) x = static_cast<T>(draw());
  });
}

}  // namespace

Random::Random(std::uint64_t seed, std::uint64_t stream) : engine_(mixed(mixed(seed) + stream)) {}

double Random::uniform(double lo, double hi) {
  return lo < hi ? boost::random::uniform_real_distribution<double>(lo, hi)(engine_) : lo;
}

double Random::normal() { return boost::random::normal_distribution<double>()(engine_); }

Index Random::below(Index n) { return boost::random::uniform_int_distribution<Index>(0, n - 1)(engine_); }

void fill_uniform(Tensor& tensor, double lo, double hi, Random& random) {
  fill(tensor, [&] { return random.uniform(lo, hi); });
}

void fill_normal(Tensor& tensor, double mean, double deviation, Random& random) {
  fill(tensor, [&] { return mean + deviation * random.normal(); });
}

}  // namespace taut::nn
