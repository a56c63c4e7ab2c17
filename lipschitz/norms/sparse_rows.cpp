#include "lipschitz/norms/sparse_rows.h"

#include <cmath>

#include "autodiff/outward.h"

namespace taut::detail {
namespace {

// Both roundings of a·b + c, where the results are far from underflow.
std::optional<double> exactly(double a, double b, double c) {
  const double product = a * b, sum = product + c;
  const bool moderate = std::isfinite(sum) && (product == 0.0 || std::fabs(product) > 0x1p-960);
  if (!moderate || std::fma(a, b, -product) != 0.0 || outward_detail::sum_error(product, c, sum) != 0.0)
    return std::nullopt;
  return sum;
}

class Rows {
 public:
  explicit Rows(Index most) : most_(most) {}

  std::optional<SparseRows> of(const LinearMap& map) const {
    return std::visit([&](const auto& s) { return of(map, s); }, map.structure());
  }

 private:
  using Result = std::optional<SparseRows>;

  static std::size_t count(const Shape& shape) { return static_cast<std::size_t>(shape.size()); }
  Result of(const LinearMap& map, const structure::Scale& s) const {
    return diagonal(map, [&](Index) { return s.factor; });
  }
  Result of(const LinearMap& map, const structure::Diagonal& s) const {
    return diagonal(map, [&](Index i) { return s.values.at(i / s.inner % s.values.size()); });
  }
  template <class ValueAt>
  Result diagonal(const LinearMap& map, ValueAt&& value) const {
    if (map.out_shape().size() > most_) return std::nullopt;
    SparseRows rows(count(map.out_shape()));
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const double v = value(static_cast<Index>(i)); v != 0.0) rows[i].emplace_back(static_cast<Index>(i), v);
    return rows;
  }
  Result of(const LinearMap& map, const structure::Selection& s) const {
    if (map.out_shape().size() > most_) return std::nullopt;
    SparseRows rows(count(map.out_shape()));
    for (std::size_t i = 0; i < rows.size(); ++i)
      if ((*s.source)[i] >= 0) rows[i].emplace_back((*s.source)[i], 1.0);
    return rows;
  }
  Result of(const LinearMap& map, const structure::Gathering& s) const {
    if (map.in_shape().size() > most_ || map.out_shape().size() > most_) return std::nullopt;
    SparseRows rows(count(map.out_shape()));
    for (std::size_t i = 0; i < s.target->size(); ++i)
      if ((*s.target)[i] >= 0) rows[static_cast<std::size_t>((*s.target)[i])].emplace_back(static_cast<Index>(i), 1.0);
    return rows;
  }
  Result of(const LinearMap&, const structure::Composition& s) const {
    Result product = of(s.factors.back());
    for (std::size_t k = s.factors.size() - 1; product && k-- > 0;) {
      const Result outer = of(s.factors[k]);
      product = outer ? times(*outer, *product) : std::nullopt;
    }
    return product;
  }
  Result of(const LinearMap&, const structure::Sum& s) const {
    Result sum = of(s.terms.front());
    for (std::size_t k = 1; sum && k < s.terms.size(); ++k) {
      const Result term = of(s.terms[k]);
      if (!term) return std::nullopt;
      for (std::size_t i = 0; i < sum->size(); ++i) {
        auto row = combined((*term)[i], 1.0, (*sum)[i]);
        if (!row) return std::nullopt;
        (*sum)[i] = std::move(*row);
      }
    }
    return sum;
  }
  template <class Other>
  Result of(const LinearMap&, const Other&) const {
    return std::nullopt;
  }

  Result times(const SparseRows& outer, const SparseRows& inner) const {
    SparseRows rows(outer.size());
    Index entries = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (const auto& [k, factor] : outer[i]) {
        auto row = combined(inner[static_cast<std::size_t>(k)], factor, rows[i]);
        if (!row) return std::nullopt;
        rows[i] = std::move(*row);
      }
      entries += static_cast<Index>(rows[i].size());
      if (entries > most_) return std::nullopt;
    }
    return rows;
  }

  Index most_;
};

}  // namespace

std::optional<SparseRow> combined(const SparseRow& a, double factor, const SparseRow& b) {
  SparseRow sum;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const bool from_a = i < a.size() && (j == b.size() || a[i].first <= b[j].first);
    const bool from_b = j < b.size() && (i == a.size() || b[j].first <= a[i].first);
    const Index column = from_a ? a[i].first : b[j].first;
    const auto value = exactly(from_a ? a[i].second : 0.0, factor, from_b ? b[j].second : 0.0);
    if (!value) return std::nullopt;
    if (*value != 0.0) sum.emplace_back(column, *value);
    i += from_a ? 1 : 0;
    j += from_b ? 1 : 0;
  }
  return sum;
}

std::optional<SparseRows> sparse_rows(const LinearMap& map, Index most) { return Rows(most).of(map); }

}  // namespace taut::detail
