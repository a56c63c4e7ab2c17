// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autodiff/kernels/softmax.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on
#include "autodiff/kernels/softmax.h"

#include <algorithm>
#include <cmath>

#include "autodiff/kernels/elementwise.h"

#ifndef TAUT_KERNELS_SOFTMAX_ONCE
#define TAUT_KERNELS_SOFTMAX_ONCE
namespace taut::kernels {
// The loops of one instruction set.
template <class T>
struct RowLoops {
  void (*softmax)(const T* x, Index rows, Index n, T* y);
  void (*log_softmax)(const T* x, Index rows, Index n, T* y);
  void (*logsumexp)(const T* x, Index rows, Index n, T* y);
  void (*softmax_pullback)(const T* c, const T* y, Index rows, Index n, T* out);
  void (*log_softmax_pullback)(const T* c, const T* y, Index rows, Index n, T* out);
  void (*logsumexp_pullback)(const T* c, const T* x, const T* y, Index rows, Index n, T* out);
  Index (*first_largest)(const T* x, Index n);
  Index (*first_smallest)(const T* x, Index n);
};
struct RowTable {
  RowLoops<float> f32;
  RowLoops<double> f64;
};
}  // namespace taut::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#include "autodiff/kernels/lane.inl"  // NOLINT

// f(load, store, keep) on the whole registers of a row of n, then on the rest: its unused lanes load `unused`, are not
// stored, and keep() puts 0 there.
template <class T, class F>
HWY_INLINE void over_row(Index n, T unused, F&& f) {
  using D = hn::ScalableTag<T>;
  const D d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    f([i](const T* p) HWY_ATTR { return hn::LoadU(D(), p + i); },
      [i](hn::Vec<D> v, T* p) HWY_ATTR { hn::StoreU(v, D(), p + i); }, [](hn::Vec<D> v) HWY_ATTR { return v; });
  if (i == n) return;
  HWY_ALIGN T buffer[hn::MaxLanes(d)];
  f(
      [&](const T* p) HWY_ATTR {
        hn::Store(hn::Set(D(), unused), D(), buffer);
        std::copy_n(p + i, n - i, buffer);
        return hn::Load(D(), buffer);
      },
      [&](hn::Vec<D> v, T* p) HWY_ATTR {
        hn::Store(v, D(), buffer);
        std::copy_n(buffer, n - i, p + i);
      },
      [&](hn::Vec<D> v) HWY_ATTR { return hn::IfThenElseZero(hn::FirstN(D(), static_cast<std::size_t>(n - i)), v); });
}

template <class T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> largest_of_row(const T* x, Index n) {
  using D = hn::ScalableTag<T>;
  auto top = hn::Set(D(), x[0]);
  over_row(n, x[0], [&](auto load, auto, auto) HWY_ATTR { top = hn::Max(load(x), top); });
  return hn::MaxOfLanes(D(), top);
}
// Σ f(load, store) over a row.
template <class T, class F>
HWY_INLINE T sum_of_row(Index n, T unused, F&& f) {
  using D = hn::ScalableTag<T>;
  auto sum = hn::Zero(D());
  over_row(n, unused, [&](auto load, auto store, auto keep) HWY_ATTR { sum = hn::Add(sum, keep(f(load, store))); });
  return hn::GetLane(hn::SumOfLanes(D(), sum));
}
template <class V>
HWY_INLINE V exp_of(V v) {
  return exp(Lane<hn::DFromV<V>>{v}).v;
}

