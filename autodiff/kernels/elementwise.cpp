// Compiled once per instruction set; see foreach_target.h of Highway.
// Long: what is compiled once per instruction set has to be one file.
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

#include <algorithm>
#include <cmath>

#include "autodiff/error.h"

#ifndef TAUT_KERNELS_ELEMENTWISE_ONCE
#define TAUT_KERNELS_ELEMENTWISE_ONCE
namespace taut::kernels {
// Type-erased loops of one instruction set.
using UnaryLoop = void (*)(const Parameters& p, const void* x, void* y, std::size_t n);
using PullbackLoop = void (*)(const Parameters& p, const void* c, const void* x, const void* y, void* out,
                              std::size_t n);
using BinaryLoop = void (*)(const void* a, const void* b, void* out, std::size_t n);
using AffineLoop = void (*)(const void* x, const void* scale, const void* shift, void* y, std::size_t outer,
                            std::size_t channels, std::size_t inner);
using DotsLoop = void (*)(const void* a, const void* b, void* dots, std::size_t outer, std::size_t channels,
                          std::size_t inner);
using ChoiceLoop = void (*)(const void* mask, const void* a, const void* b, void* out, std::size_t n);
using PReluPullbackLoop = void (*)(const void* c, const void* x, const void* slope, void* by_x, void* by_slope,
                                   std::size_t n);
struct Loops {
  UnaryLoop unary[static_cast<int>(Unary::count)];
  PullbackLoop pullback[static_cast<int>(Unary::count)];
  BinaryLoop binary[static_cast<int>(Binary::count)];
  AffineLoop affine;
  DotsLoop dots;
  ChoiceLoop choose;
  PReluPullbackLoop prelu_pullback;
};
struct LoopTable {
  Loops f32, f64;
};
}  // namespace taut::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace taut::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#include "autodiff/kernels/formulas.inl"  // NOLINT
#include "autodiff/kernels/lane.inl"      // NOLINT

// The linear functions are primitives of the linear family; their loops live here with the others.
struct NegFormula {
  auto value(const auto& x) const { return -x; }
};
struct ScaleFormula {
  double factor;
  auto value(const auto& x) const { return x * factor; }
};
struct ShiftFormula {
  double offset;
  auto value(const auto& x) const { return x + offset; }
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
HWY_INLINE Formula make(const Parameters& p) {
  if constexpr (std::is_empty_v<Formula>)
    return Formula{};
  else if constexpr (sizeof(Formula) == sizeof(double))
    return Formula{p.first};
  else
    return Formula{p.first, p.second};
}

template <class T, class Formula>
void unary_loop(const Parameters& p, const void* x, void* y, std::size_t n) {
  using D = hn::ScalableTag<T>;
  const Formula f = make<Formula>(p);
  const T* const in = static_cast<const T*>(x);
  T* const out = static_cast<T*>(y);
  over<D>(n, [&](auto load, auto store) HWY_ATTR { store(f.value(load(in)), out); });
}

template <class T, class Formula>
void pullback_loop(const Parameters& p, const void* c, const void* x, const void* y, void* out, std::size_t n) {
  using D = hn::ScalableTag<T>;
  const Formula f = make<Formula>(p);
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

struct MinOp {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::IfThenElse(hn::Or(hn::Le(a, b), hn::IsNaN(a)), a, b);
  }
};
struct PReluOp {  // a for a > 0 (and NaN), a·b else
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::IfThenElse(hn::Le(a, hn::Zero(hn::DFromV<V>())), hn::Mul(a, b), a);
  }
};

template <class T>
void choose_loop(const void* mask_, const void* a_, const void* b_, void* out_, std::size_t n) {
  using D = hn::ScalableTag<T>;
  const T* const mask = static_cast<const T*>(mask_);
  const T* const a = static_cast<const T*>(a_);
  const T* const b = static_cast<const T*>(b_);
  T* const out = static_cast<T*>(out_);
  over<D>(n, [&](auto load, auto store) HWY_ATTR {
    store(Lane<D>{hn::IfThenElse(hn::Ne(load(mask).v, hn::Zero(D())), load(a).v, load(b).v)}, out);
  });
}

template <class T>
void prelu_pullback_loop(const void* c_, const void* x_, const void* slope_, void* by_x_, void* by_slope_,
                         std::size_t n) {
  using D = hn::ScalableTag<T>;
  const T* const c = static_cast<const T*>(c_);
  const T* const x = static_cast<const T*>(x_);
  const T* const slope = static_cast<const T*>(slope_);
  T* const by_x = static_cast<T*>(by_x_);
  T* const by_slope = static_cast<T*>(by_slope_);
  over<D>(n, [&](auto load, auto store) HWY_ATTR {
    const auto cotangent = load(c).v, at = load(x).v, zero = hn::Zero(D());
    const auto positive = hn::Gt(at, zero);
    const auto s = load(slope).v;
    store(Lane<D>{hn::IfThenElse(positive, cotangent, hn::Mul(cotangent, s))}, by_x);
    store(Lane<D>{hn::Mul(cotangent, hn::IfThenZeroElse(positive, at))}, by_slope);
  });
}

