// Random numbers of the tests: one generator per case, seeded by the run's seed and the case's name, so that a case
// gives the same numbers whether it runs alone or among others, on every platform.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <string_view>
#include <vector>

#include "autodiff/outward.h"
#include "autodiff/tensor.h"

#pragma GCC visibility push(default)

namespace taut::harness {

class Random {
 public:
  explicit Random(std::string_view name);

  double uniform(double lo, double hi);  // [lo, hi]
  Index integer(Index lo, Index hi);     // both ends included
  bool coin() { return integer(0, 1) == 1; }
  double sign() { return coin() ? 1.0 : -1.0; }
  // Magnitude spread evenly over the exponents of 10^low_exponent to 10^high_exponent, either sign.
  double any_scale(double low_exponent, double high_exponent);
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(integer(0, static_cast<Index>(from.size()) - 1))];
  }

  Tensor tensor(const Shape& shape, const Interval& domain = {-1.0, 1.0});  // f64, uniform

 private:
  boost::random::mt19937_64 engine_;
};

}  // namespace taut::harness

#pragma GCC visibility pop
