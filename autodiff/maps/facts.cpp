// What the structure of a map tells about its entries and its rounding errors.
#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/error.h"
#include "autodiff/linear_map.h"

namespace taut {
namespace {

// Sums of counts that cannot overflow.
Index saturating_add(Index a, Index b) {
  constexpr Index most = std::numeric_limits<Index>::max();
  return a > most - b ? most : a + b;
}

bool is_unit(double v) { return v == 0.0 || std::fabs(v) == 1.0; }

template <class F>
bool all_values(const Tensor& t, F&& holds) {
  return dispatch(t.dtype(), [&](auto zero) {
    return std::ranges::all_of(t.data<decltype(zero)>(), [&](auto v) { return holds(static_cast<double>(v)); });
  });
}

// The largest number of indices that name the same position.
Index multiplicity(const std::vector<Index>& targets, Index size) {
  std::vector<Index> count(static_cast<std::size_t>(size), 0);
  Index most = 0;
  for (const Index i : targets)
    if (i >= 0) most = std::max(most, ++count[static_cast<std::size_t>(i)]);
  return most;
}

bool rows_hold_one_unit(const Tensor& matrix) {
  if (!all_values(matrix, is_unit)) return false;
  const Index m = matrix.shape()[0], n = matrix.shape()[1];
  for (Index i = 0; i < m; ++i) {
    Index nonzero = 0;
    for (Index j = 0; j < n; ++j) nonzero += matrix.at(i * n + j) != 0.0;
    if (nonzero > 1) return false;
  }
  return true;
}

// How often the periodically extended image repeats one of its positions.
Index repetitions(const structure::Convolution& s) {
  if (s.boundary == Boundary::zero) return 1;
  const auto& p = s.options.padding;
  const auto copies = [](Index size, Index pads) { return (size + pads + size - 1) / size; };
  return copies(s.image[1], p[0] + p[1]) * copies(s.image[2], p[2] + p[3]);
}

struct Roundings {
  const LinearMap& map;
  bool transposed;

  Index operator()(const structure::Dense& s) const { return s.weight.shape()[transposed ? 0 : 1]; }
  Index operator()(const structure::DenseAlong& s) const { return s.weight.shape()[transposed ? 0 : 1]; }
  Index operator()(const structure::Scale& s) const { return is_unit(s.factor) ? 0 : 1; }
  Index operator()(const structure::Diagonal& s) const { return all_values(s.values, is_unit) ? 0 : 1; }
  Index operator()(const structure::Selection& s) const {
    return transposed ? additions(*s.source, map.in_shape()) : 0;
  }
  Index operator()(const structure::Gathering& s) const {
    return transposed ? 0 : additions(*s.target, map.out_shape());
  }
  Index operator()(const structure::Convolution& s) const {
    const Shape& k = s.kernel.shape();
    const Index channels = s.transposed != transposed ? k[0] / s.options.groups * repetitions(s) : k[1];
    return channels * k[2] * k[3];
  }
  Index operator()(const structure::BlockRow& s) const { return transposed ? largest(s.blocks) : added(s.blocks); }
  Index operator()(const structure::BlockColumn& s) const { return transposed ? added(s.blocks) : largest(s.blocks); }
  Index operator()(const structure::Composition& s) const {
    Index n = 0;
    for (const LinearMap& factor : s.factors) n = saturating_add(n, of(factor));
    return n;
  }
  Index operator()(const structure::Sum& s) const { return added(s.terms); }
  Index operator()(const structure::Opaque&) const {
    throw UnsupportedError(
        "[accumulation_length] how an opaque map rounds is not known; build the map from structures, e.g. "
        "dense_map(to_dense(map), ...) when it is small");
  }

  Index of(const LinearMap& part) const { return std::visit(Roundings{part, transposed}, part.structure()); }
  static Index additions(const std::vector<Index>& targets, const Shape& shape) {
    return std::max<Index>(multiplicity(targets, shape.size()), 1) - 1;
  }
  Index largest(const std::vector<LinearMap>& maps) const {
    Index n = 0;
    for (const LinearMap& part : maps) n = std::max(n, of(part));
    return n;
  }
  Index added(const std::vector<LinearMap>& maps) const {
    return saturating_add(largest(maps), static_cast<Index>(maps.size()) - 1);
  }
};

struct Exact {
  const LinearMap& map;

  bool operator()(const structure::Dense& s) const { return rows_hold_one_unit(s.weight); }
  bool operator()(const structure::DenseAlong& s) const { return rows_hold_one_unit(s.weight); }
  bool operator()(const structure::Scale& s) const { return is_unit(s.factor); }
  bool operator()(const structure::Diagonal& s) const { return all_values(s.values, is_unit); }
  bool operator()(const structure::Selection&) const { return true; }
  bool operator()(const structure::Gathering& s) const { return multiplicity(*s.target, map.out_shape().size()) <= 1; }
  bool operator()(const structure::Convolution&) const { return false; }
  bool operator()(const structure::BlockRow& s) const { return s.blocks.size() == 1 && applies_exactly(s.blocks[0]); }
  bool operator()(const structure::BlockColumn& s) const { return std::ranges::all_of(s.blocks, applies_exactly); }
  bool operator()(const structure::Composition& s) const { return std::ranges::all_of(s.factors, applies_exactly); }
  bool operator()(const structure::Sum& s) const { return s.terms.size() == 1 && applies_exactly(s.terms[0]); }
  bool operator()(const structure::Opaque&) const { return false; }
};

struct Nonnegative {
  static bool values(const Tensor& t) {
    return all_values(t, [](double v) { return v >= 0.0; });
  }
  static bool parts(const std::vector<LinearMap>& maps) { return std::ranges::all_of(maps, is_nonnegative); }

  bool operator()(const structure::Dense& s) const { return values(s.weight); }
  bool operator()(const structure::DenseAlong& s) const { return values(s.weight); }
  bool operator()(const structure::Scale& s) const { return s.factor >= 0.0; }
  bool operator()(const structure::Diagonal& s) const { return values(s.values); }
  bool operator()(const structure::Selection&) const { return true; }
  bool operator()(const structure::Gathering&) const { return true; }
  bool operator()(const structure::Convolution& s) const { return values(s.kernel); }
  bool operator()(const structure::BlockRow& s) const { return parts(s.blocks); }
  bool operator()(const structure::BlockColumn& s) const { return parts(s.blocks); }
  bool operator()(const structure::Composition& s) const { return parts(s.factors); }
  bool operator()(const structure::Sum& s) const { return parts(s.terms); }
  bool operator()(const structure::Opaque&) const { return false; }
};

}  // namespace

Index accumulation_length(const LinearMap& map) { return Roundings{map, false}.of(map); }
Index accumulation_length_transposed(const LinearMap& map) { return Roundings{map, true}.of(map); }
bool applies_exactly(const LinearMap& map) { return std::visit(Exact{map}, map.structure()); }
bool is_nonnegative(const LinearMap& map) { return std::visit(Nonnegative{}, map.structure()); }

}  // namespace taut
