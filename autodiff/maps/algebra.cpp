// Sums, products, transposes and slices of linear maps, simplified by structure.
// Long: a rule per pair of structures, to be read as one table.
#include <algorithm>
#include <cmath>

#include "autodiff/error.h"
#include "autodiff/kernels/transpose.h"
#include "autodiff/linear_map.h"
#include "autodiff/outward.h"

namespace taut {
namespace {

using Indices = std::vector<Index>;

std::shared_ptr<const Indices> shared(Indices indices) { return std::make_shared<const Indices>(std::move(indices)); }

// The same numbers under other shapes. An opaque function sees its own shapes, so it is wrapped.
LinearMap with_shapes(const LinearMap& map, const Shape& in, const Shape& out) {
  if (map.in_shape() == in && map.out_shape() == out) return map;
  if (std::holds_alternative<structure::Opaque>(map.structure()))
    return LinearMap(in, out, structure::Composition{{map}});
  return LinearMap(in, out, map.structure());
}

bool counts_up(const Indices& indices) {
  for (std::size_t i = 0; i < indices.size(); ++i)
    if (indices[i] != static_cast<Index>(i)) return false;
  return true;
}

bool is_identity(const LinearMap& map) {
  if (const auto* s = std::get_if<structure::Scale>(&map.structure())) return s->factor == 1.0;
  if (map.in_shape().size() != map.out_shape().size()) return false;
  if (const auto* s = std::get_if<structure::Selection>(&map.structure())) return counts_up(*s->source);
  if (const auto* s = std::get_if<structure::Gathering>(&map.structure())) return counts_up(*s->target);
  return false;
}

// True when fl(a·b) = a·b. Near the underflow threshold the residual itself may be rounded: answered with false.
bool product_is_exact(double a, double b) {
  constexpr double tiny = 0x1p-960;
  const double p = a * b;
  return a == 0.0 || b == 0.0 || (std::isfinite(p) && std::fabs(p) >= tiny && std::fma(a, b, -p) == 0.0);
}

// merge(outer, inner): one map equal to outer ∘ inner, or an empty map when there is none without rounding.
LinearMap merge(const LinearMap& outer, const structure::Scale& a, const LinearMap& inner, const structure::Scale& b) {
  if (!product_is_exact(a.factor, b.factor)) return {};
  return LinearMap(inner.in_shape(), outer.out_shape(), structure::Scale{a.factor * b.factor});
}

LinearMap merge(const LinearMap& outer, const structure::Diagonal& a, const LinearMap& inner,
                const structure::Diagonal& b) {
  if (a.inner != b.inner || a.values.size() != b.values.size()) return {};
  Tensor product = Tensor::uninitialised({a.values.size()}, DType::f64);
  const Tensor x = a.values.to(DType::f64), y = b.values.to(DType::f64);
  const auto d = x.data<double>(), e = y.data<double>();
  const auto to = product.mutable_data<double>();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!product_is_exact(d[i], e[i])) return {};
    to[i] = d[i] * e[i];
  }
  return LinearMap(inner.in_shape(), outer.out_shape(), structure::Diagonal{std::move(product), a.inner});
}

// A scale beside a diagonal is a diagonal of its pattern.
structure::Diagonal alike(const structure::Scale& s, const structure::Diagonal& pattern) {
  return {Tensor::full(pattern.values.shape(), DType::f64, s.factor), pattern.inner};
}
LinearMap merge(const LinearMap& outer, const structure::Scale& a, const LinearMap& inner,
                const structure::Diagonal& b) {
  return merge(outer, alike(a, b), inner, b);
}
LinearMap merge(const LinearMap& outer, const structure::Diagonal& a, const LinearMap& inner,
                const structure::Scale& b) {
  return merge(outer, a, inner, alike(b, a));
}

