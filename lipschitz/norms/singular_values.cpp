#include "lipschitz/singular_values.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <optional>

#include "autodiff/error.h"
#include "lipschitz/convolution/fft.h"
#include "lipschitz/convolution/geometry.h"
#include "lipschitz/convolution/symbols.h"
#include "lipschitz/dense/lapack.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut {
namespace {

using Complex = std::complex<double>;

constexpr double most_entries = 8.4e6;
constexpr const char* backward_stable = "absolute error of a few times min(m, n) u times the largest";

lapack_int svd(lapack_int m, lapack_int n, double* a, double* values) {
  double none = 0.0;
  return LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', m, n, a, m, values, &none, 1, &none, 1);
}
lapack_int svd(lapack_int m, lapack_int n, Complex* a, double* values) {
  Complex none = 0.0;
  return LAPACKE_zgesdd(LAPACK_COL_MAJOR, 'N', m, n, a, m, values, &none, 1, &none, 1);
}

// Of a row-major matrix, which is overwritten; LAPACK sees the transpose.
template <class T>
std::vector<double> values_of(T* a, Index rows, Index columns) {
  std::vector<double> values(static_cast<std::size_t>(std::min(rows, columns)));
  if (values.empty()) return values;
  if (svd(static_cast<lapack_int>(columns), static_cast<lapack_int>(rows), a, values.data()) != 0)
    throw NumericError(cat("[singular_values] LAPACK did not converge on a matrix ", rows, " x ", columns));
  return values;
}

void require_time(double operations, const Budget& budget) {
  if (!budget.affords(operations))
    throw UnsupportedError(cat("[singular_values] about ", operations,
                               " operations are needed, more than the deadline allows; give more time, or take "
                               "operator_norm() or leading_singular_triples()"));
}

SingularValues exact(std::vector<double> values, Index count, const char* method) {
  std::ranges::sort(values, std::greater<>());
  values.resize(static_cast<std::size_t>(count), 0.0);
  return {std::move(values), method, "roots are correctly rounded, other values exact"};
}

SingularValues of_dense(const Tensor& weight, Index copies, const Budget& budget) {
  const double m = static_cast<double>(weight.shape()[0]), n = static_cast<double>(weight.shape()[1]);
  require_time(4.0 * m * n * std::min(m, n), budget);
  Tensor wide = weight.to(DType::f64).copy();
  const std::vector<double> distinct =
      values_of(wide.mutable_data<double>().data(), weight.shape()[0], weight.shape()[1]);
  SingularValues result{{}, "LAPACK dgesdd", backward_stable};
  for (const double value : distinct)
    result.values.insert(result.values.end(), static_cast<std::size_t>(copies), value);
  return result;
}

std::vector<double> root_counts(const std::vector<Index>& indices, Index size) {
  std::vector<double> counts(static_cast<std::size_t>(size), 0.0);
  for (const Index i : indices)
    if (i >= 0) counts[static_cast<std::size_t>(i)] += 1.0;
  for (double& count : counts) count = std::sqrt(count);
  return counts;
}

// Does the convolution consist of all shifts of one circular window, so that symbols block-diagonalise it?
bool is_circulant(const structure::Convolution& c) {
  return c.boundary == Boundary::circular && c.options.stride == std::array<Index, 2>{1, 1} &&
         c.image[1] == c.result[1] && c.image[2] == c.result[2];
}

// The symbols of one group at every frequency of the half plane, one behind the other.
memory::Buffer<Complex> symbols_by_fft(const structure::Convolution& c, Index group) {
  const Index ny = c.image[1], nx = c.image[2], frequencies = ny * (nx / 2 + 1);
  const Index taps_y = c.kernel.shape()[2], taps_x = c.kernel.shape()[3];
  const Index entries = c.kernel.shape()[0] / c.options.groups * c.kernel.shape()[1];
  memory::Buffer<Complex> symbols(static_cast<std::size_t>(frequencies * entries));
  for (Index e = 0; e < entries; ++e) {
    std::vector<double> plane(static_cast<std::size_t>(ny * nx), 0.0);
    for (Index y = 0; y < taps_y; ++y)
      for (Index x = 0; x < taps_x; ++x) {
        const Index at = c.options.dilation[0] * y % ny * nx + c.options.dilation[1] * x % nx;
        plane[static_cast<std::size_t>(at)] += c.kernel.at(((group * entries + e) * taps_y + y) * taps_x + x);
      }
    const std::vector<Complex> transform = detail::real_transform(plane, ny, nx);
    for (Index f = 0; f < frequencies; ++f)
      symbols[static_cast<std::size_t>(f * entries + e)] = transform[static_cast<std::size_t>(f)];
  }
  return symbols;
}

// The roots of the eigenvalues of B Bᴴ or Bᴴ B, where they are as accurate as singular values from B: an error of u σ₁²
// in an eigenvalue is one of u σ₁² / 2σ in σ, at most 4 n u σ₁ as long as σ ≥ σ₁ / 8n. Nothing otherwise.
class GramValues {
 public:
  GramValues(Index rows, Index columns)
      : rows_(static_cast<blasint>(rows)), columns_(static_cast<blasint>(columns)), n_(std::min(rows_, columns_)) {
    const auto n = static_cast<std::size_t>(n_);
    gram_.resize(n * n);
    diagonal_.resize(n);
    beside_.resize(n);
    reflectors_.resize(n);
  }

