// Random maps and slow, plain oracles for the tests of lipschitz.
#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <complex>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "autodiff/linear_map.h"

namespace taut::testing {

// `base` iterations times TAUT_TEST_SCALE, at least one.
int iterations(int base);

// Of a stop that has been requested already.
std::stop_token stopped();

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  double uniform(double lo, double hi);
  double normal();
  Index integer(Index lo, Index hi);  // both ends included
  bool coin() { return integer(0, 1) == 1; }
  Tensor normals(const Shape& shape, DType dtype = DType::f64);

 private:
  boost::random::mt19937_64 engine_;
};

// Matrices on which norms are hard to get right.
Tensor scaled(const Tensor& a, double factor);
Tensor low_rank(Random& random, Index m, Index n, Index rank);
Tensor hilbert(Index n);
Tensor graded(Random& random, Index m, Index n, double decades);  // entries fall off from one corner to the other
Tensor rotation(Random& random, Index n);  // spectrum clustered at 1: a rotation in every pair of axes

// Any geometry that conv2d accepts, sizes up to about 8; square or not, with strides, dilations, groups, even kernels,
// asymmetric padding up to more than the kernel's span, transposed or not. Circular when asked for.
LinearMap random_convolution(Random& random, bool circular = false);

// By Eigen in long double, for `Wide` long double and std::complex<long double>; matrices by rows.
template <class Wide>
std::vector<long double> singular_values_of(const std::vector<Wide>& matrix, Index rows, Index columns);  // falling
template <class Wide>
long double least_eigenvalue_of(const std::vector<Wide>& hermitian, Index n);

// Largest singular value of a matrix by Eigen's Jacobi SVD in long double.
long double spectral_norm(const Tensor& matrix);
// The same of larger matrices between bounds: from LAPACK's singular value decomposition, whose residuals are computed
// in long double and counted (their own rounding, below 1e-15 of them, is not).
struct Interval80 {
  long double lo, hi;
};
Interval80 spectral_norm_by_lapack(const Tensor& matrix);
// Largest absolute column (l1) or row (linf) sum, in long double.
long double sum_norm(const Tensor& matrix, bool rows);

}  // namespace taut::testing
