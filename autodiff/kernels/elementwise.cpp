// Compiled once per instruction set; see foreach_target.h of Highway.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "autodiff/kernels/elementwise.cpp"  // NOLINT
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
// foreach_target.h must come before highway.h.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on
#include "autodiff/kernels/elementwise.h"

#include <cmath>

#include "autodiff/error.h"

#ifndef TAUT_KERNELS_ELEMENTWISE_ONCE
#define TAUT_KERNELS_ELEMENTWISE_ONCE
namespace taut::kernels {
// Type-erased loops of one instruction set. `parameter` points to the number of ops that have one.
using UnaryLoop = void (*)(double parameter, const void* x, void* y, std::size_t n);
using PullbackLoop = void (*)(double parameter, const void* c, const void* x, const void* y, void* out, std::size_t n);
using BinaryLoop = void (*)(const void* a, const void* b, void* out, std::size_t n);
using AffineLoop = void (*)(const void* x, const void* scale, const void* shift, void* y, std::size_t outer,
                            std::size_t channels, std::size_t inner);
struct Loops {
  UnaryLoop unary[static_cast<int>(Unary::count)];
  PullbackLoop pullback[static_cast<int>(Unary::count)];
  BinaryLoop binary[static_cast<int>(Binary::count)];
  AffineLoop affine;
};
struct LoopTable {
  Loops f32, f64;
};
}  // namespace taut::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One SIMD register with the functions that the formulas use.
template <class D>
struct Lane {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  V v;
};

template <class D>
HWY_INLINE hn::Vec<D> constant(double c) {
  return hn::Set(D(), static_cast<hn::TFromD<D>>(c));
}
#define TAUT_LANE    \
  template <class D> \
  HWY_INLINE
TAUT_LANE Lane<D> operator+(Lane<D> a, Lane<D> b) { return {hn::Add(a.v, b.v)}; }
TAUT_LANE Lane<D> operator-(Lane<D> a, Lane<D> b) { return {hn::Sub(a.v, b.v)}; }
TAUT_LANE Lane<D> operator*(Lane<D> a, Lane<D> b) { return {hn::Mul(a.v, b.v)}; }
TAUT_LANE Lane<D> operator-(Lane<D> a) { return {hn::Neg(a.v)}; }
TAUT_LANE Lane<D> operator+(Lane<D> a, double b) { return {hn::Add(a.v, constant<D>(b))}; }
TAUT_LANE Lane<D> operator-(double a, Lane<D> b) { return {hn::Sub(constant<D>(a), b.v)}; }
TAUT_LANE Lane<D> operator*(Lane<D> a, double b) { return {hn::Mul(a.v, constant<D>(b))}; }
TAUT_LANE Lane<D> reciprocal(Lane<D> a) { return {hn::Div(constant<D>(1.0), a.v)}; }
TAUT_LANE Lane<D> abs(Lane<D> a) { return {hn::Abs(a.v)}; }
TAUT_LANE Lane<D> sqrt(Lane<D> a) { return {hn::Sqrt(a.v)}; }
// NaN must come through max(x, 0), whatever the instruction does: 0 only where x ≤ 0.
TAUT_LANE Lane<D> relu(Lane<D> a) { return {hn::IfThenZeroElse(hn::Le(a.v, hn::Zero(D())), a.v)}; }
TAUT_LANE Lane<D> step(Lane<D> a) { return {hn::IfThenElseZero(hn::Gt(a.v, hn::Zero(D())), constant<D>(1.0))}; }
TAUT_LANE Lane<D> sign(Lane<D> a) { return {hn::Sub(step(a).v, step(-a).v)}; }