  bool compute(const Complex* b, std::vector<double>& values) {
    const bool of_rows = rows_ <= columns_;
    cblas_zherk(CblasRowMajor, CblasUpper, of_rows ? CblasNoTrans : CblasConjTrans, n_, of_rows ? columns_ : rows_, 1.0,
                b, columns_, 0.0, gram_.data(), n_);
    if (LAPACKE_zhetrd(LAPACK_COL_MAJOR, 'L', n_, gram_.data(), n_, diagonal_.data(), beside_.data(),
                       reflectors_.data()) != 0 ||
        LAPACKE_dsterf(n_, diagonal_.data(), beside_.data()) != 0)
      return false;
    const double least = 1.0 / (8.0 * static_cast<double>(n_));
    if (!(diagonal_.front() >= least * least * diagonal_.back())) return false;
    values.resize(diagonal_.size());
    std::ranges::transform(diagonal_, values.begin(), [](double v) { return std::sqrt(v); });
    return true;
  }

 private:
  blasint rows_, columns_, n_;
  memory::Buffer<Complex> gram_, reflectors_;
  std::vector<double> diagonal_, beside_;
};

SingularValues of_circulant(const structure::Convolution& c, const Budget& budget) {
  constexpr Index few_taps = 64;  // then a product with roots of unity is cheaper than a transform
  const Index ny = c.image[1], nx = c.image[2], half = nx / 2 + 1, groups = c.options.groups;
  const Index rows = c.kernel.shape()[0] / groups, columns = c.kernel.shape()[1];
  require_time(16.0 * static_cast<double>(ny * half * groups * rows * columns * std::min(rows, columns)), budget);
  const bool by_product = c.kernel.shape()[2] * c.kernel.shape()[3] <= few_taps;
  SingularValues result{{}, cat("symbols by ", by_product ? "products" : "FFTW", ", LAPACK"), backward_stable};
  const auto by_roots = by_product ? std::optional<detail::ConvSymbols>(c) : std::nullopt;
  const double scale = by_product ? std::ldexp(1.0, by_roots->exponent()) : 1.0;
  const Index frequencies = ny * half, entries = rows * columns;
  const Index chunk = by_product ? std::clamp<Index>((Index{1} << 18) / entries, 1, frequencies) : frequencies;
  GramValues of_gram(rows, columns);
  std::vector<double> values;
  for (Index g = 0; g < groups; ++g)
    for (Index from = 0; from < frequencies; from += chunk) {
      const Index to = std::min(from + chunk, frequencies);
      memory::Buffer<Complex> symbols = by_product ? by_roots->compute(g, from, to) : symbols_by_fft(c, g);
      if (budget.expired()) require_time(1e300, budget);
      for (Index f = from; f < to; ++f) {
        Complex* const symbol = symbols.data() + (f - from) * entries;
        if (!of_gram.compute(symbol, values)) values = values_of(symbol, rows, columns);
        // The other half of the frequencies are conjugates, except where they are their own.
        const Index fx = f % half;
        const int times = fx == 0 || 2 * fx == nx ? 1 : 2;
        for (int t = 0; t < times; ++t)
          for (const double v : values) result.values.push_back(scale * v);
      }
    }
  std::ranges::sort(result.values, std::greater<>());
  return result;
}

SingularValues of_matrix(const LinearMap& map, const Budget& budget) {
  const double m = static_cast<double>(map.out_shape().size()), n = static_cast<double>(map.in_shape().size());
  if (m * n > most_entries)
    throw UnsupportedError(
        cat("[singular_values] a map whose matrix has at most ", most_entries,
            " entries, or one with a known spectrum (dense, diagonal, selection, circular convolution of "
            "stride 1), is needed; got one from ",
            map.in_shape(), " to ", map.out_shape(), "; take leading_singular_triples(), or a smaller image"));
  SingularValues result = of_dense(to_dense(map), 1, budget);
  result.method += " of the matrix";
  return result;
}

struct Spectrum {
  const LinearMap& map;
  const Budget& budget;
  Index count() const { return std::min(map.in_shape().size(), map.out_shape().size()); }

