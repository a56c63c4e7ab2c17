#include "lipschitz/norms/krylov.h"

#include <algorithm>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "autodiff/error.h"
#include "lipschitz/dense/lapack.h"

namespace taut::detail {
namespace {

constexpr Index part_length = 256;  // of an inner product that is added up in parts

}  // namespace

Tensor scaled_and_finite(Tensor x, int exponent) {
  const Index at = x.first_non_finite();
  if (at >= 0)
    throw NumericError(cat("[lanczos] the map must give finite values; entry ", at, " of an image of a unit vector is ",
                           x.at(at), "; look for NaN, infinity or overflow in the weights"));
  if (exponent != 0)
    for (double& e : x.mutable_data<double>()) e = std::ldexp(e, -exponent);
  return x;
}

double plain_norm(std::span<const double> x) { return cblas_dnrm2(static_cast<blasint>(x.size()), x.data(), 1); }

std::vector<std::vector<double>> random_units(Index n, int count, std::uint64_t seed) {
  boost::random::mt19937_64 random(seed);
  boost::random::normal_distribution<double> normal;
  std::vector<std::vector<double>> units(static_cast<std::size_t>(count));
  for (std::vector<double>& v : units) {
    v.resize(static_cast<std::size_t>(n));
    for (double& e : v) e = normal(random);
    const double length = plain_norm(v);
    for (double& e : v) e /= length;
  }
  return units;
}
std::vector<double> random_unit(Index n, std::uint64_t seed) { return random_units(n, 1, seed).front(); }

bool gram_of_rows(const LinearMap& map) { return map.out_shape().size() < map.in_shape().size(); }
const Shape& gram_shape(const LinearMap& map) { return gram_of_rows(map) ? map.out_shape() : map.in_shape(); }

Tensor across(const LinearMap& map, const double* v, int exponent) {
  Tensor x = Tensor::uninitialised(gram_shape(map), DType::f64);
  std::copy_n(v, x.size(), x.mutable_data<double>().begin());
  return scaled_and_finite(gram_of_rows(map) ? map.apply_transpose(x) : map.apply(x), exponent);
}

Tensor back(const LinearMap& map, const Tensor& y, int exponent) {
  return scaled_and_finite(gram_of_rows(map) ? map.apply(y) : map.apply_transpose(y), exponent);
}

Tensor gram_of_each(const LinearMap& map, std::span<const double> vectors, Index count, int exponent) {
  Tensor x = Tensor::uninitialised({count, gram_shape(map).size()}, DType::f64);
  std::ranges::copy(vectors, x.mutable_data<double>().begin());
  const bool rows = gram_of_rows(map);
  const Tensor y = scaled_and_finite(rows ? map.apply_transpose_each(x) : map.apply_each(x), exponent);
  return scaled_and_finite(rows ? map.apply_each(y) : map.apply_transpose_each(y), exponent);
}

Krylov::Krylov(const LinearMap& map, int exponent, std::vector<double> start)
    : map_(&map), exponent_(exponent), size_(gram_shape(map).size()), basis_(std::move(start)) {}

std::span<const double> Krylov::last() const {
  return std::span(basis_).subspan(static_cast<std::size_t>(steps() * size_), static_cast<std::size_t>(size_));
}

bool Krylov::extend() { return extend({this, 1}); }

bool Krylov::extend(std::span<Krylov> spaces) {
  std::vector<double> vectors;
  Index count = 0;
  for (const Krylov& space : spaces) {
    if (space.invariant_) continue;
    ++count;
    vectors.insert(vectors.end(), space.last().begin(), space.last().end());
  }
  if (count == 0) return false;
  const Tensor images = gram_of_each(*spaces.front().map_, vectors, count, spaces.front().exponent_);
  const double* image = images.data<double>().data();
  bool any = false;
  for (Krylov& space : spaces) {
    if (space.invariant_) continue;
    space.absorb({image, image + space.size_});
    image += space.size_;
    any = any || !space.invariant_;
  }
  return any;
}

void Krylov::absorb(std::vector<double> w) {
  const int j = steps();
  const auto n = static_cast<blasint>(size_);
  std::vector<double> total(static_cast<std::size_t>(j + 1), 0.0), part(total.size());
  for (int pass = 0; pass < 2; ++pass) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, j + 1, n, 1.0, basis_.data(), n, w.data(), 1, 0.0, part.data(), 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, j + 1, n, -1.0, basis_.data(), n, part.data(), 1, 1.0, w.data(), 1);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += part[i];
  }
  alpha_.push_back(total.back());
  total.pop_back();
  if (j > 0) total.back() -= beta_.back();
  dropped_ = std::hypot(dropped_, plain_norm(total));
  const double beta = plain_norm(w);
  beta_.push_back(beta);
  constexpr double rounding = 1e-13;  // relative to M
  invariant_ = j + 1 >= size_ || !(beta > rounding * *std::ranges::max_element(alpha_));
  if (invariant_) return;
  for (double& e : w) e /= beta;
  basis_.insert(basis_.end(), w.begin(), w.end());
}

Index Krylov::roundings_of_orthogonality(Index size) { return std::min(size, part_length) + size / part_length + 2; }

double Krylov::loss_of_orthogonality() const {
  const auto rows = static_cast<blasint>(basis_.size() / static_cast<std::size_t>(size_)),
             n = static_cast<blasint>(size_);
  std::vector<double> g(static_cast<std::size_t>(rows) * static_cast<std::size_t>(rows)), part(g.size());
  for (blasint i = 0; i < rows; ++i) g[static_cast<std::size_t>(i) * static_cast<std::size_t>(rows + 1)] = -1.0;
  for (Index from = 0; from < size_; from += part_length) {
    const auto length = static_cast<blasint>(std::min(part_length, size_ - from));
    const double* const columns = basis_.data() + from;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, rows, length, 1.0, columns, n, columns, n, 0.0,
                part.data(), rows);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] += part[i];
  }
  return plain_norm(g);
}

double Krylov::ritz_value() const {
  std::vector<double> d = alpha_, e = beta_;
  const lapack_int info = LAPACKE_dsterf(steps(), d.data(), e.data());
  if (info != 0) throw NumericError(cat("[lanczos] LAPACK dsterf did not converge on a matrix of order ", steps()));
  return d.back();
}

double Krylov::ritz(std::vector<double>& vector) const {
  const lapack_int k = steps();
  std::vector<double> d = alpha_, e = beta_, z(static_cast<std::size_t>(k) * static_cast<std::size_t>(k));
  const lapack_int info = LAPACKE_dstevd(LAPACK_COL_MAJOR, 'V', k, d.data(), e.data(), z.data(), k);
  if (info != 0) throw NumericError(cat("[lanczos] LAPACK dstevd did not converge on a matrix of order ", k));
  const double* const top = z.data() + (k - 1) * k;
  vector.assign(static_cast<std::size_t>(size_), 0.0);
  cblas_dgemv(CblasRowMajor, CblasTrans, k, static_cast<blasint>(size_), 1.0, basis_.data(),
              static_cast<blasint>(size_), top, 1, 0.0, vector.data(), 1);
  return d.back();
}

}  // namespace taut::detail
