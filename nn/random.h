// Random numbers of nn: initial weights, shuffling, starting vectors. Boost's distributions, because those of the
// standard library differ between platforms.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <cstdint>

#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::nn {

class Random {
 public:
  // Different streams of one seed are independent: weights, the order of epoch 3, …
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0);

  double uniform(double lo, double hi);  // [lo, hi)
  double normal();                       // mean 0, variance 1
  Index below(Index n);                  // 0 … n − 1, n ≥ 1

 private:
  boost::random::mt19937_64 engine_;
};

// Fills a tensor with independent draws.
void fill_uniform(Tensor& tensor, double lo, double hi, Random& random);
void fill_normal(Tensor& tensor, double mean, double deviation, Random& random);

}  // namespace taut::nn

#pragma GCC visibility pop
