// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/training/update.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// foreach_target.h must come before highway.h.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on
#include "nn/training/update.h"

#ifndef TAUT_NN_UPDATE_ONCE
#define TAUT_NN_UPDATE_ONCE
namespace taut::nn::update {
// The loops of one instruction set.
template <Scalar T>
struct Loops {
  void (*sgd)(const Sgd&, std::size_t, const T*, T*, T*);
  void (*adam)(const Adam&, std::size_t, const T*, T*, T*, T*);
  void (*rms_prop)(const RmsProp&, std::size_t, const T*, T*, T*, T*, T*);
  void (*lion)(const Lion&, std::size_t, const T*, T*, T*);
};
struct LoopTable {
  Loops<float> f32;
  Loops<double> f64;
};
}  // namespace taut::nn::update
#endif

HWY_BEFORE_NAMESPACE();
namespace taut::nn::update::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// body(d, i) on whole registers, then number by number.
template <class T, class Body>
HWY_INLINE void over(std::size_t n, Body&& body) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= n; i += hn::Lanes(d)) body(d, i);
  for (; i < n; ++i) body(one, i);
}

// a·x + b·y and a·x with numbers a, b.
template <class D, class V>
HWY_INLINE V blend(D d, double a, V x, double b, V y) {
  using T = hn::TFromD<D>;
  return hn::Add(hn::Mul(hn::Set(d, static_cast<T>(a)), x), hn::Mul(hn::Set(d, static_cast<T>(b)), y));
}
template <class D, class V>
HWY_INLINE V times(D d, double a, V x) {
  return hn::Mul(hn::Set(d, static_cast<hn::TFromD<D>>(a)), x);
}

template <class T>
void sgd_loop(const Sgd& s, std::size_t n, const T* gradient, T* velocity, T* weight) {
  over<T>(n, [=](auto d, std::size_t i) HWY_ATTR {
    const auto w = hn::LoadU(d, weight + i);
    const auto g = hn::Add(hn::LoadU(d, gradient + i), times(d, s.weight_decay, w));
    auto direction = g;
    if (velocity != nullptr) {
      const auto v = hn::Add(times(d, s.momentum, hn::LoadU(d, velocity + i)), g);
      hn::StoreU(v, d, velocity + i);
      direction = s.nesterov ? hn::Add(g, times(d, s.momentum, v)) : v;
    }
    hn::StoreU(hn::Sub(w, times(d, s.learning_rate, direction)), d, weight + i);
  });
}

template <class T>
void adam_loop(const Adam& s, std::size_t n, const T* gradient, T* first, T* second, T* weight) {
  over<T>(n, [=](auto d, std::size_t i) HWY_ATTR {
    const auto w = hn::LoadU(d, weight + i);
    const auto g = hn::Add(hn::LoadU(d, gradient + i), times(d, s.weight_decay, w));
    const auto m = blend(d, s.beta1, hn::LoadU(d, first + i), 1.0 - s.beta1, g);
    const auto v = blend(d, s.beta2, hn::LoadU(d, second + i), 1.0 - s.beta2, hn::Mul(g, g));
    hn::StoreU(m, d, first + i);
    hn::StoreU(v, d, second + i);
    const auto size = hn::Add(times(d, s.second_scale, hn::Sqrt(v)), hn::Set(d, static_cast<T>(s.epsilon)));
    hn::StoreU(hn::Sub(times(d, s.keep, w), hn::Div(times(d, s.step_size, m), size)), d, weight + i);
  });
}

