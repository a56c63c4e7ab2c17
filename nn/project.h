// Weights brought back to a norm after each update: projected gradient descent.
#pragma once

#include <span>
#include <vector>

#include "autodiff/norm.h"
#include "nn/parameter.h"

#pragma GCC visibility push(default)

namespace taut::nn {

enum class L2Projection : std::uint8_t {
  clip,     // singular values above the limit become the limit: the Euclidean projection, by LAPACK's SVD
  rescale,  // the whole matrix is divided: cheaper, and every singular value shrinks
};

// Changes a matrix (out, in) such that its certified norm is at most the limit: nothing when it is already, else to the
// nearest matrix in the Euclidean norm, up to rounding down. l2 as above; linf: every row onto the l1 ball of this
// radius [Duchi2008]; l1: every column. ShapeError for what is no matrix: the norm of a convolution is not that of its
// kernel, SpectralConv2d and AolConv2d constrain it. DomainError unless the limit is finite and above 0; NumericError
// for weights that are not finite.
void project_norm(Parameter& parameter, Norm norm, double limit, L2Projection l2 = L2Projection::clip);

// The nearest vector with Σ |x_i| ≤ radius, in f64, in place [Duchi2008].
void project_l1_ball(std::span<double> x, double radius);

// Projections to be done together, behind every update of an optimiser: projection(). Parameters must outlive it and
// stay where they are.
class NormProjection {
 public:
  void add(Parameter& parameter, Norm norm, double limit, L2Projection l2 = L2Projection::clip);
  void operator()() const;

 private:
  struct Entry {
    Parameter* parameter;
    Norm norm;
    double limit;
    L2Projection l2;
  };
  std::vector<Entry> entries_;
};

}  // namespace taut::nn

#pragma GCC visibility pop