// merged_sum(like, a, b): one map equal to the sum, of the shapes of `like`, or an empty map when there is none without
// rounding.
bool sum_is_exact(double a, double b) {
  const double s = a + b;
  return std::isfinite(s) && outward_detail::sum_error(a, b, s) == 0.0;
}
LinearMap merged_sum(const LinearMap& like, const structure::Scale& a, const structure::Scale& b) {
  if (!sum_is_exact(a.factor, b.factor)) return {};
  return LinearMap(like.in_shape(), like.out_shape(), structure::Scale{a.factor + b.factor});
}
LinearMap merged_sum(const LinearMap& like, const structure::Diagonal& a, const structure::Diagonal& b) {
  if (a.inner != b.inner || a.values.size() != b.values.size()) return {};
  Tensor sum = Tensor::uninitialised({a.values.size()}, DType::f64);
  const Tensor x = a.values.to(DType::f64), y = b.values.to(DType::f64);
  const auto d = x.data<double>(), e = y.data<double>();
  const auto to = sum.mutable_data<double>();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!sum_is_exact(d[i], e[i])) return {};
    to[i] = d[i] + e[i];
  }
  return LinearMap(like.in_shape(), like.out_shape(), structure::Diagonal{std::move(sum), a.inner});
}
LinearMap merged_sum(const LinearMap& like, const structure::Scale& a, const structure::Diagonal& b) {
  return merged_sum(like, alike(a, b), b);
}
LinearMap merged_sum(const LinearMap& like, const structure::Diagonal& a, const structure::Scale& b) {
  return merged_sum(like, a, alike(b, a));
}
template <class A, class B>
LinearMap merged_sum(const LinearMap&, const A&, const B&) {
  return {};
}

// The indices second[first[i]], where −1 stays −1.
std::shared_ptr<const Indices> chained(const Indices& first, const Indices& second) {
  Indices result(first.size());
  std::ranges::transform(first, result.begin(),
                         [&](Index i) { return i < 0 ? Index{-1} : second[static_cast<std::size_t>(i)]; });
  return shared(std::move(result));
}

LinearMap merge(const LinearMap& outer, const structure::Selection& a, const LinearMap& inner,
                const structure::Selection& b) {
  return LinearMap(inner.in_shape(), outer.out_shape(), structure::Selection{chained(*a.source, *b.source)});
}
LinearMap merge(const LinearMap& outer, const structure::Gathering& a, const LinearMap& inner,
                const structure::Gathering& b) {
  return LinearMap(inner.in_shape(), outer.out_shape(), structure::Gathering{chained(*b.target, *a.target)});
}
template <class A, class B>
LinearMap merge(const LinearMap&, const A&, const LinearMap&, const B&) {
  return {};
}

LinearMap merge(const LinearMap& outer, const LinearMap& inner) {
  return std::visit([&](const auto& a, const auto& b) { return merge(outer, a, inner, b); }, outer.structure(),
                    inner.structure());
}

// Puts a factor behind (inside of) the others. What merges may become an identity or merge further.
void append(std::vector<LinearMap>& factors, LinearMap factor) {
  if (const auto* s = std::get_if<structure::Composition>(&factor.structure())) {
    for (const LinearMap& part : s->factors) append(factors, part);
    return;
  }
  while (!is_identity(factor)) {
    const LinearMap merged = factors.empty() ? LinearMap{} : merge(factors.back(), factor);
    if (!merged) {
      factors.push_back(std::move(factor));
      return;
    }
    factors.pop_back();
    factor = merged;
  }
}

void append_terms(std::vector<LinearMap>& terms, const LinearMap& map) {
  if (const auto* s = std::get_if<structure::Sum>(&map.structure())) {
    for (const LinearMap& term : s->terms) append_terms(terms, term);
    return;
  }
  for (LinearMap& term : terms) {
    const LinearMap merged = std::visit([&](const auto& a, const auto& b) { return merged_sum(term, a, b); },
                                        term.structure(), map.structure());
    if (!merged) continue;
    term = merged;
    return;
  }
  terms.push_back(map);
}

