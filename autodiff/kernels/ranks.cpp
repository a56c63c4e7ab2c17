// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autodiff/kernels/ranks.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on
#include "autodiff/kernels/ranks.h"

#include <algorithm>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Whole numbers in the order of the floating-point ones; NaN is the largest in either order, and −0 = 0.
template <class D, class V>
HWY_INLINE hn::Vec<D> keys_of(V x, bool descending) {
  using I = hn::TFromD<D>;
  const D d;
  const auto largest = hn::Set(d, std::numeric_limits<I>::max());
  const auto bits = hn::BitCast(d, hn::Add(x, hn::Zero(hn::DFromV<V>())));
  const auto ascending = hn::IfThenElse(hn::Lt(bits, hn::Zero(d)), hn::Xor(bits, largest), bits);
  return hn::IfThenElse(hn::RebindMask(d, hn::IsNaN(x)), largest, descending ? hn::Not(ascending) : ascending);
}

// The place of number i is how many numbers come before it: the smaller ones and, of the equal ones, those to its left.
template <class T>
HWY_NOINLINE void sort(const T* x, Index rows, Index n, bool descending, T* y, Index* positions) {
  using I = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using D = hn::ScalableTag<I>;
  const D d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  HWY_ALIGN T row[most_ranked + hn::MaxLanes(d)] = {};
  HWY_ALIGN I keys[most_ranked + hn::MaxLanes(d)];
  HWY_ALIGN I places[most_ranked + hn::MaxLanes(d)];
  const auto one = hn::Set(d, I{1}), lane = hn::Iota(d, I{0});
  for (Index r = 0; r < rows; ++r, x += n) {
    std::copy_n(x, n, row);
    for (Index i = 0; i < n; i += lanes)
      hn::Store(keys_of<D>(hn::Load(hn::ScalableTag<T>(), row + i), descending), d, keys + i);
    for (Index from = 0; from < n; from += lanes) {
      const auto own = hn::Load(d, keys + from);
      const Index to = std::min(n, from + lanes);
      auto before = hn::Zero(d);
      for (Index j = 0; j < from; ++j)
        before = hn::Add(before, hn::IfThenZeroElse(hn::Gt(hn::Set(d, keys[j]), own), one));
      for (Index j = from; j < to; ++j) {
        const auto other = hn::Set(d, keys[j]);
        const auto to_the_left = hn::Gt(lane, hn::Set(d, static_cast<I>(j - from)));
        const auto ahead = hn::Or(hn::Lt(other, own), hn::And(hn::Eq(other, own), to_the_left));
        before = hn::Add(before, hn::IfThenElseZero(ahead, one));
      }
      for (Index j = to; j < n; ++j)
        before = hn::Add(before, hn::IfThenElseZero(hn::Lt(hn::Set(d, keys[j]), own), one));
      hn::Store(before, d, places + from);
    }
    if (y != nullptr)
      for (Index i = 0; i < n; ++i) y[r * n + places[i]] = x[i];
    if (positions != nullptr)
      for (Index i = 0; i < n; ++i) positions[r * n + places[i]] = r * n + i;
  }
}

void sort_f32(const float* x, Index rows, Index n, bool descending, float* y, Index* positions) {
  sort(x, rows, n, descending, y, positions);
}
void sort_f64(const double* x, Index rows, Index n, bool descending, double* y, Index* positions) {
  sort(x, rows, n, descending, y, positions);
}

}  // namespace taut::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::kernels {
namespace {

HWY_EXPORT(sort_f32);
HWY_EXPORT(sort_f64);

}  // namespace

template <>
void sort_by_rank(const float* x, Index rows, Index n, bool descending, float* y, Index* positions) {
  HWY_DYNAMIC_DISPATCH(sort_f32)(x, rows, n, descending, y, positions);
}
template <>
void sort_by_rank(const double* x, Index rows, Index n, bool descending, double* y, Index* positions) {
  HWY_DYNAMIC_DISPATCH(sort_f64)(x, rows, n, descending, y, positions);
}

}  // namespace taut::kernels
#endif
