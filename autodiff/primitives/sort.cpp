// group_sort, and sort, maxmin and top_k, which are made of it.
#include "autodiff/kernels/sort.h"

#include <algorithm>

#include "autodiff/primitives/select.h"

namespace taut {

class GroupSort final : public Primitive {
 public:
  static constexpr OpInfo static_info{"group_sort", "groups of neighbours along one axis in order",
                                      "ties: the derivative goes by stable order", "Anil2019"};
  GroupSort(int axis, Index group, bool descending) : axis_(axis), group_(group), descending_(descending) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"group", group_}, {"axis", axis_}, {"descending", descending_}}; }
  TensorType infer(const Operands& in) const override {
    const Shape& shape = in[0].shape();
    if (group_ < 1 || shape[axis_] % group_ != 0)
      throw ShapeError(cat("[group_sort] a group of 1 or more that divides ", shape[axis_], " is required along axis ",
                           axis_, " of ", shape, ", got ", group_, "; pad or slice the axis"));
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType& out) const override {
    Tensor y = Tensor::uninitialised(out);
    dispatch(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::group_sort(grouped(out.shape), in[0].data<T>().data(), y.mutable_data<T>().data());
    });
    return y;
  }
  void vjp(VjpSite& site) const override {
    const Var x = site.in(0);
    site.add(0, scatter_flat(site.cotangent(), {positions(x.value())}, x.shape()));
  }
  Var jvp(const JvpSite& site) const override {
    const Var x = site.in(0);
    return gather_flat(*site.tangent(0), {positions(x.value())}, x.shape());
  }
  // Locally a permutation: at almost every point one output follows each input
  // (docs/mathematics/05-selections.md#theorem-generic-selection).
  // One permutation where neighbours in the order stay so all over a domain.
  Rule lipschitz(const RuleSite& site) const override {
    if (!site.on_domain()) return rule::Selects{1};
    const Range& x = site.ranges[0];
    const primitives::Ahead ahead(x);
    const IndexList order = positions(x.lo);
    const kernels::GroupedShape s = grouped(x.shape());
    for (Index i = 0; i + s.inner < x.lo.size(); ++i) {
      if (i / s.inner % s.group + 1 == s.group) continue;  // the last of its group
      const Index a = order[i], b = order[i + s.inner];
      if (!(s.descending ? ahead(a, b) : ahead.below(a, b))) return rule::Selects{1};
    }
    return primitives::selection_rule(x.shape(), x.shape(), order.values());
  }
  // The k-th smallest of a group does not fall when an entry grows.
  Range range(const RangeSite& site) const override {
    const auto end = [&](const Tensor& x) {
      const Tensor* const operand[] = {&x};
      return forward(Operands(operand), {site.out.shape(), DType::f64});
    };
    return {end(site.ranges[0].lo), end(site.ranges[0].hi)};
  }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] == axis_ && group_ > 1 ? mixes_samples : site.axis[0];
  }

 private:
  kernels::GroupedShape grouped(const Shape& shape) const {
    return {shape.product(0, axis_) * (shape[axis_] / group_), group_, shape.product(axis_ + 1, shape.rank()),
            descending_};
  }
  IndexList positions(const Tensor& x) const {
    return dispatch(x.dtype(), [&](auto zero) {
      return kernels::group_sort_positions(grouped(x.shape()), x.data<decltype(zero)>().data());
    });
  }
  int axis_;
  Index group_;
  bool descending_;
};

using primitives::checked;

namespace {

// The whole axis as one group; an axis without elements is in order.
Var sorted(const Var& x, int axis, bool descending, Where where) {
  return record(where, GroupSort(axis, std::max<Index>(x.shape()[axis], 1), descending), x);
}

}  // namespace

Var group_sort(const Var& x, Index group, Index axis, Where where) {
  return checked(x, "group_sort", where,
                 [&] { return record(where, GroupSort(x.shape().axis(axis, "group_sort"), group, false), x); });
}

Var sort(const Var& x, Index axis, bool descending, Where where) {
  return checked(x, "sort", where, [&] { return sorted(x, x.shape().axis(axis, "sort"), descending, where); });
}

Var maxmin(const Var& x, Index axis, Where where) {
  return checked(x, "maxmin", where, [&] {
    const int a = x.shape().axis(axis, "maxmin");
    if (x.shape()[a] % 2 != 0)
      throw ShapeError(cat("[maxmin] pairs are required: an even length along axis ", a, ", got ", x.shape(),
                           "; pad or slice the axis"));
    return record(where, GroupSort(a, 2, true), x);
  });
}

Var top_k(const Var& x, Index k, Index axis, Where where) {
  return checked(x, "top_k", where, [&] {
    const int a = x.shape().axis(axis, "top_k");
    if (k < 0 || k > x.shape()[a])
      throw ShapeError(cat("[top_k] k from 0 to ", x.shape()[a], " is required along axis ", a, " of ", x.shape(),
                           ", got ", k, "; ask for fewer"));
    return slice(sorted(x, a, true, where), a, 0, k, 1, where);
  });
}

template const OpInfo& describe<GroupSort>();

}  // namespace taut
