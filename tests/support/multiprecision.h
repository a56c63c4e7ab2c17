// A number of MPFR with as many bits as exact sums and products of doubles need.
#pragma once

#include <mpfr.h>

namespace taut::test {

class Exact {
 public:
  static constexpr mpfr_prec_t bits = 2400;  // more than the distance from the largest double to the smallest

  explicit Exact(double x = 0, mpfr_prec_t precision = bits) {
    mpfr_init2(value_, precision);
    mpfr_set_d(value_, x, MPFR_RNDN);
  }
  ~Exact() { mpfr_clear(value_); }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;

  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }
  int compare(double x) const { return mpfr_cmp_d(value_, x); }  // the sign of value − x
  double nearest() const { return mpfr_get_d(value_, MPFR_RNDN); }

 private:
  mpfr_t value_;
};

}  // namespace taut::test