template <class T>
HWY_NOINLINE void softmax(const T* x, Index rows, Index n, T* y) {
  using D = hn::ScalableTag<T>;
  for (; rows > 0; --rows, x += n, y += n) {
    const auto top = largest_of_row(x, n);
    const T sum = sum_of_row(n, x[0], [&](auto load, auto store) HWY_ATTR {
      const auto power = exp_of(hn::Sub(load(x), top));
      store(power, y);
      return power;
    });
    const auto total = hn::Set(D(), sum);
    over_row(n, T{0}, [&](auto load, auto store, auto) HWY_ATTR { store(hn::Div(load(y), total), y); });
  }
}
// max and ln Σ e^{x − max} of a row.
template <class T>
struct Logarithm {
  T top, rest;
};
template <class T>
HWY_INLINE Logarithm<T> logarithm(const T* x, Index n) {
  const auto top = largest_of_row(x, n);
  const T sum = sum_of_row(n, x[0], [&](auto load, auto) HWY_ATTR { return exp_of(hn::Sub(load(x), top)); });
  return {hn::GetLane(top), std::log(sum)};
}
template <class T>
HWY_NOINLINE void log_softmax(const T* x, Index rows, Index n, T* y) {
  using D = hn::ScalableTag<T>;
  for (; rows > 0; --rows, x += n, y += n) {
    const Logarithm<T> l = logarithm(x, n);
    const auto top = hn::Set(D(), l.top), rest = hn::Set(D(), l.rest);
    over_row(n, x[0], [&](auto load, auto store, auto) HWY_ATTR { store(hn::Sub(hn::Sub(load(x), top), rest), y); });
  }
}
template <class T>
HWY_NOINLINE void logsumexp(const T* x, Index rows, Index n, T* y) {
  for (Index r = 0; r < rows; ++r, x += n) {
    const Logarithm<T> l = logarithm(x, n);
    y[r] = l.top + l.rest;
  }
}

template <class T>
HWY_NOINLINE void softmax_pullback(const T* c, const T* y, Index rows, Index n, T* out) {
  using D = hn::ScalableTag<T>;
  for (; rows > 0; --rows, c += n, y += n, out += n) {
    const T sum = sum_of_row(n, T{0}, [&](auto load, auto) HWY_ATTR { return hn::Mul(load(y), load(c)); });
    const auto along = hn::Set(D(), sum);
    over_row(n, T{0}, [&](auto load, auto store, auto) HWY_ATTR {
      const auto p = load(y);
      store(hn::Mul(p, hn::Sub(load(c), along)), out);
    });
  }
}
template <class T>
HWY_NOINLINE void log_softmax_pullback(const T* c, const T* y, Index rows, Index n, T* out) {
  using D = hn::ScalableTag<T>;
  for (; rows > 0; --rows, c += n, y += n, out += n) {
    const auto sum = hn::Set(D(), sum_of_row(n, T{0}, [&](auto load, auto) HWY_ATTR { return load(c); }));
    over_row(n, T{0}, [&](auto load, auto store, auto) HWY_ATTR {
      const auto p = exp_of(load(y));
      store(hn::Sub(load(c), hn::Mul(p, sum)), out);
    });
  }
}
template <class T>
HWY_NOINLINE void logsumexp_pullback(const T* c, const T* x, const T* y, Index rows, Index n, T* out) {
  using D = hn::ScalableTag<T>;
  for (Index r = 0; r < rows; ++r, x += n, out += n) {
    const auto factor = hn::Set(D(), c[r]), value = hn::Set(D(), y[r]);
    over_row(n, y[r], [&](auto load, auto store, auto) HWY_ATTR {
      store(hn::Mul(factor, exp_of(hn::Sub(load(x), value))), out);
    });
  }
}

// Block by block: the extreme in one pass without branches, and its position only where it is news.
template <bool largest, class T>
HWY_NOINLINE Index first_extreme(const T* x, Index n) {
  using D = hn::ScalableTag<T>;
  const D d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto ahead = [](T a, T b) { return largest ? a > b : a < b; };
  constexpr Index block = 1024;
  Index best = 0;
  for (Index from = 0; from < n; from += block) {
    const Index to = std::min(n, from + block);
    auto ends = hn::Set(d, x[from]);
    auto nan = hn::IsNaN(ends);
    Index i = from;
    for (; i + lanes <= to; i += lanes) {
      const auto v = hn::LoadU(d, x + i);
      ends = largest ? hn::Max(v, ends) : hn::Min(v, ends);
      nan = hn::Or(nan, hn::IsNaN(v));
    }
    T end = hn::GetLane(largest ? hn::MaxOfLanes(d, ends) : hn::MinOfLanes(d, ends));
    bool some_nan = !hn::AllFalse(d, nan);
    for (; i < to; ++i) {
      end = ahead(x[i], end) ? x[i] : end;
      some_nan = some_nan || x[i] != x[i];
    }
    if (some_nan) return std::find_if(x + from, x + to, [](T v) { return v != v; }) - x;
    if (from > 0 && !ahead(end, x[best])) continue;
    const auto wanted = hn::Set(d, end);
    for (i = from; i + lanes <= to && hn::AllFalse(d, hn::Eq(hn::LoadU(d, x + i), wanted));) i += lanes;
    while (x[i] != end) ++i;
    best = i;
  }
  return best;
}