// Highway's polynomials hold on a part of the line; lanes outside of it (or NaN) are computed again by the C library.
template <class D, class Fast, class Slow>
HWY_INLINE Lane<D> guarded(Lane<D> x, double from, double to, Fast fast, Slow slow) {
  const D d;
  const auto inside = hn::And(hn::Ge(x.v, constant<D>(from)), hn::Le(x.v, constant<D>(to)));
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return {fast(x.v)};
  using T = hn::TFromD<D>;
  HWY_ALIGN T in[hn::MaxLanes(d)];
  HWY_ALIGN T out[hn::MaxLanes(d)];
  hn::Store(x.v, d, in);
  hn::Store(fast(hn::IfThenElseZero(inside, x.v)), d, out);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i)
    if (!(in[i] >= static_cast<T>(from) && in[i] <= static_cast<T>(to))) out[i] = slow(in[i]);
  return {hn::Load(d, out)};
}
template <class D>
inline constexpr bool is_single = sizeof(hn::TFromD<D>) == 4;

TAUT_LANE Lane<D> exp(Lane<D> x) {
  return guarded(
      x, is_single<D> ? -87.0 : -708.0, is_single<D> ? 88.0 : 706.0, [](auto v) HWY_ATTR { return hn::Exp(D(), v); },
      [](auto s) { return std::exp(s); });
}
TAUT_LANE Lane<D> log(Lane<D> x) {
  return guarded(
      x, is_single<D> ? 0x1p-126 : 0x1p-1022, is_single<D> ? 0x1p127 : 0x1p1023,
      [](auto v) HWY_ATTR { return hn::Log(D(), v); }, [](auto s) { return std::log(s); });
}
TAUT_LANE Lane<D> log1p(Lane<D> x) {
  return guarded(
      x, 0.0, 1.0, [](auto v) HWY_ATTR { return hn::Log1p(D(), v); }, [](auto s) { return std::log1p(s); });
}
TAUT_LANE Lane<D> sin(Lane<D> x) {
  return guarded(
      x, -1000.0, 1000.0, [](auto v) HWY_ATTR { return hn::Sin(D(), v); }, [](auto s) { return std::sin(s); });
}
TAUT_LANE Lane<D> cos(Lane<D> x) {
  return guarded(
      x, -1000.0, 1000.0, [](auto v) HWY_ATTR { return hn::Cos(D(), v); }, [](auto s) { return std::cos(s); });
}
TAUT_LANE Lane<D> tanh(Lane<D> x) {
  return guarded(
      x, -20.0, 20.0, [](auto v) HWY_ATTR { return hn::Tanh(D(), v); }, [](auto s) { return std::tanh(s); });
}
// e^{−|x|} never overflows: x ≥ 0: 1 / (1 + e^{−x}); x < 0: e^x / (1 + e^x).
TAUT_LANE Lane<D> sigmoid(Lane<D> x) {
  const Lane<D> e = exp(-abs(x));
  const auto numerator = hn::IfThenElse(hn::Lt(x.v, hn::Zero(D())), e.v, constant<D>(1.0));
  return {hn::Div(numerator, hn::Add(e.v, constant<D>(1.0)))};
}

#include "autodiff/primitives/formulas.inl"  // NOLINT

// The linear functions are primitives of the linear family; their loops live here with the others.
struct NegFormula {
  TAUT_LANE Lane<D> value(Lane<D> x) const { return -x; }
};
struct ScaleFormula {
  double factor;
  TAUT_LANE Lane<D> value(Lane<D> x) const { return x * factor; }
};
struct ShiftFormula {
  double offset;
  TAUT_LANE Lane<D> value(Lane<D> x) const { return x + offset; }
};

// f on whole registers, then once on a partly filled one.
template <class D, class Register>
HWY_INLINE void over(std::size_t n, Register&& body) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    body([i](const auto* p) HWY_ATTR { return Lane<D>{hn::LoadU(D(), p + i)}; },
         [i](Lane<D> r, auto* p) HWY_ATTR { hn::StoreU(r.v, D(), p + i); });
  if (i == n) return;
  using T = hn::TFromD<D>;
  HWY_ALIGN T buffer[hn::MaxLanes(d)];
  const std::size_t rest = n - i;
  body(
      [&](const T* p) HWY_ATTR {
        // 0.5 lies in the domain of every function here, so unused lanes raise no flag and take no slow path.
        hn::Store(constant<D>(0.5), D(), buffer);
        for (std::size_t k = 0; k < rest; ++k) buffer[k] = p[i + k];
        return Lane<D>{hn::Load(D(), buffer)};
      },
      [&](Lane<D> r, T* p) HWY_ATTR {
        hn::Store(r.v, D(), buffer);
        for (std::size_t k = 0; k < rest; ++k) p[i + k] = buffer[k];
      });
}

