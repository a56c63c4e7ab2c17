// error: not satisf(y|ied)
// A listed op that leaves out one rule, here the range, cannot be recorded.
#include "autodiff/tape.h"

class Incomplete final : public taut::Primitive {
 public:
  const taut::OpInfo& info() const override {
    static constexpr taut::OpInfo description{"incomplete", "", "", ""};
    return description;
  }
  taut::TensorType infer(const taut::Operands& in) const override { return in[0].type(); }
  taut::Tensor forward(const taut::Operands& in, const taut::TensorType&) const override { return in[0]; }
  void vjp(taut::VjpSite& site) const override { site.add(0, site.cotangent()); }
  taut::Var jvp(const taut::JvpSite& site) const override { return *site.tangent(0); }
  taut::Rule lipschitz(const taut::RuleSite&) const override { return taut::rule::Unbounded{"", false}; }
  int sample_axis(const taut::SampleSite& site) const override { return site.axis[0]; }
};
template <>
inline constexpr bool taut::is_listed<Incomplete> = true;

template <class P>
taut::Var apply(const taut::Var& x, const P& op) {
  return taut::record(taut::Where::current(), op, x);
}

taut::Var use(const taut::Var& x, const Incomplete& op) { return apply(x, op); }
