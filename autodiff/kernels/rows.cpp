// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autodiff/kernels/rows.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on
#include "autodiff/kernels/rows.h"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Σ f(i) over i < n: `many` returns a register of terms, `one` a single term. Four sums in parallel.
template <class D, class Many, class One>
HWY_INLINE hn::TFromD<D> total(Index n, Many many, One one) {
  const D d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, e = a, f = a;
  Index i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = hn::Add(a, many(i));
    b = hn::Add(b, many(i + lanes));
    e = hn::Add(e, many(i + 2 * lanes));
    f = hn::Add(f, many(i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) a = hn::Add(a, many(i));
  auto sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(e, f))));
  for (; i < n; ++i) sum += one(i);
  return sum;
}

template <class D, class Many, class One>
HWY_INLINE void each(Index n, Many many, One one) {
  const auto lanes = static_cast<Index>(hn::Lanes(D()));
  Index i = 0;
  for (; i + lanes <= n; i += lanes) many(i);
  for (; i < n; ++i) one(i);
}

template <class T>
struct Statistics {
  T mean, inverse_deviation;
};
template <class T>
HWY_INLINE Statistics<T> statistics(const T* x, Index n, double eps) {
  using D = hn::ScalableTag<T>;
  const D d;
  const T share = static_cast<T>(1.0 / static_cast<double>(n));
  const T mean = share * total<D>(
                             n, [=](Index i) HWY_ATTR { return hn::LoadU(D(), x + i); }, [=](Index i) { return x[i]; });
  const auto centre = hn::Set(d, mean);
  const T squares = total<D>(
      n,
      [=](Index i) HWY_ATTR {
        const auto distance = hn::Sub(hn::LoadU(D(), x + i), centre);
        return hn::Mul(distance, distance);
      },
      [=](Index i) { return (x[i] - mean) * (x[i] - mean); });
  return {mean, T{1} / std::sqrt(share * squares + static_cast<T>(eps))};
}

template <class T>
HWY_NOINLINE void standardise(const T* x, Index rows, Index n, double eps, T* y) {
  using D = hn::ScalableTag<T>;
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    const auto [mean, factor] = statistics(x, n, eps);
    const T m = mean, f = factor;
    const auto centre = hn::Set(D(), m), scale = hn::Set(D(), f);
    each<D>(
        n, [=](Index i) HWY_ATTR { hn::StoreU(hn::Mul(hn::Sub(hn::LoadU(D(), x + i), centre), scale), D(), y + i); },
        [=](Index i) { y[i] = (x[i] - m) * f; });
  }
}

template <class T>
HWY_NOINLINE void standardise_pullback(const T* c, const T* x, const T* y, Index rows, Index n, double eps, T* out) {
  using D = hn::ScalableTag<T>;
  const T share = static_cast<T>(1.0 / static_cast<double>(n));
  for (Index r = 0; r < rows; ++r, c += n, x += n, y += n, out += n) {
    const T f = statistics(x, n, eps).inverse_deviation;
    const T mean =
        share * total<D>(
                    n, [=](Index i) HWY_ATTR { return hn::LoadU(D(), c + i); }, [=](Index i) { return c[i]; });
    const T along =
        share * total<D>(
                    n, [=](Index i) HWY_ATTR { return hn::Mul(hn::LoadU(D(), c + i), hn::LoadU(D(), y + i)); },
                    [=](Index i) { return c[i] * y[i]; });
    const auto means = hn::Set(D(), mean), alongs = hn::Set(D(), along), factors = hn::Set(D(), f);
    each<D>(
        n,
        [=](Index i) HWY_ATTR {
          const auto centred = hn::Sub(hn::LoadU(D(), c + i), means);
          hn::StoreU(hn::Mul(hn::Sub(centred, hn::Mul(hn::LoadU(D(), y + i), alongs)), factors), D(), out + i);
        },
        [=](Index i) { out[i] = ((c[i] - mean) - y[i] * along) * f; });
  }
}

HWY_INLINE double norm(const double* x, Index n, double scale = 1.0) {
  using D = hn::ScalableTag<double>;
  const auto factor = hn::Set(D(), scale);
  const double squares = total<D>(
      n,
      [=](Index i) HWY_ATTR {
        const auto v = hn::Mul(hn::LoadU(D(), x + i), factor);
        return hn::Mul(v, v);
      },
      [=](Index i) { return (scale * x[i]) * (scale * x[i]); });
  // Squares that over- or underflow are added up again after an exact scaling.
  if (scale == 1.0 && squares < 0x1p-900 && squares >= 0.0) return norm(x, n, 0x1p700) * 0x1p-700;
  if (scale == 1.0 && squares > 0x1p1000) return norm(x, n, 0x1p-700) * 0x1p700;
  return std::sqrt(squares);
}
HWY_INLINE double norm(const float* x, Index n) {
  using D = hn::ScalableTag<double>;
  return std::sqrt(total<D>(
      n,
      [=](Index i) HWY_ATTR {
        const auto v = hn::PromoteTo(D(), hn::LoadU(hn::Rebind<float, D>(), x + i));
        return hn::Mul(v, v);
      },
      [=](Index i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); }));
}