template <class F>
std::vector<LinearMap> each(const std::vector<LinearMap>& maps, F&& f) {
  std::vector<LinearMap> result;
  result.reserve(maps.size());
  std::ranges::transform(maps, std::back_inserter(result), f);
  return result;
}

Tensor transposed_matrix(const Tensor& matrix) {
  const Index m = matrix.shape()[0], n = matrix.shape()[1];
  Tensor result = Tensor::uninitialised({n, m}, matrix.dtype());
  dispatch(matrix.dtype(), [&](auto zero) {
    using T = decltype(zero);
    kernels::transpose(matrix.data<T>().data(), n, result.mutable_data<T>().data(), m, m, n);
  });
  return result;
}

// |t| in t's own type; t itself when there is nothing to change.
Tensor magnitudes(const Tensor& t) {
  return dispatch(t.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto from = t.data<T>();
    if (std::ranges::all_of(from, [](T v) { return v >= T{0}; })) return t;
    Tensor result = Tensor::uninitialised(t.type());
    std::ranges::transform(from, result.mutable_data<T>().begin(), [](T v) { return std::fabs(v); });
    return result;
  });
}

struct Transpose {
  Structure operator()(const structure::Dense& s) const { return structure::Dense{transposed_matrix(s.weight)}; }
  Structure operator()(const structure::DenseAlong& s) const {
    return structure::DenseAlong{transposed_matrix(s.weight), s.outer, s.inner};
  }
  Structure operator()(const structure::Scale& s) const { return s; }
  Structure operator()(const structure::Diagonal& s) const { return s; }
  Structure operator()(const structure::Selection& s) const { return structure::Gathering{s.source}; }
  Structure operator()(const structure::Gathering& s) const { return structure::Selection{s.target}; }
  Structure operator()(structure::Convolution s) const {
    s.transposed = !s.transposed;
    return s;
  }
  Structure operator()(const structure::BlockRow& s) const { return structure::BlockColumn{each(s.blocks, transpose)}; }
  Structure operator()(const structure::BlockColumn& s) const { return structure::BlockRow{each(s.blocks, transpose)}; }
  Structure operator()(const structure::Composition& s) const {
    std::vector<LinearMap> factors = each(s.factors, transpose);
    std::ranges::reverse(factors);
    return structure::Composition{std::move(factors)};
  }
  Structure operator()(const structure::Sum& s) const { return structure::Sum{each(s.terms, transpose)}; }
  Structure operator()(const structure::Opaque& s) const { return structure::Opaque{s.apply_transpose, s.apply}; }
};

struct Absolute {
  Structure operator()(const structure::Dense& s) const { return structure::Dense{magnitudes(s.weight)}; }
  Structure operator()(const structure::DenseAlong& s) const {
    return structure::DenseAlong{magnitudes(s.weight), s.outer, s.inner};
  }
  Structure operator()(const structure::Scale& s) const { return structure::Scale{std::fabs(s.factor)}; }
  Structure operator()(const structure::Diagonal& s) const {
    return structure::Diagonal{magnitudes(s.values), s.inner};
  }
  Structure operator()(const structure::Selection& s) const { return s; }
  Structure operator()(const structure::Gathering& s) const { return s; }
  Structure operator()(structure::Convolution s) const {
    s.kernel = magnitudes(s.kernel);
    return s;
  }
  Structure operator()(const structure::BlockRow& s) const { return structure::BlockRow{each(s.blocks, absolute)}; }
  Structure operator()(const structure::BlockColumn& s) const {
    return structure::BlockColumn{each(s.blocks, absolute)};
  }
  Structure operator()(const structure::Composition& s) const {
    return structure::Composition{each(s.factors, absolute)};
  }
  Structure operator()(const structure::Sum& s) const { return structure::Sum{each(s.terms, absolute)}; }
  Structure operator()(const structure::Opaque&) const {
    throw UnsupportedError(
        "[absolute] the entries of an opaque map are not known, only its action; build the map from structures, e.g. "
        "dense_map(to_dense(map), ...) when it is small");
  }
};