template <class Formula>
HWY_INLINE Formula make(double parameter) {
  if constexpr (std::is_empty_v<Formula>) {
    (void)parameter;
    return Formula{};
  } else {
    return Formula{parameter};
  }
}

template <class T, class Formula>
void unary_loop(double parameter, const void* x, void* y, std::size_t n) {
  using D = hn::ScalableTag<T>;
  const Formula f = make<Formula>(parameter);
  const T* const in = static_cast<const T*>(x);
  T* const out = static_cast<T*>(y);
  over<D>(n, [&](auto load, auto store) HWY_ATTR { store(f.value(load(in)), out); });
}

template <class T, class Formula>
void pullback_loop(double parameter, const void* c, const void* x, const void* y, void* out, std::size_t n) {
  using D = hn::ScalableTag<T>;
  const Formula f = make<Formula>(parameter);
  const T* const cotangent = static_cast<const T*>(c);
  const T* const in = static_cast<const T*>(x);
  const T* const value = static_cast<const T*>(y);
  T* const result = static_cast<T*>(out);
  over<D>(
      n, [&](auto load, auto store) HWY_ATTR { store(load(cotangent) * f.derivative(load(in), load(value)), result); });
}

template <class T, class F>
void binary_loop(const void* a, const void* b, void* out, std::size_t n) {
  using D = hn::ScalableTag<T>;
  const T* const left = static_cast<const T*>(a);
  const T* const right = static_cast<const T*>(b);
  T* const result = static_cast<T*>(out);
  over<D>(n, [&](auto load, auto store) HWY_ATTR { store(Lane<D>{F()(load(left).v, load(right).v)}, result); });
}
struct AddOp {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Add(a, b);
  }
};
struct SubOp {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Sub(a, b);
  }
};
struct MulOp {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Mul(a, b);
  }
};
struct DivOp {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Div(a, b);
  }
};
struct MaxOp {  // NaN in either operand comes through
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::IfThenElse(hn::Or(hn::Ge(a, b), hn::IsNaN(a)), a, b);
  }
};

template <class T>
void affine_loop(const void* x_, const void* scale_, const void* shift_, void* y_, std::size_t outer,
                 std::size_t channels, std::size_t inner) {
  using D = hn::ScalableTag<T>;
  const T* x = static_cast<const T*>(x_);
  T* y = static_cast<T*>(y_);
  const T* const scale = static_cast<const T*>(scale_);
  const T* const shift = static_cast<const T*>(shift_);
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t c = 0; c < channels; ++c, x += inner, y += inner) {
      const Lane<D> a{hn::Set(D(), scale[c])};
      const Lane<D> b{hn::Set(D(), shift != nullptr ? shift[c] : T{0})};
      over<D>(inner, [&](auto load, auto store) HWY_ATTR { store(load(x) * a + b, y); });
    }
}

template <class T, class Formula>
void with_pullback(Loops& loops, Unary op) {
  loops.unary[static_cast<int>(op)] = &unary_loop<T, Formula>;
  loops.pullback[static_cast<int>(op)] = &pullback_loop<T, Formula>;
}

