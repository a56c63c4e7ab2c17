#include "lipschitz/norms/same_entries.h"

#include <algorithm>

namespace taut::detail {
namespace {

bool same(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type()) return false;
  return dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return std::ranges::equal(a.data<T>(), b.data<T>());
  });
}
bool same(const std::vector<LinearMap>& a, const std::vector<LinearMap>& b) {
  return std::ranges::equal(a, b, same_entries);
}

bool same(const structure::Dense& a, const structure::Dense& b) { return same(a.weight, b.weight); }
bool same(const structure::DenseAlong& a, const structure::DenseAlong& b) {
  return a.outer == b.outer && a.inner == b.inner && same(a.weight, b.weight);
}
bool same(const structure::Scale& a, const structure::Scale& b) { return a.factor == b.factor; }
bool same(const structure::Diagonal& a, const structure::Diagonal& b) {
  return a.inner == b.inner && same(a.values, b.values);
}
bool same(const structure::Selection& a, const structure::Selection& b) { return *a.source == *b.source; }
bool same(const structure::Gathering& a, const structure::Gathering& b) { return *a.target == *b.target; }
bool same(const structure::Convolution& a, const structure::Convolution& b) {
  return a.options == b.options && a.image == b.image && a.result == b.result && a.boundary == b.boundary &&
         a.transposed == b.transposed && same(a.kernel, b.kernel);
}
bool same(const structure::BlockRow& a, const structure::BlockRow& b) { return same(a.blocks, b.blocks); }
bool same(const structure::BlockColumn& a, const structure::BlockColumn& b) { return same(a.blocks, b.blocks); }
bool same(const structure::Composition& a, const structure::Composition& b) { return same(a.factors, b.factors); }
bool same(const structure::Sum& a, const structure::Sum& b) { return same(a.terms, b.terms); }
template <class A, class B>
bool same(const A&, const B&) {
  return false;
}

}  // namespace

bool same_entries(const LinearMap& a, const LinearMap& b) {
  if (!a || !b) return !a && !b;
  return a.in_shape() == b.in_shape() && a.out_shape() == b.out_shape() &&
         std::visit([](const auto& x, const auto& y) { return same(x, y); }, a.structure(), b.structure());
}

}  // namespace taut::detail
