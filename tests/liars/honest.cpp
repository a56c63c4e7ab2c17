#include "tests/liars/honest.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "autodiff/error.h"

namespace taut::liars {
namespace {

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double sigmoid_slope(double x) { return sigmoid_of(x) * sigmoid_of(-x); }

Tensor magnitude(const Range& range) {
  Tensor m = Tensor::uninitialised(range.shape(), DType::f64);
  const auto values = m.mutable_data<double>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = range.at(static_cast<Index>(i)).magnitude();
  return m;
}

}  // namespace

const OpInfo& TestOp::info() const {
  static constexpr OpInfo description{"test_op", "", "", ""};
  return description;
}

Rule HonestSigmoid::lipschitz(const RuleSite& site) const {
  if (!site.on_domain()) return rule::Elementwise{0, {0.0, 0.25}, {}, {}, {}};
  // The slope falls with the distance from 0.
  const Range slopes = map_range(site.ranges[0], [](const Interval& x) {
    const double nearest = x.contains(0.0) ? 0.0 : std::min(std::fabs(x.lo), std::fabs(x.hi));
    return widen({sigmoid_slope(x.magnitude()), sigmoid_slope(nearest)}, 1e-14);
  });
  return rule::Elementwise{0, slopes.hull(), slopes.lo, slopes.hi, {}};
}

Range HonestSigmoid::range(const RangeSite& site) const {
  Range y = map_range(site.ranges[0], [](const Interval& x) { return Interval{sigmoid_of(x.lo), sigmoid_of(x.hi)}; });
  widen_for(y, site.dtype(), 8.0);
  return y;
}

LinearMap HonestNeighbourSum::map(const Shape& in) {
  const Index n = in.size();
  Tensor matrix = Tensor::zeros(Shape{n - 1, n}, DType::f64);
  const auto entries = matrix.mutable_data<double>();
  for (Index i = 0; i < n - 1; ++i)
    for (const Index j : {i, i + 1}) entries[static_cast<std::size_t>(i * n + j)] = 1.0;
  return dense_map(matrix, in, Shape{n - 1});
}

Rule HonestRepeat::lipschitz(const RuleSite& site) const {
  auto source = std::make_shared<std::vector<Index>>();
  for (Index i = 0; i < site.out.size(); ++i) source->push_back(i % site.in[0].size());
  return rule::Affine{{LinearMap(site.in[0].shape(), site.out.shape(), structure::Selection{std::move(source)})}};
}

Range HonestWindowMax::range(const RangeSite& site) const {
  const auto end = [](const Tensor& x) { return maximum(left(Var(x)), right(Var(x))).value(); };
  return {end(site.ranges[0].lo), end(site.ranges[0].hi)};
}

TensorType HonestProduct::infer(const Operands& in) const {
  if (in[0].dtype() != in[1].dtype())
    throw DTypeError(cat("[test_op] operands of one dtype are required, got ", in[0].dtype(), " and ", in[1].dtype()));
  return in[0].type();
}

Var HonestProduct::jvp(const JvpSite& site) const {
  if (site.tangent(1) == nullptr) return *site.tangent(0) * site.in(1);
  if (site.tangent(0) == nullptr) return site.in(0) * *site.tangent(1);
  return *site.tangent(0) * site.in(1) + site.in(0) * *site.tangent(1);
}

LinearMap HonestProduct::diagonal(const Tensor& values) {
  return LinearMap(values.shape(), values.shape(), structure::Diagonal{values.reshaped(Shape{values.size()}), 1});
}

Rule HonestProduct::lipschitz(const RuleSite& site) const {
  if (!site.varies(1)) return rule::Affine{{diagonal(site.in[1]), LinearMap()}};
  if (!site.varies(0)) return rule::Affine{{LinearMap(), diagonal(site.in[0])}};
  if (!site.on_domain()) return rule::Unbounded{"the derivatives a and b are unbounded", true};
  return rule::Bilinear{{diagonal(magnitude(site.ranges[1])), diagonal(magnitude(site.ranges[0]))}};
}

Range HonestProduct::range(const RangeSite& site) const {
  Range y = Range::uninitialised(site.out.shape());
  const auto lo = y.lo.mutable_data<double>(), hi = y.hi.mutable_data<double>();
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const Interval product = site.ranges[0].at(static_cast<Index>(i)) * site.ranges[1].at(static_cast<Index>(i));
    lo[i] = product.lo;
    hi[i] = product.hi;
  }
  widen_for(y, site.dtype());
  return y;
}

int HonestProduct::sample_axis(const SampleSite& site) const {
  if (site.axis[0] == no_sample_axis || site.axis[0] == site.axis[1]) return site.axis[1];
  return site.axis[1] == no_sample_axis ? site.axis[0] : mixes_samples;
}

}  // namespace taut::liars