// Applies f to every unit vector of the shape; f(i, e_i).
template <class F>
void for_unit_vectors(const Shape& shape, F&& f) {
  Tensor unit = Tensor::zeros(shape, DType::f64);
  for (Index i = 0; i < shape.size(); ++i) {
    unit.mutable_data<double>()[static_cast<std::size_t>(i)] = 1.0;
    f(i, std::as_const(unit));
    unit.mutable_data<double>()[static_cast<std::size_t>(i)] = 0.0;
  }
}

}  // namespace

LinearMap identity_map(const Shape& shape) { return scale_map(shape, 1.0); }
LinearMap reshape_map(const Shape& in, const Shape& out) { return LinearMap(in, out, structure::Scale{1.0}); }
LinearMap scale_map(const Shape& shape, double factor) { return LinearMap(shape, shape, structure::Scale{factor}); }
LinearMap dense_map(const Tensor& weight, const Shape& in, const Shape& out) {
  return LinearMap(in, out, structure::Dense{weight});
}

LinearMap compose(const LinearMap& outer, const LinearMap& inner) {
  if (outer.in_shape() != inner.out_shape())
    throw ShapeError(cat("[compose] the outer map takes ", outer.in_shape(), " but the inner map gives ",
                         inner.out_shape(), "; put a reshape_map between them"));
  std::vector<LinearMap> factors;
  append(factors, outer);
  append(factors, inner);
  const Shape &in = inner.in_shape(), &out = outer.out_shape();
  if (factors.empty()) return reshape_map(in, out);
  if (factors.size() == 1) return with_shapes(factors.front(), in, out);
  return LinearMap(in, out, structure::Composition{std::move(factors)});
}

LinearMap add(const LinearMap& a, const LinearMap& b) {
  if (a.in_shape() != b.in_shape() || a.out_shape() != b.out_shape())
    throw ShapeError(cat("[add] maps from ", a.in_shape(), " to ", a.out_shape(), " and from ", b.in_shape(), " to ",
                         b.out_shape(), " cannot be added; compose one with a reshape_map or a Selection"));
  std::vector<LinearMap> terms;
  append_terms(terms, a);
  append_terms(terms, b);
  if (terms.size() == 1) return with_shapes(terms.front(), a.in_shape(), a.out_shape());
  return LinearMap(a.in_shape(), a.out_shape(), structure::Sum{std::move(terms)});
}

LinearMap transpose(const LinearMap& map) {
  return LinearMap(map.out_shape(), map.in_shape(), std::visit(Transpose{}, map.structure()));
}

LinearMap absolute(const LinearMap& map) {
  if (is_nonnegative(map)) return map;
  return LinearMap(map.in_shape(), map.out_shape(), std::visit(Absolute{}, map.structure()));
}

Tensor to_dense(const LinearMap& map) {
  const Index m = map.out_shape().size(), n = map.in_shape().size();
  if (const auto* s = std::get_if<structure::Dense>(&map.structure())) return s->weight.to(DType::f64);
  Tensor matrix = Tensor::uninitialised({m, n}, DType::f64);
  double* const entries = matrix.mutable_data<double>().data();
  if (m < n) {
    for_unit_vectors(map.out_shape(), [&](Index i, const Tensor& unit) {
      const Tensor row = map.apply_transpose(unit);
      std::ranges::copy(row.data<double>(), entries + i * n);
    });
  } else {
    for_unit_vectors(map.in_shape(), [&](Index j, const Tensor& unit) {
      const Tensor column = map.apply(unit);
      const auto values = column.data<double>();
      for (Index i = 0; i < m; ++i) entries[i * n + j] = values[static_cast<std::size_t>(i)];
    });
  }
  return matrix;
}

}  // namespace taut
