// error: not satisf(y|ied)
// A complete op that is on no list cannot be recorded.
#include "autodiff/tape.h"

class Unlisted final : public taut::Primitive {
 public:
  const taut::OpInfo& info() const override {
    static constexpr taut::OpInfo description{"unlisted", "", "", ""};
    return description;
  }
  taut::TensorType infer(const taut::Operands& in) const override { return in[0].type(); }
  taut::Tensor forward(const taut::Operands& in, const taut::TensorType&) const override { return in[0]; }
  void vjp(taut::VjpSite& site) const override { site.add(0, site.cotangent()); }
  taut::Var jvp(const taut::JvpSite& site) const override { return *site.tangent(0); }
  taut::Rule lipschitz(const taut::RuleSite&) const override { return taut::rule::Unbounded{"", false}; }
  taut::Range range(const taut::RangeSite& site) const override { return site.ranges[0]; }
  int sample_axis(const taut::SampleSite& site) const override { return site.axis[0]; }
};
static_assert(taut::Complete<Unlisted>);

taut::Var use(const taut::Var& x) { return taut::record(taut::Where::current(), Unlisted(), x); }
