#include <algorithm>
#include <cmath>

#include "autodiff/blas.h"
#include "autodiff/error.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/norms/krylov.h"
#include "lipschitz/norms/matrix_form.h"
#include "lipschitz/triples.h"

namespace taut {
namespace {

using Vectors = std::vector<double>;  // one vector per row

constexpr Index most_numbers = Index{1} << 27;  // of a basis and its image: 1 GiB

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

  Index rows() const { return as_index(basis_.size()) / size_; }

  // Adds what of the vectors is orthogonal to the basis and not rounding, as an orthonormal block. Returns its size.
  Index add(Vectors block) {
    const double before = detail::plain_norm(block);
    remove_basis(block);
    remove_basis(block);
    orthonormalise(block, 1e-13 * before);
    // Once more for what was small: then rounding has been scaled up with it.
    remove_basis(block);
    orthonormalise(block, 0.5);
    const Index count = as_index(block.size()) / size_;
    if (count == 0) return 0;
    const Tensor image = applied(block, count, true);
    basis_.insert(basis_.end(), block.begin(), block.end());
    image_.insert(image_.end(), image.data<double>().begin(), image.data<double>().end());
    return count;
  }

  // M times the last `count` basis vectors.
  Vectors gram_of_last(Index count) const {
    return carried_back({image_.end() - count * image_size_, image_.end()}, count);
  }
  Vectors carried_back(const Vectors& images, Index count) const {
    const Tensor v = applied(images, count, false);
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
    // Coefficients of vector i: row i of the column-major Pᵀ, column i of the same numbers by rows.
    kernels::gemm(true, false, count, size_, Index{k}, 1.0, p.data(), Index{k}, basis_.data(), size_, 0.0,
                  result.inner.data(), size_);
    return result;
  }

 private:
  Tensor applied(const Vectors& vectors, Index count, bool to_image) const {
    const bool forward = detail::gram_of_rows(map_) != to_image;
    Tensor x = Tensor::uninitialised({count, to_image ? size_ : image_size_}, DType::f64);
    std::ranges::copy(vectors, x.mutable_data<double>().begin());
    return detail::scaled_and_finite(forward ? map_.apply_each(x) : map_.apply_transpose_each(x), exponent_);
  }

  void remove_basis(Vectors& block) const {
    const Index k = rows(), count = as_index(block.size()) / size_;
    if (k == 0 || count == 0) return;
    Vectors part(static_cast<std::size_t>(count * k));
    kernels::gemm(false, true, count, k, size_, 1.0, block.data(), size_, basis_.data(), size_, 0.0, part.data(), k);
    kernels::gemm(false, false, count, size_, k, -1.0, part.data(), k, basis_.data(), size_, 1.0, block.data(), size_);
  }

  // By a QR factorisation with pivoting; what is not longer than `least` is left out.
  void orthonormalise(Vectors& block, double least) const {
    const auto n = static_cast<lapack_int>(size_), count = static_cast<lapack_int>(as_index(block.size()) / size_);
    const lapack_int most = std::min(n, count);
    if (count == 0) return;
    std::vector<lapack_int> pivots(static_cast<std::size_t>(count), 0);
    Vectors reflectors(static_cast<std::size_t>(most));
    if (LAPACKE_dgeqp3(LAPACK_COL_MAJOR, n, count, block.data(), n, pivots.data(), reflectors.data()) != 0)
      throw NumericError(cat("[singular triples] LAPACK dgeqp3 failed on a matrix ", n, " x ", count));
    lapack_int rank = 0;
    while (rank < most && std::fabs(block[static_cast<std::size_t>(rank) * static_cast<std::size_t>(n + 1)]) > least)
      ++rank;
    if (rank > 0 && LAPACKE_dorgqr(LAPACK_COL_MAJOR, n, rank, rank, block.data(), n, reflectors.data()) != 0)
      throw NumericError(cat("[singular triples] LAPACK dorgqr failed on a matrix ", n, " x ", rank));
    block.resize(static_cast<std::size_t>(rank) * static_cast<std::size_t>(n));
  }

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
  const Index image_size = std::max(map.in_shape().size(), map.out_shape().size());
  const Index block = std::min(n, k + 4);
  const Index in_memory = most_numbers / (n + image_size);
  const Index longest = std::min(n, std::max(2 * block, std::min(std::max(8 * block, block + 100), in_memory)));
  const bool of_rows = detail::gram_of_rows(map);

  Vectors starts;
  for (const Vectors& v : detail::random_units(n, static_cast<int>(block), options.budget.seed))
    starts.insert(starts.end(), v.begin(), v.end());
  const int exponent = exponent_of(map, row(starts, 0, n));
  std::vector<Triple> triples;
  for (int cycle = 0; cycle < options.max_cycles; ++cycle) {
    BlockKrylov space(map, exponent);
    for (Index added = space.add(starts); added > 0 && space.rows() < longest && !options.budget.expired();) {
      Vectors next = space.gram_of_last(added);
      next.resize(static_cast<std::size_t>(std::min(added, longest - space.rows()) * n));
      added = space.add(std::move(next));
    }
    // A space that became invariant early, as of a map of low rank, is filled up so that there are k vectors.
    for (std::uint64_t i = 0; space.rows() < block; ++i)
      space.add(detail::random_unit(n, options.budget.seed + 1000 + i));
    const auto found = space.ritz(block);
    triples.clear();
    double worst = 0.0;
    Vectors residuals = space.carried_back({found.outer.begin(), found.outer.begin() + k * image_size}, k);
    for (Index i = 0; i < k; ++i) {
      const double sigma = found.sigma[static_cast<std::size_t>(i)];
      const double* const inner = found.inner.data() + i * n;
      const double* const outer = found.outer.data() + i * image_size;
      double* const residual = residuals.data() + i * n;
      for (Index j = 0; j < n; ++j) residual[j] -= sigma * inner[j];
      const double length = detail::plain_norm({residual, static_cast<std::size_t>(n)});
      worst = std::max(worst, length);
      triples.push_back({std::ldexp(sigma, exponent), as_tensor(of_rows ? inner : outer, map.out_shape()),
                         as_tensor(of_rows ? outer : inner, map.in_shape()), std::ldexp(length, exponent)});
    }
    options.budget.report("singular triples", static_cast<double>(cycle + 1) / options.max_cycles);
    if (worst <= options.tolerance * found.sigma.front() || space.rows() >= n || options.budget.expired()) break;
    starts = found.inner;
  }
  return triples;
}

}  // namespace taut
