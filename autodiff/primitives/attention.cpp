// attention as a composition, and the core of L2 self-attention. Gains:
// docs/mathematics/06-reductions.md#attention.
#include <cmath>

#include "autodiff/define.h"
#include "autodiff/primitives/libm.h"

namespace taut {

using namespace primitives;  // NOLINT(google-build-using-namespace): what this file is made of

namespace {

// Does κ e^{κ+1} ≥ target hold whatever the rounding? The left side grows with κ.
bool reaches(double k, double target) {
  const double power = widen_down(std::exp(add_down(k, 1.0)), primitives::libm);
  return mul_down(k, power) >= target;
}

// κ with κ e^{κ+1} = n − 1, from above: found by Newton's method, proved by its residual.
double largest_weighted_distance(Index n) {
  const double target = static_cast<double>(n - 1);
  if (n <= 1) return 0.0;
  double k = std::log1p(target);  // from above: κ e^{κ+1} ≥ (1 + κ)κ
  for (int step = 0; step < 60; ++step) {
    const double e = std::exp(k + 1);
    k = std::max(0.0, k - (k * e - target) / (e * (1 + k)));
  }
  double above = widen_up(k, 0x1p-48);
  for (double width = 0x1p-47; !reaches(above, target); width *= 2.0) above = widen_up(k, width);
  return above;
}

// softmax_j(scale (2 ⟨u_i, u_j⟩ − ‖u_j‖²)): the ‖u_i‖² of the distance cancels in the softmax. Distances do not change
// when the mean is taken away, and rounding is then to their size.
Var weights(const Var& tokens, double scale_by) {
  const Shape& s = tokens.shape();
  const Var mean = mean_of_sum(sum_to(tokens, s.with(s.rank() - 2, 1)), s[s.rank() - 2]);
  const Var u = tokens - broadcast_to(mean, s);
  const Var products = matmul(u, u, false, true);
  const Shape row = s.with(s.rank() - 2, 1).with(s.rank() - 1, s[s.rank() - 2]);
  const Var squares = reshape(sum_to(square(u), s.with(s.rank() - 1, 1)), row);
  return softmax(scale(scale(products, 2.0) - broadcast_to(squares, products.shape()), scale_by), -1);
}
Var attend(const Var& u, double scale_by) { return matmul(weights(u, scale_by), u); }

}  // namespace

class L2Attention final : public Primitive {
 public:
  static constexpr OpInfo static_info{"l2_attention", "softmax_j(−s ‖u_i − u_j‖²) u", "", "Kim2021"};
  explicit L2Attention(double scale) : scale_(scale) {}
  const OpInfo& info() const override { return static_info; }
  Attributes attributes() const override { return {{"scale", scale_}}; }
  TensorType infer(const Operands& in) const override {
    const Shape& s = in[0].shape();
    if (s.rank() < 2 || s[s.rank() - 2] == 0)
      throw ShapeError(cat("[l2_attention] u (…, n, d) with n ≥ 1 tokens is required, got ", s, "; reshape it"));
    return in[0].type();
  }
  Tensor forward(const Operands& in, const TensorType&) const override { return attend(Var(in[0]), scale_).value(); }
  // y_i = Σ_j P_ij u_j with P_ij = softmax_j(ℓ_ij), ∂ℓ_ij/∂u_j = 2s(u_i − u_j), ∂ℓ_ij/∂u_i = −2s(u_i − u_j).
  void vjp(VjpSite& site) const override {
    const Var& c = site.cotangent();
    const Var u = site.in(0), p = weights(u, scale_);
    // ⟨c_i, y_i⟩ by the logits: G_ij = P_ij ⟨c_i, u_j − y_i⟩; then Σ_i G_ij 2s(u_i − u_j) − Σ_j' G_jj' 2s(u_j − u_j').
    const Var g = p * (matmul(c, u, false, true) - spread_rows(c * site.out(), p.shape()));
    const Var both = g + transpose(g);
    const Var moved = matmul(both, u) - u * broadcast_to(sum_to(both, along(both)), u.shape());
    site.add(0, matmul(p, c, true, false) + scale(moved, 2.0 * scale_));
  }
  Var jvp(const JvpSite& site) const override {
    const Var& t = *site.tangent(0);
    const Var u = site.in(0), p = weights(u, scale_);
    // dℓ_ij = −2s ⟨u_i − u_j, t_i − t_j⟩ = 2s (⟨u_i, t_j⟩ + ⟨u_j, t_i⟩ − ⟨u_j, t_j⟩) + what is the same for all j
    const Var cross = matmul(u, t, false, true);
    const Shape row = p.shape().with(p.shape().rank() - 2, 1);
    const Var own = broadcast_to(reshape(sum_to(u * t, along(u)), row), p.shape());
    const Var logits = scale(cross + transpose(cross) - own, 2.0 * scale_);
    const Var pl = p * logits;
    const Var dp = pl - p * broadcast_to(sum_to(pl, along(pl)), p.shape());
    return matmul(p, t) + matmul(dp, u);
  }
  // With κ e^{κ+1} = n − 1 every row of blocks has ‖J_i‖₂ ≤ 1 + 4κ [Kim2021, Theorem 3.2].
  Rule lipschitz(const RuleSite& site) const override {
    const Shape& s = site.in[0].shape();
    const auto n = static_cast<double>(s[s.rank() - 2]), d = static_cast<double>(s[s.rank() - 1]);
    const double k = largest_weighted_distance(s[s.rank() - 2]);
    const double by_entry = mul_up(mul_up(2.0, k), sqrt_up(d));  // 2κ√d
    const double l2 = mul_up(sqrt_up(n), add_up(1.0, mul_up(4.0, k)));
    const double linf = add_up(1.0, mul_up(2.0, by_entry));
    const double l1 = add_up(mul_up(n, add_up(1.0, by_entry)), n > 1 ? by_entry : 0.0);
    return rule::Bounded{
        {Gain{l1, l2, linf}}, "weighted distances of tokens are at most κ, κ e^(κ+1) = n − 1", "Kim2021"};
  }
  // Each token becomes a mean of tokens.
  Range range(const RangeSite& site) const override {
    const Range composed = range_of_composition([this](const Var& u) { return attend(u, scale_); }, site);
    const Shape& s = site.out.shape();
    const Index n = s[s.rank() - 2], d = s[s.rank() - 1];
    const double gamma = gamma_factor(4 * n + 64, unit_roundoff(site.dtype()));
    // Products of tokens that overflow give NaN.
    const double size = site.ranges[0].hull().magnitude();
    if (!(mul_up(mul_up(size, size), 8.0 * static_cast<double>(d) * std::max(1.0, scale_)) <
          largest_finite(site.dtype())))
      return Range::box(s, Interval::reals());
    Range y = composed;
    const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
    for (Index i = 0; i < s.size(); ++i) {
      const Index first = i / (n * d) * n * d + i % d;
      Interval all = site.ranges[0].at(first);
      for (Index j = 1; j < n; ++j) all = hull(all, site.ranges[0].at(first + j * d));
      const double moved =
          add_up(mul_up(gamma, all.magnitude()), static_cast<double>(n) * smallest_subnormal(site.dtype()));
      const auto k = static_cast<std::size_t>(i);
      lo[k] = std::max(lo[k], sub_down(all.lo, moved));
      hi[k] = std::min(hi[k], add_up(all.hi, moved));
    }
    return y;
  }
  int sample_axis(const SampleSite& site) const override {
    return site.axis[0] < site.in[0].shape().rank() - 2 ? site.axis[0] : mixes_samples;
  }