template <class T>
void affine_loop(const void* x_, const void* scale_, const void* shift_, void* y_, std::size_t outer,
                 std::size_t channels, std::size_t inner) {
  using D = hn::ScalableTag<T>;
  const T* x = static_cast<const T*>(x_);
  T* y = static_cast<T*>(y_);
  const T* const scale = static_cast<const T*>(scale_);
  const T* const shift = static_cast<const T*>(shift_);
  if (inner == 1) {  // a channel per column: along the channels
    for (std::size_t o = 0; o < outer; ++o, x += channels, y += channels)
      over<D>(channels, [&](auto load, auto store) HWY_ATTR {
        store(load(x) * load(scale) + (shift != nullptr ? load(shift) : Lane<D>{hn::Zero(D())}), y);
      });
    return;
  }
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t c = 0; c < channels; ++c, x += inner, y += inner) {
      const Lane<D> a{hn::Set(D(), scale[c])};
      const Lane<D> b{hn::Set(D(), shift != nullptr ? shift[c] : T{0})};
      over<D>(inner, [&](auto load, auto store) HWY_ATTR { store(load(x) * a + b, y); });
    }
}

template <class T>
void dots_loop(const void* a_, const void* b_, void* dots_, std::size_t outer, std::size_t channels,
               std::size_t inner) {
  using D = hn::ScalableTag<T>;
  const T* a = static_cast<const T*>(a_);
  const T* b = static_cast<const T*>(b_);
  T* const dots = static_cast<T*>(dots_);
  std::fill_n(dots, channels, T{0});
  if (inner == 1) {  // a channel per column: along the channels
    for (std::size_t o = 0; o < outer; ++o, a += channels, b += channels)
      over<D>(channels, [&](auto load, auto store) HWY_ATTR { store(load(dots) + load(a) * load(b), dots); });
    return;
  }
  const std::size_t lanes = hn::Lanes(D());
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t c = 0; c < channels; ++c, a += inner, b += inner) {
      auto even = hn::Zero(D()), odd = even;
      std::size_t i = 0;
      for (; i + 2 * lanes <= inner; i += 2 * lanes) {
        even = hn::MulAdd(hn::LoadU(D(), a + i), hn::LoadU(D(), b + i), even);
        odd = hn::MulAdd(hn::LoadU(D(), a + i + lanes), hn::LoadU(D(), b + i + lanes), odd);
      }
      T sum = hn::GetLane(hn::SumOfLanes(D(), hn::Add(even, odd)));
      for (; i < inner; ++i) sum += a[i] * b[i];
      dots[c] += sum;
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
  with_pullback<T, PowFormula>(l, Unary::pow);
  with_pullback<T, ReciprocalFormula>(l, Unary::reciprocal);
  with_pullback<T, RsqrtFormula>(l, Unary::rsqrt);
  with_pullback<T, Log1pFormula>(l, Unary::log1p);
  with_pullback<T, Expm1Formula>(l, Unary::expm1);
  with_pullback<T, ErfFormula>(l, Unary::erf);
  with_pullback<T, EluFormula>(l, Unary::elu);
  with_pullback<T, SeluFormula>(l, Unary::selu);
  with_pullback<T, CeluFormula>(l, Unary::celu);
  with_pullback<T, GeluFormula>(l, Unary::gelu);
  with_pullback<T, GeluTanhFormula>(l, Unary::gelu_tanh);
  with_pullback<T, SiluFormula>(l, Unary::silu);
  with_pullback<T, MishFormula>(l, Unary::mish);
  with_pullback<T, SoftsignFormula>(l, Unary::softsign);
  with_pullback<T, ClipFormula>(l, Unary::clip);
  with_pullback<T, HardSigmoidFormula>(l, Unary::hard_sigmoid);
  with_pullback<T, HardSwishFormula>(l, Unary::hard_swish);
  l.unary[static_cast<int>(Unary::neg)] = &unary_loop<T, NegFormula>;
  l.unary[static_cast<int>(Unary::scale)] = &unary_loop<T, ScaleFormula>;
  l.unary[static_cast<int>(Unary::shift)] = &unary_loop<T, ShiftFormula>;
  l.binary[static_cast<int>(Binary::add)] = &binary_loop<T, AddOp>;
  l.binary[static_cast<int>(Binary::sub)] = &binary_loop<T, SubOp>;
  l.binary[static_cast<int>(Binary::mul)] = &binary_loop<T, MulOp>;
  l.binary[static_cast<int>(Binary::div)] = &binary_loop<T, DivOp>;
  l.binary[static_cast<int>(Binary::maximum)] = &binary_loop<T, MaxOp>;
  l.binary[static_cast<int>(Binary::minimum)] = &binary_loop<T, MinOp>;
  l.binary[static_cast<int>(Binary::prelu)] = &binary_loop<T, PReluOp>;
  l.affine = &affine_loop<T>;
  l.dots = &dots_loop<T>;
  l.choose = &choose_loop<T>;
  l.prelu_pullback = &prelu_pullback_loop<T>;
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

void unary(Unary op, const Parameters& p, const Tensor& x, Tensor& y) {
  loops(x.dtype()).unary[static_cast<int>(op)](p, x.raw(), write(y), static_cast<std::size_t>(x.size()));
}

void unary_pullback(Unary op, const Parameters& p, const Tensor& c, const Tensor& x, const Tensor& y, Tensor& out) {
  loops(x.dtype()).pullback[static_cast<int>(op)](p, c.raw(), x.raw(), y.raw(), write(out),
                                                  static_cast<std::size_t>(x.size()));
}

void binary(Binary op, const Tensor& a, const Tensor& b, Tensor& out) {
  loops(a.dtype()).binary[static_cast<int>(op)](a.raw(), b.raw(), write(out), static_cast<std::size_t>(a.size()));
}

void binary_by_rows(Binary op, const Tensor& a, const Tensor& row, Tensor& out) {
  constexpr Index block = 2048;  // numbers of the row, again and again, so that calls are few
  const Index n = row.size(), whole = a.size();
  if (whole == 0) return;
  const auto loop = loops(a.dtype()).binary[static_cast<int>(op)];
  dispatch(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Index size = std::min(std::max<Index>(1, block / n) * n, whole);
    Tensor repeated = Tensor::uninitialised(Shape{size}, a.dtype());
    T* const rows = repeated.mutable_data<T>().data();
    for (Index i = 0; i < size; i += n) std::copy_n(row.data<T>().data(), n, rows + i);
    const T* const in = a.data<T>().data();
    T* const to = out.mutable_data<T>().data();
    for (Index i = 0; i < whole; i += size)
      loop(in + i, rows, to + i, static_cast<std::size_t>(std::min(size, whole - i)));
  });
}