template <class T>
Loops make_loops() {
  Loops l{};
  with_pullback<T, ExpFormula>(l, Unary::exp);
  with_pullback<T, LogFormula>(l, Unary::log);
  with_pullback<T, SqrtFormula>(l, Unary::sqrt);
  with_pullback<T, SquareFormula>(l, Unary::square);
  with_pullback<T, AbsFormula>(l, Unary::abs);
  with_pullback<T, SinFormula>(l, Unary::sin);
  with_pullback<T, CosFormula>(l, Unary::cos);
  with_pullback<T, TanhFormula>(l, Unary::tanh);
  with_pullback<T, SigmoidFormula>(l, Unary::sigmoid);
  with_pullback<T, SoftplusFormula>(l, Unary::softplus);
  with_pullback<T, ReluFormula>(l, Unary::relu);
  with_pullback<T, LeakyReluFormula>(l, Unary::leaky_relu);
  with_pullback<T, StepFormula>(l, Unary::step);
  with_pullback<T, SignFormula>(l, Unary::sign);
  l.unary[static_cast<int>(Unary::neg)] = &unary_loop<T, NegFormula>;
  l.unary[static_cast<int>(Unary::scale)] = &unary_loop<T, ScaleFormula>;
  l.unary[static_cast<int>(Unary::shift)] = &unary_loop<T, ShiftFormula>;
  l.binary[static_cast<int>(Binary::add)] = &binary_loop<T, AddOp>;
  l.binary[static_cast<int>(Binary::sub)] = &binary_loop<T, SubOp>;
  l.binary[static_cast<int>(Binary::mul)] = &binary_loop<T, MulOp>;
  l.binary[static_cast<int>(Binary::div)] = &binary_loop<T, DivOp>;
  l.binary[static_cast<int>(Binary::maximum)] = &binary_loop<T, MaxOp>;
  l.affine = &affine_loop<T>;
  return l;
}

void fill(LoopTable& table) {
  table.f32 = make_loops<float>();
  table.f64 = make_loops<double>();
}
#undef TAUT_LANE

}  // namespace taut::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace taut::kernels {
namespace {

HWY_EXPORT(fill);

const LoopTable& table() {
  static const LoopTable loops = [] {
    LoopTable t;
    HWY_DYNAMIC_DISPATCH(fill)(t);
    return t;
  }();
  return loops;
}
const Loops& loops(DType dtype) { return dtype == DType::f32 ? table().f32 : table().f64; }

void* write(Tensor& tensor) {
  return dispatch(tensor.dtype(), [&](auto zero) -> void* { return tensor.mutable_data<decltype(zero)>().data(); });
}

}  // namespace

void unary(Unary op, double parameter, const Tensor& x, Tensor& y) {
  loops(x.dtype()).unary[static_cast<int>(op)](parameter, x.raw(), write(y), static_cast<std::size_t>(x.size()));
}

void unary_pullback(Unary op, double parameter, const Tensor& c, const Tensor& x, const Tensor& y, Tensor& out) {
  loops(x.dtype()).pullback[static_cast<int>(op)](parameter, c.raw(), x.raw(), y.raw(), write(out),
                                                  static_cast<std::size_t>(x.size()));
}

void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& out) {
  loops(a.dtype()).binary[static_cast<int>(op)](a.raw(), b.raw(), write(out), static_cast<std::size_t>(a.size()));
}

void add_in_place(Tensor& a, const Tensor& b) {
  void* const sum = write(a);
  loops(a.dtype()).binary[static_cast<int>(Binary::add)](sum, b.raw(), sum, static_cast<std::size_t>(a.size()));
}

template <Scalar T>
void channel_affine(const T* x, const T* scale, const T* shift, T* y, Index outer, Index channels, Index inner) {
  loops(dtype_of<T>)
      .affine(x, scale, shift, y, static_cast<std::size_t>(outer), static_cast<std::size_t>(channels),
              static_cast<std::size_t>(inner));
}
template void channel_affine(const float*, const float*, const float*, float*, Index, Index, Index);
template void channel_affine(const double*, const double*, const double*, double*, Index, Index, Index);

double max_ulp(Unary op) {
  switch (op) {
    case Unary::exp:
      return 1.5;
    case Unary::sqrt:
    case Unary::square:
    case Unary::scale:
    case Unary::shift:
      return 0.5;
    case Unary::log:
    case Unary::sin:
    case Unary::cos:
    case Unary::tanh:
    case Unary::sigmoid:
    case Unary::softplus:
      return 4.0;
    case Unary::leaky_relu:
      return 0.5;
    default:
      return 0.0;  // exact
  }
}

}  // namespace taut::kernels
#endif