 private:
  static Shape along(const Var& v) { return v.shape().with(v.shape().rank() - 1, 1); }
  static Var spread_rows(const Var& v, const Shape& shape) { return broadcast_to(sum_to(v, along(v)), shape); }
  double scale_;
};

Var attention(const Var& q, const Var& k, const Var& v, const Tensor& mask, Where where) {
  given(q, "attention", where);
  given(k, "attention", where);
  given(v, "attention", where);
  return located(where, [&] {
    const int rank = q.shape().rank();
    const bool ranks = rank >= 2 && k.shape().rank() == rank && v.shape().rank() == rank;
    if (!ranks || q.shape()[rank - 1] != k.shape()[rank - 1] || k.shape()[rank - 2] != v.shape()[rank - 2] ||
        q.shape()[rank - 1] == 0)
      throw ShapeError(cat("[attention] q (…, n, d), k (…, m, d) and v (…, m, e) are required, got ", q.shape(), ", ",
                           k.shape(), " and ", v.shape()));
    const auto d = static_cast<double>(q.shape()[rank - 1]);
    const Interval by{div_down(1.0, sqrt_up(d)), div_up(1.0, sqrt_down(d))};
    Var scores = scale(matmul(q, k, false, true, where), 1.0 / std::sqrt(d), by, where);
    if (mask.defined()) scores = add(scores, Var(mask.to(q.dtype())), where);
    return matmul(softmax(scores, -1, where), v, false, false, where);
  });
}

Var l2_attention(const Var& u, double scale, Where where) {
  return checked(u, "l2_attention", where, [&] {
    const double s = finite_constant("l2_attention", scale, u.dtype(), where);
    if (!(s > 0.0)) throw DomainError(cat("[l2_attention] at ", where, ": the scale must be positive, got ", scale));
    return record(where, L2Attention(s), u);
  });
}

template const OpInfo& describe<L2Attention>();

}  // namespace taut
