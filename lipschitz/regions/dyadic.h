// Exact sums and products of doubles: m · 2^e with a whole number m of any length. For the few decisions that rounded
// arithmetic leaves open. Internal to lipschitz.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <vector>

#include "autodiff/linear_map.h"

namespace taut::detail {

class Dyadic {
 public:
  Dyadic() = default;         // 0
  explicit Dyadic(double x);  // x is finite

  int sign() const { return mantissa_.sign(); }
  bool is_zero() const { return mantissa_.is_zero(); }

  Dyadic& operator+=(const Dyadic& other);
  friend Dyadic operator+(Dyadic a, const Dyadic& b) { return a += b; }
  friend Dyadic operator-(Dyadic a) {
    a.mantissa_ = -a.mantissa_;
    return a;
  }
  friend Dyadic operator-(const Dyadic& a, const Dyadic& b) { return a + -b; }
  friend Dyadic operator*(const Dyadic& a, const Dyadic& b);

  // A double within `radius` of x · 2^-shift; radius 0 when it is that number. Infinite beyond all doubles.
  struct Rounded {
    double value = 0.0, radius = 0.0;
  };
  Rounded rounded(int shift) const;

 private:
  boost::multiprecision::cpp_int mantissa_;
  std::int64_t exponent_ = 0;
};

// The matrix of a map without rounding: for every row the entries that are not 0.
struct ExactMatrix {
  struct Entry {
    Index column;
    Dyadic value;
  };
  Index rows = 0, columns = 0;
  std::vector<std::vector<Entry>> entries;
};

// Of any map whose leaves have entries; UnsupportedError for others.
ExactMatrix exact_matrix(const LinearMap& map);

}  // namespace taut::detail
