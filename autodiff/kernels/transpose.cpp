// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autodiff/kernels/transpose.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on
#include "autodiff/kernels/transpose.h"

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Squares that registers of 128 bits turn: 4 × 4 of f32, 2 × 2 of f64.
#if HWY_TARGET == HWY_SCALAR
template <class T>
constexpr Index side = 1;
template <class T>
void turn(const T* from, Index, T* to, Index) {
  *to = *from;
}
#else
template <class T>
constexpr Index side = 16 / static_cast<Index>(sizeof(T));
HWY_INLINE void turn(const float* from, Index from_stride, float* to, Index to_stride) {
  const hn::FixedTag<float, 4> d;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
  const auto e = hn::LoadU(d, from + 2 * from_stride), f = hn::LoadU(d, from + 3 * from_stride);
  const auto ae = hn::InterleaveLower(d, a, e), bf = hn::InterleaveLower(d, b, f);
  const auto ae_upper = hn::InterleaveUpper(d, a, e), bf_upper = hn::InterleaveUpper(d, b, f);
  hn::StoreU(hn::InterleaveLower(d, ae, bf), d, to);
  hn::StoreU(hn::InterleaveUpper(d, ae, bf), d, to + to_stride);
  hn::StoreU(hn::InterleaveLower(d, ae_upper, bf_upper), d, to + 2 * to_stride);
  hn::StoreU(hn::InterleaveUpper(d, ae_upper, bf_upper), d, to + 3 * to_stride);
}
HWY_INLINE void turn(const double* from, Index from_stride, double* to, Index to_stride) {
  const hn::FixedTag<double, 2> d;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_stride);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, to);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, to + to_stride);
}
#endif

// In tiles of 16 × 16, so that whole cache lines are read and written, however far rows lie apart.
template <class T>
HWY_INLINE void in_tiles(const T* from, Index from_stride, T* to, Index to_stride, Index rows, Index columns) {
  constexpr Index tile = 16, square = side<T>;
  for (Index c0 = 0; c0 < columns; c0 += tile)
    for (Index r0 = 0; r0 < rows; r0 += tile) {
      const Index r1 = std::min(rows, r0 + tile), c1 = std::min(columns, c0 + tile);
      for (Index r = r0; r < r1; r += square)
        for (Index c = c0; c < c1; c += square) {
          if (r + square <= r1 && c + square <= c1) {
            turn(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
            continue;
          }
          for (Index i = r; i < std::min(r1, r + square); ++i)
            for (Index k = c; k < std::min(c1, c + square); ++k) to[k * to_stride + i] = from[i * from_stride + k];
        }
    }
}

// One name per type: Highway's dispatch knows no overloads.
void tiles_f32(const float* from, Index from_stride, float* to, Index to_stride, Index rows, Index columns) {
  in_tiles(from, from_stride, to, to_stride, rows, columns);
}
void tiles_f64(const double* from, Index from_stride, double* to, Index to_stride, Index rows, Index columns) {
  in_tiles(from, from_stride, to, to_stride, rows, columns);
}

}  // namespace taut::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::kernels {
namespace {

HWY_EXPORT(tiles_f32);
HWY_EXPORT(tiles_f64);

}  // namespace

template <>
void transpose(const float* from, Index from_stride, float* to, Index to_stride, Index rows, Index columns) {
  HWY_DYNAMIC_DISPATCH(tiles_f32)(from, from_stride, to, to_stride, rows, columns);
}
template <>
void transpose(const double* from, Index from_stride, double* to, Index to_stride, Index rows, Index columns) {
  HWY_DYNAMIC_DISPATCH(tiles_f64)(from, from_stride, to, to_stride, rows, columns);
}

}  // namespace taut::kernels
#endif