  SingularValues operator()(const structure::Dense& s) const { return of_dense(s.weight, 1, budget); }
  SingularValues operator()(const structure::DenseAlong& s) const {
    return of_dense(s.weight, s.outer * s.inner, budget);
  }
  SingularValues operator()(const structure::Scale& s) const {
    return exact(std::vector<double>(static_cast<std::size_t>(count()), std::fabs(s.factor)), count(), "factor");
  }
  SingularValues operator()(const structure::Diagonal& s) const {
    std::vector<double> values;
    for (Index i = 0; i < count(); ++i) values.push_back(std::fabs(s.values.at(i / s.inner % s.values.size())));
    return exact(std::move(values), count(), "entries");
  }
  SingularValues operator()(const structure::Selection& s) const {
    return exact(root_counts(*s.source, map.in_shape().size()), count(), "multiplicities");
  }
  SingularValues operator()(const structure::Gathering& s) const {
    return exact(root_counts(*s.target, map.out_shape().size()), count(), "multiplicities");
  }
  SingularValues operator()(const structure::Convolution& s) const {
    return is_circulant(s) ? of_circulant(s, budget) : of_matrix(map, budget);
  }
  template <class Other>
  SingularValues operator()(const Other&) const {
    return of_matrix(map, budget);
  }
};

}  // namespace

SingularValues singular_values(const LinearMap& map, const Budget& budget) {
  detail::for_each_leaf(map, detail::require_finite_leaf);
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0) return {{}, "empty", "exact"};
  return std::visit(Spectrum{map, budget}, map.structure());
}

Histogram histogram(const std::vector<double>& values, int bins) {
  if (bins < 1 || values.empty())
    throw UsageError(cat("[histogram] at least one bin and one value are needed; got ", bins, " bins and ",
                         values.size(), " values"));
  for (const double v : values)
    if (!std::isfinite(v)) throw NumericError(cat("[histogram] values must be finite; got ", v, "; leave it out"));
  const auto [least, most] = std::ranges::minmax(values);
  Histogram result;
  for (int i = 0; i <= bins; ++i) result.edges.push_back(i == bins ? most : least + (most - least) * i / bins);
  result.counts.assign(static_cast<std::size_t>(bins), 0);
  for (const double v : values) {
    const auto above = std::ranges::upper_bound(result.edges, v) - result.edges.begin();
    ++result.counts[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(above - 1, 0, bins - 1))];
  }
  return result;
}

}  // namespace taut