template <class T>
RowLoops<T> make_loops() {
  return {&softmax<T>,
          &log_softmax<T>,
          &logsumexp<T>,
          &softmax_pullback<T>,
          &log_softmax_pullback<T>,
          &logsumexp_pullback<T>,
          &first_extreme<true, T>,
          &first_extreme<false, T>};
}
void fill(RowTable& table) { table = {make_loops<float>(), make_loops<double>()}; }
#undef TAUT_LANE

}  // namespace taut::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::kernels {
namespace {

HWY_EXPORT(fill);

template <Scalar T>
const RowLoops<T>& loops() {
  static const RowTable table = [] {
    RowTable t;
    HWY_DYNAMIC_DISPATCH(fill)(t);
    return t;
  }();
  if constexpr (std::is_same_v<T, float>)
    return table.f32;
  else
    return table.f64;
}

}  // namespace

template <Scalar T>
void softmax_rows(const T* x, Index rows, Index n, T* y) {
  loops<T>().softmax(x, rows, n, y);
}
template <Scalar T>
void log_softmax_rows(const T* x, Index rows, Index n, T* y) {
  loops<T>().log_softmax(x, rows, n, y);
}
template <Scalar T>
void logsumexp_rows(const T* x, Index rows, Index n, T* y) {
  loops<T>().logsumexp(x, rows, n, y);
}
template <Scalar T>
void softmax_rows_pullback(const T* c, const T* y, Index rows, Index n, T* out) {
  loops<T>().softmax_pullback(c, y, rows, n, out);
}
template <Scalar T>
void log_softmax_rows_pullback(const T* c, const T* y, Index rows, Index n, T* out) {
  loops<T>().log_softmax_pullback(c, y, rows, n, out);
}
template <Scalar T>
void logsumexp_rows_pullback(const T* c, const T* x, const T* y, Index rows, Index n, T* out) {
  loops<T>().logsumexp_pullback(c, x, y, rows, n, out);
}
template <Scalar T>
Index first_largest(const T* x, Index n) {
  return loops<T>().first_largest(x, n);
}
template <Scalar T>
Index first_smallest(const T* x, Index n) {
  return loops<T>().first_smallest(x, n);
}

template void softmax_rows(const float*, Index, Index, float*);
template void softmax_rows(const double*, Index, Index, double*);
template void log_softmax_rows(const float*, Index, Index, float*);
template void log_softmax_rows(const double*, Index, Index, double*);
template void logsumexp_rows(const float*, Index, Index, float*);
template void logsumexp_rows(const double*, Index, Index, double*);
template void softmax_rows_pullback(const float*, const float*, Index, Index, float*);
template void softmax_rows_pullback(const double*, const double*, Index, Index, double*);
template void log_softmax_rows_pullback(const float*, const float*, Index, Index, float*);
template void log_softmax_rows_pullback(const double*, const double*, Index, Index, double*);
template void logsumexp_rows_pullback(const float*, const float*, const float*, Index, Index, float*);
template void logsumexp_rows_pullback(const double*, const double*, const double*, Index, Index, double*);
template Index first_largest(const float*, Index);
template Index first_largest(const double*, Index);
template Index first_smallest(const float*, Index);
template Index first_smallest(const double*, Index);

}  // namespace taut::kernels
#endif
