// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autodiff/kernels/widen.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on
#include "autodiff/kernels/widen.h"

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void widen_all(const float* from, Index count, double* to) {
  const hn::ScalableTag<double> wide;
  const hn::Rebind<float, decltype(wide)> narrow;
  const auto lanes = static_cast<Index>(hn::Lanes(wide));
  Index i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::PromoteTo(wide, hn::LoadU(narrow, from + i)), wide, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

}  // namespace taut::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::kernels {
namespace {
HWY_EXPORT(widen_all);
}  // namespace

void widen(const float* from, Index count, double* to) { HWY_DYNAMIC_DISPATCH(widen_all)(from, count, to); }

}  // namespace taut::kernels
#endif
