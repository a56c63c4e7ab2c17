// Included, without a guard, by kernels/elementwise.cpp and kernels/softmax.cpp, once per instruction set.
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
TAUT_LANE Lane<D> operator/(Lane<D> a, Lane<D> b) { return {hn::Div(a.v, b.v)}; }
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
      x, -0.5, 0x1p100, [](auto v) HWY_ATTR { return hn::Log1p(D(), v); }, [](auto s) { return std::log1p(s); });
}
TAUT_LANE Lane<D> expm1(Lane<D> x) {
  return guarded(
      x, is_single<D> ? -87.0 : -700.0, is_single<D> ? 88.0 : 700.0, [](auto v) HWY_ATTR { return hn::Expm1(D(), v); },
      [](auto s) { return std::expm1(s); });
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
// σ(x) σ(−x) = e^{−|x|} / (1 + e^{−|x|})²
TAUT_LANE Lane<D> sigmoid_slope(Lane<D> x) {
  const Lane<D> e = exp(-abs(x));
  const Lane<D> r = reciprocal(e + 1.0);
  return e * r * r;
}

// min(max(x, lo), hi); NaN comes through.
TAUT_LANE Lane<D> clip(Lane<D> x, double lo, double hi) {
  const auto above = hn::IfThenElse(hn::Lt(x.v, constant<D>(lo)), constant<D>(lo), x.v);
  return {hn::IfThenElse(hn::Gt(above, constant<D>(hi)), constant<D>(hi), above)};
}

// Whole and half powers by products of x, or of 1/x, and √x: about |exponent| roundings. Others by the C library.
TAUT_LANE Lane<D> pow(Lane<D> x, double exponent) {
  const double size = exponent < 0.0 ? -exponent : exponent;
  if (2.0 * size == std::floor(2.0 * size) && size <= most_multiplied) {
    const Lane<D> base = exponent < 0.0 ? reciprocal(x) : x;
    const bool half = size != std::floor(size);
    // 1/√x, not √(1/x): the reciprocal of a subnormal number overflows.
    Lane<D> power = !half ? Lane<D>{constant<D>(1.0)} : exponent < 0.0 ? reciprocal(sqrt(x)) : sqrt(x);
    Lane<D> square = base;
    for (auto n = static_cast<unsigned>(size); n != 0; n >>= 1, square = square * square)
      if ((n & 1U) != 0) power = power * square;
    return power;
  }
  const D d;
  using T = hn::TFromD<D>;
  HWY_ALIGN T values[hn::MaxLanes(d)];
  hn::Store(x.v, d, values);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) values[i] = std::pow(values[i], static_cast<T>(exponent));
  return {hn::Load(d, values)};
}

// c_0 + c_1 x + … by Horner's rule.
template <class D, std::size_t n>
HWY_INLINE hn::Vec<D> polynomial(hn::Vec<D> x, const double (&c)[n]) {
  auto y = constant<D>(c[n - 1]);
  for (std::size_t i = n - 1; i-- > 0;) y = hn::MulAdd(y, x, constant<D>(c[i]));
  return y;
}
// erf(x) = x·P(x²) for |x| ≤ 1, 1 − e^{−x²} Q((x − a) / (x + a)) beyond, where Q approximates e^{x²} erfc(x). P and Q
// interpolate at Chebyshev nodes, with relative errors of erf below 2^-55.8 (f64) and 2^-23.8 (f32); from 6 (4) on the
// result rounds to 1.
TAUT_LANE Lane<D> erf(Lane<D> x) {
  static constexpr double p64[] = {1.1283791670955126,      -0.3761263890318375,     0.11283791670954879,
                                   -0.026866170645076792,   0.0052239776248180145,   -0.000854832698083379,
                                   0.0001205533111164271,   -1.4925595266831182e-05, 1.6461000484121368e-06,
                                   -1.6350312701054695e-07, 1.4659775274047436e-08,  -1.1372848856791674e-09,
                                   5.957176147748911e-11};
  static constexpr double q64[] = {0.2108063640611436,      -0.37173673394897294,    0.2517131932174488,
                                   -0.12503305237891782,    0.03992253907546523,     -0.003993701160123029,
                                   -0.0026423659518134547,  0.0008759152875774328,   0.0002283799633257643,
                                   -0.00012887483134837842, -3.4175718896856294e-05, 1.8596747731144528e-05,
                                   7.499735050763299e-06,   -2.2328516517555215e-06, -1.587633893127344e-06};
  static constexpr double p32[] = {1.12837911,    -0.37612626,    0.112835944,   -0.0268542115,
                                   0.00518908724, -0.00080168643, 7.87587487e-05};
  static constexpr double q32[] = {0.255395681,   -0.427185982,  0.241658196,    -0.0789683089,
                                   0.00373237184, 0.00681114011, -0.000837975414};
  const D d;
  const double last = is_single<D> ? 4.0 : 6.0, a = is_single<D> ? 2.0 : 2.5;
  const auto magnitude = hn::Abs(x.v);
  const auto near = hn::Le(magnitude, constant<D>(1.0));
  const auto square = hn::Mul(x.v, x.v);
  const auto small = hn::Mul(x.v, is_single<D> ? polynomial<D>(square, p32) : polynomial<D>(square, p64));
  if (hn::AllTrue(d, near)) return {small};
  const auto z = hn::IfThenElse(hn::Gt(magnitude, constant<D>(last)), constant<D>(last), magnitude);
  const auto t = hn::Div(hn::Sub(z, constant<D>(a)), hn::Add(z, constant<D>(a)));
  const auto tail =
      hn::Mul(exp(Lane<D>{hn::Neg(hn::Mul(z, z))}).v, is_single<D> ? polynomial<D>(t, q32) : polynomial<D>(t, q64));
  const auto large = hn::CopySign(hn::Sub(constant<D>(1.0), tail), x.v);
  return {hn::IfThenElse(near, small, large)};
}
