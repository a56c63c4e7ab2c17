// Linear maps of every structure, each beside its matrix, which is written down from the definition of the structure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autodiff/linear_map.h"
#include "harness/random.h"

namespace taut::test {

std::shared_ptr<const std::vector<Index>> list(std::vector<Index> indices);  // as selections want it

struct Matrix {
  Index rows = 0, columns = 0;
  std::vector<double> entries;

  Matrix(Index m, Index n) : rows(m), columns(n), entries(static_cast<std::size_t>(m * n), 0.0) {}
  double& at(Index i, Index j) { return entries[static_cast<std::size_t>(i * columns + j)]; }
  double at(Index i, Index j) const { return entries[static_cast<std::size_t>(i * columns + j)]; }
};

Matrix transposed(const Matrix& a);
Matrix product(const Matrix& a, const Matrix& b);
Matrix matrix_of(const Tensor& entries);  // of a tensor of rank 2

struct SampleMap {
  std::string name;
  LinearMap map;
  Matrix matrix;
  bool single = true;  // each entry is one weight, so that absolute() gives the absolute values themselves
};

// Where weights come from: multiples of 1/4 up to 2 (sums and products of a few dozen are exact) or any reals, as f32
// or f64.
enum class Weights { dyadic, real };
Tensor random_weights(harness::Random& random, const Shape& shape, Weights weights, DType dtype);

// Maps without parts: dense, along an axis, scale, diagonal, selection, gathering, convolutions of many kinds.
std::vector<SampleMap> atoms(harness::Random& random, Weights weights, DType dtype);
// Atoms, and rows, columns, sums, compositions and nests of them.
std::vector<SampleMap> all_maps(harness::Random& random, Weights weights, DType dtype);

SampleMap convolution_sample(const structure::Convolution& convolution);

}  // namespace taut::test
