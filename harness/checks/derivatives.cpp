#include "harness/checks/derivatives.h"

#include <algorithm>

#include "autodiff/diff.h"
#include "harness/checks/numbers.h"
#include "harness/checks/recording.h"
#include "harness/tolerances.h"

namespace taut::harness {

Tensor jvp_of(const Sample& sample, std::span<const Tensor> in, std::span<const Tensor> tangents) {
  const Recording r(sample, in);
  const std::vector<Var> directions(tangents.begin(), tangents.end());
  return jvp(r.out(), r.in(), directions).value();
}

Inputs vjp_of(const Sample& sample, std::span<const Tensor> in, const Tensor& cotangent) {
  const Recording r(sample, in);
  std::vector<Var> out(in.size());
  vjp(r.out(), Var(cotangent), r.in(), out);
  Inputs values;
  for (const Var& v : out) values.push_back(v.value());
  return values;
}

Inputs differences(const Field& field, std::span<const Tensor> x, std::span<const Tensor> t) {
  const double h = tolerance.step;
  const auto at = [&](double s) {
    Inputs moved;
    for (std::size_t i = 0; i < x.size(); ++i) moved.push_back(plus(x[i], s, t[i]));
    return field(moved);
  };
  const Inputs p1 = at(h), m1 = at(-h), p2 = at(2 * h), m2 = at(-2 * h);
  Inputs derivative;
  for (std::size_t i = 0; i < p1.size(); ++i) {
    Tensor d = Tensor::uninitialised(p1[i].shape(), DType::f64);
    const auto out = d.mutable_data<double>();
    for (std::size_t j = 0; j < out.size(); ++j) {
      const auto k = static_cast<Index>(j);
      out[j] = (8 * (p1[i].at(k) - m1[i].at(k)) - (p2[i].at(k) - m2[i].at(k))) / (12 * h);
    }
    derivative.push_back(std::move(d));
  }
  return derivative;
}

Inputs random_like(std::span<const Tensor> tensors, Random& random) {
  Inputs values;
  for (const Tensor& t : tensors) values.push_back(random.tensor(t.shape()));
  return values;
}

double inner(std::span<const Tensor> a, std::span<const Tensor> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += inner(a[i], b[i]);
  return sum;
}

double inner_magnitude(std::span<const Tensor> a, std::span<const Tensor> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += inner_magnitude(a[i], b[i]);
  return sum;
}

double max_abs(std::span<const Tensor> tensors) {
  double largest = 0;
  for (const Tensor& t : tensors) largest = std::max(largest, max_abs(t));
  return largest;
}

}  // namespace taut::harness
