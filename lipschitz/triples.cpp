#include "lipschitz/triples.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/krylov.h"
#include "lipschitz/matrix_form.h"

namespace taut {
namespace {

using Vectors = std::vector<double>;  // one vector per row

Index as_index(std::size_t n) { return static_cast<Index>(n); }

// An orthonormal basis of a block Krylov space on the smaller side of a map, with its image on the larger one. All of
// the map times 2^-exponent.
class BlockKrylov {
 public:
  BlockKrylov(const LinearMap& map, int exponent)
      : map_(map),
        exponent_(exponent),
        size_(detail::gram_shape(map).size()),
        image_size_(std::max(map.in_shape().size(), map.out_shape().size())) {}

  Index size() const { return size_; }
  Index rows() const { return as_index(basis_.size()) / size_; }

  // Adds the part of v that is orthogonal to the basis. False, and nothing, when that is rounding.
  bool add(Vectors v) {
    const auto n = static_cast<blasint>(size_), k = static_cast<blasint>(rows());
    const double before = detail::plain_norm(v);
    Vectors part(static_cast<std::size_t>(k));
    for (int pass = 0; pass < 3 && k > 0; ++pass) {
      cblas_dgemv(CblasRowMajor, CblasNoTrans, k, n, 1.0, basis_.data(), n, v.data(), 1, 0.0, part.data(), 1);
      cblas_dgemv(CblasRowMajor, CblasTrans, k, n, -1.0, basis_.data(), n, part.data(), 1, 1.0, v.data(), 1);
    }
    const double length = detail::plain_norm(v);
    if (k >= n || !(length > 1e-13 * before)) return false;
    for (double& e : v) e /= length;
    basis_.insert(basis_.end(), v.begin(), v.end());
    const Tensor y = detail::across(map_, v.data(), exponent_);
    image_.insert(image_.end(), y.data<double>().begin(), y.data<double>().end());
    return true;
  }

  // M times a basis vector.
  Vectors gram(Index row) const { return carried_back(image_.data() + row * image_size_); }
  Vectors carried_back(const double* y) const {
    Tensor image = Tensor::uninitialised(detail::gram_of_rows(map_) ? map_.in_shape() : map_.out_shape(), DType::f64);
    std::copy_n(y, image_size_, image.mutable_data<double>().begin());
    const Tensor v = detail::back(map_, image, exponent_);
    return {v.data<double>().begin(), v.data<double>().end()};
  }

  // Singular values and vectors of the map restricted to the space: image = Σ σ_i (V p_i) w_i.
  struct Ritz {
    Vectors sigma, inner, outer;  // inner on the smaller side, outer on the larger
  };
  Ritz ritz(Index count) const {
    const auto k = static_cast<lapack_int>(rows()), m = static_cast<lapack_int>(image_size_);
    Vectors image = image_, w(image_.size()), p(static_cast<std::size_t>(k) * static_cast<std::size_t>(k));
    Ritz result;
    result.sigma.resize(static_cast<std::size_t>(k));
    // Row-major k × m is column-major m × k: W S Pᵀ.
    if (LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', m, k, image.data(), m, result.sigma.data(), w.data(), m, p.data(), k) !=
        0)
      throw NumericError(cat("[singular triples] LAPACK dgesdd did not converge on a matrix ", m, " x ", k));
    result.outer.assign(w.begin(), w.begin() + count * image_size_);
    result.inner.resize(static_cast<std::size_t>(count * size_));
    for (Index i = 0; i < count; ++i)  // coefficients of vector i: row i of the column-major Pᵀ
      cblas_dgemv(CblasRowMajor, CblasTrans, k, static_cast<blasint>(size_), 1.0, basis_.data(),
                  static_cast<blasint>(size_), p.data() + i, k, 0.0, result.inner.data() + i * size_, 1);
    return result;
  }

 private:
  const LinearMap& map_;
  int exponent_;
  Index size_, image_size_;
  Vectors basis_, image_;
};

Tensor as_tensor(const double* x, const Shape& shape) {
  Tensor t = Tensor::uninitialised(shape, DType::f64);
  std::copy_n(x, shape.size(), t.mutable_data<double>().begin());
  return t;
}

Vectors row(const Vectors& all, Index i, Index size) { return {all.begin() + i * size, all.begin() + (i + 1) * size}; }

int exponent_of(const LinearMap& map, const Vectors& start) {
  double largest = 0.0;
  const Tensor image = detail::across(map, start.data(), 0);
  for (const double e : image.data<double>()) largest = std::max(largest, std::fabs(e));
  return largest > 0.0 ? std::ilogb(largest) : 0;
}

}  // namespace

std::vector<Triple> leading_singular_triples(const LinearMap& map, Index k, const TripleOptions& options) {
  const Index n = std::min(map.in_shape().size(), map.out_shape().size());
  if (k < 1 || k > n)
    throw UsageError(cat("[singular triples] 1 <= k <= min(m, n) is needed; got k = ", k, " for a map from ",
                         map.in_shape(), " to ", map.out_shape(), "; ask for fewer"));
  detail::for_each_leaf(map, detail::require_finite_leaf);
  const Index block = std::min(n, k + 4), longest = std::min(n, std::max(8 * block, block + 100));
  const Index image_size = std::max(map.in_shape().size(), map.out_shape().size());
  const bool of_rows = detail::gram_of_rows(map);

  Vectors starts;
  for (const Vectors& v : detail::random_units(n, static_cast<int>(block), options.seed))
    starts.insert(starts.end(), v.begin(), v.end());
  const int exponent = exponent_of(map, row(starts, 0, n));
  std::vector<Triple> triples;
  for (int cycle = 0; cycle < options.max_cycles; ++cycle) {
    BlockKrylov space(map, exponent);
    for (Index i = 0; i < block; ++i) space.add(row(starts, i, n));
    for (Index next = 0; next < space.rows() && space.rows() < longest && !options.expired(); ++next)
      space.add(space.gram(next));
    // A space that became invariant early, as of a map of low rank, is filled up so that there are k vectors.
    for (std::uint64_t i = 0; space.rows() < block; ++i) space.add(detail::random_unit(n, options.seed + 1000 + i));
    const auto found = space.ritz(block);
    triples.clear();
    double worst = 0.0;
    for (Index i = 0; i < k; ++i) {
      const double sigma = found.sigma[static_cast<std::size_t>(i)];
      Vectors residual = space.carried_back(found.outer.data() + i * image_size);
      for (Index j = 0; j < n; ++j)
        residual[static_cast<std::size_t>(j)] -= sigma * found.inner[static_cast<std::size_t>(i * n + j)];
      const double length = detail::plain_norm(residual);
      worst = std::max(worst, length);
      const double* const inner = found.inner.data() + i * n;
      const double* const outer = found.outer.data() + i * image_size;
      triples.push_back({std::ldexp(sigma, exponent), as_tensor(of_rows ? inner : outer, map.out_shape()),
                         as_tensor(of_rows ? outer : inner, map.in_shape()), std::ldexp(length, exponent)});
    }
    options.report("singular triples", static_cast<double>(cycle + 1) / options.max_cycles);
    if (worst <= options.tolerance * found.sigma.front() || space.rows() >= n || options.expired()) break;
    starts = found.inner;
  }
  return triples;
}

}  // namespace taut
