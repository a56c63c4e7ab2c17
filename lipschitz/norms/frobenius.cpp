#include <algorithm>

#include "lipschitz/convolution/sum_norms.h"
#include "lipschitz/dense/dense_norm.h"
#include "lipschitz/norms/matrix_form.h"

namespace taut {
namespace {

Magnitude times(const Magnitude& a, const Magnitude& b) { return Magnitude::product(a, b, Side::upper); }
Magnitude root_of(Index count) { return Magnitude::root(static_cast<double>(count), Side::upper); }

Magnitude of_values(const Tensor& values) {
  const Tensor wide = values.to(DType::f64);
  return detail::euclidean(wide.data<double>(), Side::upper);
}

Index kept(const std::vector<Index>& indices) {
  return std::ranges::count_if(indices, [](Index i) { return i >= 0; });
}

struct Frobenius {
  const LinearMap& map;
  const Budget& budget;

  UpperBound proved(const Magnitude& value) const { return UpperBound::certified(value, Norm::l2, "frobenius"); }

  UpperBound operator()(const structure::Dense& s) const { return proved(of_values(s.weight)); }
  UpperBound operator()(const structure::DenseAlong& s) const {
    return proved(times(of_values(s.weight), root_of(s.outer * s.inner)));
  }
  UpperBound operator()(const structure::Scale& s) const {
    return proved(times(std::fabs(s.factor), root_of(map.in_shape().size())));
  }
  UpperBound operator()(const structure::Diagonal& s) const {
    return proved(times(of_values(s.values), root_of(map.in_shape().size() / std::max<Index>(s.values.size(), 1))));
  }
  UpperBound operator()(const structure::Selection& s) const { return proved(root_of(kept(*s.source))); }
  UpperBound operator()(const structure::Gathering& s) const {
    // Inputs gathered in one output are entries of one row, so that the entries of the matrix are still 0 and 1.
    return proved(root_of(kept(*s.target)));
  }
  UpperBound operator()(const structure::Convolution& s) const { return proved(detail::convolution_frobenius(s)); }
  UpperBound operator()(const structure::BlockRow& s) const { return joint(each(s.blocks)); }
  UpperBound operator()(const structure::BlockColumn& s) const { return joint(each(s.blocks)); }
  UpperBound operator()(const structure::Sum& s) const { return better_through_matrix(sum(each(s.terms))); }
  UpperBound operator()(const structure::Composition& s) const {
    // ‖A B‖_F ≤ ‖A‖₂ ‖B‖_F and ‖A‖_F ‖B‖₂: each factor in turn keeps its Frobenius norm; those with a cheap l2 norm
    // take that, layers their Frobenius norm.
    const std::vector<UpperBound> frobenius = each(s.factors);
    UpperBound best = proved(infinity);
    for (std::size_t kept_factor = 0; kept_factor < s.factors.size(); ++kept_factor) {
      UpperBound total = frobenius[kept_factor];
      for (std::size_t k = 0; k < s.factors.size(); ++k)
        if (k != kept_factor) total = product(total, detail::is_layer(s.factors[k]) ? frobenius[k] : l2(s.factors[k]));
      best = better(best, total);
    }
    return better_through_matrix(best);
  }
  UpperBound operator()(const structure::Opaque&) const {
    constexpr Index most_entries = 1'000'000;
    if (map.in_shape().size() > most_entries / std::max<Index>(map.out_shape().size(), 1)) return proved(infinity);
    return UpperBound::estimate(of_values(to_dense(map)), Norm::l2, "frobenius of an opaque map");
  }

  UpperBound l2(const LinearMap& factor) const { return operator_norm(factor, Norm::l2, {.budget = budget}).upper; }
  std::vector<UpperBound> each(const std::vector<LinearMap>& maps) const {
    std::vector<UpperBound> bounds;
    for (const LinearMap& part : maps) bounds.push_back(frobenius_norm(part, budget));
    return bounds;
  }
  UpperBound better_through_matrix(const UpperBound& bound) const {
    if (!detail::has_entries(map)) return bound;
    const auto form = detail::matrix_form(map, budget);
    if (!form) return bound;
    // An error matrix within relative |A| + absolute has the Frobenius norm of neither sum, but at most √n times the l2
    // norm.
    const Magnitude error =
        times(form->error_in(Norm::l2), root_of(std::min(form->matrix.shape()[0], form->matrix.shape()[1])));
    return better(bound, proved(Magnitude::sum(of_values(form->matrix), error, Side::upper)));
  }
};

}  // namespace

UpperBound frobenius_norm(const LinearMap& map, const Budget& budget) {
  if (map.in_shape().size() == 0 || map.out_shape().size() == 0)
    return UpperBound::certified(0.0, Norm::l2, "frobenius");
  detail::for_each_leaf(map, detail::require_finite_leaf);
  return std::visit(Frobenius{map, budget}, map.structure());
}

}  // namespace taut