template <class T>
void rms_prop_loop(const RmsProp& s, std::size_t n, const T* gradient, T* square, T* mean, T* velocity, T* weight) {
  over<T>(n, [=](auto d, std::size_t i) HWY_ATTR {
    const auto w = hn::LoadU(d, weight + i);
    const auto g = hn::Add(hn::LoadU(d, gradient + i), times(d, s.weight_decay, w));
    auto spread = blend(d, s.alpha, hn::LoadU(d, square + i), 1.0 - s.alpha, hn::Mul(g, g));
    hn::StoreU(spread, d, square + i);
    if (mean != nullptr) {
      const auto m = blend(d, s.alpha, hn::LoadU(d, mean + i), 1.0 - s.alpha, g);
      hn::StoreU(m, d, mean + i);
      // Rounding may take a variance of 0 below 0.
      spread = hn::Max(hn::Sub(spread, hn::Mul(m, m)), hn::Zero(d));
    }
    auto direction = hn::Div(g, hn::Add(hn::Sqrt(spread), hn::Set(d, static_cast<T>(s.epsilon))));
    if (velocity != nullptr) {
      direction = hn::Add(times(d, s.momentum, hn::LoadU(d, velocity + i)), direction);
      hn::StoreU(direction, d, velocity + i);
    }
    hn::StoreU(hn::Sub(w, times(d, s.learning_rate, direction)), d, weight + i);
  });
}

template <class T>
void lion_loop(const Lion& s, std::size_t n, const T* gradient, T* mean, T* weight) {
  over<T>(n, [=](auto d, std::size_t i) HWY_ATTR {
    const auto g = hn::LoadU(d, gradient + i);
    const auto m = hn::LoadU(d, mean + i);
    const auto mixed = blend(d, s.beta1, m, 1.0 - s.beta1, g);
    // NaN must not become a step: it stays NaN.
    const auto size = hn::Set(d, static_cast<T>(s.learning_rate));
    const auto step = hn::IfThenElse(hn::Eq(mixed, hn::Zero(d)), hn::Zero(d), hn::CopySign(size, mixed));
    const auto w = hn::Sub(times(d, s.keep, hn::LoadU(d, weight + i)), step);
    hn::StoreU(hn::IfThenElse(hn::IsNaN(mixed), mixed, w), d, weight + i);
    hn::StoreU(blend(d, s.beta2, m, 1.0 - s.beta2, g), d, mean + i);
  });
}

template <class T>
Loops<T> make_loops() {
  return {&sgd_loop<T>, &adam_loop<T>, &rms_prop_loop<T>, &lion_loop<T>};
}

void fill(LoopTable& table) {
  table.f32 = make_loops<float>();
  table.f64 = make_loops<double>();
}

}  // namespace taut::nn::update::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::nn::update {
namespace {

HWY_EXPORT(fill);

template <Scalar T>
const Loops<T>& loops() {
  static const LoopTable table = [] {
    LoopTable t;
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
void sgd(const Sgd& s, std::size_t n, const T* gradient, T* velocity, T* weight) {
  loops<T>().sgd(s, n, gradient, velocity, weight);
}
template <Scalar T>
void adam(const Adam& s, std::size_t n, const T* gradient, T* first, T* second, T* weight) {
  loops<T>().adam(s, n, gradient, first, second, weight);
}
template <Scalar T>
void rms_prop(const RmsProp& s, std::size_t n, const T* gradient, T* square, T* mean, T* velocity, T* weight) {
  loops<T>().rms_prop(s, n, gradient, square, mean, velocity, weight);
}
template <Scalar T>
void lion(const Lion& s, std::size_t n, const T* gradient, T* mean, T* weight) {
  loops<T>().lion(s, n, gradient, mean, weight);
}

template void sgd(const Sgd&, std::size_t, const float*, float*, float*);
template void sgd(const Sgd&, std::size_t, const double*, double*, double*);
template void adam(const Adam&, std::size_t, const float*, float*, float*, float*);
template void adam(const Adam&, std::size_t, const double*, double*, double*, double*);
template void rms_prop(const RmsProp&, std::size_t, const float*, float*, float*, float*, float*);
template void rms_prop(const RmsProp&, std::size_t, const double*, double*, double*, double*, double*);
template void lion(const Lion&, std::size_t, const float*, float*, float*);
template void lion(const Lion&, std::size_t, const double*, double*, double*);

}  // namespace taut::nn::update
#endif