template <class T>
HWY_NOINLINE void norms(const T* x, Index rows, Index n, T* y) {
  for (Index r = 0; r < rows; ++r) y[r] = static_cast<T>(norm(x + r * n, n));
}

template <class T>
HWY_NOINLINE void normalise(const T* x, Index rows, Index n, double eps, T* y) {
  using D = hn::ScalableTag<T>;
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    const T by = static_cast<T>(std::max(norm(x, n), eps));
    const auto divisor = hn::Set(D(), by);
    each<D>(
        n, [=](Index i) HWY_ATTR { hn::StoreU(hn::Div(hn::LoadU(D(), x + i), divisor), D(), y + i); },
        [=](Index i) { y[i] = x[i] / by; });
  }
}

// One name per type: Highway's dispatch knows no overloads.
void standardise_f32(const float* x, Index rows, Index n, double eps, float* y) { standardise(x, rows, n, eps, y); }
void standardise_f64(const double* x, Index rows, Index n, double eps, double* y) { standardise(x, rows, n, eps, y); }
void pullback_f32(const float* c, const float* x, const float* y, Index rows, Index n, double eps, float* out) {
  standardise_pullback(c, x, y, rows, n, eps, out);
}
void pullback_f64(const double* c, const double* x, const double* y, Index rows, Index n, double eps, double* out) {
  standardise_pullback(c, x, y, rows, n, eps, out);
}
void norms_f32(const float* x, Index rows, Index n, float* y) { norms(x, rows, n, y); }
void norms_f64(const double* x, Index rows, Index n, double* y) { norms(x, rows, n, y); }
void normalise_f32(const float* x, Index rows, Index n, double eps, float* y) { normalise(x, rows, n, eps, y); }
void normalise_f64(const double* x, Index rows, Index n, double eps, double* y) { normalise(x, rows, n, eps, y); }

}  // namespace taut::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::kernels {
namespace {

HWY_EXPORT(standardise_f32);
HWY_EXPORT(standardise_f64);
HWY_EXPORT(pullback_f32);
HWY_EXPORT(pullback_f64);
HWY_EXPORT(norms_f32);
HWY_EXPORT(norms_f64);
HWY_EXPORT(normalise_f32);
HWY_EXPORT(normalise_f64);

}  // namespace

template <>
void row_norms(const float* x, Index rows, Index n, float* y) {
  HWY_DYNAMIC_DISPATCH(norms_f32)(x, rows, n, y);
}
template <>
void row_norms(const double* x, Index rows, Index n, double* y) {
  HWY_DYNAMIC_DISPATCH(norms_f64)(x, rows, n, y);
}
template <>
void standardise_rows(const float* x, Index rows, Index n, double eps, float* y) {
  HWY_DYNAMIC_DISPATCH(standardise_f32)(x, rows, n, eps, y);
}
template <>
void standardise_rows(const double* x, Index rows, Index n, double eps, double* y) {
  HWY_DYNAMIC_DISPATCH(standardise_f64)(x, rows, n, eps, y);
}
template <>
void standardise_rows_pullback(const float* c, const float* x, const float* y, Index rows, Index n, double eps,
                               float* out) {
  HWY_DYNAMIC_DISPATCH(pullback_f32)(c, x, y, rows, n, eps, out);
}
template <>
void standardise_rows_pullback(const double* c, const double* x, const double* y, Index rows, Index n, double eps,
                               double* out) {
  HWY_DYNAMIC_DISPATCH(pullback_f64)(c, x, y, rows, n, eps, out);
}
template <>
void normalise_rows(const float* x, Index rows, Index n, double eps, float* y) {
  HWY_DYNAMIC_DISPATCH(normalise_f32)(x, rows, n, eps, y);
}
template <>
void normalise_rows(const double* x, Index rows, Index n, double eps, double* y) {
  HWY_DYNAMIC_DISPATCH(normalise_f64)(x, rows, n, eps, y);
}

}  // namespace taut::kernels
#endif
