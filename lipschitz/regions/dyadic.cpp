#include "lipschitz/regions/dyadic.h"

#include <cmath>
#include <map>

#include "autodiff/error.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut::detail {
namespace {

constexpr int digits = 53;

ExactMatrix of_doubles(const Tensor& matrix) {
  ExactMatrix exact{matrix.shape()[0], matrix.shape()[1], {}};
  const auto values = matrix.data<double>();
  exact.entries.resize(static_cast<std::size_t>(exact.rows));
  for (Index i = 0; i < exact.rows; ++i)
    for (Index j = 0; j < exact.columns; ++j)
      if (const double v = values[static_cast<std::size_t>(i * exact.columns + j)]; v != 0.0)
        exact.entries[static_cast<std::size_t>(i)].push_back({j, Dyadic(v)});
  return exact;
}

void add_row(std::map<Index, Dyadic>& sum, const std::vector<ExactMatrix::Entry>& row, const Dyadic& factor) {
  for (const ExactMatrix::Entry& e : row) sum[e.column] += factor * e.value;
}

std::vector<ExactMatrix::Entry> as_row(const std::map<Index, Dyadic>& sum) {
  std::vector<ExactMatrix::Entry> row;
  for (const auto& [column, value] : sum)
    if (!value.is_zero()) row.push_back({column, value});
  return row;
}

ExactMatrix times(const ExactMatrix& a, const ExactMatrix& b) {
  ExactMatrix product{a.rows, b.columns, {}};
  for (const auto& row : a.entries) {
    std::map<Index, Dyadic> sum;
    for (const ExactMatrix::Entry& e : row) add_row(sum, b.entries[static_cast<std::size_t>(e.column)], e.value);
    product.entries.push_back(as_row(sum));
  }
  return product;
}

ExactMatrix plus(const ExactMatrix& a, const ExactMatrix& b) {
  ExactMatrix total{a.rows, a.columns, {}};
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    std::map<Index, Dyadic> sum;
    add_row(sum, a.entries[i], Dyadic(1.0));
    add_row(sum, b.entries[i], Dyadic(1.0));
    total.entries.push_back(as_row(sum));
  }
  return total;
}

// Blocks below each other, or, with `beside`, next to each other.
ExactMatrix stacked(const std::vector<LinearMap>& blocks, bool beside) {
  ExactMatrix all;
  for (const LinearMap& block : blocks) {
    ExactMatrix part = exact_matrix(block);
    if (beside) {
      all.rows = part.rows;
      all.entries.resize(static_cast<std::size_t>(part.rows));
      for (std::size_t i = 0; i < part.entries.size(); ++i)
        for (ExactMatrix::Entry& e : part.entries[i])
          all.entries[i].push_back({e.column + all.columns, std::move(e.value)});
      all.columns += part.columns;
    } else {
      all.columns = part.columns;
      all.rows += part.rows;
      for (auto& row : part.entries) all.entries.push_back(std::move(row));
    }
  }
  return all;
}

}  // namespace

Dyadic::Dyadic(double x) {
  if (x == 0.0) return;
  int exponent = 0;
  auto m = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &exponent), digits));
  exponent_ = exponent - digits;
  const int zeros = std::countr_zero(static_cast<std::uint64_t>(m));  // short numbers make short products
  mantissa_ = m / (std::int64_t{1} << zeros);
  exponent_ += zeros;
}

Dyadic& Dyadic::operator+=(const Dyadic& other) {
  if (other.is_zero()) return *this;
  if (is_zero()) return *this = other;
  if (exponent_ > other.exponent_) {
    mantissa_ <<= static_cast<std::size_t>(exponent_ - other.exponent_);
    exponent_ = other.exponent_;
    mantissa_ += other.mantissa_;
  } else if (exponent_ < other.exponent_) {
    mantissa_ += other.mantissa_ << static_cast<std::size_t>(other.exponent_ - exponent_);
  } else {
    mantissa_ += other.mantissa_;
  }
  if (is_zero()) exponent_ = 0;
  return *this;
}

Dyadic operator*(const Dyadic& a, const Dyadic& b) {
  Dyadic product;
  if (a.is_zero() || b.is_zero()) return product;
  product.mantissa_ = a.mantissa_ * b.mantissa_;
  product.exponent_ = a.exponent_ + b.exponent_;
  return product;
}

Dyadic::Rounded Dyadic::rounded(int shift) const {
  if (is_zero()) return {};
  const boost::multiprecision::cpp_int magnitude = abs(mantissa_);
  const auto length = static_cast<std::int64_t>(msb(magnitude)) + 1;
  const std::int64_t dropped = std::max<std::int64_t>(length - digits, 0);
  const auto top = static_cast<std::int64_t>(magnitude >> static_cast<std::size_t>(dropped));
  const bool exact = dropped <= static_cast<std::int64_t>(lsb(magnitude));
  const std::int64_t exponent = exponent_ + dropped - shift;
  // ldexp takes an int; far beyond the doubles the answer is the same.
  const int clamped = static_cast<int>(std::clamp<std::int64_t>(exponent, -4000, 4000));
  const double value = std::ldexp(static_cast<double>(top), clamped);
  Rounded result{sign() < 0 ? -value : value, 0.0};
  // Truncation loses less than one unit in the last place of `top`, underflow at most the smallest double.
  if (!exact) result.radius = std::ldexp(1.0, clamped);
  if (std::ldexp(value, -clamped) != static_cast<double>(top) || (!exact && result.radius == 0.0))
    result.radius += 0x1p-1073;
  return result;
}

ExactMatrix exact_matrix(const LinearMap& map) {
  if (!has_entries(map))
    throw UnsupportedError(
        "[exact] linear maps with entries are followed, got an opaque one; use dense_map(to_dense())");
  const Structure& s = map.structure();
  if (const auto* composition = std::get_if<structure::Composition>(&s)) {
    ExactMatrix product = exact_matrix(composition->factors.back());
    for (std::size_t k = composition->factors.size() - 1; k-- > 0;)
      product = times(exact_matrix(composition->factors[k]), product);
    return product;
  }
  if (const auto* terms = std::get_if<structure::Sum>(&s)) {
    ExactMatrix total = exact_matrix(terms->terms.front());
    for (std::size_t k = 1; k < terms->terms.size(); ++k) total = plus(total, exact_matrix(terms->terms[k]));
    return total;
  }
  if (const auto* row = std::get_if<structure::BlockRow>(&s)) return stacked(row->blocks, true);
  if (const auto* column = std::get_if<structure::BlockColumn>(&s)) return stacked(column->blocks, false);
  if (!fills_exactly(map))
    throw UnsupportedError(
        "[exact] convolutions that read a pixel once per window are followed, got one whose circular padding shows "
        "pixels twice; pad first, then convolve");
  return of_doubles(to_dense(map));
}

}  // namespace taut::detail