void prelu_pullback(const Tensor& c, const Tensor& x, const Tensor& slope, Tensor& by_x, Tensor& by_slope) {
  loops(x.dtype()).prelu_pullback(c.raw(), x.raw(), slope.raw(), write(by_x), write(by_slope),
                                  static_cast<std::size_t>(x.size()));
}

void choose(const Tensor& mask, const Tensor& a, const Tensor& b, Tensor& out) {
  loops(a.dtype()).choose(mask.raw(), a.raw(), b.raw(), write(out), static_cast<std::size_t>(a.size()));
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

template <Scalar T>
void channel_dots(const T* a, const T* b, T* dots, Index outer, Index channels, Index inner) {
  loops(dtype_of<T>)
      .dots(a, b, dots, static_cast<std::size_t>(outer), static_cast<std::size_t>(channels),
            static_cast<std::size_t>(inner));
}
template void channel_dots(const float*, const float*, float*, Index, Index, Index);
template void channel_dots(const double*, const double*, double*, Index, Index, Index);

ForwardError max_error(Unary op) {
  switch (op) {
    case Unary::exp:
    case Unary::rsqrt:
      return {1.5};
    case Unary::sqrt:
    case Unary::square:
    case Unary::scale:
    case Unary::shift:
    case Unary::leaky_relu:
    case Unary::reciprocal:
      return {0.5};
    case Unary::log:
    case Unary::sin:
    case Unary::cos:
    case Unary::tanh:
    case Unary::sigmoid:
    case Unary::softplus:
    case Unary::log1p:
    case Unary::expm1:
    case Unary::erf:
    case Unary::softsign:
    case Unary::pow:
      return {4.0};
    case Unary::elu:
    case Unary::selu:
      return {5.0};
    // A rounded argument, a rounded 1 + erf or a subnormal e^x is seen through a slope of order 1.
    case Unary::silu:
    case Unary::mish:
      return {5.0, 1.0};
    case Unary::celu:
    case Unary::gelu:
    case Unary::gelu_tanh:
      return {5.0, 4.0};
    case Unary::hard_sigmoid:
    case Unary::hard_swish:
      return {2.0, 2.0};
    default:
      return {};  // exact
  }
}

}  // namespace taut::kernels
#endif
